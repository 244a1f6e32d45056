"""What is fast, how fast, and against what: `python -m benchmarks` runs one script a question."""

"""What is promised of every file that we write, and of everything that we read: attacked, counted.

`make test` runs a short form, `make faults` (or WORKBENCH_FAULTS=full) the whole one.
"""

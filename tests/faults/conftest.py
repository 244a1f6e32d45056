import os
import time

import pytest

FULL = os.environ.get("WORKBENCH_FAULTS") == "full"
_found: list[tuple[str, int, str, float]] = []


@pytest.fixture
def many():
    """How many of something: `many(short, full)`."""
    return lambda short, full: full if FULL else short


@pytest.fixture
def tally(request):
    """Say what was tried how often, and what came of it; the sum is printed at the end."""
    start = time.monotonic()

    def tell(what: str, count: int, outcome: str) -> None:
        _found.append((what, count, outcome, time.monotonic() - start))

    return tell


def pytest_terminal_summary(terminalreporter):
    if _found:
        lines = ["| attack | tried | outcome | seconds |", "|---|---|---|---|"]
        lines += [f"| {what} | {n:,} | {outcome} | {s:.0f} |" for what, n, outcome, s in _found]
        terminalreporter.section("faults")
        terminalreporter.write_line("\n".join(lines))

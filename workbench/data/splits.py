"""Who trains, who calibrates, who tests: decided once, by rules that new data hardly disturbs.

Pictures are ranked by a hash of seed and name: a picture added later takes its own rank and
moves at most a neighbour or two across a border. Sensor rows are cut into blocks of time,
because the neighbour of a training row is nearly that row again.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SPLITS = ("train", "calibration", "test")
HEALTHY_START = 0.25  # of the normal rows before the first fault, to learn from them alone


def by_hash(
    names: Sequence[str], *, seed: int, calibration: float, test: float
) -> tuple[str, ...]:
    """One split per name, of sizes that follow the shares.

    Args:
        names: What identifies each item, all different.
        seed: Another seed, another split.
        calibration: Share in [0, 1) for setting thresholds.
        test: Share in [0, 1) for the final numbers; the rest trains.

    Raises:
        ValueError: A share is out of range, or nothing would be left to train on.

    Example:
        >>> by_hash(["a", "b", "c", "d"], seed=0, calibration=0.25, test=0.25)
        ('calibration', 'train', 'train', 'test')
    """
    order = sorted(range(len(names)), key=lambda i: _digest(seed, names[i]))
    splits = np.empty(len(names), dtype=object)
    splits[order] = _tail_first(len(names), calibration, test)
    return tuple(splits.tolist())


def rows_by_hash(n: int, *, seed: int, calibration: float, test: float) -> NDArray[np.str_]:
    """The split of rows 0 to n - 1, as `by_hash` draws them by their numbers.

    Example:
        >>> rows_by_hash(3, seed=0, calibration=0.3, test=0.3).tolist()
        ['calibration', 'train', 'test']
    """
    digests = b"".join(hashlib.sha256(b"%d:%d" % (seed, i)).digest()[:8] for i in range(n))
    splits = np.empty(n, dtype="<U11")
    splits[np.argsort(np.frombuffer(digests, ">u8"), kind="stable")] = _tail_first(
        n, calibration, test
    )
    return splits


def by_time(
    order: NDArray[np.int64], normal: NDArray[np.bool_], *, calibration: float, test: float
) -> NDArray[np.str_]:
    """One split per row: normal rows in blocks of `order`, the others all test.

    Where faults are labelled, what comes before the first of them is the healthy machine: it
    is learned from, its end is calibration, and everything from the first fault on is test, as
    a machine after a fault is not the one before. Without such a start, or where it holds
    fewer than a quarter of the normal rows, all normal rows are cut.

    Args:
        order: Row numbers from oldest to newest, shape (N,).
        normal: True where a row may be trained on, shape (N,).
        calibration: Share of the normal rows that follows the training block.
        test: Share of the normal rows at the end; of a healthy start nothing.

    Raises:
        ValueError: As for `by_hash`.

    Example:
        >>> normal = np.array([1, 1, 1, 0, 1], bool)
        >>> by_time(np.arange(5), normal, calibration=0.3, test=0.3).tolist()
        ['train', 'train', 'calibration', 'test', 'test']
    """
    splits = np.full(len(normal), "test", dtype="<U11")
    rows = order[normal[order]]
    start = _healthy_start(normal[order])
    if start and start >= HEALTHY_START * len(rows):
        rows, calibration, test = order[:start], calibration / (1 - test), 0.0
    splits[rows] = _tail_first(len(rows), calibration, test)[::-1]
    return splits


def _healthy_start(normal: NDArray[np.bool_]) -> int:
    """Number of rows before the first fault; 0 where there is no fault."""
    return 0 if normal.all() else int(normal.argmin())


def _tail_first(n: int, calibration: float, test: float) -> list[str]:
    """Test, then calibration, then train: what is ranked first does not depend on the rest."""
    check_shares(calibration, test)
    n_test, n_calibration = _count(n, test), _count(n, calibration)
    train = ["train"] * (n - n_test - n_calibration)
    return ["test"] * n_test + ["calibration"] * n_calibration + train


def check_shares(calibration: float, test: float) -> None:
    """Refuse shares that leave nothing to train on.

    Raises:
        ValueError: A share is out of range, or both are 1 or more.
    """
    for name, share in (("calibration", calibration), ("test", test)):
        if not 0 <= share < 1:
            raise ValueError(f"{name} must be a share in [0, 1), got {share}")
    if calibration + test >= 1:
        raise ValueError(
            f"calibration + test must leave a share to train on, got {calibration + test}"
        )


def _count(n: int, share: float) -> int:
    """The nearest number; at least one of three or more, so that a tiny set can be tried."""
    return max(round(n * share), int(share > 0)) if n >= 3 else 0


def _digest(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed}:{name}".encode()).hexdigest()

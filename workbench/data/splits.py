"""Who trains, who calibrates, who tests: decided once, by rules that new data hardly disturbs.

Pictures are ranked by a hash of seed and name: a picture added later takes its own rank and
moves at most a neighbour or two across a border. Sensor rows are cut into blocks of time,
because the neighbour of a training row is nearly that row again.
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    import pandas as pd

SPLITS = ("train", "calibration", "test")
_HEALTHY_START = 0.25  # of the normal rows before the first fault, to learn from them alone


class Parts:
    """Photos or rows that are cut by their labels, True for NG, and by their splits."""

    if TYPE_CHECKING:
        labels: NDArray[np.bool_] | None

        def __len__(self) -> int: ...
        def __getitem__(self, index: NDArray[np.bool_]) -> Self: ...
        def _in(self, split: str) -> NDArray[np.bool_]: ...

    @property
    def ok(self) -> Self:
        """Those labelled OK; none where nothing is labelled."""
        return self[self._labelled(ng=False)]

    @property
    def ng(self) -> Self:
        """Those labelled NG; none where nothing is labelled."""
        return self[self._labelled(ng=True)]

    @property
    def train(self) -> Self:
        """OK ones to learn from; all unlabelled rows count as OK, unlabelled photos do not."""
        return self[self._in("train")]

    @property
    def calibration(self) -> Self:
        """OK ones that set the threshold, as for `train`."""
        return self[self._in("calibration")]

    @property
    def test(self) -> Self:
        """Those for the final numbers: the remaining OK ones and all NG."""
        return self[self._in("test")]

    def _chosen(self, index: slice | ArrayLike) -> NDArray[np.intp]:
        """The positions of a slice, of positions or of a bool mask."""
        if not isinstance(index, slice):
            index = np.asarray(index)
            index = index if index.size or index.dtype == bool else index.astype(np.intp)
        return np.arange(len(self))[index]

    def _labelled(self, *, ng: bool) -> NDArray[np.bool_]:
        return np.zeros(len(self), bool) if self.labels is None else self.labels == ng


def by_hash(
    names: Iterable[object], *, seed: int, calibration: float, test: float
) -> NDArray[np.str_]:
    """One split per name (all different), of sizes that follow the shares; the rest trains.

    Example:
        >>> by_hash(["a", "b", "c", "d"], seed=0, calibration=0.25, test=0.25).tolist()
        ['calibration', 'train', 'train', 'test']
    """
    digests = b"".join(sha256(f"{seed}:{name}".encode()).digest()[:8] for name in names)
    order = np.argsort(np.frombuffer(digests, ">u8"), kind="stable")
    splits = np.empty(len(order), dtype="<U11")
    splits[order] = _tail_first(len(order), calibration, test)
    return splits


def by_time(
    n: int,
    time: "pd.Index | None",
    labels: NDArray[np.bool_] | None,
    *,
    calibration: float,
    test: float,
) -> NDArray[np.str_]:
    """One split a row: normal rows in blocks of time, or of their order without one; NG is test.

    Where faults are labelled, what comes before the first of them is the healthy machine: it
    is learned from, its end is calibration, and everything from the first fault on is test, as
    a machine after a fault is not the one before. Without such a start, or where it holds
    fewer than a quarter of the normal rows, all normal rows are cut.

    Example:
        >>> labels = np.array([0, 0, 0, 1, 0], bool)
        >>> by_time(5, None, labels, calibration=0.3, test=0.3).tolist()
        ['train', 'train', 'calibration', 'test', 'test']
    """
    order = np.arange(n) if time is None else np.argsort(time, kind="stable")
    normal = np.ones(n, bool) if labels is None else ~labels[order]
    splits, rows = np.full(n, "test", dtype="<U11"), order[normal]
    start = 0 if normal.all() else int(normal.argmin())  # rows before the first fault
    if start and start >= _HEALTHY_START * len(rows):
        rows, calibration, test = order[:start], calibration / (1 - test), 0.0
    splits[rows] = _tail_first(len(rows), calibration, test)[::-1]
    return splits


def check_shares(calibration: float, test: float) -> None:
    """Refuse shares that leave nothing to train on."""
    for name, share in (("calibration", calibration), ("test", test)):
        if not 0 <= share < 1:
            raise ValueError(f"{name} must be a share in [0, 1), got {share}")
    if calibration + test >= 1:
        raise ValueError(
            f"calibration + test must leave a share to train on, got {calibration + test}"
        )


def _tail_first(n: int, calibration: float, test: float) -> list[str]:
    """Test, then calibration, then train: what is ranked first does not depend on the rest."""
    check_shares(calibration, test)
    n_test, n_calibration = _count(n, test), _count(n, calibration)
    train = ["train"] * (n - n_test - n_calibration)
    return ["test"] * n_test + ["calibration"] * n_calibration + train


def _count(n: int, share: float) -> int:
    """The nearest number; at least one of three or more, so that a tiny set can be tried."""
    return max(round(n * share), int(share > 0)) if n >= 3 else 0

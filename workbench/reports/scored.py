"""The test images of a report, scored once and not again while bytes and detector stay."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.csflow.detector import CSFlowDetector
from workbench.data import ImageFolder
from workbench.errors import DataError

from . import cache


class TestSet(NamedTuple):
    """The test images that could be read, their scores and what was left out."""

    test: ImageFolder
    scores: NDArray[np.float64]  # (N,)
    cells: NDArray[np.float32]  # (N, h, w), the heat at the size of the cells
    digests: list[str]  # (N,) SHA-256 of the files
    rows: NDArray[np.intp]  # (N,) positions among all parts
    bad: list[tuple[str, str]]


def score_test_set(
    detector: CSFlowDetector, parts: ImageFolder, digests: Sequence[str], key: str
) -> TestSet:
    """Score the test images, those not scored before."""
    tested = np.flatnonzero([split == "test" for split in parts.splits])
    test = parts[tested]
    if not len(test):
        raise DataError(f"{parts.root} must hold test images, got none; add images")

    def compute(rows: list[int]) -> cache.Table:
        scores, heat = detector.score_and_cells(test[rows])
        return {"score": scores, "heat": heat, "ok": np.isfinite(scores)}

    table = cache.by_content(f"scores-{key}", [digests[i] for i in tested], compute)
    read = table["ok"]
    if not read.any():
        raise DataError(f"none of the {len(test)} test images could be read")
    gone = [(test.names[i], "could not be read when scored") for i in np.flatnonzero(~read)]
    rows = tested[read]
    return TestSet(
        test[read],
        table["score"][read],
        table["heat"][read],
        [digests[i] for i in rows],
        rows,
        [*map(tuple, parts.bad), *gone],
    )

"""Numbers that were computed from a picture's bytes before, kept by the hash of these bytes.

A picture that moves or is renamed keeps its numbers; one that changes loses them. They lie in
`reports/.cache/`, which may be deleted at any time.
"""

import hashlib
import io
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench import workspace
from workbench.cache import Cache
from workbench.csflow.detector import CSFlowDetector
from workbench.data import ImageFolder
from workbench.data.contents import digest
from workbench.errors import DataError

CHUNK = 256  # pictures after which they are kept, so that an interrupted run goes on there
LIMIT = 1 << 30  # bytes

Table = dict[str, NDArray]


class TestSet(NamedTuple):
    """The test images that could be read, their scores and what was left out."""

    test: ImageFolder
    scores: NDArray[np.float64]  # (N,)
    cells: NDArray[np.float32]  # (N, h, w), the heat at the size of the cells
    digests: list[str]  # (N,) SHA-256 of the files
    rows: NDArray[np.intp]  # (N,) positions among all parts
    bad: list[tuple[str, str]]


def by_content(name: str, digests: Sequence[str], compute: Callable[[list[int]], Table]) -> Table:
    """What `compute` says of pictures, computed only for those not seen before.

    Args:
        name: Must tell all that the numbers depend on beside the picture.
        digests: Of the pictures' bytes, N of them, "" for what could not be read.
        compute: Maps positions, B of them, to arrays (B, ...), always with the same names, one
            of which is "ok": rows where it is False are not kept.
    """
    store = Cache(folder(), LIMIT)
    keys = {d: hashlib.sha256(f"{name} {d}".encode()).hexdigest() for d in digests}
    found = {d: _unpacked(content) for d, key in keys.items() if (content := store.read(key))}
    first = dict(zip(reversed(digests), reversed(range(len(digests))), strict=True))
    missing = sorted(i for digest, i in first.items() if digest not in found)
    for start in range(0, len(missing), CHUNK):
        chunk = missing[start : start + CHUNK]
        table = compute(chunk)
        for place, i in enumerate(chunk):
            row = found[digests[i]] = {key: values[place] for key, values in table.items()}
            if row["ok"]:
                store.write(keys[digests[i]], _packed(row))
    if missing:
        store.trim()
    names = next(iter(found.values()), {})
    return {key: np.stack([found[digest][key] for digest in digests]) for key in names}


def digests(paths: Sequence[Path]) -> list[str]:
    """SHA-256 of each file, "" where it cannot be read."""
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(digest, paths))


def folder() -> Path:
    """Where the files lie."""
    return workspace.root() / "reports" / ".cache"


def score_test_set(
    detector: CSFlowDetector, parts: ImageFolder, digests: Sequence[str], key: str
) -> TestSet:
    """Score the test images, those not scored before."""
    tested = np.flatnonzero([split == "test" for split in parts.splits])
    test = parts[tested]
    if not len(test):
        raise DataError(f"{parts.root} must hold test images, got none; add images")

    def compute(rows: list[int]) -> Table:
        scores, heat = detector.score_and_cells(test[rows])
        return {"score": scores, "heat": heat, "ok": np.isfinite(scores)}

    table = by_content(f"scores-{key}", [digests[i] for i in tested], compute)
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


def _packed(row: Table) -> bytes:
    file = io.BytesIO()
    np.savez(file, **row)
    return file.getvalue()


def _unpacked(content: bytes) -> Table:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        return dict(file)

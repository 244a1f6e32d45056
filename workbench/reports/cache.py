"""Numbers that were computed from a picture's bytes before, kept by the hash of these bytes.

One `.npz` file in `reports/.cache/` for each thing that is computed, such as the scores of one
detector. A picture that moves or is renamed keeps its numbers; one that changes loses them.
The folder may be deleted at any time.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from workbench import workspace

CHUNK = 256  # pictures after which the file is written, so that an interrupted run goes on there

Table = dict[str, NDArray]


def by_content(name: str, digests: Sequence[str], compute: Callable[[list[int]], Table]) -> Table:
    """What `compute` says of pictures, computed only for those not seen before.

    Args:
        name: Of the file, which must name everything that the numbers depend on beside the
            picture.
        digests: Of the pictures' bytes, N of them, "" for what could not be read.
        compute: Maps positions, B of them, to arrays (B, ...), always with the same names, one
            of which is "ok": rows where it is False are not kept.

    Returns:
        The arrays, (N, ...), in the order of the digests.
    """
    path = folder() / f"{name}.npz"
    table = _load(path)
    at = {digest: row for row, digest in enumerate(_keys(table))}
    first = dict(zip(reversed(digests), reversed(range(len(digests))), strict=True))
    missing = sorted(i for digest, i in first.items() if digest not in at)
    for start in range(0, len(missing), CHUNK):
        chunk = missing[start : start + CHUNK]
        new = compute(chunk) | {"digest": np.array([digests[i] for i in chunk], "S64")}
        table = {k: np.concatenate([table[k], v]) for k, v in new.items()} if table else new
        _save(path, table)
    at = {digest: row for row, digest in enumerate(_keys(table))}
    rows = [at[digest] for digest in digests]
    return {key: values[rows] for key, values in table.items() if key != "digest"}


def digests(paths: Sequence[Path]) -> list[str]:
    """SHA-256 of each file, "" where it cannot be read."""
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(_digest, paths))


def folder() -> Path:
    """Where the files lie."""
    return workspace.root() / "reports" / ".cache"


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _keys(table: Table) -> Iterator[str]:
    return (digest.decode() for digest in table.get("digest", ()))


def _load(path: Path) -> Table:
    try:
        with np.load(path, allow_pickle=False) as file:
            table = {key: file[key] for key in file.files}
    except (OSError, ValueError, EOFError, BadZipFile):  # absent, or damaged: computed again
        return {}
    whole = len({len(values) for values in table.values()}) == 1 and "ok" in table
    return table if whole and "digest" in table else {}


def _save(path: Path, table: Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.{os.getpid()}.npz")
    np.savez(part, **{key: values[table["ok"]] for key, values in table.items()})
    part.replace(path)

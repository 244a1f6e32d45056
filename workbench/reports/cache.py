"""Numbers that were computed from a picture's bytes before, kept by the hash of these bytes.

A picture that moves or is renamed keeps its numbers; one that changes loses them. They lie in
`reports/.cache/`, which may be deleted at any time.
"""

import hashlib
import io
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench import workspace
from workbench.cache import Cache
from workbench.data.contents import digest

CHUNK = 256  # pictures after which they are kept, so that an interrupted run goes on there
LIMIT = 1 << 30  # bytes

Table = dict[str, NDArray]


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


def _packed(row: Table) -> bytes:
    file = io.BytesIO()
    np.savez(file, **row)
    return file.getvalue()


def _unpacked(content: bytes) -> Table:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        return dict(file)

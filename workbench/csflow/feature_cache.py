"""Features of many images, extracted once: tables in half precision, and a cache on disk.

The cache holds one small file an image, named by what it depends on: the image's content, the
backbone's weights and how the image is brought before it. So an entry is never out of date,
entries are shared by all trainings and splits, and the folder may be deleted at any time. An
entry appears under its name only when it is whole, and a damaged one counts as missing; any
number of processes may use one folder. What was used longest ago goes when the limit is reached.

Half precision keeps eleven bits of every feature, far below what photos of one part differ by.
"""

import hashlib
import json
import os
import tempfile
import time
import warnings
import zlib
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workbench import workspace

IN_MEMORY = 1 << 30  # bytes; beyond it the system pages a temporary file instead
DEFAULT_GB = 10.0
FORMAT = 1  # to be raised when images are decoded or features computed in another way
STALE = 3600.0  # seconds after which an unfinished file has no writer any more
_LARGEST = torch.finfo(torch.float16).max

Shapes = Sequence[tuple[int, ...]]


class FeatureCache:
    """A folder of features, bounded in size.

    Args:
        folder: Made when the first entry is written.
        limit: Bytes.
        extractor: All that features depend on besides the image, JSON-able.

    Example:
        >>> cache = FeatureCache(Path(tempfile.mkdtemp()), 1 << 20, {"block": 14})
        >>> key = cache.key(b"the bytes of a photo")
        >>> cache.read(key, [(2, 1, 1)]) is None
        True
        >>> cache.write(key, [torch.tensor([[[1.0]], [[2.0]]])])
        >>> cache.read(key, [(2, 1, 1)])[0].flatten().tolist()
        [1.0, 2.0]
    """

    def __init__(self, folder: Path, limit: int, extractor: Mapping[str, Any]) -> None:
        self.folder, self.limit = folder, limit
        self._extractor = json.dumps([FORMAT, dict(extractor)], sort_keys=True).encode()
        self._broken = False

    def key(self, image: bytes | np.ndarray) -> str:
        """Name of the entry of a picture, given as a file's bytes or as pixels."""
        digest = hashlib.sha256(self._extractor)
        if isinstance(image, np.ndarray):
            digest.update(f"{image.shape}{image.dtype}".encode())
        digest.update(np.ascontiguousarray(image) if isinstance(image, np.ndarray) else image)
        return digest.hexdigest()

    def read(self, key: str, shapes: Shapes) -> list[Tensor] | None:
        """Return float16 tensors of these shapes, or None where there is no sound entry."""
        path = self.folder / key
        try:
            content = path.read_bytes()
            os.utime(path)  # used just now
        except OSError:
            return None
        values, check = content[:-4], content[-4:]
        sizes = [prod(shape) for shape in shapes]
        if len(values) != 2 * sum(sizes) or check != _check(values):
            return None
        flat = torch.frombuffer(bytearray(values), dtype=torch.float16)
        return [x.view(shape) for x, shape in zip(flat.split(sizes), shapes, strict=True)]

    def write(self, key: str, xs: Sequence[Tensor]) -> None:
        """Keep the features of one image; a disk that refuses is told once and left alone."""
        if self._broken:
            return
        values = b"".join(half(x).numpy().tobytes() for x in xs)
        part = self.folder / f".{key}.{os.getpid()}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            part.write_bytes(values + _check(values))
            part.replace(self.folder / key)
        except OSError as error:
            self._broken = True
            warnings.warn(f"features are not kept in {self.folder}: {error}", stacklevel=2)

    def holds(self, count: int, shapes: Shapes) -> bool:
        """Whether the limit allows for so many images; else they would only evict each other."""
        size = count * (2 * sum(map(prod, shapes)) + 4)
        if size > self.limit:
            warnings.warn(
                f"features of {count} images need {size / 1e9:.2g} GB and are not kept; allow "
                f"for more than {self.limit / 1e9:.2g} GB by WORKBENCH_CACHE_GB",
                stacklevel=2,
            )
        return size <= self.limit

    def trim(self) -> None:
        """Delete what was used longest ago until the limit is kept, and what writers left."""
        entries = []
        for entry in os.scandir(self.folder) if self.folder.is_dir() else ():
            try:
                about = entry.stat()
            except FileNotFoundError:  # another process trims too
                continue
            if not entry.name.startswith("."):
                entries.append((about.st_mtime, about.st_size, entry.path))
            elif about.st_mtime < time.time() - STALE:
                Path(entry.path).unlink(missing_ok=True)
        surplus = sum(size for _, size, _ in entries) - self.limit
        for _, size, path in sorted(entries):
            if surplus <= 0:
                break
            Path(path).unlink(missing_ok=True)
            surplus -= size


def open_cache(extractor: Mapping[str, Any]) -> FeatureCache | None:
    """The workspace's cache, of `$WORKBENCH_CACHE_GB` gigabytes, by default 10.

    None where that is 0, or outside of any workspace: a script run in some folder shall leave
    nothing there.

    Raises:
        ValueError: The variable is no number.
    """
    given = os.environ.get("WORKBENCH_CACHE_GB", "") or str(DEFAULT_GB)
    try:
        limit = round(float(given) * 1e9)
    except ValueError:
        raise ValueError(
            f"WORKBENCH_CACHE_GB must be a number of gigabytes, got {given!r}"
        ) from None
    folder = workspace.cache()
    return FeatureCache(folder / "features", limit, extractor) if folder and limit > 0 else None


def half(x: Tensor) -> Tensor:
    """Round to float16 on the CPU; what is too large for it becomes the largest it has."""
    return x.clamp(-_LARGEST, _LARGEST).half().cpu()


def allocate(count: int, shapes: Shapes) -> list[Tensor]:
    """Return one float16 tensor (count, *shape) per shape, for filling row by row.

    The temporary file behind large ones has no name and goes when the tensors go.

    Example:
        >>> [tuple(t.shape) for t in allocate(5, [(8, 4, 4), (8, 2, 2)])]
        [(5, 8, 4, 4), (5, 8, 2, 2)]
    """
    if 2 * count * sum(prod(shape) for shape in shapes) <= IN_MEMORY:
        return [torch.empty(count, *shape, dtype=torch.float16) for shape in shapes]
    return [_mapped(count, shape) for shape in shapes]


def _mapped(count: int, shape: tuple[int, ...]) -> Tensor:
    size = count * prod(shape)
    with tempfile.NamedTemporaryFile(prefix="workbench-features-") as file:
        flat = torch.from_file(file.name, shared=True, size=size, dtype=torch.float16)
    return flat.view(count, *shape)


def _check(values: bytes) -> bytes:
    return zlib.crc32(values).to_bytes(4, "little")

"""Features of many images, extracted once: tables in half precision, and a cache on disk.

An entry of the cache depends on the image's content, the backbone's weights and how the image is
brought before it; so trainings and splits share entries. Half precision keeps eleven bits of
every feature, far below what photos of one part differ by.
"""

import hashlib
import json
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workbench import settings, workspace
from workbench.cache import Cache
from workbench.data import read_image
from workbench.data.opening import ImageSource
from workbench.errors import DataError

from .alone import ALONE, Alone
from .altered import altered
from .batches import Images, batches, sources_of
from .config import CSFlowConfig
from .flow import Pyramid
from .network import CSFlowNetwork

IN_MEMORY = 1 << 30  # bytes; beyond it the system pages a temporary file instead
DEFAULT_GB = 10.0
ALTERED = 2  # to be raised when images are altered in another way
FORMAT = 1  # to be raised when images are decoded or features computed in another way
# Images computed at once, for any batch of the training and any state of the cache: the
# rounding of a convolution depends on the size of the batch, and the same images must give the
# same features bit for bit.
TOGETHER = 4
_LARGEST = torch.finfo(torch.float16).max

Shapes = Sequence[tuple[int, ...]]


def extract(
    images: Images,
    network: CSFlowNetwork,
    config: CSFlowConfig,
    title: str,
    progress: bool,
    cache: bool,
    alter: Sequence[str] = (),
    ranks: Alone = ALONE,
) -> tuple[list[int], Pyramid]:
    """Raw features in half precision, the same with and without a cache.

    Args:
        cache: Whether to take them from the workspace's cache and keep them there.
        alter: How copies are altered that features are taken of, see `csflow.altered`; none for
            those of the images themselves.
        ranks: Each computes a share of what is not in the cache and takes the rest from there.

    Returns:
        Positions of the images that could be read, N of them, and K tensors (N, C, H/2^k,
        W/2^k) on the CPU. The others are named in one warning.

    Raises:
        DataError: None could be read.
    """
    sources, shapes = sources_of(images), network.pyramid.shapes
    table = allocate(len(sources), shapes)
    about = config.features() | {"weights": network.backbone.weights_hash}
    if (watched := network.pyramid.watched) is not None:
        about["watched"] = hashlib.sha256(watched.cpu().numpy().tobytes()).hexdigest()
    if alter:
        about["altered"] = [ALTERED, *alter]
    store = open_cache(about) if cache else None
    keys: list[str | None] = _keys(store, sources) if store else [None] * len(sources)
    keeping = store if store and store.holds(len(sources), shapes) else None
    places = range(len(sources))
    mine = ranks.share(places) if keeping else places
    found = set[int]()
    for turn in (mine, sorted({*places} - {*mine})):
        missing = []
        for place in turn:
            xs = store.read(key, shapes) if store and (key := keys[place]) else None
            _put(table, place, xs) if xs else missing.append(place)
        found |= {*turn} - {*missing}
        computed = _computed(sources, missing, network, config.white, title, progress, alter)
        for place, xs in computed if missing else ():
            found.add(place)
            _put(table, place, xs)
            if keeping and (key := keys[place]):
                keeping.write(key, xs)
        if keeping and missing:
            keeping.files.trim()
        ranks.wait()
    if not found:
        raise DataError(f"none of the {len(sources)} images could be read")
    return sorted(found), _packed(table, sorted(found))


class FeatureCache:
    """Features by image, in a folder that is bounded in size.

    Args:
        files: The folder.
        extractor: All that features depend on besides the image, JSON-able.

    Example:
        >>> cache = FeatureCache(Cache(Path(tempfile.mkdtemp()), 1 << 20), {"block": 14})
        >>> key = cache.key(b"the bytes of a photo")
        >>> cache.read(key, [(2, 1, 1)]) is None
        True
        >>> cache.write(key, [torch.tensor([[[1.0]], [[2.0]]])])
        >>> cache.read(key, [(2, 1, 1)])[0].flatten().tolist()
        [1.0, 2.0]
    """

    def __init__(self, files: Cache, extractor: Mapping[str, Any]) -> None:
        self.files = files
        self._extractor = json.dumps([FORMAT, dict(extractor)], sort_keys=True).encode()

    def key(self, image: bytes | np.ndarray) -> str:
        """Name of the entry of a picture, given as a file's bytes or as pixels."""
        digest = hashlib.sha256(self._extractor)
        if isinstance(image, np.ndarray):
            digest.update(f"{image.shape}{image.dtype}".encode())
            image = image.tobytes()
        digest.update(image)
        return digest.hexdigest()

    def read(self, key: str, shapes: Shapes) -> Pyramid | None:
        """Return float16 tensors of these shapes, or None where there is no sound entry."""
        content = self.files.read(key)
        sizes = [prod(shape) for shape in shapes]
        if content is None or len(content) != 2 * sum(sizes):
            return None
        flat = torch.frombuffer(bytearray(content), dtype=torch.float16)
        return [x.view(shape) for x, shape in zip(flat.split(sizes), shapes, strict=True)]

    def write(self, key: str, xs: Pyramid) -> None:
        """Keep the features of one image."""
        self.files.write(key, b"".join(half(x).numpy().tobytes() for x in xs))

    def holds(self, count: int, shapes: Shapes) -> bool:
        """Whether this many images fit into the limit; else they would only evict each other."""
        size, limit = count * (2 * sum(map(prod, shapes)) + 4), self.files.limit
        if size > limit:
            warnings.warn(
                f"features of {count} images need {size / 1e9:.2g} GB and are not kept; allow "
                f"for more than {limit / 1e9:.2g} GB by WORKBENCH_CACHE_GB",
                stacklevel=2,
            )
        return size <= limit


def open_cache(extractor: Mapping[str, Any]) -> FeatureCache | None:
    """The workspace's cache, of `$WORKBENCH_CACHE_GB` gigabytes, by default 10.

    None where that is 0, or outside of any workspace: a script run in some folder shall leave
    nothing there.

    Raises:
        ValueError: The variable is no number.
    """
    limit = round(settings.number("CACHE_GB", DEFAULT_GB) * 1e9)
    folder = workspace.cache()
    if not folder or limit <= 0:
        return None
    return FeatureCache(Cache(folder / "features", limit), extractor)


def half(x: Tensor) -> Tensor:
    """Round to float16 on the CPU; what is too large for it becomes the largest it has."""
    return x.clamp(-_LARGEST, _LARGEST).half().cpu()


def allocate(count: int, shapes: Shapes, in_memory: int = IN_MEMORY) -> Pyramid:
    """Return one float16 tensor (count, *shape) per shape, for filling row by row.

    Beyond `in_memory` bytes they lie in a temporary file, which has no name and goes when the
    tensors go.

    Example:
        >>> [tuple(t.shape) for t in allocate(5, [(8, 4, 4), (8, 2, 2)])]
        [(5, 8, 4, 4), (5, 8, 2, 2)]
    """
    if 2 * count * sum(prod(shape) for shape in shapes) <= in_memory:
        return [torch.empty(count, *shape, dtype=torch.float16) for shape in shapes]
    return [_mapped(count, shape) for shape in shapes]


def _mapped(count: int, shape: tuple[int, ...]) -> Tensor:
    size = count * prod(shape)
    with tempfile.NamedTemporaryFile(prefix="workbench-features-") as file:
        if hasattr(os, "posix_fallocate"):  # else a full disk ends the process, without a word
            try:
                os.posix_fallocate(file.fileno(), 0, 2 * size)
            except OSError as error:
                raise OSError(
                    error.errno,
                    f"features need {2 * size / 1e9:.2g} GB in {tempfile.gettempdir()} "
                    f"({error.strerror}); make room or name another folder in TMPDIR",
                ) from error
        flat = torch.from_file(file.name, shared=True, size=size, dtype=torch.float16)
    return flat.view(count, *shape)


def _keys(store: FeatureCache, sources: Sequence[ImageSource]) -> list[str | None]:
    def key(source: ImageSource) -> str | None:
        try:
            if isinstance(source, str | Path):
                return store.key(Path(source).read_bytes())
            return store.key(source if isinstance(source, bytes) else read_image(source))
        except (OSError, DataError):
            return None  # whoever reads it next says what is wrong

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(key, sources))


def _computed(
    sources: Sequence[ImageSource],
    missing: list[int],
    network: CSFlowNetwork,
    white: int,
    title: str,
    progress: bool,
    alter: Sequence[str],
) -> Iterator[tuple[int, Pyramid]]:
    """Position and features of every image that is missing and can be read."""
    size, images = network.pyramid.size, [sources[i] for i in missing]
    for places, squares, _ in batches(images, size, TOGETHER, title, progress, white=white):
        full = [min(i, len(places) - 1) for i in range(TOGETHER)]  # the last one fills up
        features = network.features((altered(squares, alter) if alter else squares)[full])
        for i, place in enumerate(places):
            yield missing[place], [half(x[i]) for x in features]


def _put(table: Pyramid, place: int, xs: Pyramid) -> None:
    for rows, x in zip(table, xs, strict=True):
        rows[place] = x


def _packed(table: Pyramid, good: list[int]) -> Pyramid:
    """Close the gaps of what could not be read, in place."""
    for to, place in enumerate(good):
        if to != place:
            _put(table, to, [rows[place] for rows in table])
    return [rows[: len(good)] for rows in table]

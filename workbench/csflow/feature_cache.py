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
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from workbench import settings, workspace
from workbench.cache import Cache
from workbench.data import read_image
from workbench.data.opening import ImageSource
from workbench.errors import DataError

from .alone import ALONE, Alone
from .altered import Alteration, altered
from .batches import Images, batches, sources_of
from .config import CSFlowConfig
from .flow import Pyramid
from .network import CSFlowNetwork
from .tiles import Place, Tiling, tiles_each

IN_MEMORY = 1 << 30  # bytes; beyond it the system pages a temporary file instead
DEFAULT_GB = 10.0
WATCHED = 300  # tiles of calibration photos
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
    alter: Alteration | None = None,
    ranks: Alone = ALONE,
    drawn: bool = False,
) -> tuple[list[int], Pyramid]:
    """Raw features in half precision, the same with and without a cache.

    Args:
        cache: Whether to take them from the workspace's cache and keep them there.
        alter: How copies are altered that features are taken of; None for the images themselves.
        ranks: Each computes a share of what is not in the cache and takes the rest from there.
        drawn: Whether a seeded draw of tiles will do where there are many, see `tiles_each`.

    Returns:
        Positions of the images that could be read, and K tensors (N, C, H/2^k, W/2^k) on the
        CPU: one row for each image, tile of it or look at it, in order. The images that could
        not be read are named in one warning.

    Raises:
        DataError: None could be read.
    """
    sources, shapes = sources_of(images), network.pyramid.shapes
    rows = _rows(len(sources), config.tiling, drawn)
    table = allocate(len(rows), shapes)
    about = config.features() | {"weights": network.backbone.weights_hash}
    if (ignore := _at(network.ignore, config.size)) is not None:
        about["watched"] = hashlib.sha256((~ignore).astype(np.float32).tobytes()).hexdigest()
    if alter:
        about["altered"] = alter.to_json()
    store = open_cache(about) if cache else None
    keys: list[str | None] = _keys(store, sources) if store else [None] * len(sources)
    names = [
        (key := keys[image]) and (f"{key}-{top}-{left}" if config.tile or top or left else key)
        for image, (top, left) in rows
    ]
    keeping = store if store and store.holds(len(rows), shapes) else None
    places = range(len(sources))
    mine = {*ranks.share(places)} if keeping else {*places}
    found = set[int]()
    for turn in (mine, {*places} - mine):
        missing = dict[int, list[int]]()  # rows of each image
        for row, (image, _) in enumerate(rows):
            if image in turn:
                xs = store.read(name, shapes) if store and (name := names[row]) else None
                _put(table, row, xs) if xs else missing.setdefault(image, []).append(row)
                found |= {row} if xs else set()
        computed = _computed(
            sources, missing, rows, network, config, ignore, title, progress, alter
        )
        for row, xs in computed if missing else ():
            found.add(row)
            _put(table, row, xs)
            if keeping and (name := names[row]):
                keeping.write(name, xs)
        if keeping and missing:
            keeping.files.trim()
        ranks.wait()
    if not found:
        raise DataError(f"none of the {len(sources)} images could be read")
    return sorted({rows[row][0] for row in found}), _packed(table, sorted(found))


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


def some(features: Pyramid, photos: int) -> Pyramid:
    """So many rows that early stopping can tell by, a seeded draw of tiles; whole photos all."""
    count = max(photos, WATCHED)
    if count >= len(features[0]):
        return features
    chosen = np.random.default_rng(0).permutation(len(features[0]))[:count]
    return [x[torch.from_numpy(np.sort(chosen))] for x in features]


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


def _rows(count: int, tiling: Tiling, drawn: bool) -> list[tuple[int, Place]]:
    """Image and place of every tile, image by image, or of those that are drawn."""
    places, rng = tiling.places, np.random.default_rng(0)
    each = tiles_each(count, tiling)[0] if drawn else len(places)
    chosen = (np.sort(rng.permutation(len(places))[:each]) for _ in range(count))
    return [(image, places[i]) for image, own in enumerate(chosen) for i in own]


def _at(ignore: NDArray[np.bool_] | None, size: tuple[int, int]) -> NDArray[np.bool_] | None:
    """The mask at the size of the photos; another one where they are only compared."""
    if ignore is None or ignore.shape == size:
        return ignore
    return np.asarray(Image.fromarray(ignore.astype(np.uint8)).resize(size[::-1])) > 0


def _computed(
    sources: Sequence[ImageSource],
    missing: Mapping[int, list[int]],
    rows: Sequence[tuple[int, Place]],
    network: CSFlowNetwork,
    config: CSFlowConfig,
    ignore: NDArray[np.bool_] | None,
    title: str,
    progress: bool,
    alter: Alteration | None,
) -> Iterator[tuple[int, Pyramid]]:
    """Row and features of everything that is missing and can be read."""
    images, tiling = [*missing], config.tiling
    together = 1 if len(tiling.places) > 1 else TOGETHER
    wanted = [sources[image] for image in images]
    for places, photos, _ in batches(
        wanted, config.size, together, title, progress, white=config.white
    ):
        due = [(row, photo) for at, photo in zip(places, photos, strict=True)
               for row in missing[images[at]]]  # fmt: skip
        for group in (due[i : i + TOGETHER] for i in range(0, len(due), TOGETHER)):
            tiles = np.stack([tiling.cut(photo, rows[row][1]) for row, photo in group])
            tiles = altered(tiles, alter) if alter else tiles
            if ignore is not None:
                tiles *= np.stack([~tiling.cut(ignore, rows[row][1])[None] for row, _ in group])
            full = [min(i, len(group) - 1) for i in range(TOGETHER)]  # the last one fills up
            features = network.features(tiles[full])
            yield from ((row, [half(x[i]) for x in features]) for i, (row, _) in enumerate(group))


def _put(table: Pyramid, place: int, xs: Pyramid) -> None:
    for rows, x in zip(table, xs, strict=True):
        rows[place] = x


def _packed(table: Pyramid, good: list[int]) -> Pyramid:
    """Close the gaps of what could not be read, in place."""
    for to, place in enumerate(good):
        if to != place:
            _put(table, to, [rows[place] for rows in table])
    return [rows[: len(good)] for rows in table]

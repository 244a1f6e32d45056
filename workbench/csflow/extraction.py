"""Features of a whole list of images, from the cache where it has them."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from workbench.data import read_image
from workbench.errors import DataError

from .batches import Images, ImageSource, batches, sources_of
from .config import CSFlowConfig
from .feature_cache import FeatureCache, allocate, half, open_cache
from .network import TorchEngine

# Images computed at once. Always as many, whatever the training's batch and whatever is in the
# cache: the rounding of a convolution depends on the size of the batch, and the same images must
# give the same features bit for bit.
TOGETHER = 4


def extract(
    images: Images,
    engine: TorchEngine,
    config: CSFlowConfig,
    title: str,
    progress: bool,
    cache: bool,
) -> tuple[list[int], list[Tensor]]:
    """Raw features in half precision, the same with and without a cache.

    Returns:
        Positions of the images that could be read, N of them, and K tensors (N, C, H/2^k,
        W/2^k) on the CPU. The others are named in one warning.

    Raises:
        DataError: None could be read.
    """
    sources, shapes = sources_of(images), engine.pyramid.shapes
    table = allocate(len(sources), shapes)
    facts = config.features() | {"weights": engine.backbone.weights_hash}
    store = open_cache(facts) if cache else None
    keys = _keys(store, sources) if store else [None] * len(sources)
    missing = []
    for row, key in enumerate(keys):
        xs = store.read(key, shapes) if store and key else None
        _put(table, row, xs) if xs else missing.append(row)
    found = set(range(len(sources))) - set(missing)
    keep = store and store.holds(len(sources), shapes)
    if missing:
        for row, xs in _computed(sources, missing, engine, config, title, progress):
            found.add(row)
            _put(table, row, xs)
            if keep and keys[row]:
                store.write(keys[row], xs)
    if keep and missing:
        store.trim()
    if not found:
        raise DataError(f"none of the {len(sources)} images could be read")
    return sorted(found), _packed(table, sorted(found))


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
    engine: TorchEngine,
    config: CSFlowConfig,
    title: str,
    progress: bool,
) -> Iterator[tuple[int, list[Tensor]]]:
    """Position and features of every image that is missing and can be read."""
    few = replace(config, batch=TOGETHER)
    for rows, squares, _ in batches([sources[i] for i in missing], few, title, progress):
        full = [min(i, len(rows) - 1) for i in range(TOGETHER)]  # the last one fills up
        features = engine.features(squares[full])
        for i, row in enumerate(rows):
            yield missing[row], [half(x[i]) for x in features]


def _put(table: list[Tensor], row: int, xs: list[Tensor]) -> None:
    for rows, x in zip(table, xs, strict=True):
        rows[row] = x


def _packed(table: list[Tensor], good: list[int]) -> list[Tensor]:
    """Close the gaps of what could not be read, in place."""
    for to, row in enumerate(good):
        if to != row:
            _put(table, to, [rows[row] for rows in table])
    return [rows[: len(good)] for rows in table]

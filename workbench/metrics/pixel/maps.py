"""Heat maps and masks as a stream: checked, labelled, cut into batches and counted in bins."""

from collections.abc import Iterable, Iterator, Sized
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

BATCH = 1 << 22  # pixels that are sorted or counted at once
BINS = 1 << 20  # 2048 bins for each doubling of the score
_DROPPED = 12  # bits of a float32 that tell no bins apart
EIGHT = np.ones((3, 3), bool)  # regions touch at corners too


class Area(float):
    """A float in [0, 1] with how far off it can be, and why where it is NaN."""

    error: float = 0.0  # the exact value is at most this far away; 0 in exact mode
    reason: str = ""  # why it is undefined, or ""
    n_background: int = 0  # pixels without a defect
    n_regions: int = 0  # connected defects, or images with a defect for AUPIMO
    # for AUPIMO one value an image, NaN without a defect; else None
    per_image: NDArray[np.float64] | None = None

    def __new__(cls, value: float, **known: Any) -> Self:  # noqa: ANN401
        """Keep what belongs to the number, by the names of the attributes."""
        self = super().__new__(cls, value)
        vars(self).update(known)
        return self


class MarkedMap(NamedTuple):
    """One heat map, its defective pixels, and its place in the stream."""

    index: int
    heat: NDArray[np.floating]
    mask: NDArray[np.bool_]

    @property
    def background(self) -> NDArray[np.floating]:
        """Scores of the pixels without a defect, shape (B,)."""
        return self.heat[~self.mask] if self.mask.any() else self.heat.ravel()

    def defects(self) -> tuple[NDArray[np.floating], NDArray[np.float64], int]:
        """Scores (P,) of the defective pixels, 1 / size of the region of each, and the regions."""
        from scipy.ndimage import label

        # labelling the box around all defects costs less than labelling the image
        rows, columns = (np.flatnonzero(self.mask.any(axis=axis)) for axis in (1, 0))
        if not rows.size:
            return np.empty(0, self.heat.dtype), np.empty(0), 0
        box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        mask = self.mask[box]
        regions, n = label(mask, EIGHT)
        of = regions[mask]
        return self.heat[box][mask], (1 / np.bincount(of, minlength=n + 1)[1:])[of - 1], n


class MarkedMaps:
    """Maps and masks that can be gone through several times.

    Raises:
        TypeError: An iterator, which is gone after one pass.
        ValueError: Not as many masks as maps.
    """

    def __init__(
        self, maps: Iterable, masks: Iterable | None = None, *, progress: bool = False
    ) -> None:
        for name, given in (("maps", maps), ("masks", masks)):
            if isinstance(given, Iterator):
                raise TypeError(
                    f"{name} must be gone through more than once, got {type(given).__name__}; "
                    "give a list or an object whose __iter__ starts again"
                )
        sizes = [len(x) if isinstance(x, Sized) else None for x in (maps, masks)]
        if masks is not None and None not in sizes and sizes[0] != sizes[1]:
            raise ValueError(f"masks must be one per map, got {sizes[1]} for {sizes[0]} maps")
        self._maps, self._masks, self._n, self._progress = maps, masks, sizes[0], progress

    def run(self, what: str) -> Iterator[MarkedMap]:
        """One pass, `what` it is for beside the bar.

        Raises:
            ValueError: A map that is not (H, W) or not finite, or a mask of another size.
        """
        from workbench.progress import bar

        given = (self._maps,) if self._masks is None else (self._maps, self._masks)
        source = given[0] if len(given) == 1 else zip(*given, strict=True)
        shown = bar(iter(source), desc=what, total=self._n, unit="map", progress=self._progress)
        for i, (heat, mask) in enumerate(shown):
            if mask is not None:
                yield _checked(i, heat, mask)


def _checked(i: int, heat: ArrayLike, mask: ArrayLike) -> MarkedMap:
    heat, mask = np.asarray(heat), np.asarray(mask)
    if heat.dtype not in (np.float32, np.float64):
        heat = heat.astype(np.float64)
    if heat.ndim != 2:
        raise ValueError(f"heat maps must be (H, W), got {heat.shape} for map {i}")
    if heat.shape != mask.shape:
        raise ValueError(f"mask {i} must have its map's size {heat.shape}, got {mask.shape}")
    if not np.isfinite(heat).all():
        raise ValueError(f"heat maps must be finite, got NaN or inf in map {i}")
    return MarkedMap(i, heat, mask if mask.dtype == bool else mask != 0)


def batched(arrays: Iterable[NDArray[Any]], size: int = BATCH) -> Iterator[NDArray[Any]]:
    """The same values in arrays of about `size`."""
    waiting, n = [], 0
    for array in arrays:
        waiting.append(array)
        n += array.size
        if n >= size:
            yield np.concatenate(waiting)
            waiting, n = [], 0
    if n:
        yield np.concatenate(waiting)


def bin_of(scores: NDArray[np.floating]) -> NDArray[np.int32]:
    """The bin of each score, in [0, BINS): no higher score has a lower bin, equal ones share one.

    The bits of a float, read as an integer, are in the order of its value but for the sign; the
    lowest ones are dropped. No range of scores has to be known.

    Example:
        >>> bins = bin_of(np.array([-2.0, -0.0, 0.0, 1.0, 1.0001, 2.0]))
        >>> np.diff(bins).tolist()
        [262145, 0, 260096, 0, 2048]
    """
    with np.errstate(over="ignore"):  # beyond float32 all share the bin of infinity
        bits = (scores.astype(np.float32) + np.float32(0)).view(np.int32)  # -0 becomes 0
    bits ^= (bits >> 31) & 0x7FFFFFFF
    return (bits >> _DROPPED) + (BINS >> 1)


def lowest_of(bin_: int) -> np.float32:
    """The lowest float32 of a bin."""
    bits = np.int32((bin_ - (BINS >> 1)) << _DROPPED)
    return (bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF))).view(np.float32)


def binned(
    scores: NDArray[np.floating], weights: NDArray[np.float64] | None = None
) -> tuple[slice, NDArray[Any]]:
    """A range of bins that holds all scores, and the number, or the weight, in each."""
    if not scores.size:
        return slice(0), np.empty(0, np.int64)
    bins = bin_of(scores.ravel())
    first = int(bins.min())  # a map's scores lie in few bins
    found = np.bincount(bins - first, weights)
    return slice(first, first + found.size), found

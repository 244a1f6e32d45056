"""What a photo looks like in a few numbers: how bright, how sharp, and a fingerprint by eye.

The numbers tell whether test photos were taken as the training photos were; the fingerprint
finds the same part twice, even under another exposure.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .groups import together

SIDE = 256  # pixels of the longer side at which sharpness is measured, whatever the camera
CELLS = 16  # a side of the signature
ALIKE = 0.95  # correlation from which two signatures are of one part
_TOGETHER = 0.85  # the same for proposing parts, which agree in their own features too
_DIRECTIONS = 24  # in which photos of a folder differ most: light and pose first, features later
_BY_CHANCE = 0.01  # pairs that may be found among photos that have nothing to do with each other
_SAME_SHAPE = 0.05  # in the logarithm of width over height
_NEAR_SHAPE = 0.1  # for proposing parts: a photo may be cut a little closer
_ROWS = 1024  # compared at a time with all others


class PhotoStats(NamedTuple):
    """A photo in numbers."""

    brightness: float  # mean of the grey levels, 0 to 255
    contrast: float  # their standard deviation
    sharpness: float  # standard deviation of the Laplacian, at one size for all photos
    height: int  # pixels
    width: int
    signature: NDArray[np.float32]  # (256,): what is where, without the exposure


class NearCopy(NamedTuple):
    """Two photos that look like one part, by their positions, and how much alike they are."""

    first: int
    second: int
    correlation: float


def photo_stats(image: NDArray[np.uint8]) -> PhotoStats:
    """The numbers of a photo, RGB of shape (H, W, 3).

    Example:
        >>> seen = photo_stats(np.full((40, 30, 3), 100, np.uint8))
        >>> round(seen.brightness), seen.contrast, seen.height
        (100, 0.0, 40)
    """
    grey = Image.fromarray(image).convert("L")
    grey.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    values = np.asarray(grey, np.float64)
    cells = np.asarray(grey.resize((CELLS, CELLS), Image.Resampling.BOX), np.float64)
    mean, spread = float(values.mean()), float(values.std())
    height, width = image.shape[:2]
    return PhotoStats(mean, spread, _sharpness(values), height, width, _signature(cells))


def near_duplicates(
    first: NDArray[np.float32],
    second: NDArray[np.float32],
    sizes: tuple[NDArray[np.int_], NDArray[np.int_]],
) -> list[NearCopy]:
    """Photos of two sets that show the same part, as pairs of positions, most alike first.

    What all photos have in common, such as a fixture, is taken away first: parts are alike if
    they agree in what makes them differ from the others. Signatures have shape (N, 256) and
    (M, 256), `sizes` in pixels (N, 2) and (M, 2); photos of another shape are no pair.
    """
    if not len(first) or not len(second):
        return []
    shared = _unit(np.concatenate([first, second]).mean(axis=0, keepdims=True))[0]
    correlation = _own(first, shared) @ _own(second, shared).T
    a, b = (np.log(size[:, 1] / size[:, 0]) for size in sizes)
    correlation[np.abs(a[:, None] - b) > _SAME_SHAPE] = 0
    pairs = zip(*np.nonzero(correlation >= ALIKE), strict=True)
    found = [NearCopy(int(i), int(j), float(correlation[i, j])) for i, j in pairs]
    return sorted(found, key=lambda pair: -pair.correlation)


def near_groups(signatures: NDArray[np.float32], sizes: NDArray[np.int_]) -> list[list[int]]:
    """Photos that may show one part: groups of two and more, in the order of their first photo.

    Photos of one product differ by light and pose above all, and two may agree in these by
    chance. So two photos count as one part if they agree as they are, and also once every
    direction in which the folder differs counts the same, more than chance explains, among the
    first directions and among twice as many. Shapes are (N, 256) and (N, 2), in pixels.
    """
    own = _own(signatures, _unit(signatures.mean(axis=0, keepdims=True))[0])
    directions = min(_DIRECTIONS, len(own) // 8)
    if directions < 4:  # what all share cannot be told from what two share
        return []
    shape = np.log(sizes[:, 1] / sizes[:, 0])
    axes = np.linalg.svd(own - own.mean(axis=0), full_matrices=False)[0]
    views = [(own, _TOGETHER)]
    for k in (directions, 2 * directions):
        views.append((_unit(axes[:, :k]), _chance(k, len(own))))
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(own), _ROWS):
        rows = slice(start, start + _ROWS)
        near = np.abs(shape[rows, None] - shape) <= _NEAR_SHAPE
        for view, least in views:
            near &= view[rows] @ view.T >= least
        first, second = np.nonzero(near)
        later = first + start < second
        pairs += zip((first[later] + start).tolist(), second[later].tolist(), strict=True)
    return together(pairs, len(own))


def _chance(k: int, n: int) -> float:
    """The correlation in k directions that chance exceeds for `_BY_CHANCE` of all pairs of n.

    By Fisher's transformation, with the bound on the tail of a normal distribution.
    """
    return float(np.tanh(np.sqrt(2 * np.log(n * (n - 1) / 2 / _BY_CHANCE) / (k - 3))))


def _sharpness(grey: NDArray[np.float64]) -> float:
    if min(grey.shape) < 3:
        return 0.0
    middle = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * middle
    return float(laplacian.std())


def _signature(cells: NDArray[np.float64]) -> NDArray[np.float32]:
    """Log brightness without row and column means: exposure and light from one side drop out."""
    values = np.log1p(cells)
    values -= values.mean(axis=0)
    values -= values.mean(axis=1, keepdims=True)
    return values.ravel().astype(np.float32)


def _own(rows: NDArray[np.float32], shared: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows without what is shared, however strong their exposure made that, at unit length."""
    return _unit(rows - np.outer(rows @ shared, shared))


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)

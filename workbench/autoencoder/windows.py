"""A row judged together with those before it."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def pooled(squares: Array, window: int, stride: int, breaks: NDArray[np.int64]) -> Array:
    """Mean over the window that ends at each row, of what rows have, (N,) or (N, D).

    Args:
        squares: Of each row, oldest first.
        window: Rows; the first rows of a recording are judged by what there is so far.
        stride: Rows from one window to the next; those between have the last one's mean.
        breaks: Numbers of the rows before which the recording pauses; no window spans one.

    Example:
        >>> pooled(np.array([0.0, 2.0, 4.0, 6.0]), 2, 1, np.array([2])).tolist()
        [0.0, 1.0, 4.0, 5.0]
    """
    if window == stride == 1:
        return squares
    return np.concatenate([_pooled(part, window, stride) for part in np.split(squares, breaks)])


def _pooled(part: Array, window: int, stride: int) -> Array:
    if not len(part):
        return part
    total = np.zeros_like(part)
    for back in range(min(window, len(part))):  # no running sum: it would drag rounding along
        total[back:] += part[: len(part) - back]
    counts = np.minimum(np.arange(1, len(part) + 1), window)
    mean = total / (counts if part.ndim == 1 else counts[:, None])
    at = np.arange(len(part))
    first = min(window, len(part)) - 1  # before the first whole window every row has its own
    return mean[np.where(at < first, at, at - (at - first) % stride)]

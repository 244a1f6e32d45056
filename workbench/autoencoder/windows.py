"""A row judged together with those before it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
NO_BREAKS = np.empty(0, np.int64)


class Windows(NamedTuple):
    """So many rows, the last of them the one that is judged.

    `stride` is the number of rows from one window to the next: those between have what the last
    one has. `breaks` are the rows before which the recording pauses; no window spans one.
    """

    window: int = 1
    stride: int = 1
    breaks: NDArray[np.int64] = NO_BREAKS

    def mean(self, values: Array) -> Array:
        """Mean over each row's window of what rows have, (N,) or (N, D), oldest first.

        The first rows of a recording have the mean of what there is so far.

        Example:
            >>> Windows(2, breaks=np.array([2])).mean(np.array([0.0, 2.0, 4.0, 6.0])).tolist()
            [0.0, 1.0, 4.0, 5.0]
        """
        if self.window == self.stride == 1:
            return values
        parts = np.split(values, self.breaks)
        return np.concatenate([_mean(part, self.window, self.stride) for part in parts])

    def filled(self, n: int) -> Array:
        """How much of its window each of n rows has, at most 1.

        Example:
            >>> Windows(2, breaks=np.array([2])).filled(4).tolist()
            [0.5, 1.0, 0.5, 1.0]
        """
        if self.window == 1:
            return np.ones(n)
        starts = np.concatenate([[0], self.breaks, [n]]).astype(np.int64)
        so_far = np.arange(n) - np.repeat(starts[:-1], np.diff(starts)) + 1
        return np.minimum(so_far / self.window, 1.0)


def _mean(part: Array, window: int, stride: int) -> Array:
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

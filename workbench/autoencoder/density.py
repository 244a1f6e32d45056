"""How probable a row is: a covariance, or as many of them as the known rows need.

Each known row is the centre of a normal distribution, `share` of the way from the mean to the
row and narrower than the whole to the same degree. At share 0 all are one distribution, and the
squared figure is the Mahalanobis distance; towards 1 it is the distance to the nearest known
rows. Which of them the rows are is decided by the likelihood of rows that were not learned from.
"""

from collections.abc import Sequence
from functools import cache, cached_property
from math import lgamma, log, pi
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WIDTHS = (1.0, 0.7, 0.5, 0.35, 0.2, 0.12, 0.07, 0.04, 0.02)  # of the variance of all rows
CENTRES = 256  # known rows, evenly over the recording, that a score looks at
LOOSE = (0.0, 1e-3, 1e-2, 0.1, 0.3, 1.0)  # of a covariance, shares without any coupling
USUAL = 1e-2  # the same where it is not chosen
ENOUGH = 0.01  # nats a sensor that a larger size must gain: a reading 1 % more probable
OUTLIERS = 0.05  # share of normal rows that any model allows to lie anywhere
SURE = 1e-3  # standard deviations, above which no column is the sum of others
SMALLEST = 1e-9  # variance in standardised units, for columns that are others' sums

Array = NDArray[np.float64]


class Density(NamedTuple):
    """A row y has the squared figure -2 log mean exp(-|(y - middle) matrix - centre|^2 / 2)."""

    middle: Array  # (D,)
    matrix: Array  # (D, D)
    centres: NDArray  # (M, D); one of zeros is the Mahalanobis distance


def of(rows: Array, fresh: Array, width: float, loose: float, *, drift: bool) -> Density:
    """The density of straightened rows (N, D), of which `fresh` are spread as unknown ones are.

    The variance of each distribution is `width` of that of all, a share `loose` of the covariance
    is without any coupling, and `drift` allows for as much again as the rows show.
    """
    middle, spread = rows.mean(0), Spread(fresh).covariance(loose)
    matrix = whitening(spread)
    matrix = (_with_drift(matrix, spread, rows - middle) if drift else matrix) / np.sqrt(width)
    if width == 1:
        return Density(middle, matrix, np.zeros((1, rows.shape[1])))
    centres = (rows[:: -(-len(rows) // CENTRES)] - middle) @ matrix * np.sqrt(1 - width)
    return Density(middle, matrix, centres.astype(np.float32))  # scores then are fast, see there


def whitening(spread: Array) -> Array:
    """A matrix C with C C' the inverse of a covariance (D, D), also of one that has none.

    Example:
        >>> matrix = whitening(np.array([[4.0, 2.0], [2.0, 4.0]]))
        >>> np.linalg.inv(matrix @ matrix.T).round(6).tolist()
        [[4.0, 2.0], [2.0, 4.0]]
    """
    from scipy.linalg.lapack import dtrtri  # takes a while, and only training needs it

    units = np.sqrt(np.maximum(np.diag(spread), SMALLEST))
    alike = spread / np.outer(units, units)
    try:
        lower = np.linalg.cholesky(alike)
        if np.diag(lower).min() > SURE:  # of what the others say of a sensor, it is off by so much
            return dtrtri(lower, lower=True)[0].T / units[:, None]
    except np.linalg.LinAlgError:
        pass
    variance, axes = np.linalg.eigh(alike)
    return axes / np.sqrt(np.maximum(variance, SMALLEST)) / units[:, None]


def _with_drift(matrix: Array, spread: Array, off: Array) -> Array:
    """Whitening by a covariance that has the drift of centred rows (N, D) once more.

    The way that all sensors went together, and that of each against what the others say of it:
    what they do together does not excuse one that moves alone.
    """
    precision = matrix @ matrix.T
    together, alone = drifted(off), drifted(off @ precision / np.diag(precision))
    if not together.any() and not alone.any():
        return matrix
    return whitening(spread + np.outer(together, together) + np.diag(alone**2))


def choose(tried: "Sequence[Fold]", anywhere: Array) -> tuple[float, float, float]:
    """Width, looseness and the likelihood in nats a row; one covariance if none gains by it.

    `anywhere` is the logarithm of a density of outliers, of the other rows of all folds.
    """
    sensors = tried[0].sensors

    def gain(i: int, j: int) -> float:
        if (i, j) not in found:
            each = [one.likelihood(WIDTHS[i], LOOSE[j]) for one in tried]
            found[i, j] = mean_likelihood(np.concatenate(each), anywhere)
        return found[i, j]

    found: dict[tuple[int, int], float] = {}
    start = max(((0, j) for j in range(len(LOOSE))), key=lambda place: gain(*place))
    at, best = start, None
    while best != at:  # to the neighbour that is best, until none is
        best, (i, j) = at, at
        near = [(i + 1, j), (i + 2, j), (i - 1, j), (i, j + 1), (i, j - 1), (i + 1, j + 1)]
        near = [(a, b) for a, b in near if 0 <= a < len(WIDTHS) and 0 <= b < len(LOOSE)]
        at = max([best, *near], key=lambda place: gain(*place))
    if gain(*at) < gain(*start) + ENOUGH * sensors:
        at = start
    return WIDTHS[at[0]], LOOSE[at[1]], gain(*at)


class Fold:
    """Known and other rows; what several widths share is computed once."""

    def __init__(self, known: Array, other: Array) -> None:
        self.spread, self.sensors = Spread(known), known.shape[1]
        self.centres = known[:: -(-len(known) // CENTRES)] - known.mean(0)
        self.other = other - known.mean(0)
        self.white = cache(self._white)
        self.products = cache(self._products)

    def likelihood(self, width: float, loose: float) -> Array:
        """Logarithm of the density of each other row by the known ones, in nats."""
        far, volume, _ = self.white(loose)
        if width == 1:
            shape = -0.5 * far
        else:
            near, product = self.products(loose)
            half = product * (np.sqrt(1 - width) / width)
            half -= near * (0.5 * (1 - width) / width)
            nearest = half.max(axis=1, keepdims=True)
            half -= nearest
            total = np.exp(half, out=half).mean(axis=1)
            shape = np.log(total) + nearest[:, 0] - 0.5 / width * far
        return shape + volume - 0.5 * self.sensors * log(2 * pi * width)

    def outliers(self) -> Array:
        """Logarithm of a density with tails so long that no row is impossible (Cauchy's), (N,)."""
        far, volume, _ = self.white(USUAL)
        half = (self.sensors + 1) / 2
        return volume + lgamma(half) - half * log(pi) - half * np.log1p(far)

    def _white(self, loose: float) -> tuple[Array, float, Array]:
        matrix, volume = self.spread.whitening(loose)
        return ((self.other @ matrix) ** 2).sum(1), volume, matrix

    def _products(self, loose: float) -> tuple[Array, Array]:
        matrix = self.white(loose)[2]
        near = self.centres @ matrix
        return (near**2).sum(1), (self.other @ matrix) @ near.T


class Spread:
    """The covariance of rows (N, D), in a share of it as if the sensors were independent.

    Example:
        >>> spread = Spread(np.array([[1.0, 1.0], [-1.0, -1.0]]))
        >>> matrix, volume = spread.whitening(loose=0.5)
        >>> np.linalg.inv(matrix @ matrix.T).round(6).tolist()
        [[1.0, 0.5], [0.5, 1.0]]
    """

    def __init__(self, rows: Array) -> None:
        self._off = (rows - rows.mean(0)) / np.sqrt(len(rows))
        self._spread = self._off.T @ self._off

    def covariance(self, loose: float) -> Array:
        """The covariance (D, D)."""
        return (1 - loose) * self._spread + loose * np.diag(np.diag(self._spread))

    def whitening(self, loose: float) -> tuple[Array, float]:
        """A matrix C with C C' the inverse of the covariance, and the log of its determinant."""
        units, variance, axes = self._axes
        variance = np.maximum((1 - loose) * variance + loose, SMALLEST)
        volume = -0.5 * np.log(variance).sum() - np.log(units).sum()
        return axes / np.sqrt(variance) / units[:, None], float(volume)

    @cached_property
    def _axes(self) -> tuple[Array, Array, Array]:
        """Of the correlations, which serve every looseness."""
        units = np.sqrt(np.maximum(np.diag(self._spread), SMALLEST))
        if 2 * len(self._off) > len(units):
            return units, *np.linalg.eigh(self._spread / np.outer(units, units))
        off = self._off / units  # few rows: along all other axes there is no variance
        variance, left = np.linalg.eigh(off @ off.T)
        kept = variance > SMALLEST
        axes = np.linalg.qr(off.T @ left[:, kept], mode="complete")[0]
        return units, np.append(variance[kept], np.zeros(len(units) - kept.sum())), axes


def mean_likelihood(found: Array, anywhere: Array) -> float:
    """Nats a row (N,), if a few rows may be outliers: else these alone would decide."""
    return float(np.logaddexp(log(1 - OUTLIERS) + found, log(OUTLIERS) + anywhere).mean())


def drifted(rows: Array) -> Array:
    """How far and which way each column of (N, D) moved, from the first row to the last, (D,).

    Twice the distance between the means of both halves, which is the whole way of a steady
    drift; 0 within three times what chance gives. Temperatures creep on after training, and a
    scale that knows only the training rows would take that for a fault.

    Example:
        >>> drifted(np.arange(1000.0)[:, None]).tolist()
        [1000.0]
    """
    if len(rows) < 2:
        return np.zeros(rows.shape[1])
    first, second = np.array_split(rows, 2)
    by_chance = 2 * rows.std(0) / len(rows) ** 0.5
    moved = second.mean(0) - first.mean(0)
    return np.where(np.abs(moved) > 3 * by_chance, 2 * moved, 0.0)

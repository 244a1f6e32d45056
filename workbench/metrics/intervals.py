"""How sure we are of a rate: binomial intervals, and how many parts a claim takes."""

from math import ceil, log
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

Ends = tuple[float, float]
TAIL = 0.025  # on either side of an interval, all of which are for 95 %
Z = NormalDist().inv_cdf(1 - TAIL)


def wilson(count: ArrayLike, n: ArrayLike) -> Ends:
    """Wilson score interval of a rate, 95 %, without continuity correction.

    Args:
        count: How often it happened; a number or an array.
        n: How often it could have happened.

    Returns:
        Lower and upper end within [0, 1]; NaN twice for n = 0.

    Raises:
        ValueError: Count outside [0, n].

    References:
        Wilson 1927, Probable inference, the law of succession, and statistical inference.

    Example:
        >>> [round(end, 3) for end in wilson(0, 50)]
        [0.0, 0.071]
    """
    (count, n), z = _counts(count, n), Z
    with np.errstate(invalid="ignore", divide="ignore"):
        share, shrink = count / n, 1 + z**2 / n
        centre = (share + z**2 / (2 * n)) / shrink
        half = z * np.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2) / shrink
    # at the ends the formula is exactly 0 and 1; rounding must not make it 1e-17
    low = np.where((count == 0) & (n > 0), 0.0, centre - half)
    return _ends(low, np.where((count == n) & (n > 0), 1.0, centre + half))


def clopper_pearson(count: ArrayLike, n: ArrayLike) -> Ends:
    """Exact (Clopper-Pearson) interval, 95 %: never holds the true rate less often than said.

    Arguments and ends as for `wilson`.

    References:
        Clopper and Pearson 1934, The use of confidence or fiducial limits.

    Example:
        >>> [round(end, 3) for end in clopper_pearson(1, 50)]
        [0.001, 0.106]
    """
    count, n = _counts(count, n)
    if not n.any():
        return _ends(n * np.nan, n * np.nan)
    from scipy.special import betaincinv  # a quarter of a second, for a page that has just opened

    # a beta distribution needs positive parameters; those that have none are the plain ends
    low = betaincinv(np.maximum(count, 1), n - count + 1, TAIL)
    high = betaincinv(count + 1, np.maximum(n - count, 1), 1 - TAIL)
    low, high = np.where(count == 0, 0.0, low), np.where(count == n, 1.0, high)
    return _ends(np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan))


def ng_needed(miss_rate: float) -> int:
    """How many NG parts must be tested, none missed, to claim at most this miss rate.

    The claim is two-sided and agrees with the intervals shown everywhere; the "rule of three" is
    one-sided and needs fewer.

    Raises:
        ValueError: The claim is outside (0, 1).

    Example:
        >>> ng_needed(0.01)
        368
    """
    if not 0 < miss_rate < 1:
        raise ValueError(f"a claim must be in (0, 1), got {miss_rate=}")
    # of n parts none is missed with probability (1 - rate) ** n
    return ceil(log(TAIL) / log(1 - miss_rate))


def _counts(count: ArrayLike, n: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    counts, of = np.broadcast_arrays(np.asarray(count, np.float64), np.asarray(n, np.float64))
    if not ((counts >= 0) & (counts <= of)).all():
        raise ValueError(f"count must be in [0, n], got {count!r} of {n!r}")
    return counts, of


def _ends(low: np.ndarray, high: np.ndarray) -> Any:  # noqa: ANN401 - `Ends`, of floats or arrays
    return (low, high) if low.ndim else (float(low), float(high))

"""Acceptance of a detector: does the test prove the rates that a customer asks for?"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from workbench.metrics.counts import confusion, rate
from workbench.metrics.intervals import Ends, clopper_pearson, ng_needed

MOST = 10**7  # parts; a claim that takes more is called out of reach


class Claim(NamedTuple):
    """One rate against its limit.

    A limit of 0 asks that none was seen. Any other asks that the exact 95 % interval ends at or
    below it, so that the data prove it and not luck.
    """

    name: str  # "miss" or "overkill"
    limit: float
    found: int
    n: int  # NG parts for misses, OK parts for overkill
    rate: float
    interval: Ends
    met: bool
    needed: int | None  # parts in all, at the rate found here; None where no number would do


class Acceptance(NamedTuple):
    """The claims that were asked for, in the order misses, overkill."""

    claims: tuple[Claim, ...]

    @property
    def met(self) -> bool:
        """Whether every claim is."""
        return all(claim.met for claim in self.claims)


def accept(
    scores: ArrayLike,
    labels: ArrayLike,
    threshold: float,
    *,
    misses: float | None = None,
    overkill: float | None = None,
) -> Acceptance:
    """Judge miss and overkill rate against stated limits.

    Args:
        misses: Highest share of NG that may be called OK, in [0, 1); None asks nothing.
        overkill: The same of OK called NG.

    Raises:
        ValueError: No limit, or one outside [0, 1).

    Example:
        >>> found = accept([1] * 200 + [9] * 20, [0] * 200 + [1] * 20, 5, misses=0, overkill=0.02)
        >>> found.met, [claim.interval[1].__round__(3) for claim in found.claims]
        (True, [0.168, 0.018])
    """
    counts = confusion(scores, labels, threshold)
    if misses is None and overkill is None:
        raise ValueError("an acceptance needs a limit; pass misses=0, overkill=0.02 or both")
    claims = []
    if misses is not None:
        claims.append(_claim("miss", misses, counts.fn, counts.n_ng))
    if overkill is not None:
        claims.append(_claim("overkill", overkill, counts.fp, counts.n_ok))
    return Acceptance(tuple(claims))


def parts_needed(found: int, n: int, limit: float) -> int | None:
    """Parts whose exact 95 % interval would end at the limit, at the share found here.

    None where no number would do.

    Example:
        >>> parts_needed(0, 50, 0.01), parts_needed(1, 200, 0.02), parts_needed(5, 50, 0.05)
        (368, 359, None)
    """
    if not found:
        return ng_needed(limit)
    if found / n >= limit:
        return None
    steps = np.unique(np.geomspace(n, MOST, 400).round().astype(int))
    enough = np.flatnonzero(_upper(steps, found, n) <= limit)
    if not enough.size:
        return None
    # the exact number lies between two steps
    first = int(enough[0])
    sizes = np.arange(steps[max(first - 1, 0)], steps[first] + 1)
    return int(sizes[np.flatnonzero(_upper(sizes, found, n) <= limit)[0]])


def _upper(sizes: np.ndarray, found: int, n: int) -> np.ndarray:
    return np.asarray(clopper_pearson(np.ceil(sizes * (found / n)).astype(int), sizes)[1])


def _claim(name: str, limit: float, found: int, n: int) -> Claim:
    if not 0 <= limit < 1:
        raise ValueError(f"a limit is a share and must be in [0, 1), got {limit} for {name}")
    interval = clopper_pearson(found, n)
    met = n > 0 and (interval[1] <= limit if limit else not found)
    none = None if found else max(n, 1)
    needed = parts_needed(found, n, limit) if limit else none
    return Claim(name, limit, found, n, rate(found, n), interval, met, needed)

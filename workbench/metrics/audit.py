"""Can labels be trusted: which look wrong, and do two inspectors agree by more than chance?"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.metrics.counts import rate
from workbench.metrics.inputs import as_labels, named, pair
from workbench.metrics.intervals import Ends, Z


class Suspect(NamedTuple):
    """An image whose label the scores speak against.

    `beyond` is the share of the other class that it lies beyond: of NG images that an OK one
    outscores, of OK images that outscore an NG one; a tie counts one half.
    """

    index: int
    name: str
    label: str
    score: float
    beyond: float


class Suspects(NamedTuple):
    """The labels most worth a second look, of each class the worst first."""

    suspicious_ok: tuple[Suspect, ...]  # OK images by score, the highest first
    suspicious_ng: tuple[Suspect, ...]  # NG images by score, the lowest first


def label_audit(
    scores: ArrayLike, labels: ArrayLike, names: Sequence[str] | None = None, *, n: int = 10
) -> Suspects:
    """Name the labels worth a second look.

    Example:
        >>> audit = label_audit([1, 9, 8], ["OK", "OK", "NG"], ["a", "b", "c"], n=1)
        >>> audit.suspicious_ok[0].name, audit.suspicious_ok[0].beyond
        ('b', 1.0)
    """
    scores, ng = pair(scores, labels, names)
    names = named(names, len(ng))

    def worst(of_ng: bool) -> tuple[Suspect, ...]:
        order = np.argsort(scores if of_ng else -scores, kind="stable")
        chosen = [int(i) for i in order if ng[i] == of_ng][:n]
        word = "NG" if of_ng else "OK"
        return tuple(
            Suspect(i, names[i], word, float(scores[i]), _beyond(scores, ng, i)) for i in chosen
        )

    return Suspects(worst(False), worst(True))


def _beyond(scores: NDArray[np.float64], ng: NDArray[np.bool_], i: int) -> float:
    others = scores[ng != ng[i]]
    ahead = others > scores[i] if ng[i] else others < scores[i]
    twice = 2 * int(ahead.sum()) + int((others == scores[i]).sum())
    return rate(twice, 2 * others.size)


class Agreement(NamedTuple):
    """Two judgements of the same parts; kappa is 1 for full agreement and 0 for chance."""

    n: int
    both_ok: int
    both_ng: int
    only_first_ng: int
    only_second_ng: int
    share: float  # of the parts on which they agree
    kappa: float  # Cohen's; NaN where both call every part the same
    interval: Ends  # of kappa, 95 %
    disagreed: tuple[int, ...]  # positions


def agreement(first: ArrayLike, second: ArrayLike) -> Agreement:
    """Cohen's kappa of two judgements, with its interval for large samples.

    Args:
        first: What one says, in the form of labels.
        second: What somebody else says of the same parts.

    Raises:
        ValueError: Lengths differ, there is no part, or a word is unknown.

    References:
        Cohen 1960, A coefficient of agreement for nominal scales; Fleiss, Cohen and Everitt
        1969, Large sample standard errors of kappa and weighted kappa.

    Example:
        >>> found = agreement(["OK", "OK", "NG", "NG"], ["OK", "NG", "NG", "NG"])
        >>> found.kappa, found.disagreed
        (0.5, (1,))
    """
    a, b = as_labels(first), as_labels(second)
    if len(a) != len(b) or not len(a):
        raise ValueError(f"both must judge the same parts, got {len(a)} and {len(b)}")
    table = np.array([[(~a & ~b).sum(), (~a & b).sum()], [(a & ~b).sum(), (a & b).sum()]])
    shares = table / len(a)
    kappa, deviation = _kappa(shares, len(a))
    half = Z * deviation
    (both_ok, only_second), (only_first, both_ng) = table.tolist()
    return Agreement(
        len(a), both_ok, both_ng, only_first, only_second, rate(both_ok + both_ng, len(a)),
        kappa, (kappa - half, min(1.0, kappa + half)),
        tuple(np.flatnonzero(a != b).tolist()),
    )  # fmt: skip


def _kappa(shares: np.ndarray, n: int) -> tuple[float, float]:
    """Kappa of the shares of a 2 x 2 table, and its standard deviation."""
    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    seen, chance = float(np.trace(shares)), float(rows @ columns)
    if chance == 1:
        return np.nan, np.nan
    kappa = (seen - chance) / (1 - chance)
    agreed = np.diag(shares) @ (1 - (rows + columns) * (1 - kappa)) ** 2
    sums = columns[:, None] + rows[None, :]  # of cell i, j: column i and row j
    differed = ((shares - np.diag(np.diag(shares))) * sums**2).sum() * (1 - kappa) ** 2
    variance = agreed + differed - (kappa - chance * (1 - kappa)) ** 2
    return kappa, float(np.sqrt(max(variance, 0.0) / n) / (1 - chance))

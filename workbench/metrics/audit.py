"""Label audit: which labels look wrong."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.metrics.counts import rate
from workbench.metrics.inputs import named, pair


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

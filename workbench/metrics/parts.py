"""Several photos of one part: one score a part, so that every metric of photos holds for parts.

A rule joins the photos. "any": the part is NG if any photo is, so it scores as its worst photo.
"mean": it scores as the mean. "2 of n": it is NG if at least two photos are, so it scores as its
second worst photo; a part with fewer photos scores as its best one. The threshold stays.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.metrics.inputs import as_labels, as_scores

RULES = ("any", "mean", "2 of n")
"""The rules in words; any other number may stand for the 2."""


class Parts(NamedTuple):
    """Parts in the order in which they first appear, P of them."""

    names: tuple[str, ...]
    scores: NDArray[np.float64]  # (P,)
    labels: NDArray[np.bool_] | None  # (P,), True for NG: one of its photos is
    photos: NDArray[np.int64]  # (P,), how many
    of: NDArray[np.intp]  # (N,) the part of each photo


def join_photos(
    scores: ArrayLike,
    parts: Sequence[str],
    *,
    labels: ArrayLike | None = None,
    rule: str = "any",
) -> Parts:
    """One score for each part.

    Args:
        rule: How photos make a part, see above.

    Raises:
        ValueError: Not one part per photo, or another rule.

    Example:
        >>> found = join_photos([1.0, 5.0, 2.0], ["17", "17", "18"], rule="2 of n")
        >>> found.names, found.scores.tolist()
        (('17', '18'), [1.0, 2.0])
    """
    scores, ng = as_scores(scores), None if labels is None else as_labels(labels)
    k = rule_count(rule)
    if len(parts) != len(scores) or (ng is not None and len(ng) != len(scores)):
        raise ValueError(f"parts and labels must be one per score, {len(scores)}")
    names = list(dict.fromkeys(map(str, parts)))
    place = {name: i for i, name in enumerate(names)}
    of = np.array([place[str(part)] for part in parts], np.intp)
    photos = np.bincount(of, minlength=len(names))
    rows = np.split(np.argsort(of, kind="stable"), np.cumsum(photos))[:-1]
    joined = [np.sort(scores[row])[::-1] for row in rows]
    values = [found[min(k, len(found)) - 1] if k else found.mean() for found in joined]
    judged = None if ng is None else np.array([ng[row].any() for row in rows], bool)
    return Parts(tuple(names), np.array(values, np.float64), judged, photos, of)


def rule_count(rule: str) -> int:
    """How many photos must be NG for the part to be; 0 where their mean decides."""
    counted = re.fullmatch(r"([1-9]\d*) of n", rule)
    if rule not in ("any", "mean") and not counted:
        raise ValueError(f"rule must be any, mean, or such as 2 of n, got {rule!r}")
    return int(counted[1]) if counted else int(rule == "any")

"""Where to cut: a threshold is a number that remembers how and from what it was chosen.

A part is NG if its score is at least the threshold.
"""

from collections.abc import Callable
from fractions import Fraction
from math import isnan
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.metrics.ranking import as_scores, pair

_BY_HAND = "set by hand"


class Threshold(float):
    """A float with its policy, the policy's parameters, the data and the number of scores.

    Example:
        >>> limit = Threshold(2.5)
        >>> limit + 1, limit.policy
        (3.5, 'manual')
    """

    policy: str
    params: dict[str, Any]
    source: str
    n: int

    def __new__(
        cls,
        value: float,
        policy: str = "manual",
        params: dict[str, Any] | None = None,
        source: str = _BY_HAND,
        n: int = 0,
    ) -> Self:
        """Refuse NaN, which would call every part OK."""
        self = super().__new__(cls, value)
        if isnan(self):
            raise ValueError("a threshold must be a number, got NaN")
        self.policy, self.params, self.source, self.n = policy, dict(params or {}), source, n
        return self

    @classmethod
    def of(cls, value: float) -> Self:
        """The value itself if it is a threshold, else one set by hand.

        Example:
            >>> Threshold.of(2).source
            'set by hand'
        """
        return value if isinstance(value, cls) else cls(value)

    def origin(self) -> str:
        """How and from what it was chosen.

        Example:
            >>> threshold([1, 2, 3], q=90).origin()
            'percentile (q=90) of 3 scores, held-out OK'
        """
        if self.policy == "manual":
            return self.source
        params = ", ".join(f"{key}={value}" for key, value in self.params.items())
        return f"{self.policy}{f' ({params})' * bool(params)} of {self.n} scores, {self.source}"

    def describe(self) -> str:
        """The value with its origin, for a title or a report.

        Example:
            >>> Threshold(2.5).describe()
            '2.5: set by hand'
        """
        return f"{self:.4g}: {self.origin()}"

    def to_json(self) -> dict[str, Any]:
        """A dict of plain values that `from_json` turns back into the equal threshold.

        Example:
            >>> Threshold.from_json(Threshold(2.5).to_json()) == 2.5
            True
        """
        return {"value": float(self), **vars(self)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Undo `to_json`.

        Example:
            >>> Threshold.from_json({"value": 1.0}).policy
            'manual'
        """
        return cls(**data)


def threshold(
    scores: ArrayLike = (),
    labels: ArrayLike | None = None,
    *,
    policy: str = "percentile",
    **params: Any,  # noqa: ANN401
) -> Threshold:
    """Choose a threshold by a policy.

    `percentile` takes `q`: the lowest threshold that calls at most (100 - q) % of the OK
    scores NG. `zero_miss` needs labels: the highest that misses none of the NG parts.
    `manual` takes `value`. All take `source`, the words for the data the scores come from.

    Args:
        scores: Anomaly scores, shape (N,); for `percentile` of held-out OK parts, never of
            those trained on.
        labels: True for NG, shape (N,); with labels, `percentile` uses the OK scores only.
        policy: One of `POLICIES`.
        **params: Those of the policy.

    Raises:
        ValueError: Unknown policy, no scores to choose from, a score that is not finite.
        TypeError: A parameter that the policy does not have.

    Example:
        >>> limit = threshold([0.1, 0.2, 0.3, 0.4], q=75)
        >>> [score >= limit for score in (0.1, 0.2, 0.3, 0.4)]
        [False, False, False, True]
    """
    if policy not in POLICIES:
        raise ValueError(f"policy must be one of {', '.join(POLICIES)}, got {policy!r}")
    return POLICIES[policy](scores, labels, **params)


def _percentile(
    scores: ArrayLike, labels: ArrayLike | None, *, q: float = 99, source: str = "held-out OK"
) -> Threshold:
    if not 0 <= q <= 100:
        raise ValueError(f"q must be in [0, 100], got {q}")
    ok = np.sort(_of_class(scores, labels, ng=False))
    # a fraction of the decimal digits: in floats 0.1 % of 1000 would round down to 0
    allowed = int(len(ok) * (100 - Fraction(str(q))) / 100)
    value = ok[0] if allowed == len(ok) else np.nextafter(ok[-1 - allowed], np.inf)
    return Threshold(value, "percentile", {"q": q}, source, len(ok))


def _zero_miss(
    scores: ArrayLike, labels: ArrayLike | None, *, source: str = "labelled NG"
) -> Threshold:
    if labels is None:
        raise ValueError("zero_miss needs labels with at least one NG part, got none")
    ng = _of_class(scores, labels, ng=True)
    return Threshold(ng.min(), "zero_miss", {}, source, len(ng))


def _manual(
    scores: ArrayLike, labels: ArrayLike | None, *, value: float, source: str = _BY_HAND
) -> Threshold:
    return Threshold(value, "manual", {}, source, np.size(scores))


POLICIES: dict[str, Callable[..., Threshold]] = {
    "percentile": _percentile,
    "zero_miss": _zero_miss,
    "manual": _manual,
}


def _of_class(scores: ArrayLike, labels: ArrayLike | None, *, ng: bool) -> NDArray[np.float64]:
    if labels is None:
        chosen = as_scores(scores)
    else:
        scores, labels = pair(scores, labels)
        chosen = scores[labels == ng]
    if not chosen.size:
        raise ValueError(f"a threshold needs at least one {'NG' if ng else 'OK'} score, got none")
    return chosen

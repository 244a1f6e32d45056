"""A threshold is a number that remembers how and from what it was chosen.

A part is NG if its score is at least the threshold.
"""

from math import isfinite
from typing import Any, Self

from .wording import origin

BY_HAND, CALIBRATION = "set by hand", "calibration OK"
_BEFORE = "held-out OK"  # what files of earlier versions call it
_KINDS = {"policy": str, "params": dict, "source": str, "n": int, "expected": dict}


class Threshold(float):
    """A float with its policy, the policy's parameters, the data and the number of scores.

    `expected` holds the rates expected at it, as far as those data tell; see `policies`.

    Example:
        >>> limit = Threshold(2.5)
        >>> limit + 1, limit.policy
        (3.5, 'manual')
    """

    policy: str
    params: dict[str, Any]
    source: str
    n: int
    expected: dict[str, Any]

    def __new__(
        cls,
        value: float,
        policy: str = "manual",
        params: dict[str, Any] | None = None,
        source: str = BY_HAND,
        n: int = 0,
        expected: dict[str, Any] | None = None,
    ) -> Self:
        """Refuse NaN and infinity, which would call every part the same."""
        self = super().__new__(cls, value)
        if not isfinite(self):
            raise ValueError(f"a threshold must be a finite number, got {float(self)}")
        self.policy, self.params, self.source, self.n = policy, dict(params or {}), source, n
        self.expected = dict(expected or {})
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
        """How and from what it was chosen, in English.

        Example:
            >>> aimed = {"aim": 0.05, "most": 0.217, "sure": 0.95}
            >>> Threshold(2.5, "normal", aimed, CALIBRATION, 24).origin()
            '5 % overkill aimed at, 95 % sure of at most 21.7 %, by 24 scores, calibration OK'
        """
        return origin(self)

    def describe(self) -> str:
        """The value with its origin, for a title or a report.

        Example:
            >>> Threshold(2.5).describe()
            '2.5: set by hand'
        """
        return f"{self:.4g}: {self.origin()}"

    def to_json(self) -> dict[str, Any]:
        """A dict of plain values that `from_json` turns back into the equal threshold."""
        return {"value": float(self), **vars(self)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Undo `to_json`.

        Example:
            >>> Threshold.from_json(Threshold(2.5).to_json()).describe()
            '2.5: set by hand'

        Raises:
            TypeError: It holds something else.
        """
        found = cls(**data)
        if not all(type(getattr(found, name)) is kind for name, kind in _KINDS.items()):
            raise TypeError(f"a threshold must have {', '.join(_KINDS)}, got {data!r:.200}")
        found.source = found.source.replace(_BEFORE, CALIBRATION)
        return found

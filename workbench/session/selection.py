"""Which images a session shows, and in which order."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

ORDERS = ("random", "name", "worst", "closest")
OUTCOMES = ("missed", "overkill", "correct")
_WORDS = {"label": ("OK", "NG"), "verdict": ("OK", "NG"), "outcome": OUTCOMES}


class NothingPasses(ValueError):
    """No image passes a filter, which may be good news."""


@dataclass(frozen=True)
class Selection:
    """An order and a filter; "" lets everything through.

    Raises:
        ValueError: A word that is none of these.

    Example:
        >>> Selection("name", outcome="missed").needs_verdicts
        True
    """

    # "random" (seeded), "name", "worst" (highest score first) or "closest" (to the threshold
    # first)
    order: str = "random"
    seed: int = 0  # decides the random order
    label: str = ""  # "OK" or "NG", what the part is
    verdict: str = ""  # "OK" or "NG", what the detector says
    outcome: str = ""  # "missed", "overkill" or "correct"

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise ValueError(f"order must be one of {', '.join(ORDERS)}, got {self.order!r}")
        for name, words in _WORDS.items():
            if (word := getattr(self, name)) and word not in words:
                raise ValueError(f'{name} must be "" or one of {", ".join(words)}, got {word!r}')

    @property
    def needs_scores(self) -> bool:
        """Whether the order hangs on the score of every image."""
        return self.order in ("worst", "closest")

    @property
    def needs_verdicts(self) -> bool:
        """Whether the filter asks what the detector says of every image."""
        return bool(self.verdict or self.outcome)

    def changed(self, **words: str | int) -> "Selection":
        """The same with some words replaced."""
        return replace(self, **words)

    def arrange(
        self, n: int, scores: NDArray[np.float64] | None, threshold: float
    ) -> NDArray[np.intp]:
        """Positions 0..n-1 in this order; NaN scores, the unreadable, go last."""
        if self.order == "random":
            return np.random.default_rng(self.seed).permutation(n)
        if self.order == "name":
            return np.arange(n)
        distance = -scores if self.order == "worst" else abs(scores - threshold)
        return np.argsort(distance, kind="stable")

    def lets_through(self, label: str, verdict: str, outcome: str) -> bool:
        """Whether an image with these words is shown."""
        return (
            self.label in ("", label)
            and self.verdict in ("", verdict)
            and self.outcome in ("", outcome)
        )

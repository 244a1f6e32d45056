"""Which images a session shows, in which order, and where it stands among them."""

from dataclasses import dataclass, replace
from threading import RLock
from typing import Self

import numpy as np
from numpy.typing import NDArray

from workbench.data import ImageFolder

from .background import Prefetcher

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


class Navigation:
    """An order, a filter and a position.

    The session brings `scores`, `outcome`, `_passes` (the filter), `_moved` (another image is the
    current one) and `_follow_threshold` (take up one that somebody moved).
    """

    parts: ImageFolder
    selection: Selection  # the order and the filter; see `show`
    prefetcher: Prefetcher  # evaluations by index in `parts`, the latest and the next ones
    lock: RLock  # held while the state changes; widget callbacks run in threads of their own
    position: int  # index of the current image among those shown, from 0
    _order: NDArray[np.intp]

    def __len__(self) -> int:
        """How many images are shown, that is, pass the filter."""
        return len(self._order)

    @property
    def index(self) -> int:
        """Index of the current image in `parts`."""
        return int(self._order[self.position])

    @property
    def name(self) -> str:
        """File name of the current image, relative to the folder."""
        return self.parts.names[self.index]

    def next(self) -> Self:
        """Move on by one image, at most to the last."""
        return self.go(self.position + 1)

    def previous(self) -> Self:
        """Move back by one image, at most to the first."""
        return self.go(self.position - 1)

    def go(self, position: int) -> Self:
        """Move to a position, counted from 0 and kept within what is shown."""
        with self.lock:
            self.position = min(max(int(position), 0), len(self) - 1)
            self._moved()
        return self

    def seek(self, outcome: str, step: int) -> bool:
        """Move to the next image of this outcome among those shown, as far as scores are known.

        Args:
            outcome: "missed", "overkill" or "correct".
            step: 1 for the next, -1 for the one before.

        Returns:
            Whether there is one.
        """
        with self.lock:
            ahead = range(self.position + step, len(self) if step > 0 else -1, step)
            found = next((p for p in ahead if self.outcome(self._order[p]) == outcome), None)
            if found is not None:
                self.go(found)
            return found is not None

    def open(self, name: str) -> Self:
        """Move to an image by its file name; a filter that hides it is lifted.

        Raises:
            ValueError: No such image.
        """
        if name not in self.parts.names:
            raise ValueError(f"no image {name!r} in this session; names look like {self.name!r}")
        with self.lock:
            index = self.parts.names.index(name)
            if index not in self._order:
                self.show(label="", verdict="", outcome="")
            self.go(int(np.flatnonzero(self._order == index)[0]))
        return self

    def show(self, **words: str | int) -> Self:
        """Change order or filter; the current image stays where it passes the filter.

        A filter by verdict or outcome, like the orders "worst" and "closest", scores what has
        not been scored yet.

        Args:
            **words: Any of order, seed, label, verdict and outcome; see `Selection`. "" takes a
                filter away.

        Raises:
            ValueError: An unknown word, or no image passes (NothingPasses); all stays as it was.
        """
        selection = replace(self.selection, **words)
        if selection.needs_scores or selection.needs_verdicts:
            self.scores()  # outside the lock: stepping goes on meanwhile
        with self.lock:
            self._follow_threshold()
            here, order = self.index, self._arrange(selection)
            if not len(order):
                raise NothingPasses("no image passes this filter; nothing was changed")
            self.selection, self._order = selection, order
            found = np.flatnonzero(order == here)
            self.position = int(found[0]) if len(found) else 0
        return self

    def arrange(self, names: list[str]) -> Self:
        """Show these images only, in this order, from the first.

        Raises:
            ValueError: An unknown name, or none.
        """
        indices = {name: index for index, name in enumerate(self.parts.names)}
        if not names or (unknown := [name for name in names if name not in indices]):
            raise ValueError(
                f"names must be images of this session, got {unknown[0] if names else 'none'}"
            )
        with self.lock:
            self._order, self.position = np.array([indices[name] for name in names]), 0
        return self

    def look_ahead(self) -> None:
        """Score the images around the current one in the background, the next ones first."""
        with self.lock:
            here = self.position
            wanted = [here + 1, here + 2, here - 1, *range(here + 3, here + 16)]
            self.prefetcher.request(int(self._order[p]) for p in wanted if 0 <= p < len(self))

    def _arrange(self, selection: Selection) -> NDArray[np.intp]:
        scores = self.scores() if selection.needs_scores else None
        order = selection.arrange(len(self.parts), scores, float(self.detector.threshold))
        return np.array([i for i in order if self._passes(i, selection)], dtype=np.intp)

"""Parts as cards of photo and overlay: HTML that fits a phone as well as a printed page."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from workbench.csflow.evaluation import Evaluation
from workbench.csflow.heatmap import colourise
from workbench.data.encode import OUTLINE, jpeg, outline

from . import wording
from .html import part

SIDE = 320  # pixels of the longer side of a photo on a card
OUTCOMES = {"NGOK": "missed", "OKNG": "overkill", "NGNG": "caught", "OKOK": "good"}
"""Words for label and verdict."""


class Card(NamedTuple):
    """One part: what the detector says, what is true, and what it is called."""

    evaluation: Evaluation
    name: str
    label: str  # "OK", "NG" or "" where nobody knows
    defect: str
    mask: NDArray[np.bool_] | None
    like: Sequence[tuple[bytes, str]] = ()  # photos and names of the most similar good parts

    @property
    def why(self) -> str:
        """What the score is due to: the hottest place, and what has most to do with it."""
        found, shares = self.evaluation.regions, self.evaluation.shares
        evidence = getattr(self.evaluation, "evidence", ())
        most = max(evidence, key=lambda one: one.share) if evidence else None
        scale = int(np.argmax(shares)) if shares else 0
        box = found[0].box if found else ()
        return wording.say("why", box, most, shares[scale] if shares else 0, min(scale, 2))

    @property
    def outcome(self) -> str:
        """`missed`, `overkill`, `caught` or `good`; the verdict where there is no label."""
        return OUTCOMES.get(self.label + self.evaluation.verdict, self.evaluation.verdict)

    @property
    def photo(self) -> bytes:
        """JPEG, a known defect outlined."""
        return jpeg(thumbnail(Image.fromarray(self.evaluation.image), self.mask))

    @property
    def overlay(self) -> bytes:
        """The same under its heat map."""
        return jpeg(thumbnail(self.evaluation.overlay(), self.mask))


def cards_html(cards: Sequence[Card], caption: str) -> str:
    """Cards in a row that wraps, and the one heat scale they share."""
    low, high = cards[0].evaluation.heat_range
    ramp = colourise(np.linspace(low, high, 128)[None], (low, high))
    scale = jpeg(Image.fromarray(ramp))
    return part("cards", cards, caption, scale, f"{low:.3g}", f"{high:.3g}")


def thumbnail(image: Image.Image, mask: NDArray[np.bool_] | None = None) -> Image.Image:
    """At most `SIDE` pixels a side, the defect outlined where it is known."""
    small = image.convert("RGB")
    small.thumbnail((SIDE, SIDE))
    if mask is not None and mask.any():
        small.paste(OUTLINE, mask=outline(mask, small.size))
    return small

"""Parts as cards of photo and overlay: HTML that fits a phone as well as a printed page."""

import base64
import io
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from workbench.csflow.heatmap import colourise

if TYPE_CHECKING:
    from workbench.csflow.evaluation import Evaluation

SIDE = 320  # pixels of the longer side of a photo on a card
OUTCOMES = {"NGOK": "missed", "OKNG": "overkill", "NGNG": "caught", "OKOK": "good"}
"""Words for label and verdict."""

SCALES = ("the finest scale", "the middle scale", "the coarsest scale")
_OUTLINE = (0, 229, 168)  # as plots.COLORS["mask"]


class Card(NamedTuple):
    """One part: what the detector says, what is true, and what it is called."""

    evaluation: "Evaluation"
    name: str
    label: str  # "OK", "NG" or "" where nobody knows
    kind: str
    mask: NDArray[np.bool_] | None

    @property
    def why(self) -> str:
        """What the score is due to: the hottest place, and the scale with most to do with it."""
        found, shares = self.evaluation.regions, self.evaluation.shares
        words = []
        if found:
            left, top, right, bottom = found[0].box
            words.append(f"hottest: {right - left} x {bottom - top} px at ({left}, {top})")
        if shares:
            scale = int(np.argmax(shares))
            words.append(f"{100 * shares[scale]:.0f} % at {SCALES[min(scale, 2)]}")
        return "; ".join(words)

    @property
    def outcome(self) -> str:
        """`missed`, `overkill`, `caught` or `good`; the verdict where there is no label."""
        return OUTCOMES.get(self.label + self.evaluation.verdict, self.evaluation.verdict)


def cards_html(cards: Sequence[Card], caption: str) -> str:
    """Cards in a row that wraps, and the one heat scale they share.

    Args:
        cards: Parts scored by one detector.
        caption: A sentence below them.
    """
    return (
        f"<figure class='gallery'><div class='cards'>{''.join(map(_card, cards))}</div>"
        f"{_scale(cards[0].evaluation.heat_range)}"
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def pairs_html(rows: Sequence[tuple[bytes, str, bytes, str, float]], caption: str) -> str:
    """Pairs of photos that look alike.

    Args:
        rows: JPEG and name of one photo, JPEG and name of the other, their correlation.
        caption: A sentence below them.
    """
    cards = "".join(
        f"<div class='card'><div class='pair'>{_jpeg(a, f'photo of {left}')}"
        f"{_jpeg(b, f'photo of {right}')}</div><p>correlation {alike:.3f}"
        f"<span class='name'>{escape(left)}</span><span class='name'>{escape(right)}</span></p>"
        "</div>"
        for a, left, b, right, alike in rows
    )
    return (
        f"<figure class='gallery'><div class='cards'>{cards}</div>"
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def sheet_html(rows: Sequence[tuple[bytes, str, str, str]], caption: str, folded: str) -> str:
    """All parts as small photos, folded away until somebody wants to see them.

    Args:
        rows: JPEG, name, outcome and score of each.
        caption: A sentence below them.
        folded: What to click on.
    """
    parts = "".join(
        f"<div class='mini {outcome}' title='{escape(name, quote=True)}'>"
        f"{_jpeg(photo, f'{name}, score {score}, {outcome}')}<span>{score}</span></div>"
        for photo, name, outcome, score in rows
    )
    return (
        f"<details><summary>{escape(folded)}</summary><figure><div class='sheet'>{parts}</div>"
        f"<figcaption>{escape(caption)}</figcaption></figure></details>"
    )


def thumbnail(image: Image.Image, mask: NDArray[np.bool_] | None = None) -> Image.Image:
    """At most `SIDE` pixels a side, the defect outlined where it is known."""
    small = image.convert("RGB")
    small.thumbnail((SIDE, SIDE))
    if mask is None or not mask.any():
        return small
    area = Image.fromarray(mask).convert("L").resize(small.size, Image.Resampling.BOX)
    area = area.point(lambda level: 255 * (level > 0))
    edge = np.asarray(area.filter(ImageFilter.MaxFilter(3))) > np.asarray(area)
    pixels = np.array(small)
    pixels[edge] = _OUTLINE
    return Image.fromarray(pixels)


def _card(card: Card) -> str:
    evaluation, outcome = card.evaluation, card.outcome
    photo = _image(
        thumbnail(Image.fromarray(evaluation.image), card.mask), f"photo of {card.name}"
    )
    overlay = _image(
        thumbnail(evaluation.overlay(), card.mask),
        f"heat map over {card.name}, score {evaluation.score:.4g}, {outcome}",
    )
    kind = f" &middot; {escape(card.kind)}" if card.label == "NG" else ""
    return (
        f"<div class='card {outcome}'><div class='pair'>{photo}{overlay}</div>"
        f"<p><b class='badge'>{outcome}</b> {evaluation.score:.4g}{kind}"
        f"<span class='name'>{escape(card.name)}</span>"
        f"<span class='name'>{escape(card.why)}</span></p></div>"
    )


def _scale(heat_range: tuple[float, float]) -> str:
    ramp = colourise(np.linspace(*heat_range, 128)[None], heat_range)
    low, high = heat_range
    return (
        f"<div class='scale'><span>{low:.3g}</span>"
        f"{_image(Image.fromarray(ramp), 'colour scale from calm to hot')}"
        f"<span>{high:.3g}</span><span>heat, the same scale for every part; "
        "below its lower end a part is calm</span></div>"
    )


def _image(picture: Image.Image, alt: str) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return _jpeg(buffer.getvalue(), alt)


def _jpeg(photo: bytes, alt: str) -> str:
    data = base64.b64encode(photo).decode()
    return f"<img alt='{escape(alt, quote=True)}' src='data:image/jpeg;base64,{data}'>"

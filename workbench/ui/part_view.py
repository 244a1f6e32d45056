"""A part as it is shown: name, two pictures with their scale, verdict and reasons."""

from functools import partial
from html import escape
from typing import TYPE_CHECKING

import ipywidgets as widgets
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from workbench.errors import DataError
from workbench.session import InspectionSession

from . import part_html
from .pictures import Frame, Frames, Look, encoded
from .view import html, styled

if TYPE_CHECKING:
    from workbench.csflow.evaluation import Evaluation


class Panel:
    """Shows where a session stands; frames of the next parts are drawn ahead.

    Args:
        session: The inspection.
        t: From English to the user's language.

    Attributes:
        boxes: The widgets, from top to bottom.
        look: How parts are shown; set it with `show_photos`.
    """

    def __init__(self, session: InspectionSession, t: part_html.Words) -> None:
        self.session, self.look, self._t = session, Look(), t
        self._frames, self._scaled = Frames(), None
        layout = {"width": "100%", "height": "380px", "object_fit": "contain"}
        self.photo, self.overlay = (
            styled(widgets.Image(format="jpeg", layout=layout), "wb-image", name)
            for name in ("wb-photo", "wb-overlay")
        )
        names = ("header", "word", "part", "totals", "why", "scale-box")
        self.head, self.verdict, self.part, self.totals, self.why, self._scale = (
            html(f"wb-{name}") for name in names
        )
        words = [self.verdict, self.part, self.totals, self.why]
        self.boxes = (self.head, self._photos(), styled(widgets.Box(words), "wb-facts"))

    @property
    def place(self) -> str:
        """Position and number of images shown."""
        return f"{self.session.position + 1} / {len(self.session)}"

    def prepare(self, index: int, evaluation: "Evaluation") -> None:
        """Draw a part ahead, in the background."""
        found = part_html.regions(evaluation)
        self._frames.get(index, evaluation, found, partial(self._mask, index), self.look)

    def frame(self, evaluation: "Evaluation") -> Frame:
        """The pictures of the current part."""
        index, found = self.session.index, part_html.regions(evaluation)
        mask = partial(self._mask, index)
        return self._frames.get(index, evaluation, found, mask, self.look)

    def show_place(self) -> None:
        """Say which part this is."""
        parts = self.session.parts
        note = f'<span class="wb-note">{escape(parts.note)}</span>' if parts.note else ""
        self.head.value = (
            f'<div class="wb-head"><b>{escape(parts.root.name)}</b>{note}'
            f'<span class="wb-name">{escape(self.session.name)}</span>'
            f'<span class="wb-position">{self.place}</span></div>'
        )

    def show_nothing(self) -> None:
        """No photo or verdict of another part may stand beside this part's name."""
        self.photo.value = self.overlay.value = encoded(Image.new("LA", (1, 1)), "PNG")
        self.verdict.value = f'<div class="wb-verdict wb-none">{self._t("not judged")}</div>'
        self.part.value = self.why.value = ""
        self.show_totals("-")

    def show_photos(self, evaluation: "Evaluation") -> None:
        """Send the pictures, and the colour scale where it is another one."""
        frame = self.frame(evaluation)
        self.photo.value, self.overlay.value = frame.photo, frame.overlay
        scale = (frame.heat_range, self.look.fixed)
        if scale != self._scaled:
            self._scaled, self._scale.value = scale, part_html.scale(*scale, self._t)

    def show_facts(self, evaluation: "Evaluation") -> None:
        """Verdict, truth and reasons."""
        verdict, threshold = self.session.verdict, float(evaluation.threshold)
        self.verdict.value = part_html.verdict(verdict.prediction, self._t)
        self.part.value = part_html.part(verdict, threshold, self._calm(), self._t)
        self.why.value = part_html.why(evaluation, self._t)

    def show_totals(self, time: str) -> None:
        """Running counts and rates."""
        self.totals.value = part_html.totals(self.session, time, self._t)

    def _photos(self) -> widgets.Widget:
        captions = [html("wb-caption") for _ in range(3)]
        for caption, text in zip(captions, ("Photo", "Heat map overlay", "Heat"), strict=True):
            caption.value = self._t(text)
        parts = [*captions, self.photo, self.overlay, self._scale]
        return styled(widgets.Box(parts), "wb-photos")

    def _mask(self, index: int) -> NDArray[np.bool_] | None:
        try:
            return self.session.parts.mask(index)
        except (DataError, OSError):
            return None  # the photo matters; `workbench data check` names the bad mask

    def _calm(self) -> float:
        """The lowest score of a held-out good part: the left end of the score bar."""
        held_out = np.asarray(getattr(self.session.detector, "held_out", ()), float)
        return float(held_out.min()) if held_out.size else 0.0

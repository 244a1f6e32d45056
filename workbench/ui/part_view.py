"""A part as it is shown: name, two pictures with their scale, sign and reasons."""

from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

import ipywidgets as widgets
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from workbench.data.encode import png
from workbench.errors import DataError
from workbench.session import InspectionSession

from . import part_html
from .controls import html, styled
from .markup import render
from .photo_pair import PhotoPair
from .pictures import DisplaySettings, Frame, Frames

if TYPE_CHECKING:
    from workbench.csflow.evaluation import Evaluation


class PartView:
    """Shows where a session stands; frames of the next parts are drawn ahead."""

    def __init__(self, session: InspectionSession, t: Callable[..., str]) -> None:
        self.session, self.settings, self._t = session, DisplaySettings(), t
        self.frames, self._told, self._pair = Frames(), 0.0, PhotoPair(t)
        self.photo, self.overlay = self._pair.photo, self._pair.overlay
        names = ("header", "word", "part", "totals", "why", "time")
        self.head, self.sign, self.part, self.totals, self.why, self._time = (
            html(f"wb-{name}") for name in names
        )
        self.alike = html("wb-alike-box")
        words = [self.sign, self.part, self.alike, self.totals, self.why, self._time]
        side = styled(widgets.VBox(words), "wb-side")
        self.stage = styled(widgets.Box([self._pair.box, side]), "wb-stage")

    @property
    def place(self) -> str:
        """Position and number of images shown."""
        return f"{self.session.position + 1} / {len(self.session)}"

    def prepare(self, index: int, evaluation: "Evaluation") -> Frame:
        """The pictures of a part, drawn ahead in the background or now."""
        found, mask = part_html.regions(evaluation), partial(self._mask, index)
        return self.frames.get(index, evaluation, found, mask, self.settings)

    def frame(self, evaluation: "Evaluation") -> Frame:
        """The pictures of the current part."""
        return self.prepare(self.session.index, evaluation)

    def show_place(self) -> None:
        """Say which part this is, and the rates over all."""
        parts, t = self.session.parts, self._t
        self.head.value = render(
            "part.head", title=parts.root.name, note=t(parts.note) if parts.note else "",
            name=self.session.name, rates=part_html.head_rates(self.session, t),
            position=self.place,
        )  # fmt: skip

    def show_nothing(self) -> None:
        """No photo or verdict of another part may stand beside this part's name."""
        self.photo.value = self.overlay.value = png(Image.new("LA", (1, 1)))
        self.sign.value = part_html.no_sign(self._t)
        self.part.value = self.why.value = self.alike.value = self._time.value = ""
        self.show_totals()

    def show_photos(self, evaluation: "Evaluation") -> None:
        """Send the pictures, and the colour scale where it is another one."""
        self._pair.show(self.frame(evaluation), self.settings.fixed)

    def show_facts(self, evaluation: "Evaluation", shown: float) -> None:
        """Outcome, truth, reasons, and how long it took in seconds."""
        verdict, threshold = self.session.verdict, float(evaluation.threshold)
        self.sign.value = part_html.sign(verdict, self._t)
        self.part.value = part_html.part(verdict, threshold, self._lowest_ok(), self._t)
        self.why.value, self.alike.value = part_html.why(evaluation, self._t), ""
        self._time.value = part_html.times(evaluation, shown, self._t)

    def show_totals(self) -> None:
        """Rates over all parts and over those stepped through."""
        self.totals.value = part_html.totals(self.session, self._t)

    def scored_more(self) -> None:
        """While the parts are scored, say how far it is, now and then."""
        if self.session.scored or monotonic() - self._told > 0.5:
            self._told = monotonic()
            self.show_place()
            self.show_totals()

    def _mask(self, index: int) -> NDArray[np.bool_] | None:
        try:
            return self.session.parts.mask(index)
        except (DataError, OSError):
            return None  # the photo matters; `workbench data check` names the bad mask

    def _lowest_ok(self) -> float:
        """The lowest score of a calibration part: the left end of the score bar."""
        known = np.asarray(getattr(self.session.detector, "calibration_scores", ()), float)
        return float(known.min()) if known.size else 0.0

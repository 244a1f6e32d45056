"""A part as it is shown: name, two pictures with their scale, sign, reasons, parts like it."""

import base64
from functools import cached_property, partial
from time import monotonic
from typing import TYPE_CHECKING

import ipywidgets as widgets
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from workbench.csflow.heatmap import colourise
from workbench.data.encode import png
from workbench.errors import DataError
from workbench.language import t
from workbench.session import InspectionSession

from . import part_html
from .markup import render
from .pictures import DisplaySettings, Frame, Frames, thumbs
from .view import View, html, picture, styled, visible

if TYPE_CHECKING:
    from workbench.csflow.evaluation import Evaluation
    from workbench.data import ImageFolder

CAPTIONS = {
    "Photo": "wb-photo-word",
    "Heat map overlay": "wb-overlay-word",
    "Heat": "wb-caption-heat",
}
ALIKE = 3  # good parts that are shown


class PhotoPair:
    """Photo and overlay side by side, with the colour scale of the heat."""

    def __init__(self) -> None:
        self._scaled, self._scale = None, html("wb-scale-box")
        self.photo, self.overlay = picture("wb-photo"), picture("wb-overlay")
        captions = [html("wb-caption", name) for name in CAPTIONS.values()]
        for caption, text in zip(captions, CAPTIONS, strict=True):
            caption.value = t(text)
        parts = [*captions, self.photo, self.overlay, self._scale]
        self.box = styled(widgets.Box(parts), "wb-photos")

    def show(self, frame: Frame, fixed: bool) -> None:
        """Send the pictures, and the colour scale where it is another one."""
        self.photo.value, self.overlay.value = frame.photo, frame.overlay
        scale = (frame.heat_range, fixed)
        if scale != self._scaled:
            self._scaled, self._scale.value = scale, _scale(*scale)


class PartView:
    """Shows where a session stands; frames of the next parts are drawn ahead."""

    def __init__(self, view: View, session: InspectionSession) -> None:
        self._view, self.session, self.settings = view, session, DisplaySettings()
        self.frames, self._told, self._pair = Frames(), 0.0, PhotoPair()
        self.photo, self.overlay = self._pair.photo, self._pair.overlay
        names = ("header", "word", "part", "alike-box", "totals", "why", "time")
        self.head, *words = (html(f"wb-{name}") for name in names)
        self.sign, self.part, self.alike, self.totals, self.why, self._time = words
        side = styled(widgets.VBox(words), "wb-side")
        self.stage = styled(widgets.Box([self._pair.box, side]), "wb-stage")
        self.worker = None  # the thread that looks for good parts
        self.find = view.button("Good parts like this", "clone", "wb-alike", self._find)
        visible(self.find, hasattr(session.detector, "parts"))

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
        parts = self.session.parts
        self.head.value = render(
            "part.head", title=parts.root.name, note=t(parts.note) if parts.note else "",
            name=self.session.name, rates=part_html.head_rates(self.session),
            position=self.place,
        )  # fmt: skip

    def show_nothing(self) -> None:
        """No photo or verdict of another part may stand beside this part's name."""
        self.photo.value = self.overlay.value = png(Image.new("LA", (1, 1)))
        self.sign.value = part_html.sign(None)
        self.part.value = self.why.value = self.alike.value = self._time.value = ""
        self.show_totals()

    def show_photos(self, evaluation: "Evaluation") -> None:
        """Send the pictures, and the colour scale where it is another one."""
        self._pair.show(self.frame(evaluation), self.settings.fixed)

    def show_facts(self, evaluation: "Evaluation", shown: float) -> None:
        """Outcome, truth, reasons, and how long it took in seconds."""
        verdict, threshold = self.session.verdict, float(evaluation.threshold)
        self.sign.value = part_html.sign(verdict)
        self.part.value = part_html.part(verdict, threshold, self._lowest_ok())
        self.why.value, self.alike.value = part_html.why(evaluation), ""
        self._time.value = part_html.times(evaluation, shown)

    def show_totals(self) -> None:
        """Rates over all parts and over those stepped through."""
        self.totals.value = part_html.totals(self.session)

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

    def _find(self) -> None:
        self._view.say(t("comparing with good parts ..."))
        index, name = self.session.index, self.session.name
        self.worker = self._view.background(lambda: self._compare(index, name))

    def _compare(self, index: int, name: str) -> None:
        """What the part should look like: the good parts most like it."""
        from workbench.csflow.nearest import nearest_good  # brings torch

        detector, good = self.session.detector, self._good
        found = nearest_good(detector, [self.session.parts[index]], good, ALIKE)[0].tolist()

        def describe(i: int) -> dict[str, str]:
            return {"name": good.names[i], "score": "", "outcome": "", "prediction": "OK"}

        pictures = thumbs(found, good.paths, describe)
        if name == self.session.name:  # nobody has stepped on
            self.alike.value = pictures
            said = "{0} good parts of the training that look most like this"
            self._view.say(t(said, len(found)))

    @cached_property
    def _good(self) -> "ImageFolder":
        return self.session.detector.parts().train.ok


def _scale(heat_range: tuple[float, float], fixed: bool) -> str:
    """The colour scale, upright, with its ends as numbers."""
    low, high = heat_range
    ramp = colourise(np.linspace(high, low, 256, dtype=np.float32)[:, None], heat_range)
    return render(
        "part.scale", png=base64.b64encode(png(Image.fromarray(ramp))).decode(),
        high=f"{high:.3g}", low=f"{low:.3g}",
        whose=t("same for all parts" if fixed else "this part alone"),
    )  # fmt: skip

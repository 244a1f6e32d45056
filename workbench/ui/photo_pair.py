"""Photo and overlay side by side, with the colour scale of the heat."""

import base64
from collections.abc import Callable

import ipywidgets as widgets
import numpy as np
from PIL import Image

from workbench.csflow.heatmap import colourise
from workbench.data.encode import png

from .controls import html, picture, styled
from .markup import render
from .pictures import Frame

CAPTIONS = {
    "Photo": "wb-photo-word",
    "Heat map overlay": "wb-overlay-word",
    "Heat": "wb-caption-heat",
}


class PhotoPair:
    """The two pictures."""

    def __init__(self, t: Callable[..., str]) -> None:
        self._t, self._scaled, self._scale = t, None, html("wb-scale-box")
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
            self._scaled, self._scale.value = scale, self._drawn(*scale)

    def _drawn(self, heat_range: tuple[float, float], fixed: bool) -> str:
        """The colour scale, upright, with its ends as numbers."""
        low, high = heat_range
        ramp = colourise(np.linspace(high, low, 256, dtype=np.float32)[:, None], heat_range)
        return render(
            "part.scale", png=base64.b64encode(png(Image.fromarray(ramp))).decode(),
            high=f"{high:.3g}", low=f"{low:.3g}", label=self._t("colour scale of the heat map"),
            whose=self._t("same for all parts" if fixed else "this part alone"),
        )  # fmt: skip

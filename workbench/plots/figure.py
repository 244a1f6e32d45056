"""What all figures share: colours by meaning, fonts, and a figure that shows itself."""

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text

from workbench import language

Drawn = TypeVar("Drawn", Axes, Figure)
COLORS = {
    "ok": "#0072B2",
    "ng": "#D55E00",
    "threshold": "#6E7681",
    "miss": "#D55E00",
    "overkill": "#0072B2",
    "line": "#6E7681",
    "quiet": "#9AA1AB",
}
INK = "#6E7681"
"""Of words and axes: read on white and on the black of a dark page, at 4.7 and 4.0 to 1."""


class Picture(Figure):
    """A figure that a notebook shows by itself, with `alt` as its description.

    Drawings are PNG. Figures of photos set `photos`: as JPEG they take a tenth of the room.
    """

    alt: str = ""
    photos: bool = False

    def _repr_mimebundle_(self, **_: object) -> tuple[dict, dict]:
        kind = "image/jpeg" if self.photos else "image/png"
        return {kind: self._encoded(), "text/plain": repr(self)}, {kind: {"alt": self.alt}}

    def _encoded(self) -> bytes:
        if not self.photos:
            return png(self)
        buffer = io.BytesIO()
        self.savefig(buffer, format="jpeg", dpi=80, pil_kwargs={"quality": 80})
        return buffer.getvalue()


def png(figure: Figure) -> bytes:
    """The figure as PNG without a ground of its own, the same bytes each time."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, transparent=True, metadata={"Software": None})
    return buffer.getvalue()


def new_axes(width: float, height: float, alt: str) -> Axes:
    """Axes of a new `Picture`, sizes in inches."""
    figure = Picture(figsize=(width, height), layout="constrained")
    figure.alt = alt
    return figure.subplots()


def panels(n: int, width: float, height: float, *, sharey: bool = False) -> tuple[Picture, list]:
    """A new `Picture` of n axes side by side, each of a size in inches."""
    figure = Picture(figsize=(n * width, height), layout="constrained")
    return figure, list(figure.subplots(1, n, sharey=sharey, squeeze=False)[0])


def finish(ax: Axes, *, legend: bool = False) -> Axes:
    """Take away the frame, show the legend if there is anything in it, set the fonts."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["bottom", "left"]].set_color(INK)
    ax.tick_params(which="both", color=INK)
    if legend and ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False, fontsize=9)
    return lettered(ax)


def lettered(drawn: Drawn) -> Drawn:
    """Give every text ink and fonts that hold its letters; names are drawn as they are.

    File names may be Korean, and a "$" begins no formula but on a logarithmic axis.
    """
    for text in drawn.findobj(Text):
        text.set_family(fonts())
        text.set_parse_math(False)
        if text.get_color() == "black":
            text.set_color(INK)
    for axis in drawn.findobj(Axis):
        if axis.get_scale() == "log":
            for label in axis.get_ticklabels(which="both"):
                label.set_parse_math(True)
    return drawn


def words() -> Callable[..., str]:
    """A function from English to the language of the setting, as of `language.translator`.

    Without a font that has Korean letters it stays English, which is said once.
    """
    if language.current() == "ko" and len(fonts()) == 1:
        language.warn_without_font()
        return language.translator("en")
    return language.translator()


@cache
def fonts() -> list[str]:
    """Fonts with Latin and, where one is installed, Korean letters: file names hold both."""
    if not set(language.FONTS) & set(font_manager.get_font_names()):
        for path in font_manager.findSystemFonts():  # matplotlib's own list may be an old one
            if Path(path).name in language.FONT_FILES:
                font_manager.fontManager.addfont(path)
    installed = set(font_manager.get_font_names())
    return ["DejaVu Sans", *(name for name in language.FONTS if name in installed)]

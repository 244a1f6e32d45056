"""What all figures share: colours by meaning, fonts, and a figure that shows itself."""

import io
from functools import cache

from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLORS = {
    "ok": "#0072B2",
    "ng": "#D55E00",
    "threshold": "#1F2328",
    "miss": "#D55E00",
    "overkill": "#0072B2",
    "mask": "#00E5A8",
    "line": "#4B5563",
    "quiet": "#9AA1AB",
}


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
    """The figure as PNG, the same bytes each time."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()


def new_axes(width: float, height: float, alt: str) -> Axes:
    """Axes of a new `Picture`, sizes in inches."""
    figure = Picture(figsize=(width, height), layout="constrained")
    figure.alt = alt
    return figure.subplots()


def finish(ax: Axes, *, legend: bool = False) -> Axes:
    """Take away the frame and show the legend if there is anything in it."""
    ax.spines[["top", "right"]].set_visible(False)
    if legend and ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False, fontsize=9)
    return ax


@cache
def fonts() -> list[str]:
    """Fonts with Latin and, where one is installed, Korean letters: file names hold both."""
    installed = set(font_manager.get_font_names())
    korean = ("NanumGothic", "Noto Sans CJK KR", "Malgun Gothic", "AppleGothic")
    return ["DejaVu Sans", *(name for name in korean if name in installed)]

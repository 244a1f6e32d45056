"""The two pictures of a part, cropped and coloured alike and ready to send; and small ones.

They travel as JPEG of as many pixels as are seen. What costs time with a large photo, cutting and
shrinking, is kept apart from colouring, so that a moved slider only colours again.
"""

import base64
import io
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from workbench import language
from workbench.csflow.heatmap import blend
from workbench.data import read_image
from workbench.data.encode import jpeg
from workbench.data.encode import outline as outline_of

from .markup import render

if TYPE_CHECKING:
    from workbench.csflow.evaluation import Evaluation
    from workbench.csflow.regions import Region

SIDE = 640  # pixels, where nobody knows how large the screen is
SIDES = (320, 480, 640, 800, 960, 1120, 1280)  # that a page may ask for
THUMB, SHOWN = 132, 60  # pixels, and how many small ones at a time: browsers slow down
Box = tuple[int, int, int, int]  # left, top, right, bottom
Mask = Callable[[], NDArray[np.bool_] | None]
Regions = Sequence["Region"]
_OUTLINE, _BOX, _BLANK = "#00E5A8", "#FFFFFF", (0, 0, 0, 190)
_DOT = ((-2, -2), (2, -2), (2, 2), (-2, 2))
_SHEET = 16  # pixels: margin and height of a line


@dataclass(frozen=True)
class DisplaySettings:
    """How a part is shown."""

    opacity: float = 0.7  # of the heat map at the upper end of its scale, 0 to 1
    # one colour scale for all parts, or for each its own, which makes any part glow
    fixed: bool = True
    outline: bool = True  # whether the ground truth is outlined where there is one
    zoom: float = 1.0  # how many times larger than the whole photo
    # what lies in the middle, as fractions of width and height
    centre: tuple[float, float] = (0.5, 0.5)
    side: int = SIDE  # pixels of the longer side of what is sent
    # corners of regions where nothing is to be looked at, as fractions of the whole photo
    blank: tuple[tuple[tuple[float, float], ...], ...] = ()

    def whole(self, x: float, y: float) -> tuple[float, float]:
        """A point of what is seen as fractions of the whole photo.

        Example:
            >>> DisplaySettings(zoom=2, centre=(0.75, 0.5)).whole(0, 1)
            (0.5, 0.75)
        """
        return self.centre[0] + (x - 0.5) / self.zoom, self.centre[1] + (y - 0.5) / self.zoom

    def box(self, width: int, height: int) -> Box:
        """The part of a photo that is seen, within it.

        Example:
            >>> DisplaySettings(zoom=2, centre=(1, 0.5)).box(100, 60)
            (50, 15, 100, 45)
        """
        w, h = (max(1, round(side / self.zoom)) for side in (width, height))
        left = min(max(round(self.centre[0] * width - w / 2), 0), width - w)
        top = min(max(round(self.centre[1] * height - h / 2), 0), height - h)
        return left, top, left + w, top + h

    def moved(self, right: float, down: float) -> "DisplaySettings":
        """Moved by fractions of what is seen, not beyond the edge."""
        reach = 0.5 / self.zoom
        centre = (
            min(max(at + by / self.zoom, reach), 1 - reach)
            for at, by in zip(self.centre, (right, down), strict=True)
        )
        return replace(self, centre=tuple(centre))

    def zoomed(self, zoom: float, at: tuple[float, float] = (0.5, 0.5)) -> "DisplaySettings":
        """Zoomed with the point `at` held where it is, fractions of what is seen.

        Example:
            >>> DisplaySettings().zoomed(2, (0, 1)).box(100, 100)
            (0, 50, 50, 100)
        """
        shift = 1 / self.zoom - 1 / zoom
        centre = tuple(c + (a - 0.5) * shift for c, a in zip(self.centre, at, strict=True))
        return replace(self, zoom=zoom, centre=centre).moved(0, 0)

    def at_region(self, box: Box, width: int, height: int) -> "DisplaySettings":
        """Close enough for a region to fill a third of the picture, but always closer."""
        left, top, right, bottom = box
        centre = (left + right) / 2 / width, (top + bottom) / 2 / height
        zoom = min(width / (right - left), height / (bottom - top)) / 3
        return replace(self, zoom=round(float(np.clip(zoom, 1.5, 8)), 2), centre=centre)


@dataclass(frozen=True)
class Crop:
    """What is seen of a part, at the size it is sent: neither coloured nor encoded."""

    photo: Image.Image
    heat: NDArray[np.float32]
    outline: Image.Image | None
    box: Box
    scale: float  # sent pixels a pixel of the photo
    side: int
    whole: tuple[int, int]  # width and height of the photo

    def fits(self, settings: DisplaySettings, width: int, height: int) -> bool:
        """Whether it need not be cropped again for these settings."""
        return self.box == settings.box(width, height) and self.side == settings.side


@dataclass(frozen=True)
class Frame:
    """Two pictures as JPEG, and the ends of the colour scale that was used."""

    photo: bytes
    overlay: bytes
    heat_range: tuple[float, float]


def crop(
    evaluation: "Evaluation", mask: NDArray[np.bool_] | None, settings: DisplaySettings
) -> Crop:
    """Photo, heat map and outline of what is seen, no side longer than the settings say."""
    height, width = evaluation.heatmap.shape
    box = left, top, right, bottom = settings.box(width, height)
    scale = settings.side / max(right - left, bottom - top)
    # small cuts grow by whole pixels: what is one pixel should look like one
    scale = min(scale, 1.0) if scale < 2 else float(int(scale))
    size = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
    part = (slice(top, bottom), slice(left, right))
    photo = Image.fromarray(evaluation.image[part])
    heat = Image.fromarray(np.ascontiguousarray(evaluation.heatmap[part]))
    if size != photo.size:
        how = Image.Resampling.BOX if scale < 1 else Image.Resampling.NEAREST
        photo, heat = photo.resize(size, how), heat.resize(size, Image.Resampling.BILINEAR)
    outline = None if mask is None or not mask.any() else outline_of(mask[part], size, 2)
    return Crop(photo, np.asarray(heat), outline, box, scale, settings.side, (width, height))


def draw(
    seen: Crop,
    settings: DisplaySettings,
    heat_range: tuple[float, float],
    regions: Regions = (),
) -> Frame:
    """Colour and encode what is seen."""
    if not settings.fixed:
        heat_range = float(seen.heat.min()), float(max(seen.heat.max(), seen.heat.min() + 1e-6))
    photo = seen.photo.copy()
    overlay = blend(np.asarray(photo), seen.heat, heat_range, settings.opacity)
    for picture in (photo, overlay):
        if settings.outline and seen.outline:
            picture.paste(_OUTLINE, mask=seen.outline)
        for corners in settings.blank:
            width, height = seen.whole
            points = [tuple(_seen((x * width, y * height), seen)) for x, y in corners]
            if len(points) == 1:  # a dot, until there is more
                points = [(x + dx, y + dy) for x, y in points for dx, dy in _DOT]
            pen = ImageDraw.Draw(picture, "RGBA")
            pen.line(points, "black", 3)  # of two corners there is no polygon yet
            pen.line(points, _BOX)
            pen.polygon(points, _BLANK, _BOX)
    _number(overlay, regions, seen)
    return Frame(jpeg(photo, quality=88), jpeg(overlay, quality=88), heat_range)


def sheet(frame: Frame, english: str, translated: str) -> Image.Image:
    """Photo and overlay side by side over a line, in English where a font is missing."""
    photo, overlay = (Image.open(io.BytesIO(data)) for data in (frame.photo, frame.overlay))
    w, h = photo.size
    font = language.font(_SHEET) if translated != english else ImageFont.load_default(_SHEET)
    text = translated if font else english
    font = font or ImageFont.load_default(_SHEET)
    width = max(2 * w + _SHEET, round(font.getlength(text)))
    page = Image.new("RGB", (width + 2 * _SHEET, h + 4 * _SHEET), "white")
    page.paste(photo, (_SHEET, _SHEET))
    page.paste(overlay, (2 * _SHEET + w, _SHEET))
    ImageDraw.Draw(page).text((_SHEET, h + 2 * _SHEET), text, "black", font)
    return page


def _seen(box: Sequence[float], seen: Crop) -> list[int]:
    """A box of the photo in pixels of what is sent."""
    return [round((at - seen.box[i % 2]) * seen.scale) for i, at in enumerate(box)]


def _number(picture: Image.Image, regions: Regions, seen: Crop) -> None:
    pen = ImageDraw.Draw(picture)
    for number, region in enumerate(regions, start=1):
        left, top, right, bottom = _seen(region.box, seen)
        pen.rectangle((left - 1, top - 1, right, bottom), outline="black")
        pen.rectangle((left - 2, top - 2, right + 1, bottom + 1), outline=_BOX)
        place = (min(max(left, 2), picture.width - 12), min(max(top, 2), picture.height - 16))
        pen.text(place, str(number), _BOX, ImageFont.load_default(14), stroke_width=2,
                 stroke_fill="black")  # fmt: skip


class Frames:
    """The latest frames by index, so that the one a user steps to is there already."""

    def __init__(self, most: int = 16) -> None:
        self._most, self._lock = most, Lock()
        self._entries: OrderedDict[int, tuple[Crop, tuple, Frame]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(
        self,
        index: int,
        evaluation: "Evaluation",
        regions: Regions,
        mask: Mask,
        settings: DisplaySettings,
    ) -> Frame:
        """The frame of a part, from what is kept of it as far as that serves."""
        wanted = settings, evaluation.heat_range, tuple(region.box for region in regions)
        with self._lock:
            kept, seen, frame = self._entries.get(index, (None, None, None))
        if seen == wanted:
            return frame
        if kept is None or not kept.fits(settings, *evaluation.heatmap.shape[::-1]):
            kept = crop(evaluation, mask(), settings)
        frame = draw(kept, settings, evaluation.heat_range, regions)
        with self._lock:
            self._entries[index] = kept, wanted, frame
            self._entries.move_to_end(index)
            while len(self._entries) > self._most:
                self._entries.popitem(last=False)
        return frame


def thumbs(
    indices: list[int], paths: tuple[Path, ...], describe: Callable[[int], dict[str, str]]
) -> str:
    """A grid of small pictures, each in the frame of its outcome; a click reports the part."""
    parts = []
    for index in indices[:SHOWN]:
        said = describe(index)
        wrong = said["outcome"] in ("missed", "overkill")
        kind = said["outcome"] if wrong else said["prediction"].lower() or "none"
        parts.append(
            said
            | {"index": index, "kind": kind, "word": said["prediction"] or "?",
               "title": f"{said['name']}: {said['prediction']} {said['score']}",
               "data": small(paths[index])}
        )  # fmt: skip
    return render("gallery.thumbs", parts=parts)


@lru_cache(maxsize=2000)
def small(path: Path, side: int = THUMB) -> str:
    """A small JPEG as base64; "" of what cannot be read."""
    try:
        return base64.b64encode(jpeg(Image.fromarray(read_image(path)), side)).decode()
    except (OSError, ValueError):
        return ""

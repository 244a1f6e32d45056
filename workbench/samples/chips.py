"""Board components from above: chip resistors and capacitors, diodes, a can, ICs with legs."""

import tomllib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from .photo import Rgb

SILK: Rgb = (222, 226, 214)
Painter = Callable[[ImageDraw.ImageDraw, int, int, str], None]

BOARD = tomllib.loads(Path(__file__).with_name("board.toml").read_text("utf-8"))
SIZES, LEGS = BOARD["sizes"], BOARD["legs"]
LEG_PITCH = 0.034
LEG_REACH = 0.086  # from the middle line of the IC to the middle of its pads


@lru_cache(maxsize=64)
def sprite_of(kind: str, text: str, side: int) -> Image.Image:
    """A component on a transparent ground, lying along x, drawn large and reduced."""
    if kind.endswith(" up"):
        flat = sprite_of(kind.removesuffix(" up"), text, side)
        short = flat.resize((round(flat.width * 0.45), round(flat.height * 0.95)))
        w, h = short.size  # the metal end that faces the camera when a chip stands up
        face = [w * 0.2, h * 0.12, w * 0.8, h * 0.88]
        ImageDraw.Draw(short).rounded_rectangle(face, 2, (206, 208, 212, 255))
        return short
    length, width, _ = SIZES[kind]
    tall = 2 * (LEG_REACH + 0.008) if kind in LEGS else width
    scale = 4
    size = (round(length * side) * scale, round(tall * side) * scale)
    large = Image.new("RGBA", size)
    _PAINTERS[kind](ImageDraw.Draw(large), *size, text)
    return large.reduce(scale)


def _print(
    pen: ImageDraw.ImageDraw, at: tuple[float, float], text: str, colour: Rgb, size: float
) -> None:
    pen.text(at, text, colour, ImageFont.load_default(size), "mm")


def _chip(
    body: Rgb, edge: Rgb, ends: float = 0.2, band: Rgb | None = None, lens: Rgb | None = None
) -> Painter:
    def paint(pen: ImageDraw.ImageDraw, w: int, h: int, text: str) -> None:
        pen.rounded_rectangle([0, 0, w - 1, h - 1], h * 0.08, (188, 190, 196))
        pen.rectangle([0, 0, w, h * 0.12], (226, 228, 232))
        pen.rectangle([w * ends, 0, w * (1 - ends), h], body)
        pen.rectangle([w * ends, 0, w * (1 - ends), h * 0.1], edge)
        if lens:
            pen.ellipse([w * 0.3, h * 0.14, w * 0.7, h * 0.86], lens)
        if band:
            pen.rectangle([w * 0.74, 0, w * 0.84, h], band)
        if text:
            middle, size = (0.43, 0.45) if band else (0.5, 0.5)
            _print(pen, (w * middle, h / 2), text, SILK, h * size)

    return paint


def _can(pen: ImageDraw.ImageDraw, w: int, h: int, text: str) -> None:
    pen.rounded_rectangle([0, 0, w - 1, h - 1], w * 0.06, (26, 27, 30))
    pen.ellipse([w * 0.04, h * 0.04, w * 0.96, h * 0.96], (150, 153, 158))
    pen.ellipse([w * 0.08, h * 0.08, w * 0.92, h * 0.92], (190, 193, 198))
    pen.chord([w * 0.08, h * 0.08, w * 0.92, h * 0.92], 125, 235, (34, 35, 40))
    _print(pen, (w * 0.58, h / 2), text, (44, 45, 50), h * 0.24)


def _ic(legs: int) -> Painter:
    def paint(pen: ImageDraw.ImageDraw, w: int, h: int, text: str) -> None:
        pitch = LEG_PITCH * h / (2 * (LEG_REACH + 0.008))
        for k in range(legs):
            x = w / 2 + (k - (legs - 1) / 2) * pitch
            pen.rectangle([x - pitch * 0.2, 0, x + pitch * 0.2, h], (182, 185, 190))
            pen.rectangle([x - pitch * 0.2, 0, x, h], (214, 216, 220))
        top, bottom = h * 0.2, h * 0.8
        pen.rounded_rectangle([0, top, w - 1, bottom], h * 0.03, (30, 31, 34))
        pen.rectangle([w * 0.01, top, w * 0.99, top + h * 0.035], (58, 60, 64))
        pen.circle((w * 0.07 + 4, bottom - h * 0.11), h * 0.045, (74, 76, 80))
        _print(pen, (w / 2, h * 0.44), text, (168, 170, 168), h * 0.17)
        _print(pen, (w * 0.56, h * 0.64), "2406", (140, 142, 140), h * 0.12)

    return paint


_PAINTERS = {
    "resistor": _chip((28, 28, 30), (62, 62, 66)),
    "capacitor": _chip((168, 130, 86), (196, 160, 116), 0.24),
    "small": _chip((150, 118, 84), (182, 150, 114), 0.24),
    "diode": _chip((34, 34, 36), (64, 64, 66), 0.12, (190, 192, 190)),
    "led": _chip((214, 210, 196), (244, 240, 226), 0.12, (40, 130, 70), (236, 222, 150)),
    "can": _can,
    "so14": _ic(7),
    "so8": _ic(4),
}

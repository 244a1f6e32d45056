"""A camera lens from above: knurled barrel, engraved ring, coated glass with reflections."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from .photo import Defect, blob, filled, grid, points, stencil, texture, tint, to_picture

DEFECTS = ("scratch", "dust", "chip", "stain")
GLASS = 0.5  # radii are shares of half the canvas

# of each reflection: distance along the light, radius, softness and strength, then its colour
_REFLECTIONS = (
    (0.20, 0.30, 0.030, 0.34),
    (-0.14, 0.22, 0.020, 0.42),
    (-0.30, 0.12, 0.012, 0.30),
    (0.06, 0.38, 0.050, 0.20),
    (0.38, 0.07, 0.010, 0.55),
)
_COATINGS = np.array([(0.10, 0.75, 0.45), (0.62, 0.22, 0.80), (0.95, 0.60, 0.25),
                      (0.20, 0.30, 0.75), (0.70, 1.00, 0.85)], np.float32)  # fmt: skip


def draw(side: int, rng: np.random.Generator, defect: Defect | None = None) -> Image.Image:
    """One lens on a canvas of `side` pixels; light and grain differ each time."""
    radius, theta = _polar(side)
    light = -2.2 + rng.normal(0, 0.25)
    facing = np.cos(theta - light)
    glint = (facing * facing) ** 3  # turned metal shines in two opposite wedges
    shade, metal, white = _barrel(side)
    grain = 1 + 0.05 * texture(rng, side, 90)
    grey = shade * grain * (1 + 0.4 * facing) + metal * glint + white
    table = 0.36 + 0.012 * texture(rng, side, 200) + 0.015 * texture(rng, side, 6)
    grey = np.where(radius > 0.8, table, grey)
    values = grey[..., None] * np.array([0.98, 1.0, 1.04], np.float32)
    _add_glass(values, side, light, rng)
    part = _specks(to_picture(values), rng)
    if defect is None:
        return part
    add = {"scratch": _scratch, "dust": _dust, "chip": _chip, "stain": _stain}[defect.kind]
    return add(part, defect.severity, defect.rng)


def _scratch(part: Image.Image, severity: float, rng: np.random.Generator) -> Image.Image:
    start = _on_glass(rng, 0.33)
    heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.05, 20))
    step = (0.03 + 0.22 * severity) / 20
    path = start + np.cumsum(step * np.column_stack([np.cos(heading), np.sin(heading)]), axis=0)
    width = 0.0022 + 0.003 * severity

    def paint(d: ImageDraw.ImageDraw, s: int) -> None:
        d.line(points(path, s), 255, max(2, round(width * s)), "curve")

    return tint(part, stencil(part.width, paint), (215, 222, 228), 0.4 + 0.5 * severity)


def _dust(part: Image.Image, severity: float, rng: np.random.Generator) -> Image.Image:
    centre = _on_glass(rng, 0.36)
    grains = [
        blob(rng, centre + rng.normal(0, 0.02 + 0.03 * severity, 2), r, 0.5)
        for r in rng.uniform(0.003, 0.0045 + 0.006 * severity, 2 + round(12 * severity))
    ]

    def paint(d: ImageDraw.ImageDraw, s: int) -> None:
        for grain in grains:
            d.polygon(points(grain, s), 255)

    return tint(part, stencil(part.width, paint), (196, 190, 178), 0.55 + 0.4 * severity)


def _chip(part: Image.Image, severity: float, rng: np.random.Generator) -> Image.Image:
    angle = rng.uniform(0, 2 * np.pi)
    centre = 0.5 + GLASS / 2 * np.array([np.cos(angle), np.sin(angle)])
    size = 0.010 + 0.025 * severity
    outer, facet = blob(rng, centre, size, 0.5), blob(rng, centre + 0.15 * size, 0.6 * size, 0.7)
    for shape, colour, strength in ((outer, (150, 158, 160), 0.8), (facet, (232, 238, 240), 0.75)):
        part = tint(part, filled(part.width, shape), colour, strength)
    return part


def _stain(part: Image.Image, severity: float, rng: np.random.Generator) -> Image.Image:
    size = 0.03 + 0.05 * severity
    shape = blob(rng, _on_glass(rng, 0.3), size, 0.45)
    colour = ((190, 120, 60), (110, 60, 170), (70, 150, 160))[rng.integers(3)]

    def rim(d: ImageDraw.ImageDraw, s: int) -> None:
        d.line(points(np.vstack([shape, shape[:1]]), s), 255, s // 250, "curve")

    part = tint(part, filled(part.width, shape, 0.006), colour, 0.2 + 0.3 * severity)
    return tint(part, stencil(part.width, rim, 0.002), (225, 205, 170), 0.2 + 0.4 * severity)


def _on_glass(rng: np.random.Generator, reach: float) -> NDArray[np.float64]:
    """A random point less than `reach` half canvases from the middle, evenly spread."""
    angle, radius = rng.uniform(0, 2 * np.pi), reach * np.sqrt(rng.uniform())
    return 0.5 + radius / 2 * np.array([np.cos(angle), np.sin(angle)])


def _add_glass(values: NDArray, side: int, light: float, rng: np.random.Generator) -> None:
    """Replace the middle of the picture by coated glass that reflects the lamps."""
    cut = slice(side // 4, side - side // 4)
    x, y = (axis[..., cut] if axis.shape[0] == 1 else axis[cut] for axis in grid(side))
    radius = _polar(side)[0][cut, cut]
    glass = _depth(side) * rng.uniform(0.8, 1.2)
    layers = [
        _reflection(x - at * np.cos(light), y - at * np.sin(light), size, soft, strength, rng)
        for at, size, soft, strength in _REFLECTIONS
    ]
    glass = glass + np.stack(layers, axis=-1) @ _COATINGS
    glass = glass + _window(x, y, light, rng)[..., None]
    inside = _step(GLASS - radius, 0.004)[..., None]
    values[cut, cut] = values[cut, cut] * (1 - inside) + glass * inside


def _reflection(
    x: NDArray, y: NDArray, size: float, soft: float, strength: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """A soft disc around (0, 0), brighter to its edge."""
    distance = np.hypot(x + rng.normal(0, 0.012), y + rng.normal(0, 0.012))
    bright = strength * rng.uniform(0.75, 1.25) * (0.35 + distance / size * 0.65)
    return _step(size - distance, soft) * bright


def _window(x: NDArray, y: NDArray, light: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Glare of the lamp, a curved bright pane, and two sparks beside it."""
    u = x * np.cos(light) + y * np.sin(light)
    v = -x * np.sin(light) + y * np.cos(light) + rng.normal(0, 0.015)
    u = u + 0.5 * v**2 - 0.34 + rng.normal(0, 0.01)
    pane = _step(0.035 - np.abs(u), 0.006) * _step(0.13 - np.abs(v), 0.012)
    sparks = sum(
        np.exp(-((u - at) ** 2 + (v - across) ** 2) / 0.00025)
        for at, across in ((-0.45, 0.05), (-0.60, -0.08))
    )
    return rng.uniform(0.45, 0.75) * pane + rng.uniform(0.3, 0.6) * sparks


def _specks(part: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The few grains that a good lens carries too."""
    pixels = ImageDraw.Draw(part)
    for x, y in 0.5 + rng.uniform(-0.4, 0.4, (rng.integers(3, 9), 2)):
        level = int(rng.integers(60, 105))
        pixels.point((x * part.width, y * part.width), (level, level, level))
    return part


def _step(distance: NDArray, soft: float) -> NDArray[np.float32]:
    ramp = np.clip(0.5 + distance * (0.35 / soft), 0, 1)
    return ramp * ramp * (3 - 2 * ramp)


@lru_cache(maxsize=2)
def _polar(side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    x, y = grid(side)
    return np.hypot(x, y), np.arctan2(y, x)


@lru_cache(maxsize=2)
def _depth(side: int) -> NDArray[np.float32]:
    """What is seen through the glass: inner rings, the iris and a violet edge."""
    cut = slice(side // 4, side - side // 4)
    radius, theta = (axis[cut, cut] for axis in _polar(side))
    tube = 0.045 + 0.02 * np.sin(radius * 110) * (radius > 0.24) + 0.05 * radius
    iris = _step(0.17 - radius * (1 + 0.03 * np.cos(7 * theta)), 0.004)
    edge = np.exp(-(((radius - 0.475) / 0.03) ** 2))
    base = (tube * (1 - iris) + 0.012 * iris)[..., None] * np.float32((0.9, 1.0, 1.35))
    return (base + edge[..., None] * np.float32((0.16, 0.07, 0.24))).astype(np.float32)


@lru_cache(maxsize=2)
def _barrel(side: int) -> tuple[NDArray[np.float32], ...]:
    """Brightness, share of bare metal and engraving, shape (side, side) each."""
    radius, theta = _polar(side)
    edges = [0.0, 0.50, 0.505, 0.545, 0.55, 0.565, 0.57, 0.70, 0.705, 0.725, 0.73, 0.795, 0.80]
    greys = [0.03, 0.03, 0.10, 0.06, 0.28, 0.28, 0.085, 0.10, 0.30, 0.30, 0.17, 0.14, 0.02]
    shade = np.interp(radius, edges, greys).astype(np.float32)
    ridges = ((radius > 0.505) & (radius < 0.545)) * 0.03 * np.sin(radius * 700)
    knurl = ((radius > 0.735) & (radius < 0.79)) * 0.09 * np.cos(96 * theta)
    ring = ((radius > 0.55) & (radius < 0.565)) | ((radius > 0.705) & (radius < 0.725))
    layers = (shade + ridges + knurl, 0.45 * ring, 0.7 * _engraving(radius, theta))
    return tuple(layer.astype(np.float32) for layer in layers)


def _engraving(radius: NDArray, theta: NDArray) -> NDArray[np.float32]:
    """Lettering bent around the front ring, white where engraved."""
    strip = Image.new("L", (1800, 64))
    pen, font = ImageDraw.Draw(strip), ImageFont.load_default(44)
    marks = {60: "AF 50 mm  1:1.8", 700: "52 mm", 1000: "MULTI COATED", 1520: "06-417"}
    for x, text in marks.items():
        pen.text((x, 6), text, 255, font)
    letters = np.asarray(strip, np.float32) / 255
    column = ((theta / (2 * np.pi) + 0.5) * 1800).astype(int) % 1800
    row = ((0.67 - radius) / 0.07 * 64).astype(int)
    return np.where((row >= 0) & (row < 64), letters[np.clip(row, 0, 63), column], 0)

"""A flexible circuit: amber film with copper tracks, gold fingers and round pads."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from .photo import Defect, blob, filled, grid, points, stencil, texture, to_picture

DEFECTS = ("open", "short", "nick", "pinhole", "dent")
TRACKS = 9
WIDTH = 0.020  # of a track; lengths are shares of the canvas
PITCH = 0.052

_COLOURS = np.array(  # film, covered copper, gold plating, table
    [(0.70, 0.42, 0.10), (0.90, 0.63, 0.33), (0.96, 0.84, 0.54), (0.50, 0.52, 0.55)], np.float32
)
_FIDUCIALS = ((0.86, 0.12), (0.86, 0.50))
_OUTLINE = np.array([(0.11, 1), (0.11, 0.57), (0.29, 0.39), (0.29, 0), (0.91, 0), (0.91, 1)])


def draw(side: int, rng: np.random.Generator, defect: Defect | None = None) -> Image.Image:
    """One circuit on a canvas of `side` pixels; film, copper and gloss differ each time."""
    copper = _copper(side) if defect is None else _change_copper(_copper(side), defect)
    x, y = grid(side)
    gloss = np.exp(-(((x + 0.6 * y - rng.uniform(-1, 1)) / 0.35) ** 2)) * rng.uniform(0, 0.08)
    shade = 1 + 0.045 * texture(rng, side, 7) + 0.035 * texture(rng, side, side // 3)
    shade = shade + _weave(side) + gloss + _film_relief(side) + _relief(copper, 0.22)
    metal = 1 + 0.05 * texture(rng, side, 60) + 0.03 * texture(rng, side, side // 2) + 2 * gloss
    table = 1 + 0.03 * texture(rng, side, 120)
    if defect is not None and defect.kind == "dent":
        shade = shade + _dent(side, defect)
    copper, film, bare = _share(copper), _share(_film(side)), _share(_bare(side))
    metal = copper * metal
    layers = [(1 - copper) * shade, metal * (1 - bare) * shade, metal * bare * shade]
    layers = [layer * film for layer in layers] + [table * (1 - film)]
    return to_picture(np.stack(layers, axis=-1) @ _COLOURS)


def _change_copper(copper: Image.Image, defect: Defect) -> Image.Image:
    """What the etching did wrong; a dent leaves the copper as it is."""
    if defect.kind == "dent":
        return copper
    missing = {"open": _gap, "nick": _bite, "pinhole": _hole}
    shape = missing.get(defect.kind, _bridge)(defect.severity, defect.rng)
    mask = filled(copper.width, shape)
    if defect.kind in missing:
        return ImageChops.multiply(copper, ImageChops.invert(mask))
    return ImageChops.lighter(copper, mask)


def _gap(severity: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """A ragged cut right across a track: a hairline crack to a missing piece."""
    middle, along = _on_track(rng, rng.integers(TRACKS))
    across = np.array([-along[1], along[0]])
    length = 0.012 + 0.05 * severity
    lean = rng.uniform(-0.4, 0.4) * along
    steps = np.linspace(-0.75, 0.75, 7)[:, None] * WIDTH * (across + lean)
    jitter = rng.normal(0, 0.12 * length, (2, 7, 1)) * along
    ends = [middle + steps + jitter[0] - along * length / 2, middle + steps + jitter[1]]
    return np.vstack([ends[0], (ends[1] + along * length / 2)[::-1]])


def _bridge(severity: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Copper left between two neighbours."""
    middle, along = _on_track(rng, rng.integers(TRACKS - 1))
    across = np.array([-along[1], along[0]])
    across = across if across[0] > 0 else -across  # towards the next track
    width = 0.008 + 0.04 * severity
    steps = np.linspace(0, 1, 7)[:, None] * PITCH * across
    waist = 1 - 0.4 * np.sin(np.linspace(0, np.pi, 7))[:, None]
    sides = [width / 2 * waist * (1 + rng.normal(0, 0.2, (7, 1))) * along for _ in range(2)]
    return np.vstack([middle + steps - sides[0], (middle + steps + sides[1])[::-1]])


def _bite(severity: float, rng: np.random.Generator) -> NDArray[np.float64]:
    middle, along = _on_track(rng, rng.integers(TRACKS))
    edge = rng.choice([-0.5, 0.5]) * WIDTH * np.array([-along[1], along[0]])
    return blob(rng, middle + edge, 0.010 + 0.012 * severity, 0.35)


def _hole(severity: float, rng: np.random.Generator) -> NDArray[np.float64]:
    middle, _ = _on_track(rng, rng.integers(TRACKS))
    return blob(rng, middle + rng.normal(0, 0.0015, 2), 0.0065 + 0.0075 * severity, 0.25)


def _dent(side: int, defect: Defect) -> NDArray[np.float32]:
    """Light and shadow of a dimple in the film."""
    (cx, cy), _ = _on_track(defect.rng, defect.rng.integers(TRACKS))
    x, y = grid(side)
    size = 0.035 + 0.06 * defect.severity
    u, v = (x - 2 * cx + 1) / size, (y - 2 * cy + 1) / size
    depth = (0.2 + 0.4 * defect.severity) * defect.rng.uniform(0.85, 1.15)
    return depth * 1.6 * (u + v) * np.exp(-(u**2 + 0.8 * v**2 + 0.5 * u * v) * 1.2)


def _on_track(
    rng: np.random.Generator, track: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A point on a straight piece of a track, evenly by length, and the unit direction there."""
    route = _route(track)
    pieces = np.diff(route, axis=0)
    lengths = np.hypot(*pieces.T)
    k = rng.choice(len(pieces), p=lengths / lengths.sum())
    return route[k] + rng.uniform(0.12, 0.88) * pieces[k], pieces[k] / lengths[k]


def _route(track: int) -> NDArray[np.float64]:
    """Corners from finger to pad; the steps keep neighbours parallel through both bends."""
    offset = track * PITCH * np.array([1, np.tan(np.pi / 8)])
    low, high = np.array([0.16, 0.60]) + offset, np.array([0.358, 0.402]) + offset
    return np.array([(low[0], 0.90), low, high, (high[0], 0.15 if track % 2 else 0.25)])


@lru_cache(maxsize=2)
def _copper(side: int) -> Image.Image:
    def paint(d: ImageDraw.ImageDraw, s: int) -> None:
        for track in range(TRACKS):
            route = _route(track)
            d.line(points(route, s), 255, round(WIDTH * s), "curve")
            x, y = route[0]
            finger = [(x - 0.017) * s, (y - 0.06) * s, (x + 0.017) * s, (y + 0.1) * s]
            d.rounded_rectangle(finger, 4, 255)
            _ring(d, s, route[-1], 0.023, 0.009)
        _hatch(d, s)
        for spot in _FIDUCIALS:
            _ring(d, s, np.array(spot), 0.020, 0.0)

    return stencil(side, paint)


def _ring(d: ImageDraw.ImageDraw, s: int, at: NDArray, outer: float, inner: float) -> None:
    for radius, level in ((outer, 255), (inner, 0)):
        if radius:
            d.circle(tuple(at * s), radius * s, level)


def _hatch(d: ImageDraw.ImageDraw, s: int) -> None:
    """A hatched ground plane beside the fingers."""
    left, top, right, bottom = 0.66, 0.80, 0.88, 0.99
    d.rectangle([left * s, top * s, right * s, bottom * s], None, 255, round(0.012 * s))
    size = bottom - top
    for step in np.arange(-size, right - left, 0.024):
        x0, x1 = max(left, left + step), min(right, left + step + size)
        y0, y1 = top + x0 - left - step, top + x1 - left - step
        d.line([x0 * s, y0 * s, x1 * s, y1 * s], 255, round(0.005 * s))
        d.line([x0 * s, (top + bottom - y0) * s, x1 * s, (top + bottom - y1) * s], 255, s // 200)


@lru_cache(maxsize=2)
def _bare(side: int) -> Image.Image:
    """White where the cover film is open and the copper gold-plated: fingers, pads, fiducials."""

    def paint(d: ImageDraw.ImageDraw, s: int) -> None:
        d.rectangle([0, 0.853 * s, 0.625 * s, s], 255)
        for spot in [_route(track)[-1] for track in range(TRACKS)]:
            d.circle(tuple(spot * s), 0.021 * s, 255)
        for spot in _FIDUCIALS:
            d.circle((spot[0] * s, spot[1] * s), 0.03 * s, 255)

    return stencil(side, paint)


@lru_cache(maxsize=2)
def _film(side: int) -> Image.Image:
    def paint(d: ImageDraw.ImageDraw, s: int) -> None:
        d.polygon(points(_OUTLINE, s), 255)
        d.circle((0.86 * s, 0.40 * s), 0.022 * s, 0)

    return stencil(side, paint)


@lru_cache(maxsize=2)
def _weave(side: int) -> NDArray[np.float32]:
    x, y = grid(side)
    return (0.012 * np.sin(x * 260) * np.sin(y * 260)).astype(np.float32)


@lru_cache(maxsize=2)
def _film_relief(side: int) -> NDArray[np.float32]:
    return _relief(_film(side), 0.25)


def _share(mask: Image.Image) -> NDArray[np.float32]:
    return np.asarray(mask, np.float32) / 255


def _relief(mask: Image.Image, strength: float) -> NDArray[np.float32]:
    """Light from the upper left on the edges of a raised shape."""
    soft = mask.filter(ImageFilter.GaussianBlur(mask.width * 0.0025))
    step = max(1, round(mask.width * 0.003))
    lit = np.asarray(ImageChops.offset(soft, -step), np.float32)
    return (lit - np.asarray(ImageChops.offset(soft, step), np.float32)) / 255 * strength

"""From a drawn part to a photo of it: pose, light, focus and sensor noise.

Parts are drawn at twice the size of the photo and larger than its view, so that turning and
shifting them never shows an edge and lines come out smooth. Lengths are shares of the canvas.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

OVERSAMPLE = 2
VIEW = 0.88  # share of the canvas that the camera sees; the rest is room for the pose

Rgb = tuple[int, int, int]


class Defect(NamedTuple):
    """One defect: severity from 0 (hard to see) to 1 (gross), and where it is drawn from."""

    kind: str
    severity: float
    rng: np.random.Generator


class Camera(NamedTuple):
    """One exposure: pose in degrees and shares of the canvas, light as factors."""

    angle: float
    shift: tuple[float, float]
    gain: float
    slope: tuple[float, float]
    warmth: float
    vignette: float
    blur: float
    noise: float


def pick_camera(rng: np.random.Generator) -> Camera:
    """A plausible exposure of a station whose light drifts and whose fixture has play."""
    return Camera(
        angle=rng.uniform(-0.8, 0.8),
        shift=tuple(rng.uniform(-0.01, 0.01, 2)),
        gain=rng.uniform(0.94, 1.06),
        slope=tuple(rng.uniform(-0.04, 0.04, 2)),
        warmth=rng.uniform(-0.02, 0.02),
        vignette=rng.uniform(0.05, 0.2),
        blur=rng.uniform(0.1, 0.5),
        noise=rng.uniform(0.7, 1.5),
    )


def expose(part: Image.Image, camera: Camera, size: int) -> NDArray[np.float32]:
    """The photo without noise, shape (size, size, 3), levels 0 to 255."""
    side = part.width
    turn = np.deg2rad(camera.angle)
    cos, sin = VIEW * np.cos(turn), VIEW * np.sin(turn)
    middle = side / 2
    x0 = middle * (1 - cos + sin) + camera.shift[0] * side
    y0 = middle * (1 - sin - cos) + camera.shift[1] * side
    posed = part.transform(
        part.size, Image.Transform.AFFINE, (cos, -sin, x0, sin, cos, y0), Image.Resampling.BILINEAR
    )
    small = posed.resize((size, size), Image.Resampling.BOX)
    sharp = np.asarray(small.filter(ImageFilter.GaussianBlur(camera.blur)), np.float32)
    return np.clip(sharp * _light(camera, size), 0, 255)


def develop(
    exposed: NDArray[np.float32], camera: Camera, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """The exposure with sensor noise that grows with brightness, as uint8."""
    noise = rng.standard_normal(exposed.shape, dtype=np.float32)
    grainy = exposed + noise * camera.noise * (1 + 0.012 * exposed)
    return np.clip(np.round(grainy), 0, 255).astype(np.uint8)


def grid(side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Pixel centres x and y in [-1, 1], shape (1, side) and (side, 1)."""
    line = ((np.arange(side, dtype=np.float32) + 0.5) / side) * 2 - 1
    return line[None], line[:, None]


def texture(rng: np.random.Generator, side: int, cells: int) -> NDArray[np.float32]:
    """Smooth random field of shape (side, side), standard deviation about 1."""
    coarse = Image.fromarray(rng.standard_normal((cells, cells), dtype=np.float32))
    return np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC)) * 1.3


def stencil(
    side: int, paint: Callable[[ImageDraw.ImageDraw, int], None], blur: float = 0.0
) -> Image.Image:
    """A smooth-edged mask: `paint(draw, scale)` draws with 255 at `scale` pixels a canvas."""
    large = Image.new("L", (2 * side, 2 * side))
    paint(ImageDraw.Draw(large), 2 * side)
    mask = large.reduce(2)
    return mask.filter(ImageFilter.GaussianBlur(blur * side)) if blur else mask


def filled(side: int, corners: NDArray, blur: float = 0.0) -> Image.Image:
    """The mask of a shape, whose corners are in shares of the canvas."""
    return stencil(side, lambda draw, scale: draw.polygon(points(corners, scale), 255), blur)


def tint(part: Image.Image, mask: Image.Image, colour: Rgb, strength: float = 1.0) -> Image.Image:
    """The part with `colour` laid over it where the mask is white."""
    faded = mask.point([round(level * strength) for level in range(256)])
    return Image.composite(Image.new("RGB", part.size, colour), part, faded)


def blob(
    rng: np.random.Generator, centre: tuple[float, float], radius: float, rough: float = 0.3
) -> NDArray[np.float64]:
    """Corners of an irregular round shape, shape (24, 2), in shares of the canvas."""
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    waves = sum(rng.normal() * np.cos(k * angles + rng.uniform(0, 2 * np.pi)) / k
                for k in (1, 2, 3, 4))  # fmt: skip
    radii = radius * np.clip(1 + rough * waves, 0.35, 1.8)
    return np.column_stack([np.cos(angles), np.sin(angles)]) * radii[:, None] + centre


def points(corners: NDArray, scale: int) -> list[tuple[float, float]]:
    """Corners in shares of the canvas as what PIL draws."""
    return [tuple(corner) for corner in (np.asarray(corners) * scale).tolist()]


def to_picture(values: NDArray[np.float32]) -> Image.Image:
    """An array of shape (H, W, 3) with levels in [0, 1] as a PIL image."""
    return Image.fromarray((np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8))


def _light(camera: Camera, size: int) -> NDArray[np.float32]:
    x, y, radius = _view(size)
    shade = camera.gain * (1 + camera.slope[0] * x + camera.slope[1] * y)
    shade = shade * (1 - camera.vignette * radius)
    return shade[..., None] * np.array([1 + camera.warmth, 1, 1 - camera.warmth], np.float32)


@lru_cache(maxsize=4)
def _view(size: int) -> tuple[NDArray[np.float32], ...]:
    x, y = grid(size)
    return x, y, (x**2 + y**2) / 2

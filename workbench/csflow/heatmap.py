"""Heat maps as pictures.

All images of a dataset are coloured on one fixed scale, so that they can be compared.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# dark to bright in even steps of lightness, as matplotlib's inferno: readable in grey and
# with any colour vision
_STOPS = np.linspace(0, 255, 6)
_COLOURS = np.array(
    [(0, 0, 4), (66, 10, 104), (147, 38, 103), (221, 81, 58), (252, 165, 10), (252, 255, 164)]
)
# a screen has no more than 256 levels, and to look them up is several times faster than to mix
_TABLE = np.stack([np.interp(np.arange(256), _STOPS, c) for c in _COLOURS.T], -1)
_TABLE = _TABLE.round().astype(np.uint8)


def enlarge(heatmap: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Resample a map to the size of its image, bicubic, never below zero."""
    picture = Image.fromarray(np.asarray(heatmap, np.float32))
    return np.maximum(np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC)), 0)


def colourise(heatmap: NDArray[np.floating], heat_range: tuple[float, float]) -> NDArray[np.uint8]:
    """Colour a heat map on a fixed scale.

    Args:
        heat_range: Values of the darkest and the brightest colour.

    Returns:
        RGB, shape (H, W, 3).

    Example:
        >>> colourise(np.array([[0.0, 9.0]]), (1.0, 2.0))[0].tolist()
        [[0, 0, 4], [252, 255, 164]]
    """
    return _TABLE[_level(heatmap, heat_range)]


def blend(
    image: NDArray[np.uint8],
    heatmap: NDArray[np.floating],
    heat_range: tuple[float, float],
    alpha: float = 0.7,
) -> Image.Image:
    """Lay a heat map over its photo; what is at the lower end of the scale stays untouched.

    Args:
        heat_range: Ends of the colour scale.
        alpha: Opacity at the upper end, 0 to 1.
    """
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must be in 0..1, got {alpha}")
    level = _level(heatmap, heat_range)
    opacity = (alpha * np.arange(256)).round().astype(np.uint8)[level]
    colours, photo = Image.fromarray(_TABLE[level]), Image.fromarray(image)
    return Image.composite(colours, photo, Image.fromarray(opacity))


def _level(heatmap: NDArray[np.floating], heat_range: tuple[float, float]) -> NDArray[np.uint8]:
    """Where each pixel lies on the scale, in 255ths."""
    low, high = heat_range
    level = np.clip((heatmap - low) * (255 / max(high - low, 1e-12)), 0, 255)
    return (level + 0.5).astype(np.uint8)

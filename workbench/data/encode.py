"""Pictures to show: JPEG bytes, and the outline of a defect."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

OUTLINE = (0, 229, 168)
"""The colour of an outline: on no part, and told apart by colour-blind readers."""


def jpeg(image: Image.Image, side: int | None = None, *, quality: int = 85) -> bytes:
    r"""The picture as JPEG, of at most so many pixels on its longer side.

    Example:
        >>> jpeg(Image.new("L", (40, 20)), 10)[:2]
        b'\xff\xd8'
    """
    image = image.convert("RGB")
    if side is not None:
        image.thumbnail((side, side))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def png(image: Image.Image) -> bytes:
    r"""The picture as PNG.

    Example:
        >>> png(Image.new("L", (4, 2)))[:4]
        b'\x89PNG'
    """
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def outline(mask: NDArray[np.bool_], size: tuple[int, int], width: int = 1) -> Image.Image:
    """The rim around a defect (H, W), outside it, as a black and white picture of a size.

    Example:
        >>> rim = outline(np.eye(3, dtype=bool), (3, 3))
        >>> np.asarray(rim)[0].tolist()
        [0, 255, 255]
    """
    small = Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.BOX)
    small = small.point(lambda level: 255 * (level > 0))  # thin defects must not vanish
    return ImageChops.subtract(small.filter(ImageFilter.MaxFilter(2 * width + 1)), small)

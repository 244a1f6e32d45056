"""Ground truth: the marked pixels of mask files, and what makes a mask unfit for use."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from workbench.errors import DataError

from .decode import decoded, header

FULL = 0.95  # share of the pixels from which on a mask marks no place


def read_mask(source: Path | str) -> NDArray[np.bool_]:
    """The marked pixels of a ground-truth file, shape (H, W): all that is not black.

    Colours count, not their numbers in a palette. Where a file is transparent in places, the
    opaque pixels are marked. In a JPEG, whose black is not quite 0, from 128 on.

    Raises:
        DataError: As for `read_image`.
    """
    return decoded(source, _marked)


def joined_mask(paths: Sequence[Path], size: tuple[int, int]) -> NDArray[np.bool_]:
    """All masks of one picture as one, shape (H, W).

    Raises:
        DataError: One is unreadable or not as large as its picture, or together they mark
            nothing or nearly everything.
    """
    marked = np.zeros(size, dtype=bool)
    for path in paths:
        mask = read_mask(path)
        if mask.shape != tuple(size):
            raise DataError(
                f"{path} must be as large as its picture, {size[1]} x {size[0]} pixels, "
                f"got {mask.shape[1]} x {mask.shape[0]}"
            )
        marked |= mask
    if not marked.any():
        raise DataError(f"{paths[0]} must mark the defect, but it is empty")
    if marked.mean() >= FULL:
        raise DataError(
            f"{paths[0]} must mark the defect, but it marks {marked.mean():.0%} of the picture; "
            "white is what is marked: is it inverted?"
        )
    return marked


def is_mask(path: Path) -> bool:
    """Whether a picture has two colours at most, as a mask has, and no photo."""
    try:
        if header(path).format in ("JPEG", "MPO"):
            return False
        return decoded(path, lambda image: image.convert("RGBA").getcolors(2) is not None)
    except DataError:
        return False


def _marked(image: Image.Image) -> NDArray[np.bool_]:
    least = 128 if image.format in ("JPEG", "MPO") else 1
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode in {"P", "PA", "LA", "La", "RGBA", "RGBa"}:
        pixels = np.asarray(image.convert("RGBA"))
        colour, opaque = pixels[..., :3].max(axis=2) >= least, pixels[..., 3] >= 128
        if opaque.all() or not opaque.any():
            return colour
        painted = colour & opaque
        return painted if painted.any() else opaque
    if image.mode in {"RGB", "CMYK", "YCbCr", "LAB", "HSV"}:
        return np.asarray(image.convert("RGB")).max(axis=2) >= least
    values = np.asarray(image)
    return values if values.dtype == bool else values.astype(float) >= least

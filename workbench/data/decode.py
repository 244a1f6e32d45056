"""One picture, from wherever it comes, as RGB uint8 at its own size.

Cameras and archives leave 16-bit, CMYK, palette, rotated and transparent files behind; a
detector sees none of that. Alpha is dropped, not blended: what lies under it was photographed.
Of a file with several pages the first is read.
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from workbench.errors import DataError

from .opening import ImageSource, opened

WHITE = 65535  # what is white in 16 bits, unless a smaller range was found to be in use
_ORIENTATION = 0x0112  # EXIF tag; 5 to 8 are turned by 90 degrees
_SIXTEEN_BIT = {"I", "I;16", "I;16L", "I;16B", "I;16N"}
_STRIP = 4_000_000  # pixels; a larger picture is converted in parts
_DEPTHS = (8, 10, 12, 14, 16)
_PAGED = {"TIFF", "GIF", "WEBP", "AVIF", "MPO"}
_OTHER_END = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}


class Header(NamedTuple):
    """What a file says of its picture: size in pixels once upright, format, bits, pages.

    `bits` are those of a channel as stored.
    """

    height: int
    width: int
    format: str
    bits: int
    pages: int = 1


def read_image(source: ImageSource, white: int = WHITE) -> NDArray[np.uint8]:
    """The picture as RGB, shape (H, W, 3), turned upright as its EXIF data says.

    Args:
        source: A path, encoded bytes, a PIL image, or an array of shape (H, W), (H, W, 1),
            (H, W, 3) or (H, W, 4): uint8, uint16, bool, or float in [0, 1].
        white: The value that is white in 16 bits, as from `white_level`; what is above it
            becomes white too.

    Raises:
        DataError: The file is missing, empty, truncated, too large or no picture, or the array
            has another shape, type or range. The message names the file.
        TypeError: `source` is none of the above.

    Example:
        >>> read_image(np.array([[0.0, 1.0]]))[0].tolist()
        [[0, 0, 0], [255, 255, 255]]
        >>> read_image(np.array([[1023]], np.uint16), white=1023)[0].tolist()
        [[255, 255, 255]]
    """
    with pixels_of(source, white) as pixels:
        return pixels


@contextmanager
def pixels_of(source: ImageSource, white: int = WHITE) -> Iterator[NDArray[np.uint8]]:
    """The pixels that `read_image` gives, within the limit of pixels.

    What is smaller than the picture leaves room for others only here.
    """
    if isinstance(source, np.ndarray):
        yield _from_array(source, "array", white)
    elif white != WHITE and (deep := _deep_colour(source)) is not None:
        yield _from_array(deep, "16-bit picture", white)
    else:
        with opened(source, decodes=True) as image:
            pixels = _rgb(image, white)
            image.close()  # whose memory is needed
            yield pixels


def header(source: ImageSource) -> Header:
    """What the file's header says, without decoding its pixels."""
    with opened(source) as image:
        deep = image.mode in _SIXTEEN_BIT or _is_deep_colour(image)
        pages = getattr(image, "n_frames", 1) if image.format in _PAGED else 1
        bits = 16 if deep else 32 if image.mode == "F" else 8
        return Header(*_upright_size(image), image.format or "", bits, pages)


def image_size(path: Path) -> tuple[int, int]:
    """Height and width in pixels after EXIF rotation, from the file's header only."""
    with opened(path) as image:
        return _upright_size(image)


def white_level(sources: Iterable[ImageSource]) -> int:
    """The value that is white in the range that 16-bit pictures make use of: 10, 12, 14 bits.

    65535 where there is no such picture, or the whole range is in use. Pictures that cannot be
    read are passed over.

    Example:
        >>> white_level([np.full((2, 2), 900, np.uint16)]), white_level([np.zeros((2, 2, 3))])
        (1023, 65535)
    """
    top = max(map(_highest, sources), default=-1)
    return WHITE if top < 0 else next(2**bits - 1 for bits in _DEPTHS if top < 2**bits)


def _highest(source: ImageSource) -> int:
    """The highest value of a 16-bit picture; -1 of others."""
    try:
        if isinstance(source, np.ndarray):
            return int(source.max()) if source.dtype == np.uint16 and source.size else -1
        if (deep := _deep_colour(source)) is not None:
            return int(deep.max())
        with opened(source, decodes=True) as image:
            return int(_as_uint16(image).max()) if image.mode in _SIXTEEN_BIT else -1
    except DataError:
        return -1


def _is_deep_colour(image: Image.Image) -> bool:
    tiles = getattr(image, "tile", [])
    return image.mode in {"RGB", "RGBA"} and bool(tiles) and ";16" in str(tiles[0].args)


def _deep_colour(source: ImageSource) -> NDArray[np.uint16] | None:
    """16-bit colour; None of other pictures.

    Pillow takes the upper byte of each value. Told that the bytes lie the other way round, it
    takes the lower one.
    """
    if isinstance(source, Image.Image):
        return None

    def half(lower: bool) -> NDArray[np.uint16] | None:
        with opened(source, decodes=True) as image:
            if not _is_deep_colour(image):
                return None
            for i, tile in enumerate(image.tile if lower else ()):  # type: ignore[attr-defined]
                raw, *rest = (tile.args,) if isinstance(tile.args, str) else tile.args
                raw = raw[:-1] + _OTHER_END[raw[-1]]
                image.tile[i] = tile._replace(args=(raw, *rest) if rest else raw)  # type: ignore[attr-defined]
            ImageOps.exif_transpose(image, in_place=True)
            return np.asarray(image, np.uint16)[..., :3]

    upper = half(lower=False)
    lower = None if upper is None else half(lower=True)
    return None if upper is None or lower is None else upper * np.uint16(256) + lower


def _rgb(image: Image.Image, white: int) -> NDArray[np.uint8]:
    """All of a picture, a strip at a time: copies on the way are of a strip only."""
    ImageOps.exif_transpose(image, in_place=True)
    width, height = image.size
    rows = max(1, _STRIP // width)
    if height <= rows:
        return _strip(image, white)
    pixels = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, rows):
        below = min(top + rows, height)
        pixels[top:below] = _strip(image.crop((0, top, width, below)), white)
    return pixels


def _strip(image: Image.Image, white: int) -> NDArray[np.uint8]:
    if image.mode in _SIXTEEN_BIT:
        return _from_array(_as_uint16(image), "16-bit picture", white)
    if image.mode == "F":
        return _from_array(np.asarray(image), "float picture")
    if image.mode in {"P", "PA"}:
        image = image.convert("RGBA")  # straight to RGB, Pillow warns of palette transparency
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def _as_uint16(image: Image.Image) -> NDArray[np.uint16]:
    values = np.asarray(image)
    if values.min() < 0 or values.max() > WHITE:
        raise DataError(
            "integer pixels must be in [0, 65535], "
            f"got {values.min()} to {values.max()}; rescale the file to 8 or 16 bits"
        )
    return values.astype(np.uint16)


def _from_array(values: NDArray, name: str, white: int = WHITE) -> NDArray[np.uint8]:
    values = values[..., None] if values.ndim == 2 else values
    if values.ndim != 3 or values.shape[2] not in (1, 3, 4) or values.size == 0:
        raise DataError(
            f"{name} must have shape (H, W), (H, W, 3) or (H, W, 4), got {values.shape}"
        )
    pixels = _eight_bit(values[..., :3], name, white)
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))


def _eight_bit(values: NDArray, name: str, white: int) -> NDArray[np.uint8]:
    if values.dtype == np.uint8:
        return values
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * 255
    if values.dtype == np.uint16 and white == WHITE:
        return np.round(values / 257).astype(np.uint8)  # 65535 = 255 * 257
    if values.dtype == np.uint16:
        return np.round(np.minimum(values, white) * (255 / white)).astype(np.uint8)
    if not np.issubdtype(values.dtype, np.floating):
        raise DataError(f"{name} must be uint8, uint16, bool or float, got {values.dtype}")
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
        low, high = values.min(), values.max()
        raise DataError(f"{name} of floats must be in [0, 1], got {low:g} to {high:g}; rescale it")
    return np.round(values * 255).astype(np.uint8)


def _upright_size(image: Image.Image) -> tuple[int, int]:
    width, height = image.size
    turned = image.getexif().get(_ORIENTATION, 1) >= 5
    return (width, height) if turned else (height, width)

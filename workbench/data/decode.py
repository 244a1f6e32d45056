"""One picture, from wherever it comes, as RGB uint8 at its own size.

Cameras and archives leave 16-bit, CMYK, palette, rotated and transparent files behind; a
detector sees none of that. Alpha is dropped, not blended: what lies under it was photographed.
"""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from workbench.errors import DataError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})
"""File name endings that count as pictures, in lower case."""

ImageSource = Path | str | bytes | bytearray | memoryview | Image.Image | NDArray

_ORIENTATION = 0x0112  # EXIF tag; 5 to 8 are turned by 90 degrees
_SIXTEEN_BIT = {"I", "I;16", "I;16L", "I;16B", "I;16N"}


def read_image(source: ImageSource) -> NDArray[np.uint8]:
    """The picture as RGB, shape (H, W, 3), turned upright as its EXIF data says.

    Args:
        source: A path, encoded bytes, a PIL image, or an array of shape (H, W), (H, W, 1),
            (H, W, 3) or (H, W, 4): uint8, uint16 (65535 is white), bool, or float in [0, 1].

    Raises:
        DataError: The file is missing, empty, truncated or no picture, or the array has
            another shape, type or range. The message names the file.
        TypeError: `source` is none of the above.

    Example:
        >>> read_image(np.array([[0.0, 1.0]]))[0].tolist()
        [[0, 0, 0], [255, 255, 255]]
    """
    if isinstance(source, np.ndarray):
        return _from_array(source, "array")
    return _decode(source, _rgb)


def read_mask(source: Path | str) -> NDArray[np.bool_]:
    """The marked pixels of a ground-truth file, shape (H, W): all that is not 0.

    In a JPEG, whose black is not quite 0, from 128 on.

    Raises:
        DataError: As for `read_image`.
    """
    return _decode(source, _marked)


def image_size(path: Path) -> tuple[int, int]:
    """Height and width in pixels after EXIF rotation, from the file's header only.

    Raises:
        DataError: The header cannot be read.
    """
    return _decode(path, _upright_size)


def _decode(source: ImageSource, convert):  # noqa: ANN001, ANN202 - returns what convert does
    name = _name(source)
    try:
        with _open(source) as image:
            return convert(image)
    except TypeError:
        raise
    except DataError as error:
        raise DataError(f"{name}: {error}") from None
    except Exception as error:  # decoders raise nearly anything on damaged bytes
        raise DataError(f"{name} must be a readable picture: {_reason(error, source)}") from error


def _name(source: ImageSource) -> str:
    if isinstance(source, Path | str):
        return str(source)
    return "PIL image" if isinstance(source, Image.Image) else "image bytes"


def _open(source: ImageSource) -> Image.Image:
    if isinstance(source, Image.Image):
        return source.copy()  # leaving the `with` closes the copy, not the caller's image
    if isinstance(source, bytes | bytearray | memoryview):
        return Image.open(io.BytesIO(source))
    if isinstance(source, Path | str):
        return Image.open(source)
    raise TypeError(
        "an image must be a path, a PIL image, an array or encoded bytes, "
        f"got {type(source).__name__}"
    )


def _reason(error: Exception, source: ImageSource) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, IsADirectoryError):
        return "it is a folder"
    if (
        isinstance(source, Path | str)
        and Path(source).is_file()
        and not Path(source).stat().st_size
    ):
        return "the file is empty"
    if isinstance(error, Image.UnidentifiedImageError):
        return "no picture format recognised"
    return str(error) or type(error).__name__


def _rgb(image: Image.Image) -> NDArray[np.uint8]:
    image = ImageOps.exif_transpose(image)
    if image.mode in _SIXTEEN_BIT:
        return _from_array(_as_uint16(image), "16-bit picture")
    if image.mode == "F":
        return _from_array(np.asarray(image), "float picture")
    if image.mode in {"P", "PA"}:
        image = image.convert("RGBA")  # straight to RGB, Pillow warns of palette transparency
    return np.array(image.convert("RGB"))


def _as_uint16(image: Image.Image) -> NDArray[np.uint16]:
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65535:
        raise DataError(
            "integer pixels must be in [0, 65535], "
            f"got {values.min()} to {values.max()}; rescale the file to 8 or 16 bits"
        )
    return values.astype(np.uint16)


def _from_array(values: NDArray, name: str) -> NDArray[np.uint8]:
    if values.ndim == 2:
        values = values[..., None]
    if values.ndim != 3 or values.shape[2] not in (1, 3, 4) or values.size == 0:
        raise DataError(
            f"{name} must have shape (H, W), (H, W, 3) or (H, W, 4), got {values.shape}"
        )
    pixels = _eight_bit(values[..., :3], name)
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))


def _eight_bit(values: NDArray, name: str) -> NDArray[np.uint8]:
    if values.dtype == np.uint8:
        return values
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * 255
    if values.dtype == np.uint16:
        return np.round(values / 257).astype(np.uint8)  # 65535 = 255 * 257
    if not np.issubdtype(values.dtype, np.floating):
        raise DataError(f"{name} must be uint8, uint16, bool or float, got {values.dtype}")
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
        low, high = values.min(), values.max()
        raise DataError(f"{name} of floats must be in [0, 1], got {low:g} to {high:g}; rescale it")
    return np.round(values * 255).astype(np.uint8)


def _marked(image: Image.Image) -> NDArray[np.bool_]:
    least = 128 if image.format == "JPEG" else 1
    image = ImageOps.exif_transpose(image)
    if image.mode in {"1", "L", "P", "F"} | _SIXTEEN_BIT:
        return np.asarray(image).astype(float) >= least if image.mode != "1" else np.array(image)
    return np.asarray(image.convert("RGB")).max(axis=2) >= least


def _upright_size(image: Image.Image) -> tuple[int, int]:
    width, height = image.size
    turned = image.getexif().get(_ORIENTATION, 1) >= 5
    return (width, height) if turned else (height, width)

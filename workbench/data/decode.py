"""One picture, from wherever it comes, as RGB uint8 at its own size.

Cameras and archives leave 16-bit, CMYK, palette, rotated and transparent files behind; a
detector sees none of that. Alpha is dropped, not blended: what lies under it was photographed.
Of a file with several pages the first is read. Files are opened by an explicit list of formats,
and decoded within a limit of pixels that all threads share.
"""

import io
import os
import stat
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from workbench.errors import DataError

_COMMON = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".bmp", ".dib", ".gif", ".tif")
_HEIF = (".heic", ".heif", ".hif")
SUFFIXES = frozenset({*_COMMON, ".tiff", ".webp", ".jp2", ".j2k", ".jpx", ".avif", *_HEIF})
"""File name endings that count as pictures, in lower case."""

ImageSource = Path | str | bytes | bytearray | memoryview | Image.Image | NDArray
T = TypeVar("T")

WHITE = 65535  # what is white in 16 bits, unless a smaller range was found to be in use
LIMIT = "WORKBENCH_MAX_MEGAPIXELS"
MEGAPIXELS = 89.0  # a picture; decoding one takes about 11 bytes a pixel
_PLUGINS = ("Jpeg", "Png", "Bmp", "Gif", "Tiff", "WebP", "Jpeg2K", "Avif")
_FORMATS = ("JPEG", "PNG", "BMP", "DIB", "GIF", "TIFF", "WEBP", "JPEG2000", "AVIF")
_ORIENTATION = 0x0112  # EXIF tag; 5 to 8 are turned by 90 degrees
_SIXTEEN_BIT = {"I", "I;16", "I;16L", "I;16B", "I;16N"}
_DEPTHS = (8, 10, 12, 14, 16)
_PAGED = {"TIFF", "GIF", "WEBP", "AVIF", "MPO"}


class Header(NamedTuple):
    """What a file says of its picture: size in pixels once upright, format, bits, pages.

    `bits` are those of a channel as stored; 16-bit colour, of which Pillow reads the upper 8
    bits only, is 48.
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
    if isinstance(source, np.ndarray):
        return _from_array(source, "array", white)
    return decoded(source, lambda image: _rgb(image, white))


def decoded(source: ImageSource, convert: Callable[[Image.Image], T]) -> T:
    """What `convert` makes of an opened picture, within the limit of pixels.

    Raises:
        DataError: As for `read_image`.
    """

    def within(image: Image.Image) -> T:
        with _room(image.width * image.height):
            return convert(image)

    return _opened(source, within)


def header(source: ImageSource) -> Header:
    """What the file's header says, without decoding its pixels.

    Raises:
        DataError: The header cannot be read.
    """
    return _opened(source, _header)


def image_size(path: Path) -> tuple[int, int]:
    """Height and width in pixels after EXIF rotation, from the file's header only.

    Raises:
        DataError: The header cannot be read.
    """
    return _opened(path, _upright_size)


def white_level(sources: Iterable[ImageSource]) -> int:
    """The value that is white in the range that 16-bit pictures make use of: 10, 12, 14 bits.

    65535 where there is no such picture, or the whole range is in use. Pictures that cannot be
    read are passed over.

    Example:
        >>> white_level([np.full((2, 2), 900, np.uint16)]), white_level([np.zeros((2, 2, 3))])
        (1023, 65535)
    """
    top = max(map(_highest, sources), default=-1)
    if top < 0:
        return WHITE
    return next(2**bits - 1 for bits in _DEPTHS if top < 2**bits)


def max_pixels() -> int:
    """Pixels that a picture may have: `$WORKBENCH_MAX_MEGAPIXELS` million, by default 89.

    Raises:
        ValueError: The variable is no number above 0.
    """
    given = os.environ.get(LIMIT, "") or str(MEGAPIXELS)
    try:
        limit = float(given) * 1e6
    except ValueError:
        limit = 0.0
    if not 0 < limit < float("inf"):
        raise ValueError(f"{LIMIT} must be a number of megapixels above 0, got {given!r}")
    return int(limit)


def _highest(source: ImageSource) -> int:
    """The highest value of a 16-bit picture; -1 of others."""
    try:
        if isinstance(source, np.ndarray):
            return int(source.max()) if source.dtype == np.uint16 and source.size else -1
        if _opened(source, lambda image: image.mode not in _SIXTEEN_BIT):
            return -1
        return decoded(source, lambda image: int(_as_uint16(image).max()))
    except DataError:
        return -1


def _opened(source: ImageSource, use: Callable[[Image.Image], T]) -> T:
    name = _name(source)
    try:
        with _open(source) as image:
            _refuse_large(image.width, image.height)
            return use(image)
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
        start = bytes(source[:16])
        return _parsed(io.BytesIO(source), start[4:8] == b"ftyp" and start[8:12] != b"avif")
    if isinstance(source, str) and "://" in source:
        return _open(_fetched(source))
    if isinstance(source, Path | str):
        mode = os.stat(source).st_mode  # noqa: PTH116 - half the time of a Path
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise DataError("a pipe or device is never opened; name a file")
        return _parsed(source, str(source).lower().endswith(_HEIF))
    raise TypeError(
        "an image must be a path, a PIL image, an array or encoded bytes, "
        f"got {type(source).__name__}"
    )


def _fetched(url: str) -> bytes:
    import fsspec  # s3://, gs:// and others, where their packages are installed

    with fsspec.open(url, "rb") as file:
        return file.read()


_opening = threading.Lock()


def _parsed(source: Path | str | io.BytesIO, heif: bool) -> Image.Image:
    formats = (*_formats(), "HEIF") if heif and _heif_plugin() else _formats()
    with _opening:  # Pillow's own limit is less clear than ours, and for all of the process
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(source, formats=formats)
        finally:
            Image.MAX_IMAGE_PIXELS = limit


@cache
def _formats() -> tuple[str, ...]:
    """The formats that are read: none that runs a program, as EPS does."""
    for plugin in _PLUGINS:
        with suppress(ImportError):  # AVIF came to Pillow late
            import_module(f"PIL.{plugin}ImagePlugin")
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def _heif_plugin() -> bool:
    """Let Pillow read HEIC, which needs a package of its own."""
    try:
        import pillow_heif
    except ImportError:
        raise DataError(
            "HEIC needs a plugin: pip install 'workbench[heif]', or save it as JPEG or PNG"
        ) from None
    pillow_heif.register_heif_opener()
    return True


def _refuse_large(width: int, height: int) -> None:
    limit = max_pixels()
    if width * height > limit:
        raise DataError(
            f"{width:,} x {height:,} pixels are {width * height / 1e6:.0f} megapixels, and the "
            f"limit is {limit / 1e6:g}, so that no file fills the memory (about 11 bytes a pixel "
            f"while decoding); set {LIMIT}={-(-width * height // 1_000_000)} to read it, or cut it"
        )


class _Pixels:
    """Pixels being decoded in all threads."""

    def __init__(self) -> None:
        self.taken, self.changed = 0, threading.Condition()


_pixels = _Pixels()


@contextmanager
def _room(pixels: int) -> Iterator[None]:
    """Wait until so many pixels more fit under the limit; a single picture always does."""
    limit = max_pixels()
    with _pixels.changed:
        _pixels.changed.wait_for(lambda: not _pixels.taken or _pixels.taken + pixels <= limit)
        _pixels.taken += pixels
    try:
        yield
    finally:
        with _pixels.changed:
            _pixels.taken -= pixels
            _pixels.changed.notify_all()


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


def _rgb(image: Image.Image, white: int) -> NDArray[np.uint8]:
    ImageOps.exif_transpose(image, in_place=True)
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
    if values.ndim == 2:
        values = values[..., None]
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


def _header(image: Image.Image) -> Header:
    tiles = getattr(image, "tile", ())
    raw = str(tiles[0].args) if tiles else ""
    deep = image.mode in {"RGB", "RGBA"} and ";16" in raw
    bits = 48 if deep else 16 if image.mode in _SIXTEEN_BIT else 32 if image.mode == "F" else 8
    pages = getattr(image, "n_frames", 1) if image.format in _PAGED else 1
    return Header(*_upright_size(image), image.format or "", bits, pages)


def _upright_size(image: Image.Image) -> tuple[int, int]:
    width, height = image.size
    turned = image.getexif().get(_ORIENTATION, 1) >= 5
    return (width, height) if turned else (height, width)

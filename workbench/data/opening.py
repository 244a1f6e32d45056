"""Files opened as pictures: by an explicit list of formats, within a limit of pixels.

The limit is shared by all threads, so that no file and no number of files fills the memory.
"""

import io
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from math import prod
from pathlib import Path

from numpy.typing import NDArray
from PIL import Image

from workbench.errors import DataError

_HEIF = (".heic", ".heif", ".hif")
_COMMON = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".bmp", ".dib", ".gif", ".tif")
SUFFIXES = frozenset({*_COMMON, ".tiff", ".webp", ".jp2", ".j2k", ".jpx", ".avif", *_HEIF})
"""File name endings that count as pictures, in lower case."""

Opened = Path | str | bytes | bytearray | memoryview | Image.Image
ImageSource = Opened | NDArray

LIMIT = "WORKBENCH_MAX_MEGAPIXELS"
MEGAPIXELS = 89.0  # a picture; decoding one takes 7 to 20 bytes a pixel
_FORMATS = ("JPEG", "PNG", "BMP", "DIB", "GIF", "TIFF", "WEBP", "JPEG2000", "AVIF")


def is_remote(place: Path | str) -> bool:
    """Whether it is an address that fsspec reads, as s3://bucket/line3."""
    return "://" in str(place)


@contextmanager
def opened(source: ImageSource, *, decodes: bool = False) -> Iterator[Image.Image]:
    """An opened picture, within the limit of pixels where it `decodes`; closed in the end.

    Raises:
        DataError: Also of whatever a decoder raises below `with`.
    """
    if not isinstance(source, Path | str | bytes | bytearray | memoryview | Image.Image):
        raise TypeError(
            "an image must be a path, a PIL image, an array or encoded bytes, "
            f"got {type(source).__name__}"
        )
    path = source if isinstance(source, Path | str) else ""
    name = str(path) or ("PIL image" if isinstance(source, Image.Image) else "image bytes")
    try:
        with ExitStack() as held:
            if isinstance(source, str) and is_remote(source):
                source = fetched(source)
            if early := _webp_size(_start(source)):  # opening such a file takes its memory
                _refuse_large(*early)
                held.enter_context(_room(prod(early)))
            with _open(source) as image:
                _refuse_large(image.width, image.height)
                if decodes and not early:
                    held.enter_context(_room(image.width * image.height))
                yield image
    except DataError as error:
        raise DataError(f"{name}: {error}") from None
    except Exception as error:  # decoders raise nearly anything on damaged bytes
        reason = str(error) or type(error).__name__
        if isinstance(error, FileNotFoundError):
            reason = "no such file"
        elif isinstance(error, IsADirectoryError):
            reason = "it is a folder"
        elif os.path.isfile(path) and not os.path.getsize(path):  # noqa: PTH113, PTH202
            reason = "the file is empty"
        elif isinstance(error, Image.UnidentifiedImageError):
            reason = "no picture format recognised"
        raise DataError(f"{name} must be a readable picture: {reason}") from error


def max_pixels() -> int:
    """Pixels that a picture may have: `$WORKBENCH_MAX_MEGAPIXELS` million, by default 89."""
    given = os.environ.get(LIMIT, "") or str(MEGAPIXELS)
    try:
        limit = float(given) * 1e6
    except ValueError:
        limit = 0.0
    if not 0 < limit < float("inf"):
        raise ValueError(f"{LIMIT} must be a number of megapixels above 0, got {given!r}")
    return int(limit)


def _open(source: Opened) -> Image.Image:
    if isinstance(source, Image.Image):
        return source.copy()  # leaving the `with` closes the copy, not the caller's image
    if isinstance(source, Path | str):
        return _parsed(source, str(source).lower().endswith(_HEIF))
    start = bytes(source[:16])
    return _parsed(io.BytesIO(source), start[4:8] == b"ftyp" and start[8:12] != b"avif")


def fetched(address: str) -> bytes:
    """The content of the file at an address."""
    import fsspec  # s3://, gs:// and others, where their packages are installed

    with fsspec.open(address, "rb") as file:
        return file.read()


def _start(source: Opened) -> bytes:
    """The first bytes of a file."""
    if isinstance(source, Image.Image):
        return b""
    if not isinstance(source, Path | str):
        return bytes(source[:30])
    mode = os.stat(source).st_mode  # noqa: PTH116 - half the time of a Path
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise DataError("a pipe or device is never opened; name a file")
    with open(source, "rb") as file:  # noqa: PTH123 - likewise
        return file.read(30)


def _webp_size(start: bytes) -> tuple[int, int] | None:
    """Width and height of a WebP file, of which Pillow takes the memory when it is opened."""
    if start[:4] != b"RIFF" or start[8:12] != b"WEBP" or len(start) < 30:
        return None
    if start[12:16] == b"VP8X":
        return 1 + _little(start[24:27]), 1 + _little(start[27:30])
    if start[12:16] == b"VP8L":
        bits = _little(start[21:25])
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return _little(start[26:28]) & 0x3FFF, _little(start[28:30]) & 0x3FFF


def _little(number: bytes) -> int:
    return int.from_bytes(number, "little")


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
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)  # AVIF came to Pillow late


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
    if width * height > (limit := max_pixels()):
        raise DataError(
            f"{width:,} x {height:,} pixels are {width * height / 1e6:.0f} megapixels, and the "
            f"limit is {limit / 1e6:g}, so that no file fills the memory (up to 20 bytes a pixel "
            f"while decoding); set {LIMIT}={-(-width * height // 1_000_000)} to read it, or cut it"
        )


class _Pixels:
    """Pixels being decoded in all threads."""

    taken = 0
    changed = threading.Condition()


@contextmanager
def _room(pixels: int) -> Iterator[None]:
    """Wait until so many pixels more fit under the limit; a single picture always does."""
    limit = max_pixels()
    with _Pixels.changed:
        _Pixels.changed.wait_for(lambda: not _Pixels.taken or _Pixels.taken + pixels <= limit)
        _Pixels.taken += pixels
    try:
        yield
    finally:
        with _Pixels.changed:
            _Pixels.taken -= pixels
            _Pixels.changed.notify_all()

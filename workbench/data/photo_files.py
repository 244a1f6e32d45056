"""The files below a folder, before anything is said of them: pictures, and those that are none."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import DataError

from .decode import SUFFIXES
from .walk import BadFile, Found, spelled, walk

EXPECTED = (
    "OK/ and NG/, or train/good/ and test/<kind>/ (MVTec AD), or pictures side by side, "
    "or a CSV of file name and label"
)
_CAMERA_RAW = {".cr2", ".cr3", ".nef", ".arw", ".dng", ".raw", ".orf", ".rw2"}
_UNREAD = _CAMERA_RAW | {".psd", ".svg", ".pdf", ".eps", ".ppm", ".pgm", ".tga", ".jxl", ".ico"}


@dataclass
class Files:
    """What lies below the root: pictures, and the files that are none."""

    root: Path
    pictures: list[str]
    others: list[str]
    left: list[BadFile]


def read_files(root: Path) -> Files:
    """Walk through a folder once.

    Raises:
        DataError: There is no such folder, or it cannot be read.
    """
    if not root.is_dir():
        raise DataError(f"{root} must be a folder with {EXPECTED}; there is no such folder")
    left: list[BadFile] = []
    pictures, others = [], []
    seen: dict[tuple[int, int], str] = {}
    try:
        for found in walk(root, left):
            if ending(found.name) not in SUFFIXES:
                others.append(found.name)
            elif first := _first(seen, found):
                left.append(BadFile(found.name, f"the same file as {first}, by a link"))
            else:
                pictures.append(found.name)
    except OSError as error:
        raise DataError(f"{root} must be a folder that can be read: {error.strerror}") from None
    return Files(root, pictures, others, left)


def unread(names: Iterable[str]) -> list[BadFile]:
    """Files that are no pictures, with the remedy for those that people take for pictures."""
    return [BadFile(spelled(name), _why_unread(name)) for name in names]


def _why_unread(name: str) -> str:
    end = ending(name)
    if end in _UNREAD:
        what = "camera raw" if end in _CAMERA_RAW else end.removeprefix(".").upper()
        return f"{what} is not read here; save it as PNG or TIFF"
    return "no picture"


def _first(seen: dict[tuple[int, int], str], found: Found) -> str | None:
    first = seen.setdefault(found.identity, found.name)
    return None if first == found.name else first


def ending(name: str) -> str:
    """The suffix of a name in lower case, "" where it has none."""
    stem, dot, end = name.rpartition("/")[2].rpartition(".")
    return f".{end.lower()}" if stem and dot else ""

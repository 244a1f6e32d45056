"""One walk through a folder of pictures, the same for training, scoring and reports.

Links are followed, loops and what cannot be looked into are named, and names come in one order.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from workbench.errors import DataError

from .opening import SUFFIXES

EXPECTED = (
    "OK/ and NG/, or train/good/ and test/<kind>/ (MVTec AD), or pictures side by side, "
    "or a CSV of file name and label"
)
_CAMERA_RAW = {".cr2", ".cr3", ".nef", ".arw", ".dng", ".raw", ".orf", ".rw2"}
_UNREAD = _CAMERA_RAW | {".psd", ".svg", ".pdf", ".eps", ".ppm", ".pgm", ".tga", ".jxl", ".ico"}
_BOOKS = {".xlsx", ".xlsm", ".xls", ".ods"}
_Identity = tuple[int, int]


class BadFile(NamedTuple):
    """A file or folder that was left out: its name below the root, and why."""

    name: str
    reason: str


@dataclass
class Files:
    """What lies below the root: names of pictures and of other files, and what is left alone."""

    root: Path
    pictures: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    left: list[BadFile] = field(default_factory=list)


def read_files(root: Path) -> Files:
    """Walk through a folder once, folder by folder, sorted by name; links are followed.

    Left alone are unreadable folders, dangling links, links into a folder they lie in and to
    pictures seen before, pipes and devices, names that are not UTF-8, and hidden files.
    """
    if not root.is_dir():
        raise DataError(f"{root} must be a folder with {EXPECTED}; there is no such folder")
    files, seen = Files(root), dict[_Identity, str]()
    try:
        about = root.stat()
        for name, identity in _walk(files, "", ((about.st_dev, about.st_ino),)):
            if ending(name) not in SUFFIXES:
                files.others.append(name)
            elif (first := seen.setdefault(identity, name)) != name:
                files.left.append(BadFile(name, f"the same file as {first}, by a link"))
            else:
                files.pictures.append(name)
    except OSError as error:
        raise DataError(f"{root} must be a folder that can be read: {error.strerror}") from None
    return files


def unread(names: Iterable[str]) -> list[BadFile]:
    """Files that are no pictures, with the remedy for those that people take for pictures."""
    return [BadFile(_spelled(name), _why_unread(name)) for name in names]


def ending(name: str) -> str:
    """The suffix of a name in lower case, "" where it has none."""
    stem, dot, end = name.rpartition("/")[2].rpartition(".")
    return f".{end.lower()}" if stem and dot else ""


def listed(bad: Iterable[BadFile], most: int = 10) -> str:
    """The first files with their reasons, for a message."""
    bad = list(bad)
    shown = "; ".join(f"{name} ({reason})" for name, reason in bad[:most])
    return shown + (f"; and {len(bad) - most} more" if len(bad) > most else "")


def _walk(
    files: Files, below: str, above: tuple[_Identity, ...]
) -> Iterator[tuple[str, _Identity]]:
    """Every regular file below a folder, and what it is on the disk."""
    with os.scandir(f"{os.fspath(files.root)}/{below}") as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        name, left = below + entry.name, files.left
        if reason := _unnamed(entry.name):
            left.append(BadFile(_spelled(name), reason))
            continue
        try:
            if not entry.is_symlink() and entry.is_file():
                yield name, (above[-1][0], entry.inode())
                continue
            about = entry.stat()
            identity = (about.st_dev, about.st_ino)
            if stat.S_ISREG(about.st_mode):
                yield name, identity
            elif not stat.S_ISDIR(about.st_mode):
                kind = "a named pipe" if stat.S_ISFIFO(about.st_mode) else "a device or socket"
                left.append(BadFile(name, f"{kind}, which is never opened"))
            elif identity in above:
                left.append(BadFile(f"{name}/", "a link to a folder that it lies in: a loop"))
            else:
                yield from _walk(files, f"{name}/", (*above, identity))
        except FileNotFoundError:
            left.append(BadFile(name, "a link to something that is not there"))
        except OSError as error:
            reason = f"cannot be read: {error.strerror or error}"
            left.append(BadFile(f"{name}/" if entry.is_dir() else name, reason))


def _unnamed(name: str) -> str:
    if name.startswith((".", "__MACOSX")) or name in ("Thumbs.db", "desktop.ini"):
        return "hidden"
    try:
        name.encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8; rename it, as with convmv -f cp949 -t utf-8 --notest"
    return ""


def _why_unread(name: str) -> str:
    end = ending(name)
    if end in _UNREAD:
        what = "camera raw" if end in _CAMERA_RAW else end.removeprefix(".").upper()
        return f"{what} is not read here; save it as PNG or TIFF"
    if end in _BOOKS:
        return "a workbook; if it has labels, save it as CSV"
    return "no picture"


def _spelled(name: str) -> str:
    r"""A name that can be printed and encoded: bytes that are not UTF-8 as \xNN."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")

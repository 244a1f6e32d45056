"""One walk through a folder of pictures, the same for training, scoring and reports.

Links are followed, loops and what cannot be looked into are named, and names come in one order.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class BadFile(NamedTuple):
    """A file or folder that was left out: its name below the root, and why."""

    name: str
    reason: str


class Found(NamedTuple):
    """A file: its name below the root as a posix path, and what it is on the disk."""

    name: str
    identity: tuple[int, int]


def walk(root: Path | str, left: list[BadFile] | None = None) -> Iterator[Found]:
    """Yield every regular file below a folder, folder by folder, sorted by name.

    Args:
        root: The folder; links to files and folders are followed.
        left: Is added what is not yielded: unreadable folders, dangling links, links into a
            folder they lie in, pipes and devices, names that are not UTF-8, hidden files.

    Raises:
        OSError: The root itself cannot be read.

    Example:
        >>> [found.name for found in walk(Path(__file__).parent) if "walk" in found.name][0]
        'walk.py'
    """
    left = [] if left is None else left
    about = Path(root).stat()
    yield from _walk(os.fspath(root), "", ((about.st_dev, about.st_ino),), left)


def spelled(name: str) -> str:
    r"""A name that can be printed and encoded: bytes that are not UTF-8 as \xNN."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _walk(
    root: str, below: str, above: tuple[tuple[int, int], ...], left: list[BadFile]
) -> Iterator[Found]:
    with os.scandir(f"{root}/{below}") as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        name = below + entry.name
        if reason := _unnamed(entry.name):
            left.append(BadFile(spelled(name), reason))
            continue
        try:
            if not entry.is_symlink() and entry.is_file():
                yield Found(name, (above[-1][0], entry.inode()))
                continue
            about = entry.stat()
            identity = (about.st_dev, about.st_ino)
            if stat.S_ISREG(about.st_mode):
                yield Found(name, identity)
            elif not stat.S_ISDIR(about.st_mode):
                kind = _KINDS.get(stat.S_IFMT(about.st_mode), "no regular file")
                left.append(BadFile(name, f"{kind}, which is never opened"))
            elif identity in above:
                left.append(BadFile(f"{name}/", "a link to a folder that it lies in: a loop"))
            else:
                yield from _walk(root, f"{name}/", (*above, identity), left)
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

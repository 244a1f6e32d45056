"""A photo is its content first and its name second: copies found, and photos known again."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from .words import folded

_ENDS = 4096  # bytes at either end that are compared before a whole file is read


class Known(NamedTuple):
    """Photos of a training as they are found later: names then, or pairs of then and now."""

    splits: dict[str, str]  # of each photo that is here now and was known then, by name now
    missing: tuple[str, ...] = ()  # gone, with their content
    changed: tuple[str, ...] = ()  # whose content is another one now
    moved: tuple[tuple[str, str], ...] = ()  # name then and name now of the same content
    copies: tuple[str, ...] = ()  # further photos with the content of a known one

    def describe(self) -> str:
        """One sentence on what is not as it was in training; "" where all is."""
        words = ("missing", "changed since", "moved or renamed", "copied")
        said = [f"{len(names):,} {what}" for names, what in zip(self[1:], words, strict=True)
                if names]  # fmt: skip
        return f"of the photos trained with, {', '.join(said)}" if said else ""


def copies(paths: Sequence[Path]) -> list[list[int]]:
    """Positions of files with equal bytes, groups of two and more.

    Whole files are read only where size and both ends agree.
    """
    groups: list[list[int]] = [list(range(len(paths)))]
    for key in (_size, _ends, digest):
        groups = [part for group in groups for part in _parts(group, lambda i: key(paths[i]))]  # noqa: B023
    return groups


def contents(root: Path, names: Sequence[str]) -> dict[str, list[Any]]:
    """Size in bytes, time of change in ns and SHA-256 of each photo, by name; fit for JSON."""

    def about(name: str) -> list[Any] | None:
        found = _stat(root / name)
        return found and [found.st_size, found.st_mtime_ns, digest(root / name)]

    with ThreadPoolExecutor(4) as pool:
        pairs = zip(names, pool.map(about, names), strict=True)
        return {name: known for name, known in pairs if known}


def recognise(
    root: Path,
    names: Sequence[str],
    split: Mapping[str, str],
    saved: Mapping[str, Sequence[Any]],
) -> Known:
    """Find the photos of a training again: by name, by name in another spelling, by content.

    A photo whose content was trained with has that photo's split, whatever its name; one whose
    name was trained with keeps it, even if it has changed. `saved` is as from `contents`; empty
    for older models, whose photos are recognised by name alone.
    """
    here, spelt = set(names), defaultdict(list)
    for name in names:
        spelt[folded(name)].append(name)
    alike = {key: found[0] for key, found in spelt.items() if len(found) == 1}
    now_of = {old: old if old in here else alike.get(folded(old)) for old in split}
    back = {now: old for old, now in now_of.items() if now}
    sizes, by_content = {about[0] for about in saved.values()}, {v[2]: n for n, v in saved.items()}
    with ThreadPoolExecutor(4) as pool:
        read = pool.map(lambda n: _content(root / n, saved.get(back.get(n, "")), sizes), names)
        digests = dict(zip(names, read, strict=True))
    at_home = {old for now, old in back.items() if old in saved and saved[old][2] == digests[now]}
    splits: dict[str, str] = {}
    changed: list[str] = []
    moved: list[tuple[str, str]] = []
    copied: list[tuple[str, str]] = []
    for name in names:
        old, origin = back.get(name), by_content.get(digests[name])
        if old in at_home or (old and not saved):
            splits[name] = split[str(old)]
        elif origin is not None:
            splits[name] = split[origin]
            (copied if origin in at_home else moved).append((origin, name))
        elif old:
            splits[name] = split[old]
            changed.append(old)
    first = dict(reversed(moved))  # further ones of the same origin are copies
    further = tuple(now for old, now in (*copied, *moved) if first.get(old) != now)
    missing = tuple(sorted(set(split) - {*back.values(), *first}))
    return Known(splits, missing, tuple(changed), tuple(first.items()), further)


def digest(path: Path) -> str:
    """SHA-256 of a file; "" where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _parts(group: Sequence[int], key: Callable[[int], Hashable]) -> list[list[int]]:
    found: dict[Hashable, list[int]] = defaultdict(list)
    for i in group:
        if value := key(i):
            found[value].append(i)
    return [part for part in found.values() if len(part) > 1]


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _size(path: Path) -> int:
    about = _stat(path)
    return about.st_size if about else 0


def _ends(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            start = file.read(_ENDS)
            file.seek(-min(_ENDS, file.seek(0, os.SEEK_END)), os.SEEK_END)
            return start + file.read()
    except OSError:
        return b""


def _content(path: Path, saved: Sequence[Any] | None, sizes: set[int]) -> str:
    """The digest of a file if it may be a known one, else ""; untouched files are not read."""
    if (about := _stat(path)) is None:
        return ""
    if saved and [about.st_size, about.st_mtime_ns] == list(saved[:2]):
        return str(saved[2])
    return digest(path) if about.st_size in sizes else ""

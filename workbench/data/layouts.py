"""Which file is what in a folder of pictures: OK/NG, MVTec AD, or flat.

A layout is recognised by its sub-folders, in any case of letters; every function here reads
names only and opens no picture.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from workbench.errors import DataError

from .decode import SUFFIXES

EXPECTED = "OK/ and NG/, or train/good/ and test/<kind>/ (MVTec AD), or pictures side by side"


class Entry(NamedTuple):
    """One picture; `split` is "" where it is still to be drawn."""

    path: Path
    ng: bool | None
    kind: str
    split: str
    mask: Path | None = None


def read_layout(root: Path) -> tuple[list[Entry], bool]:
    """The pictures below `root`, sorted by name, and whether the folder has ground truth.

    Raises:
        DataError: There is no such folder, or no picture in a known layout.
    """
    if not root.is_dir():
        raise DataError(f"{root} must be a folder with {EXPECTED}; there is no such folder")
    for layout in (_ok_ng, _mvtec, _flat):
        entries = layout(root)
        if entries:
            named = sorted(entries, key=lambda entry: entry.path.relative_to(root).as_posix())
            return named, bool(_children(root, "masks", "mask", "ground_truth"))
    raise DataError(
        f"{root} must hold {EXPECTED}; found {_found(root)}. "
        f"pictures end in {' '.join(sorted(SUFFIXES))}"
    )


def _ok_ng(root: Path) -> list[Entry]:
    good = [Entry(path, False, "good", "") for path in _below(root, "ok")]
    bad = list(_below(root, "ng"))
    masks = _masks(root, "masks", "mask")
    kinds = _kinds(root, bad)
    return good + [
        Entry(path, True, kind, "test", _mask_of(path.relative_to(root), masks))
        for path, kind in zip(bad, kinds, strict=True)
    ]


def _mvtec(root: Path) -> list[Entry]:
    entries = [
        Entry(path, False, "good", "")
        for train in _children(root, "train")
        for path in _below(train, "good")
    ]
    masks = _masks(root, "ground_truth")
    for test in _children(root, "test"):
        for path in _pictures(test):
            name = path.relative_to(test)
            kind = name.parts[0] if len(name.parts) > 1 else "defect"
            good = kind.lower() == "good"
            mask = None if good else _mask_of(path.relative_to(root), masks)
            entries.append(Entry(path, not good, "good" if good else kind, "test", mask))
    return entries


def _flat(root: Path) -> list[Entry]:
    return [Entry(path, None, "", "test") for path in root.iterdir() if _is_picture(path, root)]


def _kinds(root: Path, paths: list[Path]) -> list[str]:
    """NG sub-folder; else the letters before the first "_", if they sort all into groups."""
    names = [path.relative_to(root).parts[1:] for path in paths]
    prefixes = [re.match(r"([^\W\d_]+)_", parts[-1]) for parts in names]
    loose = [
        p and p[1].lower() for p, parts in zip(prefixes, names, strict=True) if len(parts) == 1
    ]
    groups = Counter(loose)
    grouped = len(groups) >= 2 and None not in groups and min(groups.values()) >= 2
    rest = iter(loose if grouped else ["defect"] * len(loose))
    return [parts[0] if len(parts) > 1 else next(rest) for parts in names]


def _masks(root: Path, *folders: str) -> dict[str, Path]:
    """Ground truth by "kind/stem" and by "stem", without a trailing "_mask"."""
    masks: dict[str, Path] = {}
    for folder in _children(root, *folders):
        for path in _pictures(folder):
            key = _key(path.relative_to(folder)).removesuffix("_mask")
            masks[key] = path
            masks.setdefault(key.rpartition("/")[2], path)
    return masks


def _mask_of(name: Path, masks: dict[str, Path]) -> Path | None:
    """The mask of NG/[kind/]stem.jpg or test/kind/stem.jpg, its own kind's before another's."""
    inner = Path(*name.parts[1:])
    in_kind = masks.get(_key(inner))
    # under test/ a stem such as 000 occurs once per kind, so it alone proves nothing
    return in_kind or (
        masks.get(_key(Path(inner.name))) if name.parts[0].lower() == "ng" else None
    )


def _key(name: Path) -> str:
    """Composed letters: a file system may hand out one name in two spellings."""
    return unicodedata.normalize("NFC", name.with_suffix("").as_posix())


def _children(root: Path, *names: str) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.name.lower() in names and path.is_dir())


def _below(root: Path, name: str) -> Iterator[Path]:
    for folder in _children(root, name):
        yield from _pictures(folder)


def _pictures(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if _is_picture(path, folder))


def _is_picture(path: Path, root: Path) -> bool:
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.relative_to(root).parts)
    return not hidden and path.suffix.lower() in SUFFIXES and path.is_file()


def _found(root: Path) -> str:
    seen = sorted(path for path in root.iterdir() if not path.name.startswith("."))
    folders = [f"{path.name}/" for path in seen if path.is_dir()]
    files = f"{len(seen) - len(folders)} other files"
    return ", ".join([*folders[:8], *(["..."] if len(folders) > 8 else []), files])

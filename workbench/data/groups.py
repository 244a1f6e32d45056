"""Several photos of one part: which belong together, so that a split divides no part."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from workbench.errors import DataError

from .label_table import Paths, read_table
from .layouts import Entry
from .splits import by_hash
from .words import word

Groups = str | Path | Mapping[str, str]
PART = "{part}"


def read_groups(given: Groups, root: Path, names: Sequence[str]) -> list[str]:
    """The part that each photo shows; "" for a photo that stands by itself.

    `given` is "folder": the folder that a photo lies in, unless it is that of a label; a pattern
    such as "{part}_cam*" for the file name's stem, or a regular expression with one group; a CSV
    of file name and part, in `root` or beside it; or names to parts.

    Example:
        >>> read_groups("{part}_cam*", Path("lot"), ["OK/17_cam1.png", "OK/17_cam2.png"])
        ['17', '17']
    """
    if isinstance(given, Mapping):
        return [str(given.get(name, "")) for name in names]
    if given == "folder":
        return [_folder(name) for name in names]
    if Path(given).suffix.lower() in (".csv", ".tsv", ".txt"):
        return _of_file(Path(given), root, names)
    pattern = _pattern(str(given))
    found = [pattern.search(PurePosixPath(name).stem) for name in names]
    if not any(found):
        raise ValueError(f"groups={given!r} must fit file names such as {_some(names)}; none does")
    return [match[1] if match else "" for match in found]


def draw(
    entries: Sequence[Entry], *, seed: int, calibration: float, test: float
) -> tuple[str, ...]:
    """One split an entry; photos of one part share it.

    What the layout says stays; the rest is drawn by the hash of the part, or of the name. A
    part with an NG photo is all test, as NG photos are.
    """
    keys = [f"part {entry.group}" if entry.group else entry.name for entry in entries]
    own = {e.split for e in entries if e.ng is False}
    drawn = [i for i, e in enumerate(entries) if e.ng is False and e.split in ("", "train")]
    tested = {keys[i] for i, e in enumerate(entries) if e.split == "test"}
    _refuse_divided(entries, keys, tested)
    names = list(dict.fromkeys(keys[i] for i in drawn if keys[i] not in tested))
    calibration = 0.0 if "calibration" in own else calibration
    split = by_hash(names, seed=seed, calibration=calibration, test=0.0 if "test" in own else test)
    of = dict(zip(names, split.tolist(), strict=True))
    by_entry = {i: of[keys[i]] for i in drawn if keys[i] in of}
    return tuple(by_entry.get(i, e.split or "test") for i, e in enumerate(entries))


def together(pairs: Sequence[tuple[int, int]], n: int) -> list[list[int]]:
    """Groups of two and more that pairs tie together.

    Example:
        >>> together([(0, 2), (2, 3)], 5)
        [[0, 2, 3]]
    """
    from scipy.sparse import coo_matrix  # which takes a while to import
    from scipy.sparse.csgraph import connected_components

    first, second = np.array(pairs, int).reshape(-1, 2).T
    tied = coo_matrix((np.ones(len(first)), (first, second)), (n, n))
    found: dict[int, list[int]] = {}
    for i, group in enumerate(connected_components(tied, directed=False)[1].tolist()):
        found.setdefault(group, []).append(i)
    return [group for group in found.values() if len(group) > 1]


def _refuse_divided(entries: Sequence[Entry], keys: Sequence[str], tested: set[str]) -> None:
    every = list(zip(entries, keys, strict=True))
    for entry, key in every:
        if entry.group and entry.split in ("train", "calibration") and key in tested:
            other = next(e for e, k in every if k == key and e.split == "test")
            raise DataError(
                f"a part must be in one split, but part {entry.group} is trained with "
                f"({entry.name}) and tested ({other.name}); move its photos together, or leave "
                "out groups"
            )


def _folder(name: str) -> str:
    folders = PurePosixPath(name).parts[:-1]
    return "/".join(folders) if folders and word(folders[-1]).ng is None else ""


def _of_file(given: Path, root: Path, names: Sequence[str]) -> list[str]:
    path = given if given.is_absolute() or given.is_file() else root / given
    table = read_table(path, ("name", "group"))
    if table is None:
        raise DataError(f"{path} must have the columns file name and group (or part, serial)")
    at = Paths(root, names, path)
    groups = {at.name(row["name"]): row["group"] for row in table.rows}
    if not set(names) & set(groups):
        raise DataError(f"{path} must name photos of {root}, such as {_some(names)}; none is")
    return [groups.get(name, "") for name in names]


def _pattern(given: str) -> re.Pattern[str]:
    text = given
    if PART in given:
        text = "^" + re.escape(given).replace(re.escape(PART), "(.+?)").replace(r"\*", ".*") + "$"
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise ValueError(f"groups={given!r} must be a pattern; {error}") from None
    if pattern.groups != 1:
        raise ValueError(
            f"groups must be a CSV, 'folder', or a pattern with one {PART}, got {given!r}"
        )
    return pattern


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:2])

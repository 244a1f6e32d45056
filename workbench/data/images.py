"""A folder of part photos, read: layout, labels, splits, masks, and what is left out."""

import json
import os
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from workbench.errors import AmbiguousError, DataError
from workbench.progress import bar

from .contents import copies
from .decode import WHITE, Header, header, read_image, white_level
from .folder import ImageFolder
from .groups import Groups, draw, read_groups
from .label_table import find_tables, read_table, read_table_layout
from .layouts import Entry, Layout, Words, nothing_found, read_beside, read_flat, read_folders
from .relabels import read_relabels, relabels_path
from .walk import BadFile, Files, listed, read_files, unread
from .words import amount, folded, word

MARKER = "sample.json"
"""A file of this name in a folder says in its "note" that the data was generated."""

AUTO, FOLDERS, FLAT = "auto", "folders", "flat"
_UNTOLD = ("hidden", "no picture", "a mask", "skipped")  # named by a check, but not warned of

Look = tuple[Header | None, str]
"""The header of a picture, or None and what is wrong with it."""


def load_images(
    root: Path | str,
    *,
    seed: int = 0,
    calibration: float = 0.15,
    test: float = 0.15,
    layout: str | Mapping[str, str] = AUTO,
    groups: Groups | None = None,
    relabels: bool = True,
    white: int | None = None,
    check: bool = True,
    progress: bool = False,
) -> ImageFolder:
    """The pictures of a folder, labelled and split by where they lie or by a table beside them.

    Known are folders of good and NG parts in the words of the trade (see `words.toml`; lots
    above or below them; ground truth in `masks/` or beside the photo), MVTec AD and LOCO, BTAD,
    VisA with its split, KolektorSDD, magnetic tiles, a CSV of file name and label, and a flat
    folder, which is unlabelled and all test. Training and calibration hold OK pictures only.
    A word that is not known is never taken for NG: such pictures are left alone and named.

    Args:
        seed: Another seed, another split.
        calibration: Share of the OK pictures for thresholds; of those under `train/`
            where the layout brings its own test set, none where it brings a validation set.
        test: Share of the OK pictures for the final numbers, unless the layout brings
            its own.
        layout: "auto", "folders" (labels by folders alone), "flat" (all unlabelled), a CSV in or
            beside the folder, or what words mean: {"NG_rework": "NG", "monday": "skip"}, in one
            string "NG_rework=NG,monday=skip"; with a CSV "labels.csv,1=NG,0=OK".
        groups: Which photos show one part, so that no part is in two splits: a CSV, a pattern
            or "folder"; see `workbench.data.groups.read_groups`.
        relabels: Correct labels by `<folder>.relabels.csv`, which inspectors write. Splits are
            drawn by the folder's own labels.
        white: The value that is white in 16-bit pictures; by default the range that those to
            train on make use of, 10, 12, 14 or 16 bits.
        check: Decode every file once, to find truncated ones and masks that do not fit; else
            open headers only.

    Returns:
        The folder without the files that cannot be read: those are named in one warning and
        listed in `.bad`. What is not used is in `.left_alone`; pictures among it are warned of.

    Raises:
        DataError: No such folder, no picture in a known layout, none that can be read, labels
            that contradict each other, a part in two splits, or a relabel file that is damaged.
        ValueError: A share is out of range, or an option is not understood.
    """
    root = Path(root)
    files = read_files(root)
    found = _layout(files, *own_words(layout))
    if groups is not None:
        parts = read_groups(groups, root, [entry.name for entry in found.entries])
        entries = zip(found.entries, parts, strict=True)
        found.entries = [entry._replace(group=part) for entry, part in entries]
    looks = _look_at(root, found.entries, check, progress)
    pairs = list(zip(found.entries, looks, strict=True))
    bad = tuple(BadFile(entry.name, wrong) for entry, (_, wrong) in pairs if wrong)
    if len(bad) == len(looks):
        raise DataError(
            f"{root} must hold readable pictures; all {len(bad)} are bad: {listed(bad)}"
        )
    pages = [  # a camera's MPO has previews behind its photo
        BadFile(entry.name, f"{seen.pages} pages: the first is read; save the others as files")
        for entry, (seen, _) in pairs if seen and seen.pages > 1 and seen.format != "MPO"
    ]  # fmt: skip
    other = {MARKER, found.table, *(file.name for file in files.left)}
    others = [name for name in files.others if name not in other]
    left = (*found.left_alone, *pages, *files.left, *unread(others))
    split = draw(found.entries, seed=seed, calibration=calibration, test=test)
    folder = _folder(root, found, looks, split)
    given = {"layout": layout, "groups": groups, "relabels": relabels}
    usual = {"layout": AUTO, "groups": None, "relabels": True}
    folder = replace(
        folder,
        bad=bad,
        left_alone=left,
        copies=tuple(tuple(folder.names[i] for i in g) for g in copies(folder.paths)),
        reading={key: str(value) if isinstance(value, Path) else value
                 for key, value in given.items() if value != usual[key]},
        note=_note(root),
    )  # fmt: skip
    folder = folder.with_fit_masks() if check else folder
    told = [file for file in left if not file.reason.startswith(_UNTOLD)]
    for what, kind, named in (("out", "bad file", folder.bad), ("alone", "file", told)):
        if named:
            many = amount(len(named), kind)
            warnings.warn(f"{root}: left {what} {many}: {listed(named)}", stacklevel=2)
    folder = _in_range(folder, white)
    relabelled = read_relabels(relabels_path(root)) if relabels else {}
    return folder.relabelled(relabelled) if relabelled and folder.labels is not None else folder


def own_words(layout: str | Mapping[str, str]) -> tuple[str, dict[str, bool | None]]:
    """The way to read a folder, and the user's own words, folded: NG or not, None to skip.

    Example:
        >>> own_words("labels.csv,1=NG,0=OK")
        ('labels.csv', {'1': True, '0': False})
    """
    if not isinstance(layout, str):
        layout = ",".join(f"{key}={value}" for key, value in layout.items())
    mode, words = AUTO, {}
    for item in filter(None, map(str.strip, layout.split(","))):
        said, equals, means = item.rpartition("=")
        if not equals:
            mode = item
            continue
        words[folded(said)] = word(means).ng
        if words[folded(said)] is None and means.strip().lower() != "skip":
            raise ValueError(f"layout must say OK, NG or skip for {said!r}, got {means!r}")
    return mode, words


def _layout(files: Files, mode: str, words: Words) -> Layout:
    if mode == FLAT:
        found = read_flat(files, below=True)
    elif mode in (AUTO, FOLDERS):
        folders = read_folders(files, words)
        tables = find_tables(files) if mode == AUTO else []
        found = _agreed(files, folders, [read_table_layout(files, t, words) for t in tables])
        found = found or read_beside(files) or read_flat(files)
    else:
        return _by_table(files, mode, words)
    if not found:
        raise nothing_found(files)
    return found


def _by_table(files: Files, name: str, words: Words) -> Layout:
    if Path(name).suffix.lower() not in (".csv", ".tsv", ".txt"):
        raise ValueError(
            f"layout must be {AUTO}, {FOLDERS}, {FLAT}, a CSV, or WORD=OK, got {name!r}"
        )
    path = Path(name) if Path(name).is_file() else files.root / name
    table = read_table(path)
    found = table and read_table_layout(files, table, words)
    if not found:
        raise DataError(
            f"{path} must have the columns file name and label, and name photos of {files.root}"
        )
    return found


def _agreed(
    files: Files, folders: Layout | None, tables: Sequence[Layout | None]
) -> Layout | None:
    """The one table's layout, if there is one and the folders do not say otherwise."""
    found = [table for table in tables if table]
    if len(names := sorted({table.table for table in found})) > 1:
        several = ", ".join(f"labels of {name}" for name in names)
        raise AmbiguousError(
            f"{files.root} holds several tables: {several}; choose by layout=FILE",
            {"layout": names[0]},
        )
    if not found:
        return folders
    table, said = found[0], {entry.name: entry.ng for entry in folders.entries} if folders else {}
    other = [e.name for e in table.entries if said.get(e.name, e.ng) is not e.ng]
    if other:
        raise AmbiguousError(
            f"{files.root}: the {table.name} and its folders contradict each other for "
            f"{amount(len(other), 'photo')}, such as {other[0]}; choose by layout={FOLDERS!r} or "
            f"layout={table.table!r}",
            {"layout": FOLDERS},
        )
    if folders and len(folders.entries) > len(table.entries):
        folders.assumed.append(f"the {table.name} agree, and name fewer photos")
        return folders
    return table


def _look_at(root: Path, entries: Sequence[Entry], decode: bool, progress: bool) -> list[Look]:
    """Look at every entry; Pillow decodes without the interpreter lock."""

    def look(entry: Entry) -> Look:
        path = root / entry.name
        try:
            found = header(path)
            if decode:
                read_image(path)
        except DataError as error:
            return None, str(error).removeprefix(str(path)).lstrip(": ")
        return found, ""

    step = 4 if decode else 256
    chunks = [entries[start : start + step] for start in range(0, len(entries), step)]
    with (
        ThreadPoolExecutor(os.cpu_count()) as pool,
        bar(total=len(entries), desc="check", unit="img", progress=progress) as shown,
    ):
        found: list[Look] = []
        for looks in pool.map(lambda chunk: [look(entry) for entry in chunk], chunks):
            found += looks
            shown.update(len(looks))
    return found


def _folder(root: Path, found: Layout, looks: Sequence[Look], split: Sequence[str]) -> ImageFolder:
    every = zip(found.entries, looks, split, strict=True)
    entries, headers, splits = zip(
        *[(e, seen, s) for e, (seen, _), s in every if seen], strict=True
    )
    masks = {entry.name: [root / mask for mask in entry.masks] for entry in entries}
    flat = entries[0].ng is None
    return ImageFolder(
        root=root,
        names=tuple(entry.name for entry in entries),
        labels=None if flat else np.array([entry.ng for entry in entries], dtype=bool),
        splits=splits,
        kinds=tuple(entry.kind for entry in entries),
        masks=tuple(next(iter(masks[entry.name]), None) for entry in entries),
        more_masks={name: tuple(files[1:]) for name, files in masks.items() if len(files) > 1},
        has_masks=found.has_masks,
        layout=found.name,
        assumed=tuple(found.assumed),
        groups=tuple(entry.group for entry in entries),
        headers=headers,
        details=tuple(entry.details for entry in entries),
    )


def _in_range(folder: ImageFolder, white: int | None) -> ImageFolder:
    """The same folder with the value that is white in its 16-bit pictures, said where it is."""
    deep = [i for i, header in enumerate(folder.headers) if header.bits == 16]
    learned = [i for i in deep if folder.splits[i] == "train"] or deep
    white = white or white_level(folder[i] for i in learned)
    if not deep or white == WHITE:
        return folder
    photos = amount(len(deep), "16-bit photo")
    said = f"white is {white} in {photos}: {white.bit_length()} bits are in use"
    return replace(
        folder,
        white=white,
        assumed=(*folder.assumed, said),
        reading={**folder.reading, "white": white},
    )


def _note(root: Path) -> str:
    try:
        return str(json.loads((root / MARKER).read_text("utf-8")).get("note", ""))
    except (OSError, ValueError, AttributeError):
        return ""  # absent, or a file of the user's that happens to have this name

"""A CSV that says which photo is what: file name and label, and split, mask, part, lot, camera."""

import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from workbench.errors import AmbiguousError, DataError

from .csv import read_table as read_cells
from .layouts import Entry, Layout, Words, refuse_several
from .walk import BadFile, Files
from .words import SPLIT_WORDS, WORDS, amount, folded, listed, phrase, word

_ROLES = {name: role for role in WORDS["label_table"] for name in listed("label_table", role)}

_ABSOLUTE = re.compile(r"/|[a-z]:/|file:")


class LabelTable(NamedTuple):
    """A table of labels: its file, the rows by role of column, and the further columns."""

    path: Path
    rows: list[dict[str, str]]
    details: list[dict[str, str]]


def read_table(path: Path, needs: Sequence[str] = ("name", "label")) -> LabelTable | None:
    """The table in a file; None where it has not the columns that are needed.

    A file of results, with a column "prediction", is no table of labels.
    """
    try:
        header, *rows = list(read_cells(path)[0]) or [[]]
    except OSError as error:
        raise DataError(f"{path} must be a CSV: {error.strerror}") from None
    header = [cell.strip() for cell in header]
    roles = [_ROLES.get(phrase(cell), "") for cell in header]
    if set(needs) - set(roles) or "prediction" in map(phrase, header):
        return None
    first = {role: roles.index(role) for role in reversed(roles) if role}
    further = {cell: at for at, cell in enumerate(header) if at not in first.values() and cell}

    def picked(row: Sequence[str], columns: dict[str, int]) -> dict[str, str]:
        return {name: row[at].strip() if at < len(row) else "" for name, at in columns.items()}

    return LabelTable(path, *([picked(row, c) for row in rows] for c in (first, further)))


def find_tables(files: Files) -> list[LabelTable]:
    """Tables of labels in the folder, and VisA's own split beside it."""
    root, pictures = files.root.resolve(), {_last(name) for name in files.pictures}
    near = [root / name for name in files.others if "/" not in name]
    visa = [root / "split_csv" / "1cls.csv", root.parent / "split_csv" / "1cls.csv"]
    paths = [path for path in near if path.suffix.lower() in (".csv", ".tsv")]
    found = []
    for path in [*(v for v in visa if v.is_file()), *paths]:
        if table := read_table(path):
            found.append(table)
        elif any(_last((row or [""])[0]) in pictures for row in islice(read_cells(path)[0], 2)):
            files.left.append(BadFile(path.name, "names pictures, but not in columns with the "
                                      "headings file name and label"))  # fmt: skip
    return found


def read_table_layout(files: Files, table: LabelTable, words: Words) -> Layout | None:
    """The layout that a table tells; None where it names no photo of this folder."""
    at, path = Paths(files.root, files.pictures, table.path), table.path
    entries: dict[str, Entry] = {}
    left: list[BadFile] = []
    missing, objects = [], set()
    unknown: dict[str, list[str]] = {}
    for row, details in zip(table.rows, table.details, strict=True):
        name, label = at.name(row["name"]), row["label"]
        if name is None:
            missing.append(row["name"])
            continue
        ng, kind = word(label, words)
        if ng is None and label and folded(label) not in words and path.name == "image_anno.csv":
            ng = None if label.isdigit() else True  # VisA: what is not normal names the defect
        if ng is None:
            unknown.setdefault(label, []).append(name)
            continue
        objects.add(details.get("object", ""))
        if name in entries and entries[name].ng != ng:
            raise DataError(
                f"{path} must give each photo one label, it gives {name} two; settle which"
            )
        given = [cell for cell in row.get("mask", "").split(";") if ng and cell.strip()]
        masks = {cell: at.name(cell) for cell in given}
        left += [BadFile(c, f"mask of {name}, but no such picture") for c in given if not masks[c]]
        split = "test" if ng else SPLIT_WORDS.get(phrase(row.get("split", "")), "")
        own = "defect" if word(label).ng or label.isdigit() else label
        kind = row.get("kind") or kind or own if ng else "good"
        found = tuple(filter(None, masks.values()))
        entries[name] = Entry(name, ng, kind, split, found, row.get("group", ""), details)
    if not entries and not unknown:
        some = f", such as {missing[0]}" if missing else ""
        files.left.append(BadFile(path.name, f"a table of labels, but of no picture here{some}"))
        return None
    left += _skipped(table, unknown, words)
    refuse_several(path, files.root, objects)
    of_photos = {mask for entry in entries.values() for mask in entry.masks}
    known = {*entries, *of_photos, *(name for names in unknown.values() for name in names)}
    left += [BadFile(name, f"not in {path.name}") for name in files.pictures if name not in known]
    if missing and path.parent.name != "split_csv":  # VisA's is about its other objects too
        left += [BadFile(n, f"in {path.name}, but no such picture") for n in missing]
    cell, name = next(iter(at.by_end.items()), ("", ""))
    many = amount(len(at.by_end), "picture")
    said = f"{path.name} names {many} by paths elsewhere, such as {cell}: {name}"
    return Layout(f"labels of {path.name}", sorted(entries.values(), key=lambda e: e.name),
                  bool(of_photos), [said] if cell else [], left, path.name)  # fmt: skip


def _skipped(table: LabelTable, unknown: dict[str, list[str]], words: Words) -> list[BadFile]:
    """Photos without a label, or with one that a user skips."""
    open_ = sorted(label for label in unknown if label and folded(label) not in words)
    if open_:
        shown = ", ".join(
            f"{label} ({amount(len(unknown[label]), 'photo')})" for label in open_[:8]
        )
        choice = ",".join(f"{label}=OK" for label in open_[:2])
        own = {True: "NG", False: "OK", None: "skip"}
        said = [f"{label}={own[ng]}" for label, ng in words.items()]
        skipped = ",".join([table.path.name, *said, *(f"{label}=skip" for label in open_)])
        raise AmbiguousError(
            f"{table.path} must say good or NG for each photo, got {shown}; say what it means, "
            f'such as layout="{table.path.name},{choice}" (or =NG, or =skip)',
            {"layout": skipped},
        )
    why = {True: "skipped, as asked for", False: f"no label in {table.path.name}"}
    return [BadFile(name, why[bool(label)]) for label, names in unknown.items() for name in names]


class Paths:
    """Cells of a table to names in the folder, whatever they are relative to."""

    def __init__(self, root: Path, pictures: Sequence[str], table: Path) -> None:
        self._names = {folded(name): name for name in pictures}
        root, here = root.resolve(), table.resolve().parent
        self._prefixes = [_below(base, root) for base in (root, here, here.parent, root.parent)]
        self.by_end: dict[str, str] = {}
        self._ends: dict[str, str] = {}
        for name in pictures:
            parts = folded(name).split("/")
            for path in ("/".join(parts[start:]) for start in range(len(parts))):
                for end in (path, path.rpartition(".")[0]):  # a name may lack its ending
                    self._ends[end] = "" if end in self._ends else name

    def name(self, cell: str) -> str | None:
        """The picture a cell means; by the end of a path of another machine where one has it."""
        path = folded(cell.strip().replace("\\", "/")).removeprefix("./")
        for up, down in self._prefixes:
            if path.startswith(up) and (found := self._names.get(down + path[len(up) :])):
                return found
        if "/" not in path:
            return self._ends.get(path) or None
        parts = path.split("/") if _ABSOLUTE.match(path) else []
        ends = ("/".join(parts[start:]) for start in range(len(parts)))
        if found := next((self._ends[end] for end in ends if end in self._ends), None):
            self.by_end[cell] = found
        return found or None


def _last(path: str) -> str:
    return folded(PurePosixPath(path.replace("\\", "/")).name)


def _below(base: Path, root: Path) -> tuple[str, str]:
    """What to take away from the front of a cell relative to `base`, and what to put there."""
    if root.is_relative_to(base):
        up = root.relative_to(base).as_posix()
        return (folded(f"{up}/") if up != "." else "", "")
    if base.is_relative_to(root):
        return "", folded(f"{base.relative_to(root).as_posix()}/")
    return "\0", ""

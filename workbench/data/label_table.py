"""A CSV that says which photo is what: file name and label, and split, mask, part, lot, camera."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from workbench.errors import DataError

from .csv import read_table as read_cells
from .label_words import SPLIT_WORDS, folded, phrase, word
from .layouts import Entry, Layout
from .photo_files import Files
from .walk import BadFile

COLUMNS = {
    "name": "file name, filename, file, image, img, path, image path, file path, photo, "
    "image name, 파일, 파일명, 파일 이름, 이미지, ファイル名",
    "label": "label, class, verdict, ok ng, ng ok, status, judgement, judgment, quality, 판정, "
    "라벨, 구분, 결과, 判定, ラベル",
    "kind": "kind, defect, defect type, type, defect kind, 불량유형, 불량 유형",
    "split": "split, subset, set",
    "mask": "mask, mask path, mask name, ground truth, 마스크",
    "group": "group, part, part id, part number, serial, serial number, 제품번호, 시리얼",
}  # fmt: skip
_ROLES = {word: role for role, names in COLUMNS.items() for word in names.split(", ")}


class LabelTable(NamedTuple):
    """A table of labels: its file, the rows by role of column, and the further columns."""

    path: Path
    rows: list[dict[str, str]]
    details: list[dict[str, str]]


def read_table(path: Path, needs: Sequence[str] = ("name", "label")) -> LabelTable | None:
    """The table in a file; None where it has not the columns that are needed.

    A file of results, with a column "prediction", is no table of labels.

    Raises:
        DataError: The file is missing, or no text.
    """
    rows = _rows(path)
    if not rows:
        return None
    header = [cell.strip() for cell in rows[0]]
    roles = [_ROLES.get(phrase(cell), "") for cell in header]
    if set(needs) - set(roles) or "prediction" in map(phrase, header):
        return None
    first = {role: roles.index(role) for role in reversed(roles) if role}
    further = {cell: at for at, cell in enumerate(header) if at not in first.values() and cell}
    return LabelTable(
        path,
        [{role: _cell(row, at) for role, at in first.items()} for row in rows[1:]],
        [{cell: _cell(row, at) for cell, at in further.items()} for row in rows[1:]],
    )


def find_tables(files: Files) -> list[LabelTable]:
    """Tables of labels in the folder, and VisA's own split beside it."""
    root = files.root.resolve()
    near = [root / name for name in files.others if "/" not in name]
    visa = [root / "split_csv" / "1cls.csv", root.parent / "split_csv" / "1cls.csv"]
    paths = [path for path in near if path.suffix.lower() in (".csv", ".tsv")]
    found = [read_table(path) for path in [*(v for v in visa if v.is_file()), *paths]]
    return [table for table in found if table]


def read_table_layout(
    files: Files, table: LabelTable, words: Mapping[str, bool | None]
) -> Layout | None:
    """The layout that a table tells; None where it names no photo of this folder.

    Raises:
        DataError: Labels that are neither good nor NG, one photo named twice with two labels,
            or photos of several objects.
    """
    at = _Paths(files, table.path)
    entries: dict[str, Entry] = {}
    left: list[BadFile] = []
    missing, objects = [], set()
    unknown: dict[str, list[str]] = {}
    for row, details in zip(table.rows, table.details, strict=True):
        name = at.name(row["name"])
        if name is None:
            missing.append(row["name"])
            continue
        said = word(row["label"], words)
        if said.ng is None and row["label"] and folded(row["label"]) not in words:
            said = said._replace(ng=_anomaly_kind(row["label"], table))
        if said.ng is None:
            unknown.setdefault(row["label"], []).append(name)
            continue
        entry = _entry(name, said.ng, said.kind, row, details, at, left)
        objects.add(details.get("object", ""))
        if (before := entries.get(name)) and before.ng != entry.ng:
            raise DataError(
                f"{table.path} must give each photo one label, it gives {name} two; settle which"
            )
        entries[name] = entry
    if not entries and not unknown:
        return None
    _refuse_unknown(table, unknown, words, left)
    if len(objects) > 1:
        shown = ", ".join(sorted(objects)[:8])
        raise DataError(
            f"{table.path} must be about one object, it lists {len(objects)}: {shown}; "
            f"choose one, such as {files.root / min(objects)}"
        )
    masks = {mask for entry in entries.values() for mask in entry.masks}
    unlisted = [n for n in files.pictures if n not in entries and n not in masks]
    unlisted = sorted(set(unlisted) - {n for names in unknown.values() for n in names})
    left += [BadFile(name, f"not in {table.path.name}") for name in unlisted]
    if missing and not _elsewhere(table):
        left += [BadFile(n, f"in {table.path.name}, but no such picture") for n in missing]
    layout = Layout(f"labels of {table.path.name}", sorted(entries.values()), bool(masks))
    layout.left_alone = left
    return layout


def _elsewhere(table: LabelTable) -> bool:
    """VisA's split is about its other objects too."""
    return table.path.parent.name == "split_csv"


def _anomaly_kind(label: str, table: LabelTable) -> bool | None:
    """VisA's `image_anno.csv`: what is not normal names the kind of defect."""
    return True if table.path.name == "image_anno.csv" and not label.isdigit() else None


def _refuse_unknown(
    table: LabelTable,
    unknown: Mapping[str, Sequence[str]],
    words: Mapping[str, bool | None],
    left: list[BadFile],
) -> None:
    asked = {label for label in unknown if folded(label) in words or not label}
    for label in asked:
        why = "skipped, as asked for" if label else f"no label in {table.path.name}"
        left += [BadFile(name, why) for name in unknown[label]]
    open_ = sorted(set(unknown) - asked)
    if open_:
        shown = ", ".join(f"{label} ({len(unknown[label])} photos)" for label in open_[:8])
        choice = ",".join(f"{label}=OK" for label in open_[:2])
        raise DataError(
            f"{table.path} must say good or NG for each photo, got {shown}; say what it means, "
            f'such as layout="{table.path.name},{choice}" (or =NG, or =skip)'
        )


def _entry(
    name: str,
    ng: bool,
    kind: str,
    row: Mapping[str, str],
    details: Mapping[str, str],
    at: "_Paths",
    left: list[BadFile],
) -> Entry:
    split = SPLIT_WORDS.get(phrase(row.get("split", "")), "")
    kind = "good" if not ng else row.get("kind") or kind or _own_kind(row["label"])
    given = [cell for cell in row.get("mask", "").split(";") if cell.strip()] if ng else []
    masks = [(cell, at.name(cell)) for cell in given]
    left += [BadFile(cell, f"mask of {name}, but no such picture") for cell, m in masks if not m]
    found = tuple(mask for _, mask in masks if mask)
    return Entry(name, ng, kind, "test" if ng else split, found, row.get("group", ""), details)


def _own_kind(label: str) -> str:
    return "defect" if word(label).ng or label.isdigit() else label


class _Paths:
    """Cells of a table to names in the folder, whatever they are relative to."""

    def __init__(self, files: Files, table: Path) -> None:
        self._names = {folded(name): name for name in files.pictures}
        root, here = files.root.resolve(), table.resolve().parent
        bases = [root, here, here.parent, root.parent]
        self._prefixes = [self._below(base, root) for base in bases]
        ends: dict[str, list[str]] = {}
        for name in files.pictures:
            ends.setdefault(folded(PurePosixPath(name).name), []).append(name)
        self._ends = {end: names[0] for end, names in ends.items() if len(names) == 1}

    def name(self, cell: str) -> str | None:
        """The picture a cell means; by its last part alone only where that is unique."""
        path = folded(cell.strip().replace("\\", "/")).removeprefix("./")
        for up, down in self._prefixes:
            if not path.startswith(up):
                continue
            if found := self._names.get(down + path[len(up) :]):
                return found
        return self._ends.get(path) if "/" not in path else None

    @staticmethod
    def _below(base: Path, root: Path) -> tuple[str, str]:
        """What to take away from the front of a cell relative to `base`, and what to put there."""
        if root.is_relative_to(base):
            up = root.relative_to(base).as_posix()
            return (folded(f"{up}/") if up != "." else "", "")
        if base.is_relative_to(root):
            return "", folded(f"{base.relative_to(root).as_posix()}/")
        return "\0", ""


def _rows(path: Path) -> list[list[str]]:
    try:
        return list(read_cells(path)[0])
    except OSError as error:
        raise DataError(f"{path} must be a CSV: {error.strerror}") from None


def _cell(row: Sequence[str], at: int) -> str:
    return row[at].strip() if at < len(row) else ""

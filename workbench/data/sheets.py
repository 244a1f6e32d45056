"""One file or several as a sheet of cells, whatever kind they are of."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from workbench.errors import DataError

from .books import read_book, read_parquet
from .cells import Sheet, stacked
from .text import read_text

TEXT = (".csv", ".txt", ".tsv", ".dat", ".asc", ".prn", ".log")
BOOKS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
TABLES = (".parquet", ".pq")
ENDINGS = (*TEXT, *BOOKS, *TABLES)
"""Files that are read as sensor rows where a folder is looked through."""


def find_files(path: Path | str | Sequence[Path | str]) -> tuple[list[Path], str, list[str]]:
    """The files, what to call them, and what else lies in the folder."""
    if not isinstance(path, str | Path):
        paths = [Path(p) for p in path]
        if not paths:
            raise DataError("rows must come from a file at least, got none")
        return paths, ", ".join(p.as_posix() for p in paths), []
    path = Path(path)
    if not path.is_dir():
        return [path], path.as_posix(), []
    inside = sorted(p for p in path.iterdir() if not p.name.startswith("."))
    paths = [p for p in inside if p.suffix.lower() in ENDINGS and p.is_file()]
    if not paths:
        raise DataError(f"{path} must hold files of sensor rows ({', '.join(ENDINGS)})")
    others = ", ".join(p.name for p in inside if p not in paths)
    return paths, path.as_posix(), [f"not read in the folder: {others}"] if others else []


def read_sheets(
    paths: Sequence[Path], encoding: str | None, decimal: str | None, sheet: str | None
) -> list[Sheet]:
    """The files; all as text where their numbers leave a doubt about the decimal sign."""

    def read(path: Path, *, as_text: bool = False) -> Sheet:
        ending = path.suffix.lower()
        if not path.is_file():
            raise DataError(f"{path} must be a CSV file; there is no such file")
        if ending in BOOKS:
            return read_book(path, sheet)
        if ending in TABLES:
            return read_parquet(path)
        return read_text(path, encoding, decimal, as_text=as_text)

    sheets = [read(path) for path in paths]
    with_floats = [s for s in sheets if any(c.values.dtype.kind == "f" for c in s.columns)]
    doubtful = decimal is None and bool(with_floats) and all(map(_is_doubtful, with_floats))
    mixed = len({s.decimal for s in sheets}) > 1 or not _are_alike(sheets)
    return [read(path, as_text=True) for path in paths] if doubtful or mixed else sheets


def joined(sheets: Sequence[Sheet]) -> Sheet:
    """Files with the same columns, one after the other."""
    first = sheets[0]
    if len(sheets) == 1:
        return first
    names = first.names or ()
    for other in sheets[1:]:
        if set(other.names or ()) != set(names) or len(other.columns) != len(first.columns):
            raise DataError(
                f"{other.path} must have the columns of {first.path.name} ({', '.join(names)}), "
                f"got {', '.join(other.names or ())}; read the files apart"
            )
    columns = []
    for i in range(len(first.columns)):
        at = [s.names.index(names[i]) if s.names else i for s in sheets]
        columns.append(stacked([s.columns[k] for s, k in zip(sheets, at, strict=True)]))
    return replace(
        first,
        columns=columns,
        lines=np.concatenate([sheet.lines for sheet in sheets]),
        ragged=[row for sheet in sheets for row in sheet.ragged],
        blank=sum(sheet.blank for sheet in sheets),
        notes=tuple(dict.fromkeys(note for sheet in sheets for note in sheet.notes)),
    )


def _is_doubtful(sheet: Sheet) -> bool:
    """Whether the points that a parser took for decimal ones may group thousands.

    That is so where all fractions of the file have three digits, and a comma does not separate.
    """
    if sheet.separator == "," or sheet.decimal != ".":
        return False
    floats = [c.values[np.isfinite(c.values)] for c in sheet.columns if c.values.dtype.kind == "f"]
    fractions = np.concatenate([x[x != np.round(x)] for x in floats])
    thousands = 1000 * fractions
    proof = (np.abs(fractions) < 1) | (np.abs(thousands - np.round(thousands)) > 1e-6)
    return len(fractions) > 0 and not bool(proof.any())


def _are_alike(sheets: Sequence[Sheet]) -> bool:
    """Whether each column is text in all files or in none."""
    if any(len(s.columns) != len(sheets[0].columns) for s in sheets):
        return True  # `joined` says what is wrong
    columns = zip(*(s.columns for s in sheets), strict=True)
    return all(len({cells.is_text() for cells in column}) == 1 for column in columns)

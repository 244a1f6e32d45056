"""A CSV file as text cells: separator, header and line numbers, nothing converted yet."""

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import DataError

SEPARATORS = (",", ";", "\t")
_ENCODINGS = ("utf-8-sig", "cp949", "latin-1")  # cp949: what Excel writes in Korea


@dataclass(frozen=True)
class Cells:
    """Text cells of equal width, one list per column, with the line each row began on."""

    header: tuple[str, ...] | None
    columns: list[list[str]]
    lines: list[int]
    ragged: list[tuple[int, str]]
    comments: tuple[str, ...]


def read_cells(path: Path) -> Cells:
    """Read a delimited file; rows of another width than most are set aside with a reason.

    Leading lines that start with "#" are comments, empty lines are skipped.

    Raises:
        DataError: The file is missing, empty or no text.
    """
    lines = _text(path).splitlines()
    comments = _leading_comments(lines)
    rows = _rows(lines, path, skip=len(comments))
    if not rows:
        raise DataError(f"{path} must hold rows of numbers; it is empty")
    header = None if any(_numeric(cell) for cell in rows[0][1]) else _unique(rows[0][1])
    body = rows if header is None else rows[1:]
    width = len(header) if header else Counter(len(row) for _, row in rows).most_common(1)[0][0]
    body = [(line, _without_tail(row, width)) for line, row in body]
    fit = [(line, row) for line, row in body if len(row) == width]
    ragged = [
        (line, f"{len(row)} cells instead of {width}") for line, row in body if len(row) != width
    ]
    columns = [list(column) for column in zip(*(row for _, row in fit), strict=True)]
    return Cells(header, columns or [[]] * width, [line for line, _ in fit], ragged, comments)


def number(cell: str) -> str:
    """The cell with a decimal point where it has one decimal comma."""
    return cell.replace(",", ".") if cell.count(",") == 1 and "." not in cell else cell


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path} must be a CSV file; there is no such file") from None
    except OSError as error:
        raise DataError(f"{path} must be a CSV file: {error.strerror}") from None
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", errors="replace")
    if b"\0" in content[:4096]:
        raise DataError(f"{path} must be text with separated cells; it is a binary file")
    for encoding in _ENCODINGS[:-1]:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode(_ENCODINGS[-1])  # never fails


def _leading_comments(lines: list[str]) -> tuple[str, ...]:
    count = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return tuple(line.lstrip("# ").rstrip() for line in lines[:count])


def _rows(lines: list[str], path: Path, skip: int) -> list[tuple[int, list[str]]]:
    lines = lines[skip:]
    reader = csv.reader(lines, delimiter=_separator(lines), skipinitialspace=True)
    rows = []
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append((reader.line_num + skip, [cell.strip() for cell in row]))
    except csv.Error as error:
        raise DataError(f"{path} line {reader.line_num + skip}: {error}") from None
    return rows


def _separator(lines: list[str]) -> str:
    """The candidate that cuts the first lines into the most columns, the same number in most."""
    sample = [line for line in lines[:50] if line.strip()]

    def evidence(separator: str) -> tuple[int, int]:
        counts = Counter(line.count(separator) for line in sample)
        found, times = max(counts.items(), key=lambda item: (item[0] > 0, item[1]), default=(0, 0))
        return (times if found else 0, found)

    # of equals the first wins, but "1,5;2,5" is ";" with decimal commas
    return max((";", "\t", ","), key=evidence)


def _without_tail(row: list[str], width: int) -> list[str]:
    """A separator at the end of the line makes one empty cell too many."""
    return row[:-1] if len(row) == width + 1 and not row[-1] else row


def _numeric(cell: str) -> bool:
    try:
        float(number(cell))
    except ValueError:
        return False
    return True


def _unique(names: list[str]) -> tuple[str, ...]:
    """A second "temp" becomes "temp (2)": rows are also given as dicts."""
    seen: Counter[str] = Counter()
    unique = []
    for name in names:
        seen[name] += 1
        unique.append(f"{name} ({seen[name]})" if name and seen[name] > 1 else name)
    return tuple(unique)

"""Where the data of a table begins, and which of the lines above it has the names."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise, zip_longest

from .date_cells import DATES, written_as
from .decimals import like_a_number, number_and_unit
from .words import are_types, are_units, is_missing, is_unit, known

Row = tuple[int, list[str]]
"""The line that a row began on (1 is the first), and its cells."""


def find_header(
    rows: Sequence[Row], remark: Sequence[str] = ()
) -> tuple[tuple[str, ...] | None, int, int, tuple[str, ...], tuple[tuple[int, str], ...]]:
    """Header, line of the first data, width, units and the lines above, of the rows of a head.

    Data begins with the first row that holds values in the columns where the rows below it do,
    and with the rows right above it that hold more values than words there; the header is the
    row above that names the most columns, else the last `remark`, as cells.
    """
    width = _width(rows)
    body = [row for _, row in rows[len(rows) // 2 :] if len(row) >= width]
    body = body or [next(row for _, row in reversed(rows) if len(row) >= width)]
    valued = [i for i in range(width) if _mostly_values([row[i] for row in body])]
    data = [_is_data(row, valued, body) for _, row in rows]
    start = next((k for k, d in enumerate(data) if d == 2), next(
        (k for k, d in enumerate(data) if d), len(rows)))  # fmt: skip
    while start and data[start - 1 : start] == [1]:
        start -= 1
    above = list(rows[:start])
    at = _header_row([row for _, row in above], width, valued)
    if at is None and len(above) > 1:  # groups above, names below, each with gaps
        (_, upper), (line, lower) = above[-2:]
        names = [low or up for up, low in zip_longest(upper, lower, fillvalue="")]
        if _header_row([names], width, valued) is not None:
            above, at = [*above[:-1], (line, names)], len(above) - 1
    if at is None and not above and len(remark) == width > 1:
        return unique(remark), _line(rows, start), width, (), ()
    if at is None and above and _lacks_row_names(above[-1][1], body, width):
        at, above[-1] = len(above) - 1, (above[-1][0], ["", *above[-1][1]])
    if at is None:
        return None, _line(rows, start), width, (), tuple((n, _joined(r)) for n, r in above)
    names = _without_tail(above[at][1], width)
    below = above[at + 1 :]
    lower = _without_tail(below[0][1], len(names)) if below else []
    units = tuple(lower)
    if any(low and not name for name, low in zip(names, lower, strict=False)):  # names of groups
        pairs = list(zip_longest(names, lower, fillvalue=""))
        names = [up if up and is_unit(low) else low or up for up, low in pairs]
        units = tuple(low if is_unit(low) else "" for low in lower)
    others = [*above[:at], *below[1:]]
    cells = max(len(row) for row in body)
    if cells < len(names):  # as a name for remarks that no row has
        others.append((above[at][0], [*names[cells:], "(names without cells)"]))
        names = names[:cells]
    return (
        unique(names), _line(rows, start), max(len(names), 1), units if any(units) else (),
        tuple((n, _joined(row)) for n, row in others),
    )  # fmt: skip


def unique(names: Sequence[str]) -> tuple[str, ...]:
    """A second "temp" becomes "temp (2)": rows are also given as dicts."""
    seen: Counter[str] = Counter()
    told = []
    for name in names:
        seen[name] += 1
        told.append(f"{name} ({seen[name]})" if name and seen[name] > 1 else name)
    return tuple(told)


def _width(rows: Sequence[Row]) -> int:
    """The most common number of cells, without the empty ones at the end of all rows."""
    width = Counter(len(row) for _, row in rows).most_common(1)[0][0]
    alike = [row for _, row in rows if len(row) >= width]
    while width > 1 and not any(row[width - 1] for row in alike if len(row) == len(alike[-1])):
        width -= 1
    return width


def is_value(cell: str) -> bool:
    """Whether a cell is a number, with a unit or without, a date or a time of day."""
    return like_a_number(number_and_unit(cell)[0]) or bool(written_as([cell]))


def _mostly_values(cells: Sequence[str]) -> bool:
    known = [cell for cell in cells if not is_missing(cell)]
    return 2 * sum(map(is_value, known[:50])) > len(known[:50]) if known else False


def _is_data(row: Sequence[str], valued: Sequence[int], body: Sequence[Sequence[str]]) -> int:
    """2 for a row of values, 1 for one with words among them, 0 for none.

    A number among names of columns is a name.
    """
    if not valued or len(row) <= max(valued):
        return 2 * (not valued and row in body)
    cells = [row[i] for i in valued]
    values = [is_value(cell) for cell in cells]
    words = [c for c, v in zip(cells, values, strict=True) if not v and not is_missing(c)]
    if not words:
        return 2 * (
            any(values) and not _counts_columns(cells, [[r[i] for i in valued] for r in body])
        )
    dated = (written_as([r[i] for r in body if len(r) > i][:50]) in DATES for i in valued)
    no_date = any(not v and not is_missing(c) and d
                  for c, v, d in zip(cells, values, dated, strict=True))  # fmt: skip
    if any(map(known, row)) or not any(values) or no_date:
        return 0
    whole = all(cell.isdigit() for cell, v in zip(cells, values, strict=True) if v)
    return int(not whole or len(words) < len(cells) / 2)


def _counts_columns(cells: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Whether whole numbers count columns or years, as 0, 1, 2, above values that are none."""
    counted = len(cells) > 2 and all(map(str.isdigit, cells)) and int(cells[0]) < 2200
    fractions = sum(not cell.isdigit() for below in body for cell in below)
    steps = {int(b) - int(a) for a, b in pairwise(cells)} if counted else set()
    return steps == {1} and fractions > len(body)


def _lacks_row_names(names: Sequence[str], body: Sequence[Sequence[str]], width: int) -> bool:
    """Whether the first column, which numbers the rows, has no name, as R leaves it."""
    first = [row[0] for row in body]
    counts = all(map(str.isdigit, first)) and {int(b) - int(a) for a, b in pairwise(first)} == {1}
    return counts and len(names) == width - 1 and not any(map(is_value, names))


def _header_row(rows: Sequence[Sequence[str]], width: int, valued: Sequence[int]) -> int | None:
    """The full row of names with the words that are known best.

    Of equals it is the last that is no line of units, for remarks stand above a header.
    """

    def worth(k: int) -> tuple[bool, int, bool, bool, int]:
        below_units, names = any(map(are_units, rows[:k])), list(filter(None, rows[k]))
        return (not are_types(names), sum(map(known, set(names))), len(set(names)) == len(names),
                not are_units(names), -k if below_units else k)  # fmt: skip

    least = min(width, max(valued, default=0) + 1)
    full = [k for k, row in enumerate(rows)
            if len(row) >= least and sum(map(bool, row[:width])) > 0.7 * len(valued)
            and not written_as(row[1:2])]  # fmt: skip
    return max(full, key=worth, default=None)


def _without_tail(row: Sequence[str], width: int) -> list[str]:
    row = list(row)
    while len(row) > width and not row[-1]:
        row.pop()
    return row


def _line(rows: Sequence[Row], start: int) -> int:
    return rows[start][0] if start < len(rows) else rows[-1][0] + 1


def _joined(row: Sequence[str]) -> str:
    return " ".join(cell for cell in row if cell)

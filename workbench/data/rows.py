"""Sensor readings from files as machines leave them: text, workbooks, Parquet, long and wide."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.errors import DataError

from .cells import Cells, Sheet
from .columns import (
    Column,
    FileSigns,
    Label,
    find_label,
    find_time,
    is_time_name,
    name_columns,
    require,
    to_numbers,
)
from .decode import SUFFIXES
from .reading import BadRow, Reading, missing_in, skipped_in, units_of
from .recording import fill, refuse
from .reshaping import Rows, by_time, find_long, resampled, widened
from .sensors import choose_sensors
from .sheets import ENDINGS, find_files, joined, read_sheets
from .splits import by_time as split_by_time
from .splits import check_shares, rows_by_hash
from .table import NOTE, SensorTable
from .times import Times

__all__ = ["NOTE", "BadRow", "Reading", "SensorTable", "is_rows", "load_like", "load_rows"]

_BLOCK = 1 << 13  # rows at once
LAYOUTS = ("wide", "long")
"""One column a sensor, or one row a reading with its tag."""


@dataclass(frozen=True)
class RowOptions:
    """The arguments of `load_rows`."""

    columns: Sequence[str] | None = None
    label: str | None = None
    time: str | None = None
    ignore: Sequence[str] = ()
    seed: int = 0
    calibration: float = 0.15
    test: float = 0.15
    missing: str = "drop"
    most: int = 3
    dates: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    layout: str | None = None
    hold: float | None = None
    every: float | None = None

    def __post_init__(self) -> None:
        if self.decimal not in (None, ".", ","):
            raise ValueError(f"decimal must be '.' or ',', got {self.decimal!r}")
        if self.layout not in (None, *LAYOUTS):
            raise ValueError(f"layout must be one of {', '.join(LAYOUTS)}, got {self.layout!r}")
        if self.every is not None and self.every <= 0:
            raise ValueError(f"every must be seconds above 0, got {self.every}")

    def chosen(self) -> dict[str, Any]:
        """Those that are not the defaults, fit for JSON."""
        plain, default = asdict(self), asdict(RowOptions())
        chosen = {name: value for name, value in plain.items() if value != default[name]}
        return {name: list(v) if isinstance(v, tuple) else v for name, v in chosen.items()}


def is_rows(path: Path | str) -> bool:
    """Whether a path is sensor rows rather than photos: a file, or a folder of files of rows."""
    path = Path(path)
    if not path.is_dir():
        return path.is_file()
    inside = list(path.iterdir())
    endings = {p.suffix.lower() for p in inside}
    alone = not any(p.is_dir() for p in inside) and endings.isdisjoint(SUFFIXES)
    return alone and not endings.isdisjoint(ENDINGS)


def load_rows(
    path: Path | str | Sequence[Path | str],
    *,
    columns: Sequence[str] | None = None,
    label: str | None = None,
    time: str | None = None,
    ignore: Sequence[str] = (),
    seed: int = 0,
    calibration: float = 0.15,
    test: float = 0.15,
    missing: str = "drop",
    most: int = 3,
    dates: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
    layout: str | None = None,
    hold: float | None = None,
    every: float | None = None,
) -> SensorTable:
    """The sensor readings of a file or of several: delimited text, a workbook or Parquet.

    Separator, encoding, header, units, decimal sign and the order of day and month are decided
    on whole columns; what stays ambiguous is refused with the option to pass. Columns that count
    rows, hold no numbers or give the verdict away are left out and named in `.reading`.

    With a time column or labels the file is a recording, cut by time so that no training row
    has its near-copy in another split: the rows before the first fault are training, then
    calibration, and all later ones test; without faults to go by, the normal rows are one
    block each. Else the rows have no known order and are drawn by `seed`.
    Rows labelled NG are always test.

    Args:
        path: A file; a folder or a list of files with the same columns is one recording, in
            order of time.
        columns: With a header, the sensors to keep, in this order; without one, the names of
            all columns of the file.
        label: Name of the label column (0/1, true/false, OK/NG, normal/anomaly ...);
            `NAME=VALUE` says which value is NG, `NAME!=VALUE` which is not. Found by the names
            in `column_words.LABELS` where it is not given.
        time: Name of the time column; found by the names in `column_words.TIMES`, or as the first
            column of dates.
        ignore: Columns that are no sensors.
        seed: Another seed, another draw, where rows are drawn.
        calibration: Share of the normal rows held out for the threshold.
        test: Share of the normal rows held out for the final numbers.
        missing: What becomes of a row with a cell missing or not numeric: "drop" leaves it out,
            "refuse" raises, "interpolate" bridges short gaps of a sensor by a straight line.
        most: Cells in a row that are bridged; rows of a longer gap are left out.
        dates: Order of the dates (dmy, mdy, ymd), unit of a count since 1970 (s, ms, us, ns),
            "days" of a spreadsheet, "number", or a format with percent signs.
        decimal: "." or ",".
        encoding: Of text, as Python names it.
        sheet: The worksheet of a workbook, else the first with a table.
        layout: "wide", or "long": a tag, a time and a value in each row.
        hold: Seconds for which a sensor that is recorded more seldom keeps its last value.
        every: Seconds of a step over which readings are averaged first.

    Returns:
        The table without the rows that have a cell missing or not numeric: those are counted
        in one warning, with the first ones by line, and listed in `.bad`.

    Raises:
        DataError: No such file, no text, a column named here that the file lacks, no row of
            numbers, an unusable row where those are refused, or something ambiguous.
        ValueError: A share is out of range, or no such policy.
    """
    return _load(
        path,
        RowOptions(
            columns, label, time, ignore, seed, calibration, test, missing, most, dates, decimal,
            encoding, sheet, layout, hold, every,
        ),
    )  # fmt: skip


def load_like(
    path: Path | str | Sequence[Path | str],
    trained: Mapping[str, Any],
    columns: Sequence[str],
    **given: Any,  # noqa: ANN401
) -> SensorTable:
    """Another file of the machine, read as the one that a model was trained with.

    Args:
        path: As for `load_rows`.
        trained: A detector's `data`.
        columns: The detector's sensors.
        given: Options that are to differ.

    Raises:
        DataError: As for `load_rows`; a label or time column may be absent.
    """
    found = trained.get("reading", {}).get("found", {})
    kept = {k: v for k, v in trained.get("options", {}).items() if k != "columns"}
    known = {**found, **kept}
    optional = {known[name].partition("=")[0].rstrip("!") for name in ("label", "time")
                if name in known and name not in given} | set(known.get("ignore", ()))  # fmt: skip
    return _load(path, RowOptions(**{**known, **given}), tuple(columns), optional)


def _load(
    path: Path | str | Sequence[Path | str],
    options: RowOptions,
    wanted: Sequence[str] | None = None,
    optional: Collection[str] = (),
) -> SensorTable:
    """Read as `options` say; `wanted` are a model's sensors, `optional` columns may be absent."""
    paths, source, skipped = find_files(path)
    sheets = read_sheets(
        paths, encoding=options.encoding, decimal=options.decimal, sheet=options.sheet
    )
    sheet = joined(sheets)
    names = name_columns(sheet.names, sheet.columns, options.columns, source)
    cells = dict(zip(names, sheet.columns, strict=True))
    options = _without_absent(options, cells, optional)
    signs = FileSigns(sheet.separator, sheet.decimal, options.decimal)
    time, times, of_time = find_time(cells, options.time, options.dates, source, signs)
    free = {n: c for n, c in cells.items() if n not in {*of_time, *options.ignore}}
    label = find_label(free if options.label is None else cells, options.label, source)
    rows = Rows(time, label and label.column, sheet.lines, _file_of_rows(sheets))
    parts = {*of_time, *([label.column.name] if label else [])}
    cells, rows, said = _wide(cells, rows, parts, signs, options, source)
    if wanted is None and sheet.names is not None:
        wanted = options.columns
    require(cells, [*(wanted or ()), *options.ignore], source)
    sensors, left_out, assumed = choose_sensors(
        {n: c for n, c in cells.items() if n not in {*parts, *options.ignore}}, wanted, rows.label,
        path=source, signs=signs
    )  # fmt: skip
    left_out |= dict.fromkeys(options.ignore, "as asked")
    assumed += [f"{s.name} is taken for a sensor although its name says time (--time)"
                for s in sensors if is_time_name(s.name)]  # fmt: skip
    used = time.name.split(" + ") if time else ()
    left_out |= {n: "another column of time" for n in of_time if n not in used}
    missing = missing_in(sensors)
    sensors, rows = by_time(sensors, rows)
    if options.every is not None:
        sensors, rows = resampled(sensors, rows, options.every)
    sensors, filled = fill(sensors, options.missing, options.most, options.hold,
                           rows.time and rows.time.values)  # fmt: skip
    keep, bad = _usable(sensors, rows, sheet.ragged)
    refuse(source, bad, options.missing)
    if not keep.any():
        what = f"line {bad[0].line}: {bad[0].reason}" if bad else "it has a header only"
        hint = "; pass hold=SECONDS (--hold)" if rows.time and len(sensors) > 1 else ""
        raise DataError(f"{source} must hold at least one whole row of numbers; {what}{hint}")
    reading = Reading(
        form=sheet.form + (f", {len(sheets)} files" if len(sheets) > 1 else ""),
        time=f"{time.name}: {times.form}" if time and times else "",
        label=f"{label.column.name}: {label.rule}" if label else "",
        units=units_of(sheet, names),
        assumed=(*sheet.notes, *filter(None, [times and times.assumed, label and label.assumed]),
                 *said, *assumed),
        left_out=left_out,
        skipped=(*skipped, *skipped_in(sheet)),
        missing=missing,
        found=_found(sheet, of_time, times, label, options),
    )  # fmt: skip
    reading.warn(source, bad, len(keep) + len(sheet.ragged), filled)
    table = SensorTable(
        values=_stacked(sensors, keep),
        columns=tuple(sensor.name for sensor in sensors),
        labels=None if rows.label is None else rows.label.values[keep].astype(bool),
        time=None if rows.time is None else rows.time.values[keep],
        source=source,
        bad=tuple(bad),
        note=NOTE if any(NOTE in line for line in sheet.comments) else "",
        filled=filled,
        options=options.chosen(),
        lines=rows.lines[keep],
        files=None if rows.files is None else rows.files[keep],
        reading=reading,
    )
    return _with_splits(table, options)


def _wide(
    cells: dict[str, Cells],
    rows: Rows,
    parts: Collection[str],
    signs: FileSigns,
    options: RowOptions,
    source: str,
) -> tuple[dict[str, Cells], Rows, list[str]]:
    """A long table as a wide one; a wide one as it is."""
    free = {name: column for name, column in cells.items() if name not in parts}
    long = find_long(free) if options.layout != "wide" else None
    if long is None or rows.time is None:
        if options.layout == "long":
            raise DataError(
                f"{source} must have columns of tag, value and time to be read as long; it has "
                f"{', '.join(cells)}"
            )
        return cells, rows, []
    value = to_numbers({long.value: cells[long.value]}, source, signs)
    if not value:
        raise DataError(f"{source}: column {long.value} must hold numbers")
    quality = cells[long.quality] if long.quality else None
    columns, rows, said = widened(cells[long.tag].values, value[long.value], quality, rows)
    rest = [name for name in free if name not in long]
    return columns, rows, [*said, *(f"{name} is no part of the long table" for name in rest)]


def _without_absent(
    options: RowOptions, cells: Mapping[str, Cells], optional: Collection[str]
) -> RowOptions:
    """Without the columns of training that this file may lack."""
    absent = {name for name in optional if name not in cells}
    column = (options.label or "").partition("=")[0].rstrip("!")
    return replace(
        options,
        label=None if column in absent else options.label,
        time=None if options.time in absent else options.time,
        ignore=tuple(name for name in options.ignore if name not in absent),
    ) if absent else options  # fmt: skip


def _file_of_rows(sheets: Sequence[Sheet]) -> NDArray[np.str_] | None:
    if len(sheets) == 1:
        return None
    return np.repeat([s.path.name for s in sheets], [len(s.lines) for s in sheets])


def _usable(
    sensors: Sequence[Column], rows: Rows, ragged: Sequence[tuple[int, str]]
) -> tuple[NDArray[np.bool_], list[BadRow]]:
    """Which rows are whole, and the others with the first column that is not."""
    columns = [*sensors, *(column for column in (rows.time, rows.label) if column)]
    broken = np.zeros(len(rows.lines), bool)
    for column in columns:
        broken |= column.bad
    bad = []
    for row in np.flatnonzero(broken).tolist():
        why = next(column for column in columns if column.bad[row]).reason(row)
        where = "" if rows.files is None else f" ({rows.files[row]})"
        bad.append(BadRow(int(rows.lines[row]), why + where))
    return ~broken, sorted([*bad, *(BadRow(*row) for row in ragged)])


def _stacked(sensors: Sequence[Column], keep: NDArray[np.bool_]) -> NDArray[np.float64]:
    columns = [sensor.values if keep.all() else sensor.values[keep] for sensor in sensors]
    values = np.empty((int(keep.sum()), len(sensors)))
    for start in range(0, len(values), _BLOCK):  # as far as the processor's cache goes
        for i, column in enumerate(columns):
            values[start : start + _BLOCK, i] = column[start : start + _BLOCK]
    return values


def _found(
    sheet: Sheet,
    of_time: Sequence[str],
    times: Times | None,
    label: Label | None,
    options: RowOptions,
) -> dict[str, Any]:
    """Options with which the next file is read the same way."""
    found = {
        "label": label and label.again,
        "time": next(iter(of_time), None),
        "dates": times and times.order,
        "decimal": "," if sheet.decimal == "," else options.decimal,
    }
    return {name: value for name, value in found.items() if value}


def _with_splits(table: SensorTable, options: RowOptions) -> SensorTable:
    shares = {"calibration": options.calibration, "test": options.test}
    check_shares(**shares)
    if table.time is None and table.labels is None:
        return replace(table, drawn=partial(rows_by_hash, len(table), seed=options.seed, **shares))
    return replace(table, drawn=partial(_by_time, table.time, table.labels, len(table), **shares))


def _by_time(
    time: pd.Index | None, labels: NDArray[np.bool_] | None, n: int, **shares: float
) -> NDArray[np.str_]:
    normal = np.ones(n, bool) if labels is None else ~labels
    order = np.arange(n) if time is None else np.argsort(time, kind="stable")
    return split_by_time(order, normal, **shares)

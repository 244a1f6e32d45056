"""Sensor readings from files as machines leave them: text, workbooks, Parquet, long and wide."""

import warnings
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench import workspace
from workbench.errors import DataError

from .cells import Cells, Sheet
from .columns import (
    FileSigns,
    choose_sensors,
    name_columns,
    require,
    to_numbers,
)
from .opening import SUFFIXES
from .recording import fill
from .reshaping import Rows, by_time, find_long, resampled, usable, widened
from .row_labels import find_label
from .row_options import RowOptions, column_of, with_options
from .row_times import find_time
from .sheets import ENDINGS, find_files, joined, read_sheets
from .splits import by_hash, check_shares
from .splits import by_time as split_by_time
from .table import NOTE, Reading, SensorTable
from .words import amount, bare


def is_rows(path: Path | str) -> bool:
    """Whether a path is sensor rows rather than photos: a file, or a folder of files of rows."""
    path = Path(path)
    if not path.is_dir():
        return path.is_file()
    inside = list(path.iterdir())
    endings = {p.suffix.lower() for p in inside}
    alone = not any(p.is_dir() for p in inside) and endings.isdisjoint(SUFFIXES)
    return alone and not endings.isdisjoint(ENDINGS)


@with_options
def load_rows(path: Path | str | Sequence[Path | str], **options: Any) -> SensorTable:  # noqa: ANN401
    """The sensor readings of a file or of several: delimited text, a workbook or Parquet.

    Separator, encoding, header, units, decimal sign and the order of day and month are decided
    on whole columns; what stays ambiguous is refused with the option to pass. Columns that count
    rows, hold no numbers or give the verdict away are left out and named in `.reading`.

    With a time column or labels the file is a recording, cut by time so that no training row
    has its near-copy in another split: the rows before the first fault are training, then
    calibration, and all later ones test; without faults to go by, the normal rows are one
    block each. Else the rows have no known order and are drawn by `seed`.
    Rows labelled NG are always test. Time and label are found by the words of `words.toml` where
    they are not given, the time also as the first column of dates.

    Args:
        path: A file; a folder or a list of files with the same columns is one recording, in
            order of time.

    Returns:
        The table without the rows that have a cell missing or not numeric: those are counted
        in one warning, with the first ones by line, and listed in `.bad`.

    Raises:
        DataError: No such file, no text, a column named here that the file lacks, no row of
            numbers, an unusable row where those are refused, or something ambiguous.
        ValueError: A share is out of range, or no such policy.
    """
    return _load(path, RowOptions(**options))


def load_like(
    path: Path | str | Sequence[Path | str],
    trained: Mapping[str, Any],
    columns: Sequence[str],
    gaps: int = 0,
    **given: Any,  # noqa: ANN401
) -> SensorTable:
    """Another file of the machine, read as a detector's `data` says but for `given`.

    `columns` are its sensors, of which a row may lack `gaps` (NaN): the detector judges it by the
    others. A label or time column may be absent.
    """
    found = trained.get("reading", {}).get("found", {})
    known = {**found, **{k: v for k, v in trained.get("options", {}).items() if k != "columns"}}
    optional = {column_of(known[name]) for name in ("label", "time")
                if name in known and name not in given} | set(known.get("ignore", ()))  # fmt: skip
    table = _load(path, RowOptions(**{**known, **given}), tuple(columns), optional, gaps)
    units = trained.get("reading", {}).get("units", {})
    for name, unit in table.reading.units.items():
        if name in columns and bare(unit) != bare(units.get(name, unit)):
            said = f"{name} is in {unit}, in training it was in {units[name]}"
            warnings.warn(f"{table.source}: {said}", stacklevel=2)
    return table


def known_rows(trained: Mapping[str, Any], columns: Sequence[str], **given: Any) -> SensorTable:  # noqa: ANN401
    """The table that a model was trained from, read and split as then; for more see `load_like`.

    Raises:
        DataError: The file is no longer there.
    """
    source = workspace.resolve(trained["source"])
    if not source.exists():
        raise DataError(
            f"{source} must be the file the model was trained from; there is none, pass rows"
        )
    rows = load_rows(source, **trained.get("options", {}) | given)
    return rows if rows.columns == columns else load_like(source, trained, columns, **given)


def _load(
    path: Path | str | Sequence[Path | str],
    options: RowOptions,
    wanted: Sequence[str] | None = None,
    optional: Collection[str] = (),
    gaps: int = 0,
) -> SensorTable:
    """Read as `options` say; `wanted` are a model's sensors, `optional` columns may be absent."""
    paths, source, skipped = find_files(path)
    sheets = read_sheets(paths, options.encoding, options.decimal, options.sheet)
    sheet = joined(sheets)
    names = name_columns(sheet.names, sheet.columns, options.columns, source)
    apart = {n: c.without_unit() for n, c in zip(names, sheet.columns, strict=True)}
    cells = {name: column for name, (column, _) in apart.items()}
    units = sheet.units_of(names) | {name: unit for name, (_, unit) in apart.items() if unit}
    options = options.without({name for name in optional if name not in cells})
    signs = FileSigns(source, sheet.separator, sheet.decimal, options.decimal, units)
    may_be_time = {n: c for n, c in cells.items() if n == options.time or n not in options.ignore}
    time, times, of_time = find_time(may_be_time, options.time, options.dates, signs)
    free = {n: c for n, c in cells.items() if n not in {*of_time, *options.ignore}}
    label = find_label(free if options.label is None else cells, options.label, source)
    rows = Rows(time, label and label.column, sheet.lines, _file_of_rows(sheets))
    parts = {*of_time, *([label.column.name] if label else [])}
    cells, rows, said = _wide(cells, rows, parts, signs, options)
    if wanted is None and sheet.names is not None:
        wanted = options.columns
    require(cells, [*(wanted or ()), *options.ignore], source)
    free = {n: c for n, c in cells.items() if n not in {*parts, *options.ignore}}
    sensors, left_out, assumed = choose_sensors(free, wanted, rows.label, signs, gaps)
    used = time.name.split(" + ") if time else ()
    left_out |= dict.fromkeys(options.ignore, "as asked")
    left_out |= {n: "another column of time" for n in of_time if n not in used}
    missing = {s.name: marks for s in sensors if (marks := s.marks())}
    sensors, rows = by_time(sensors, rows)
    if options.every is not None:
        sensors, rows = resampled(sensors, rows, options.every)
    clock = rows.time and rows.time.values
    sensors, filled = fill(sensors, options.missing, options.most, options.hold, clock)
    keep, bad = usable(sensors, rows, sheet.ragged, gaps)
    if gaps:
        sensors = [s._replace(values=np.where(s.bad, np.nan, s.values)) for s in sensors]
    if options.missing == "refuse" and bad:
        raise DataError(
            f"{source} must have every cell, but line {bad[0].line}: {bad[0].reason} "
            f"({amount(len(bad), 'such row')}); mend it, or pass missing='drop' or 'interpolate'"
        )
    if not keep.any():
        what = f"line {bad[0].line}: {bad[0].reason}" if bad else "it has a header only"
        hint = "; pass hold=SECONDS (--hold)" if rows.time and len(sensors) > 1 else ""
        raise DataError(f"{source} must hold at least one whole row of numbers; {what}{hint}")
    found = {
        "label": label and label.again,
        "time": next(iter(of_time), None),
        "dates": times and times.order,
        "decimal": "," if sheet.decimal == "," else options.decimal,
    }
    reading = Reading(
        form=sheet.form + (f", {len(sheets)} files" if len(sheets) > 1 else ""),
        time=f"{time.name}: {times.form}" if time and times else "",
        label=f"{label.column.name}: {label.rule}" if label else "",
        units=units,
        assumed=(*sheet.notes, *filter(None, [times and times.assumed, label and label.assumed]),
                 *said, *assumed),
        left_out=left_out,
        skipped=(*skipped, *sheet.skipped()),
        missing=missing,
        found={name: value for name, value in found.items() if value},
    )  # fmt: skip
    values = [s.values if keep.all() else s.values[keep] for s in sensors]
    labels = None if rows.label is None else rows.label.values[keep].astype(bool)
    table = SensorTable(
        np.stack(values, axis=1), tuple(sensor.name for sensor in sensors), labels,
        None if rows.time is None else rows.time.values[keep], source, bad=tuple(bad),
        note=NOTE if any(NOTE in line for line in sheet.comments) else "",
        filled=filled, options=options.chosen(), lines=rows.lines[keep],
        files=None if rows.files is None else rows.files[keep], reading=reading,
    )  # fmt: skip
    table.warn()
    return replace(table, drawn=_splits(table, options))


def _wide(
    cells: dict[str, Cells],
    rows: Rows,
    parts: Collection[str],
    signs: FileSigns,
    options: RowOptions,
) -> tuple[dict[str, Cells], Rows, list[str]]:
    """A long table as a wide one; a wide one as it is."""
    free = {name: column for name, column in cells.items() if name not in parts}
    long = find_long(free, rows.time) if options.layout != "wide" and rows.time else None
    if long is None or rows.time is None:
        if options.layout == "long":
            raise DataError(
                f"{signs.path} must have columns of tag, value and time to be read as long; it "
                f"has {', '.join(cells)}"
            )
        return cells, rows, []
    value = to_numbers({long.value: cells[long.value]}, signs)
    if not value:
        raise DataError(f"{signs.path}: column {long.value} must hold numbers")
    quality = cells[long.quality] if long.quality else None
    columns, rows, said = widened(cells[long.tag].values, value[long.value], quality, rows)
    rest = [name for name in free if name not in long]
    return columns, rows, [*said, *(f"{name} is no part of the long table" for name in rest)]


def _file_of_rows(sheets: Sequence[Sheet]) -> NDArray[np.str_] | None:
    """The name of each row's file, with its folder where names repeat."""
    if len(sheets) == 1:
        return None
    alone = max(Counter(s.path.name for s in sheets).values()) == 1
    names = [s.path.name if alone else s.path.as_posix() for s in sheets]
    return np.repeat(names, [len(s.lines) for s in sheets])


def _splits(table: SensorTable, options: RowOptions) -> partial[NDArray[np.str_]]:
    shares = {"calibration": options.calibration, "test": options.test}
    check_shares(**shares)
    if table.time is None and table.labels is None:
        return partial(by_hash, range(len(table)), seed=options.seed, **shares)
    return partial(split_by_time, len(table), table.time, table.labels, **shares)

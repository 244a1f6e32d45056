"""What a dataset was taken for, said before anything is learned from it."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .table import SensorTable

SHOWN = 20  # rows that are named one by one


@dataclass(frozen=True)
class DataCheck:
    """Lines for people, and `facts` (fit for JSON) for programs.

    `kind` is "rows" or "photos". `understood` says what the data was taken for, `assumed` what
    was decided without proof, `left_alone` what is not used and why, `looks_wrong` what a
    person should look at, and `options` what to pass to change any of it.
    """

    source: str
    kind: str
    understood: tuple[str, ...]
    assumed: tuple[str, ...] = ()
    left_alone: tuple[str, ...] = ()
    looks_wrong: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """All of it, fit for JSON."""
        return asdict(self)

    def sections(self) -> list[tuple[str, tuple[str, ...]]]:
        """Title and lines of each section that has any, in reading order."""
        titled = {
            "understood": self.understood,
            "assumed": self.assumed,
            "left alone": self.left_alone,
            "looks wrong": self.looks_wrong,
            "options that change it": self.options,
        }
        return [(title, lines) for title, lines in titled.items() if lines]


def check(path: Path | str, **options: Any) -> DataCheck:  # noqa: ANN401
    """What is in a folder of photos or a file of sensor rows, and what is odd about it.

    Args:
        path: As for `load_images` or `load_rows`.
        options: As for these.

    Raises:
        DataError: As these do.
    """
    from .rows import is_rows, load_rows  # which brings pandas

    if is_rows(path):
        return row_check(load_rows(path, **options))
    from .images import load_images
    from .photo_check import photo_check

    return photo_check(load_images(path, **options), pixels=options.get("check", True))


def row_check(table: "SensorTable") -> DataCheck:
    """What `load_rows` took a file for."""
    summary, reading = table.summary(), table.reading
    labels = ", ".join(f"{n:,} {word}" for word, n in summary["labels"].items())
    understood = [f"{len(table):,} rows of {len(table.columns)} sensors: {labels}", reading.form]
    if table.time is not None:
        understood.append(f"time {reading.time}; {_clock(summary)}")
    understood += [f"label {reading.label}"] if reading.label else []
    understood += [_sensor(table, name) for name in table.columns]
    left_alone = [f"{name}: {why}" for name, why in reading.left_out.items()]
    left_alone += reading.skipped
    left_alone += [f"{name} has no reading in {sum(marks.values()):,} rows"
                   for name, marks in reading.missing.items()]  # fmt: skip
    left_alone += [f"line {line}: {reason}" for line, reason in table.bad[:SHOWN]]
    if len(table.bad) > SHOWN:
        left_alone.append(f"and {len(table.bad) - SHOWN:,} more rows")
    return DataCheck(
        table.source, "rows", tuple(filter(None, understood)), reading.assumed, tuple(left_alone),
        tuple(table.doubts()), _row_options(table), summary,
    )  # fmt: skip


def _sensor(table: "SensorTable", name: str) -> str:
    unit = table.reading.units.get(name, "")
    column = table.values[:, table.columns.index(name)]
    marks = table.reading.missing.get(name, {})
    missing = ", ".join(f"{word or 'empty'} {n:,}" for word, n in marks.items())
    return (
        f"sensor {name}{f' [{unit}]' if unit and unit not in name else ''}: {column.min():.4g} to "
        f"{column.max():.4g}{f'; missing: {missing}' if missing else ''}"
    )


def _clock(summary: dict[str, Any]) -> str:
    """From when to when, how often, and what the clock did."""
    start, end = summary["time"]
    clock = summary["clock"]
    odd = [f"{clock[name]:,.0f} {said}" for name, said in (("duplicates", "times repeated"),
           ("backwards", "steps back"), ("gaps", "pauses")) if clock.get(name)]  # fmt: skip
    every = f", a row every {clock['step_seconds']:g} s" if clock else ""
    return f"{start} to {end}{every}" + "".join(f", {words}" for words in odd)


def _row_options(table: "SensorTable") -> tuple[str, ...]:
    """What to pass to be read otherwise, with what holds now."""
    found, reading = table.reading.found, table.reading
    now = {
        "--label NAME[=NG VALUE]": found.get("label", "none found"),
        "--time NAME": found.get("time", "none found"),
        "--dates dmy|mdy|ymd|s|ms|us|days|number": found.get("dates", ""),
        "--decimal . or ,": found.get("decimal", "."),
        "--ignore NAME": ", ".join(table.options.get("ignore", ())),
        "--columns NAME": ", ".join(table.columns),
        "--encoding NAME": table.options.get("encoding", ""),
    }
    absent = () if table.time is not None else ("--dates",)
    return tuple(
        f"{option}  now: {value}" if value else option
        for option, value in now.items()
        if not option.startswith(absent or "\0") and reading
    )

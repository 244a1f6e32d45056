"""What a dataset was taken for, said before anything is learned from it."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import AmbiguousError, DataError

from .words import amount

if TYPE_CHECKING:
    from .table import SensorTable

_SHOWN = 20  # rows that are named one by one


@dataclass(frozen=True)
class DataCheck:
    """Lines for people, and `facts` (fit for JSON) for programs.

    `kind` is "rows" or "photos". `undecided` is what must be said before the data can be used;
    the rest is then shown as if the first choice had been made. `understood` says what the data
    was taken for, `assumed` what was decided without proof, `left_alone` what is not used and
    why, `looks_wrong` what a person should look at, and `options` what to pass to change it.
    """

    source: str
    kind: str
    understood: tuple[str, ...]
    assumed: tuple[str, ...] = ()
    left_alone: tuple[str, ...] = ()
    looks_wrong: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    undecided: tuple[str, ...] = ()

    def sections(self) -> list[tuple[str, tuple[str, ...]]]:
        """Title and lines of each section that has any, in reading order."""
        titled = {
            "must be decided": self.undecided,
            "understood": self.understood,
            "assumed": self.assumed,
            "left alone": self.left_alone,
            "looks wrong": self.looks_wrong,
            "options that change it": self.options,
        }
        return [(title, lines) for title, lines in titled.items() if lines]


def check(path: Path | str, **options: Any) -> DataCheck:  # noqa: ANN401
    """What is in a folder of photos or a file of sensor rows, and what is odd about it.

    What is ambiguous stops nothing: it is said in `undecided`, and the rest is shown under the
    first choice.

    Raises:
        DataError: As these do, for all but what is ambiguous.
    """
    undecided: list[AmbiguousError] = []
    while True:
        try:
            found = _check(path, options)
            break
        except AmbiguousError as error:
            undecided.append(error)
            before, options = options, _joined(options, error.ways)
            if before == options or len(undecided) > 1000:
                raise undecided[0] from None
        except DataError:
            if undecided:  # the first choice leads nowhere
                raise undecided[0] from None
            raise
    said = [f"{error}; below it is shown with {_spelled(error.ways)}" for error in undecided]
    return replace(found, undecided=tuple(said))


def row_check(table: "SensorTable") -> DataCheck:
    """What `load_rows` took a file for."""
    summary, reading = table.summary(), table.reading
    labels = ", ".join(f"{n:,} {word}" for word, n in summary["labels"].items())
    size = f"{amount(len(table), 'row')} of {amount(len(table.columns), 'sensor')}"
    understood = [f"{size}: {labels}", reading.form]
    if table.time is not None:
        understood.append(f"time {reading.time}; {_clock(summary)}")
    understood += [f"label {reading.label}"] if reading.label else []
    understood += [_sensor(table, name) for name in table.columns]
    left_alone = reading.left_alone()
    left_alone += [f"line {line}: {reason}" for line, reason in table.bad[:_SHOWN]]
    if len(table.bad) > _SHOWN:
        left_alone.append(f"and {amount(len(table.bad) - _SHOWN, 'more row')}")
    return DataCheck(
        table.source, "rows", tuple(filter(None, understood)), reading.assumed, tuple(left_alone),
        tuple(table.doubts()), tuple(_row_options(table)), summary,
    )  # fmt: skip


def _check(path: Path | str, options: dict[str, Any]) -> DataCheck:
    from .rows import is_rows, load_rows  # which brings pandas

    if is_rows(path):
        return row_check(load_rows(path, **options))
    from .images import load_images
    from .photo_check import photo_check

    return photo_check(load_images(path, **options), pixels=options.get("check", True))


def _joined(options: dict[str, Any], ways: dict[str, Any]) -> dict[str, Any]:
    """The options under which the rest is shown; lists, such as `ignore`, grow."""
    longer = {name: [*options.get(name, ()), *value] for name, value in ways.items()
              if isinstance(value, list)}  # fmt: skip
    return options | ways | longer


def _spelled(ways: dict[str, Any]) -> str:
    each = [(name, v) for name, value in ways.items()
            for v in (value if isinstance(value, list) else [value])]  # fmt: skip
    return " ".join(f"--{name} '{value}'" for name, value in each)


def _sensor(table: "SensorTable", name: str) -> str:
    unit = table.reading.units.get(name, "")
    column = table.values[:, table.columns.index(name)]
    unit = f" [{unit}]" if unit and unit not in name else ""
    return f"sensor {name}{unit}: {column.min():.4g} to {column.max():.4g}"


def _clock(summary: dict[str, Any]) -> str:
    """From when to when, how often, and what the clock did."""
    (start, end), clock = summary["time"], summary["clock"]
    odd = [amount(clock[name], said) for name, said in (("duplicates", "repeated time"),
           ("backwards", "backward step"), ("gaps", "pause")) if clock.get(name)]  # fmt: skip
    every = [f"a row every {clock['step_seconds']:g} s"] if clock else []
    return ", ".join([f"{start} to {end}", *every, *odd])


def _row_options(table: "SensorTable") -> Iterable[str]:
    """What to pass to be read otherwise, with what holds now."""
    found, options = table.reading.found, table.options
    now = {
        "--label NAME[=NG VALUE]": found.get("label", "none found"),
        "--time NAME": found.get("time", "none found"),
        "--dates dmy|mdy|ymd|s|ms|us|days|number": found.get("dates", ""),
        "--decimal . or ,": found.get("decimal", "."),
        "--ignore NAME": ", ".join(options.get("ignore", ())),
        "--columns NAME": ", ".join(table.columns),
        "--encoding NAME": options.get("encoding", ""),
    }
    for option, value in now.items():
        if table.time is not None or not option.startswith("--dates"):
            yield f"{option}  now: {value}" if value else option

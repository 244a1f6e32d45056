"""The options of `load_rows` and of commands that read rows, as they are checked and kept."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from inspect import signature
from typing import Any

from workbench.errors import AmbiguousError

LAYOUTS = ("wide", "long")
"""One column a sensor, or one row a reading with its tag."""


def _said(help: str, default: Any = None, kind: type | None = None) -> Any:  # noqa: ANN401
    """An option with what it means; one of a `kind` is also typed at a command."""
    return field(default=default, metadata={"help": help, "kind": kind})


@dataclass(frozen=True)
class RowOptions:
    """The arguments of `load_rows`."""

    columns: Sequence[str] | None = _said(
        "The sensors to keep, in this order; without a header, names of all columns.",
        kind=list[str],
    )
    label: str | None = _said(
        "Column of labels (0/1, true/false, OK/NG, normal/anomaly ...); NAME=VALUE says which "
        "value is NG, NAME!=VALUE which is not.", kind=str,
    )  # fmt: skip
    time: str | None = _said("Column of times.", kind=str)
    ignore: Sequence[str] = _said("Columns that are no sensors.", (), list[str])
    seed: int = _said("Another seed, another draw, where rows are drawn.", 0)
    calibration: float = _said("Share of the normal rows for the threshold.", 0.15)
    test: float = _said("Share of the normal rows for the final numbers.", 0.15)
    missing: str = _said(
        "Of a row with a cell missing or not numeric: drop it, refuse the file, or interpolate "
        "short gaps by a straight line.", "drop",
    )  # fmt: skip
    most: int = _said("Cells in a row that are bridged; rows of longer gaps are left out.", 3)
    dates: str | None = _said(
        "Order of dates (dmy, mdy, ymd), unit of a count since 1970 (s, ms, us, ns), days of a "
        "spreadsheet, number, or a format with percent signs.", kind=str,
    )  # fmt: skip
    decimal: str | None = _said("Decimal sign, . or ,", kind=str)
    encoding: str | None = _said("Of text, such as cp949.", kind=str)
    sheet: str | None = _said("Worksheet of a workbook, else the first with a table.", kind=str)
    layout: str | None = _said("wide, or long: a tag, a time and a value in each row.")
    hold: float | None = _said(
        "Seconds for which a sensor that is recorded more seldom keeps its last value.", kind=float
    )
    every: float | None = _said(
        "Seconds of a step over which readings are averaged first.", kind=float
    )

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

    def without(self, absent: Collection[str]) -> "RowOptions":
        """Without columns of training that a file may lack."""
        return replace(
            self,
            label=None if column_of(self.label or "") in absent else self.label,
            time=None if self.time in absent else self.time,
            ignore=tuple(name for name in self.ignore if name not in absent),
        )


def ambiguous(said: str, option: str, values: Sequence[str]) -> AmbiguousError:
    """The refusal of what an option decides; under the first value the rest can be shown."""
    ways = " or ".join(f"{option}={value!r}" for value in values)
    return AmbiguousError(f"{said}; pass {ways} (--{option})", {option: values[0]})


def column_of(label: str) -> str:
    """The column in "NAME=VALUE" or "NAME!=VALUE"."""
    return label.partition("=")[0].rstrip("!")


def typed() -> dict[str, tuple[type, str]]:
    """Type and help of the options that commands have, by name."""
    kept = [f for f in fields(RowOptions) if f.metadata["kind"]]
    many = {list[str]: ", repeatable"}
    return {f.name: (kind, f"{f.metadata['help']} (rows{many.get(kind, '')})")
            for f in kept for kind in [f.metadata["kind"]]}  # fmt: skip


def with_options(function: Callable) -> Callable:
    """The function with its `**options` spelled out, in its signature and behind its "Args:"."""
    own = [p for p in signature(function).parameters.values() if p.kind is not p.VAR_KEYWORD]
    options = [p.replace(kind=p.KEYWORD_ONLY) for p in signature(RowOptions).parameters.values()]
    shown = signature(function).replace(parameters=[*own, *options])
    said = "".join(f"        {f.name}: {f.metadata['help']}\n" for f in fields(RowOptions))
    function.__signature__ = shown  # type: ignore[attr-defined]
    function.__doc__ = str(function.__doc__).replace("\n    Returns:", f"{said}\n    Returns:", 1)
    return function

"""The options of `load_rows` and of commands that read rows, as they are checked and kept."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from inspect import Parameter, signature
from typing import Any

LAYOUTS = ("wide", "long")
"""One column a sensor, or one row a reading with its tag."""


def _typed(help: str, kind: type = str, default: Any = None) -> Any:  # noqa: ANN401
    """An option that is also typed at a command."""
    return field(default=default, metadata={"help": f"{help} (rows).", "kind": kind})


@dataclass(frozen=True)
class RowOptions:
    """The arguments of `load_rows`."""

    columns: Sequence[str] | None = _typed(
        "A column that is a sensor, and no other; repeatable", list[str]
    )
    label: str | None = _typed("Column of labels; NAME=VALUE says which value is NG")
    time: str | None = _typed("Column of times")
    ignore: Sequence[str] = _typed("A column that is no sensor; repeatable", list[str], ())
    seed: int = 0
    calibration: float = 0.15
    test: float = 0.15
    missing: str = "drop"
    most: int = 3
    dates: str | None = _typed("dmy, mdy, ymd, s, ms, us, days, number, or a format with %")
    decimal: str | None = _typed("Decimal sign, . or ,")
    encoding: str | None = _typed("Of text, such as cp949")
    sheet: str | None = _typed("Worksheet of a workbook")
    layout: str | None = None
    hold: float | None = _typed("Seconds for which a sensor keeps its last value", float)
    every: float | None = _typed("Seconds of a step over which rows are averaged", float)

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


def column_of(label: str) -> str:
    """The column in "NAME=VALUE" or "NAME!=VALUE"."""
    return label.partition("=")[0].rstrip("!")


def typed() -> dict[str, tuple[type, str]]:
    """Type and help of the options that commands have, by name."""
    return {f.name: (f.metadata["kind"], f.metadata["help"]) for f in fields(RowOptions)
            if f.metadata}  # fmt: skip


def with_options(function: Callable) -> Callable:
    """The function, shown with the row options that its `**options` stand for."""
    own = [p for p in signature(function).parameters.values() if p.kind is not p.VAR_KEYWORD]
    options = signature(RowOptions).parameters.values()
    every = [*own, *(p.replace(kind=Parameter.KEYWORD_ONLY) for p in options)]
    function.__signature__ = signature(function).replace(parameters=every)  # type: ignore[attr-defined]
    return function

"""The options of `load_rows` and of commands that read rows, as they are checked and kept."""

import tomllib
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from inspect import signature
from pathlib import Path
from typing import Any

from workbench.errors import AmbiguousError

LAYOUTS = ("wide", "long")
"""One column a sensor, or one row a reading with its tag."""
_HELP = tomllib.loads(Path(__file__).with_name("options.toml").read_text("utf-8"))
_KINDS: dict[str, type] = {
    "columns": list[str],
    "ignore": list[str],
    "hold": float,
    "every": float,
}


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
    repeated = {"columns": ", repeatable", "ignore": ", repeatable"}
    helps = {n: f"{said} (rows{repeated.get(n, '')})" for n, said in _HELP["typed"].items()}
    return {name: (_KINDS.get(name, str), said) for name, said in helps.items()}


def with_options(function: Callable) -> Callable:
    """The function with its `**options` spelled out, in its signature and behind its "Args:"."""
    own = [p for p in signature(function).parameters.values() if p.kind is not p.VAR_KEYWORD]
    options = [p.replace(kind=p.KEYWORD_ONLY) for p in signature(RowOptions).parameters.values()]
    shown = signature(function).replace(parameters=[*own, *options])
    helps = _HELP["typed"] | _HELP["others"]
    said = "".join(f"        {p.name}: {helps[p.name]}\n" for p in options)
    function.__signature__ = shown  # type: ignore[attr-defined]
    function.__doc__ = str(function.__doc__).replace("\n    Returns:", f"{said}\n    Returns:", 1)
    return function

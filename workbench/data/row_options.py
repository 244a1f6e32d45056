"""The options of `load_rows`, as they are checked and kept with a model."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

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

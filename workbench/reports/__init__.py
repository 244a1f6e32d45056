"""Reports: one HTML page a dataset, made by running a notebook, and a page that lists them.

`run` executes a template in a kernel of its own. The template, which also works by hand in
JupyterLab, gathers its numbers in an `ImageReport` or a `SensorReport`, shows them with
`figure`, `table` and `text`, and leaves them in `metrics.json` with `record`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .display import figure, record, table, text
from .execution import execute, parsed
from .index import build_index
from .pdf import print_pdf
from .runner import run, run_all, watch
from .runs import ReportRun

if TYPE_CHECKING:
    from .comparison import ComparisonReport
    from .images import ImageReport
    from .sensors import SensorReport

_LATE = {
    "ComparisonReport": "comparison",
    "ImageReport": "images",
    "SensorReport": "sensors",
}
"""What brings torch and matplotlib, which the list of reports has no use for."""

__all__ = [
    "ComparisonReport",
    "ImageReport",
    "ReportRun",
    "SensorReport",
    "build_index",
    "execute",
    "figure",
    "parsed",
    "print_pdf",
    "record",
    "run",
    "run_all",
    "table",
    "text",
    "watch",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name in _LATE:
        return getattr(import_module(f".{_LATE[name]}", __name__), name)
    raise AttributeError(f"workbench.reports has no {name!r}; it has {', '.join(__all__)}")

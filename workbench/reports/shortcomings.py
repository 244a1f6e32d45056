"""What a report that ran to its end lacks: success with an empty report is a failure."""

from math import isfinite
from typing import Any

from nbformat import NotebookNode

from .display import METRICS


def shortcoming(metrics: dict[str, Any], notebook: NotebookNode) -> str:
    """The first thing that is wrong, in a line; "" if nothing."""
    if not metrics:
        return f"the notebook left no {METRICS}; it must end with reports.record(...)"
    if not metrics.get("n"):
        return "the report is empty: not one image or row was tested"
    if not figures(notebook):
        return "the report is empty: it holds no figure"
    classes = [metrics.get("n_ok"), metrics.get("n_ng")]
    if None not in classes and sum(classes) != metrics["n"]:
        return f"the counts disagree: {classes[0]} OK and {classes[1]} NG are not {metrics['n']}"
    if odd := [key for key, value in numbers(metrics) if not isfinite(value)]:
        return f"the metrics hold NaN or infinity for {', '.join(odd)}"
    lacking = [key for key in _defined(metrics) if metrics.get(key) is None]
    return f"the metrics lack a number for {', '.join(lacking)}" if lacking else ""


def figures(notebook: NotebookNode) -> int:
    """How many pictures the notebook's cells made."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return sum("image/png" in output.get("data", {}) for output in outputs)


def numbers(content: Any, key: str = "") -> list[tuple[str, float]]:  # noqa: ANN401
    """Every number of nested dicts and lists, with the way to it."""
    if isinstance(content, dict | list):
        pairs = content.items() if isinstance(content, dict) else enumerate(content)
        within = [numbers(value, f"{key}.{name}" if key else str(name)) for name, value in pairs]
        return sum(within, [])
    is_number = isinstance(content, int | float) and not isinstance(content, bool)
    return [(key, content)] if is_number else []


def _defined(metrics: dict[str, Any]) -> list[str]:
    """The keys that must hold a number, given how many OK and NG were tested."""
    ok, ng = metrics.get("n_ok"), metrics.get("n_ng")
    keys = ["threshold"] * ("threshold" in metrics)  # a comparison has none of its own
    keys += ["overkill_rate"] * bool(ok) + ["miss_rate"] * bool(ng)
    return keys + ["auroc", "average_precision"] * bool(ok and ng)

"""The report on reports: datasets side by side, and two models on the same parts."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from workbench import artifacts, plots, workspace
from workbench.errors import DataError
from workbench.metrics import Comparison, compare
from workbench.metrics.inputs import plain
from workbench.session import COLUMNS

from . import display, runs, wording
from .runs import ReportRun

CHANGES = 12  # parts in the table of changed verdicts


@dataclass(frozen=True)
class ComparisonReport(display.Report):
    """The last good runs of several reports.

    Args:
        names: Which; by default all of them.

    Raises:
        DataError: A report that is named has no run that went well, or there is none at all.
    """

    names: Sequence[str] = ()
    name: str = "comparison"

    @cached_property
    def compared(self) -> list[ReportRun]:
        """One run a report, in the order of the names; see the function of this name."""
        return compared(self.names)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """The rates of every report and of every pair, fit for JSON."""
        keys = ("n", "n_ok", "n_ng", "fn", "fp", "auroc", "miss_rate", "overkill_rate",
                "miss_interval", "overkill_interval", "threshold", "threshold_source",
                "flagged")  # fmt: skip
        rows = [
            {"name": run.name, "kind": run.details["kind"], "run": run.folder.name}
            | {key: run.metrics.get(key) for key in keys}
            for run in self.compared
        ]
        pairs = [self._pair_numbers(*pair) for pair in self._pairs]
        return {
            "name": self.name, "kind": "comparison", "n": len(rows), "reports": rows,
            "pairs": pairs, "versions": artifacts.versions(),
        }  # fmt: skip

    def rates(self) -> None:
        """Show miss and overkill of all reports with their intervals."""
        rows = self.metrics["reports"]
        panels = {
            word: [
                (row[f"{key}_rate"], tuple(row[f"{key}_interval"] or (None, None))) for row in rows
            ]
            for word, key in (("missed", "miss"), ("overkill", "overkill"))
        }
        drawn = plots.rate_intervals([row["name"] for row in rows], panels)
        self.draw(drawn, "compared_rates")

    def pairs(self) -> None:
        """Show every two models that were tested on the same parts."""
        if not self._pairs:
            self.say("no_pairs")
        for (a, b, table, found), numbers in zip(self._pairs, self.metrics["pairs"], strict=True):
            self.say("pair_section", numbers)
            labels, limits = _labels(table), (a.metrics["threshold"], b.metrics["threshold"])
            drawn = plots.agreement(*_scores(table), labels, (a.name, b.name), limits)
            self.draw(drawn, "pair_figure", numbers, len(labels))
            if found.changes:
                self.say("changes", numbers, found.changes[:CHANGES], len(found.changes))

    def origins(self) -> None:
        """Show, folded, which runs were compared."""
        rows = self.metrics["reports"]
        self.say("origins", [(r["name"], f"{r['run']}; {r['threshold_source']}") for r in rows])

    def record(self) -> None:
        """Leave `metrics.json`."""
        display.record(self.metrics)

    @cached_property
    def _pairs(self) -> list[tuple[ReportRun, ReportRun, pd.DataFrame, Comparison]]:
        found = []
        for a, b in combinations(self.compared, 2):
            table = _joined(a, b)
            if table is not None:
                names, labels = list(table[COLUMNS[0]]), _labels(table)
                limits = a.metrics["threshold"], b.metrics["threshold"]
                judged = compare(*_scores(table), labels, *limits, names=names)
                found.append((a, b, table, judged))
        return found

    def _pair_numbers(
        self, a: ReportRun, b: ReportRun, _: pd.DataFrame, found: Comparison
    ) -> dict[str, Any]:
        keys = ("fixed", "broken", "auroc_difference", "auroc_interval", "mcnemar_p")
        known = {"a": a.name, "b": b.name, **{key: getattr(found, key) for key in keys}}
        return plain(known | {f"auroc_{x}": y.metrics["auroc"] for x, y in (("a", a), ("b", b))})


def compared(names: Sequence[str]) -> list[ReportRun]:
    """The last good run of each report, of all where none is named.

    Raises:
        DataError: One that is named has none, or there are none at all.
    """
    found = []
    for name in names or runs.names():
        good = [run for run in runs.history(name) if run.status == "ok"]
        if good and good[-1].details["kind"]:
            found.append(good[-1])
        elif names:
            raise DataError(f"{name} has no report to compare; run: workbench report {name}")
    if not found:
        raise DataError("there are no reports to compare; run: workbench report --all")
    return found


def _joined(a: ReportRun, b: ReportRun) -> pd.DataFrame | None:
    """Scores of the parts that both tested, if these are the same, labelled alike."""
    tables = [run.folder / f"{run.name}_scores.csv" for run in (a, b)]
    if not all(path.exists() for path in tables):
        return None
    wanted = [*COLUMNS[:2], COLUMNS[3]]
    first, second = (pd.read_csv(path, keep_default_na=False)[wanted] for path in tables)
    keys = list(COLUMNS[:2])
    same = first[keys].equals(second[keys]) and _data(a) == _data(b)
    return first.merge(second, on=keys) if same and set(first["label"]) <= {"OK", "NG"} else None


def _labels(table: pd.DataFrame) -> np.ndarray:
    return (table["label"] == "NG").to_numpy()


def _scores(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    column = COLUMNS[3]
    return table[f"{column}_x"].to_numpy(), table[f"{column}_y"].to_numpy()


def _data(run: ReportRun) -> str:
    """Where the model's data lies: the same names in two folders are not the same parts."""
    data = wording.manifest(run.name)["data"]
    return str(workspace.resolve(data.get("root", run.name)))

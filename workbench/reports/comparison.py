"""The report on reports: datasets side by side, and two models on the same parts."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from workbench import plots, workspace
from workbench.errors import DataError
from workbench.metrics import Comparison, compare
from workbench.session import COLUMNS

from . import display, runs, wording
from .runs import ReportRun
from .wording import plain

CHANGES = 12  # parts in the table of changed verdicts


@dataclass(frozen=True)
class ComparisonReport:
    """The last good runs of several reports.

    Args:
        names: Which; by default all of them.
        name: Of this report.

    Raises:
        DataError: A report that is named has no run that went well, or there is none at all.
    """

    names: Sequence[str] = ()
    name: str = "comparison"

    @cached_property
    def compared(self) -> list[ReportRun]:
        """One run a report, in the order of the names."""
        found = []
        for name in self.names or runs.names():
            good = [
                run for run in runs.history(name) if run.status == "ok" and run.details["kind"]
            ]
            if good:
                found.append(good[-1])
            elif self.names:
                raise DataError(f"{name} has no report to compare; run: workbench report {name}")
        if not found:
            raise DataError("there are no reports to compare; run: workbench report --all")
        return found

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """The rates of every report and of every pair, fit for JSON."""
        keys = ("n", "n_ok", "n_ng", "fn", "fp", "auroc", "miss_rate", "overkill_rate")
        ends = ("miss_interval", "overkill_interval", "threshold", "threshold_source", "flagged")
        rows = [
            {"name": run.name, "kind": run.details["kind"], "run": run.folder.name}
            | {key: run.metrics.get(key) for key in keys + ends}
            for run in self.compared
        ]
        pairs = [self._pair_numbers(a, b, found) for a, b, found in self._pairs]
        return {
            "name": self.name, "kind": "comparison", "n": len(rows), "reports": rows,
            "pairs": pairs, "versions": wording.versions(),
        }  # fmt: skip

    def answer(self) -> None:
        """Say which dataset is worst off, and which of two models is better."""
        rated = [row for row in self.metrics["reports"] if row["auroc"] is not None]
        words = [f"{wording.plural(len(self.compared), 'report')} compared."]
        if rated:
            best, worst = (pick(rated, key=lambda row: row["auroc"]) for pick in (max, min))
            words.append(
                f"**{plain(worst['name'])} is hardest to tell apart "
                f"(AUROC {worst['auroc']:.3f})**, "
                f"{plain(best['name'])} easiest ({best['auroc']:.3f})."
            )
            missing = [row for row in rated if row["fn"]]
            words.append(
                f"NG parts were missed in {len(missing)} of {len(rated)}"
                + (f": {plain(', '.join(row['name'] for row in missing))}." if missing else ".")
            )
        words += [_pair_words(pair) for pair in self.metrics["pairs"]]
        display.text(" ".join(words))

    def table(self) -> None:
        """Show all reports by metric."""
        frame = pd.DataFrame([_row_words(row) for row in self.metrics["reports"]])
        display.table(frame, "Each at its own threshold; Wilson intervals of 95 %.")

    def rates(self) -> None:
        """Show miss and overkill of all reports with their intervals."""
        rows = self.metrics["reports"]
        panels = {
            word: [
                (row[f"{key}_rate"], tuple(row[f"{key}_interval"] or (None, None))) for row in rows
            ]
            for word, key in (("missed", "miss"), ("overkill", "overkill"))
        }
        said = "; ".join(
            f"{row['name']}: {wording.percent(row['miss_rate'])} missed, "
            f"{wording.percent(row['overkill_rate'])} overkill"
            for row in rows
        )
        display.figure(
            plots.rate_intervals([row["name"] for row in rows], panels),
            f"Rates with the interval that holds the true one in 95 of 100 such tests. {said}.",
        )

    def pairs(self) -> None:
        """Show every two models that were tested on the same parts."""
        if not self._pairs:
            display.text("No two of these models were tested on the same parts.")
            return
        for (a, b, found), numbers in zip(self._pairs, self.metrics["pairs"], strict=True):
            names = f"{plain(a.name)} and {plain(b.name)}"
            display.text(f"### {names}\n\n{_pair_words(numbers)}")
            first, second, labels = self._scores(a, b)
            limits = a.metrics["threshold"], b.metrics["threshold"]
            display.figure(
                plots.agreement(first / limits[0], second / limits[1], labels, (a.name, b.name)),
                f"Scores of {len(labels):,} parts in thresholds: {found.fixed + found.broken} "
                f"get another verdict from {b.name} than from {a.name}.",
            )
            if found.changes:
                self._show_changes(a, b, found)

    def origins(self) -> None:
        """Show, folded, which runs were compared."""
        frame = pd.DataFrame(
            [
                {"report": row["name"], "run": row["run"], "threshold": row["threshold_source"]}
                for row in self.metrics["reports"]
            ]
        )
        display.table(frame, folded="How this was made")

    def record(self) -> None:
        """Leave `metrics.json`."""
        display.record(self.metrics)

    @cached_property
    def _pairs(self) -> list[tuple[ReportRun, ReportRun, Comparison]]:
        found = []
        for a, b in combinations(self.compared, 2):
            table = self._joined(a, b)
            if table is None:
                continue
            first, second, labels = self._scores(a, b)
            limits = a.metrics["threshold"], b.metrics["threshold"]
            names = list(table[COLUMNS[0]])
            found.append((a, b, compare(first, second, labels, *limits, names=names)))
        return found

    def _joined(self, a: ReportRun, b: ReportRun) -> pd.DataFrame | None:
        """Scores of the parts that both tested, if these are the same, labelled alike."""
        tables = [run.folder / f"{run.name}_scores.csv" for run in (a, b)]
        if not all(path.exists() for path in tables):
            return None
        first, second = (pd.read_csv(path, keep_default_na=False) for path in tables)
        keys = list(COLUMNS[:2])
        same = first[keys].equals(second[keys]) and _data(a) == _data(b)
        return (
            first.merge(second, on=keys) if same and set(first["label"]) <= {"OK", "NG"} else None
        )

    def _scores(self, a: ReportRun, b: ReportRun) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        table = self._joined(a, b)
        column = COLUMNS[3]
        labels = (table["label"] == "NG").to_numpy()
        return table[f"{column}_x"].to_numpy(), table[f"{column}_y"].to_numpy(), labels

    def _pair_numbers(self, a: ReportRun, b: ReportRun, found: Comparison) -> dict[str, Any]:
        return {
            "a": a.name, "b": b.name, "fixed": found.fixed, "broken": found.broken,
            "auroc_a": a.metrics["auroc"], "auroc_b": b.metrics["auroc"],
            "auroc_difference": _finite(found.auroc_difference),
            "auroc_interval": [_finite(end) for end in found.auroc_interval],
            "mcnemar_p": _finite(found.mcnemar_p),
        }  # fmt: skip

    def _show_changes(self, a: ReportRun, b: ReportRun, found: Comparison) -> None:
        frame = pd.DataFrame(
            [
                {"part": c.name, "label": c.label, a.name: c.a, b.name: c.b}
                for c in found.changes[:CHANGES]
            ]
        )
        shown = f"{min(CHANGES, len(found.changes))} of {len(found.changes)}"
        display.table(frame, f"Parts with another verdict, {shown}.")


def _data(run: ReportRun) -> str:
    """Where the model's data lies: the same names in two folders are not the same parts."""
    data = wording.manifest(run.name)["data"]
    return str(workspace.resolve(data.get("root", run.name)))


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _pair_words(pair: dict[str, Any]) -> str:
    low, high = pair["auroc_interval"]
    said = "The difference is no accident" if low > 0 or high < 0 else "That may be an accident"
    return (
        f"**{plain(pair['b'])} against {plain(pair['a'])}: AUROC {pair['auroc_b']:.3f} against "
        f"{pair['auroc_a']:.3f}** (difference {pair['auroc_difference']:+.3f}, 95 % interval "
        f"{low:+.3f} to {high:+.3f}). {said}. Of the verdicts {pair['fixed']} got better and "
        f"{pair['broken']} worse (McNemar p {pair['mcnemar_p']:.2g})."
    )


def _row_words(row: dict[str, Any]) -> dict[str, str]:
    return {
        "report": row["name"],
        "tested": f"{row['n']:,}",
        "AUROC": wording.number(row["auroc"]),
        "missed": _rate(row, "fn", "n_ng", "miss"),
        "overkill": _rate(row, "fp", "n_ok", "overkill"),
        "threshold": f"{row['threshold']:.4g}",
    }


def _rate(row: dict[str, Any], count: str, of: str, rate: str) -> str:
    if not row[of]:
        return "-"
    low, high = row[f"{rate}_interval"]
    share = wording.percent(row[f"{rate}_rate"])
    return f"{share} ({row[count]:,} of {row[of]:,}; {100 * low:.1f} to {wording.percent(high)})"

"""Sensors over time: pick a moment and see who is to blame, move the threshold and see alarms."""

from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

import ipywidgets as widgets
import numpy as np

from workbench.language import t
from workbench.metrics import SortedScores, Threshold

from .charts import SensorChart
from .markup import described, rate_cell, render, table
from .saving import ROWS, Saving
from .view import View, html, row, styled

if TYPE_CHECKING:
    from workbench.autoencoder.alarms import AlarmRule
    from workbench.autoencoder.detector import AutoEncoderDetector
    from workbench.data import SensorTable

SENSORS_SHOWN = 10


def values_of(detector: "AutoEncoderDetector", rows: "SensorTable") -> np.ndarray:
    """The values of any rows that the detector takes, in the order of its columns, (N, D)."""
    from workbench.autoencoder.rows import read

    return read(rows, detector.columns, detector.config.missing_of(len(detector.columns))).values


def blame_table(detector: "AutoEncoderDetector", values: np.ndarray, row: int) -> str:
    """The sensors of a row, most to blame first: share, what was seen, what was expected."""
    one = detector.evaluate_one(values[max(0, row - detector.config.window + 1) : row + 1])
    worst = sorted(one.blame.items(), key=lambda item: -item[1])[:SENSORS_SHOWN]
    rows = [
        {
            "name": name, "share": share, "seen": f"{one.seen[name]:.4g}",
            "expected": f"{one.reconstruction[name]:.4g}",
        }
        for name, share in worst
    ]  # fmt: skip
    return render("tables.blame", rows=rows)


class SensorExplorer(View):
    """A recording with its scores, a moment to look at and a threshold to move.

    Args:
        detector: A fitted row or window model.
        rows: The recording, oldest first; labels, where it has them, are shaded.
        rule: What makes an alarm of scores; every reading over the threshold if None.
        model: The saved detector's folder, for the threshold to be saved to; None keeps it in
            the detector only.

    Raises:
        ValueError: No rows, or columns that the detector does not know.

    Example:
        >>> from workbench import AutoEncoderDetector
        >>> normal = np.random.default_rng(0).normal(size=(60, 2))
        >>> detector = AutoEncoderDetector().fit(normal, progress=False)
        >>> view = SensorExplorer(detector, normal)
        >>> view.moment.value = 3
        >>> view.close()
    """

    def __init__(
        self, detector: "AutoEncoderDetector", rows: "SensorTable",
        rule: "AlarmRule | None" = None, *, model: Path | str | None = None,
        operator: bool = False,
    ) -> None:  # fmt: skip
        from workbench.autoencoder.alarms import AlarmRule, detections

        self.detector, self.rows, self.rule = detector, rows, rule or AlarmRule()
        self.scores = detector.score(rows)
        if not len(self.scores):
            raise ValueError("a sensor view needs rows, got none")
        super().__init__((id(detector), id(rows)), RLock())
        self._detections = detections
        self._values = values_of(detector, rows)
        self.labels, self.time = getattr(rows, "labels", None), getattr(rows, "time", None)
        self._make_widgets(model, operator)
        self.fit()

    def __repr__(self) -> str:
        return f"SensorExplorer({len(self.scores)} rows, threshold {float(self.threshold):.4g})"

    @property
    def threshold(self) -> Threshold:
        """What is shown, saved or not."""
        return self.saving.threshold

    def _make_widgets(self, model: Path | str | None, operator: bool) -> None:
        self._head, self._chart = html("wb-header"), html("wb-strips")
        self._blame, self._alarms = html("wb-blame"), html("wb-counts")
        moment = widgets.IntSlider(int(self.scores.argmax()), min=0, max=len(self.scores) - 1)
        self.moment = self.control(moment, "Row", "wb-moment", lambda _: self._show(), "100%")
        self.next = self.button("Next alarm", "arrow-right", "wb-next-alarm", self._next)
        labels = np.zeros(len(self.scores), bool) if self.labels is None else self.labels
        high = max(2 * float(self.detector.threshold), float(np.quantile(self.scores, 0.995)))
        self.saving = Saving(
            self, self.detector, SortedScores.of(self.scores, labels), self.labels is not None,
            (0, high), self._show, by_hand="set by hand among the sensors", words=ROWS,
            model=model, operator=operator,
        )  # fmt: skip
        self.slider = self.saving.slider
        facts = styled(widgets.Box([self._blame, self._alarms]), "wb-two")
        controls = row(self.next, *self.saving.buttons)
        parts = self._head, self._chart, self.moment, self.slider, controls
        self.fill("Sensors", *parts, self.saving.box, facts)

    def fit(self) -> None:
        """Draw again because the view has become narrow or wide."""
        n = min(SENSORS_SHOWN, len(self.detector.columns))
        self._strips = SensorChart(
            self._values[:, :n], self.detector.columns[:n], self.scores, self.labels, self.narrow
        )
        self._show()

    @property
    def raised(self) -> list[int]:
        """The rows at which an alarm is raised, at the present threshold."""
        return self.rule.raised(self.scores, float(self.threshold)).tolist()

    def look(self, row: int) -> None:
        """Show a moment, and the view itself where it is out of sight."""
        self.moment.value = row
        if self._gestures:
            self._gestures.send({"here": 1})

    def _next(self) -> None:
        later = [row for row in self.raised if row > self.moment.value] or self.raised
        if later:
            self.moment.value = later[0]
        else:
            self.say(t("no alarm at this threshold"))

    def _show(self) -> None:
        limit, moment = float(self.threshold), self.moment.value
        active = self.rule.active(self.scores, limit)
        self._chart.value = self._strips.draw(limit, moment, active, self.raised)
        self._head.value = self._header(moment)
        self._blame.value = blame_table(self.detector, self._values, moment)
        self._alarms.value = self._alarm_table(active)
        self.say(t("threshold {0}", described(self.threshold)))

    def _header(self, row: int) -> str:
        when = t("row {0}", f"{row:,}") if self.time is None else f"{self.time[row]}"
        verdict = "NG" if self.scores[row] >= self.threshold else "OK"
        said = t("score {0}", f"{self.scores[row]:.3g}")
        if self.labels is not None:
            said += ", " + t("labelled {0}", "NG" if self.labels[row] else "OK")
        return render("part.head", title=verdict, note="", name=said, rates="", position=when)

    def _alarm_table(self, active: np.ndarray) -> str:
        raised = render("tables.strong", text=len(self.raised))
        facts = {t("Alarms raised"): raised}
        if self.labels is None:
            facts[t("Rows in alarm")] = rate_cell(int(active.sum()), len(active))
            return table(facts)
        found = self._detections(active, self.labels, self.time)
        delays = [d for d in found if d.delay is not None]
        facts[t("Faults found")] = rate_cell(len(delays), len(found))
        if delays:
            typical = float(np.median([d.delay for d in delays]))
            facts[t("Time to detection, median")] = t("{0} rows", f"{typical:.0f}")
        normal = ~self.labels
        facts[t("Normal rows in alarm")] = rate_cell(int(active[normal].sum()), int(normal.sum()))
        facts[t("NG rows without")] = rate_cell(
            int((~active & ~normal).sum()), int((~normal).sum())
        )
        return table(facts)

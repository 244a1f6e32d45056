"""Sensors over time: pick a moment and see who is to blame, move the threshold and see alarms."""

from threading import RLock
from typing import TYPE_CHECKING

import ipywidgets as widgets
import numpy as np

from workbench.metrics import Threshold

from .markup import render
from .sensor_chart import SensorChart
from .view import View, html, rate_cell, styled, table

if TYPE_CHECKING:
    from workbench.autoencoder.alarms import AlarmRule
    from workbench.autoencoder.detector import AutoEncoderDetector
    from workbench.data import SensorTable

BY_HAND = "set by hand among the sensors"
SENSORS_SHOWN = 10


class SensorExplorer(View):
    """A recording with its scores, a moment to look at and a threshold to move.

    Args:
        detector: A fitted row or window model.
        rows: The recording, oldest first; labels, where it has them, are shaded.
        rule: What makes an alarm of scores; every reading over the threshold if None.
        language: "en" or "ko"; that of `$WORKBENCH_LANG` if None.

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
        self,
        detector: "AutoEncoderDetector",
        rows: "SensorTable",
        rule: "AlarmRule | None" = None,
        *,
        language: str | None = None,
    ) -> None:
        from workbench.autoencoder.alarms import AlarmRule, detections

        self.detector, self.rows, self.rule = detector, rows, rule or AlarmRule()
        self.scores = detector.score(rows)
        if not len(self.scores):
            raise ValueError("a sensor view needs rows, got none")
        super().__init__((id(detector), id(rows)), RLock(), language)
        self._detections = detections
        self._values = np.asarray(getattr(rows, "values", rows), float)
        self.labels, self.time = getattr(rows, "labels", None), getattr(rows, "time", None)
        self.threshold = Threshold.of(detector.threshold)
        shown = range(min(SENSORS_SHOWN, len(detector.columns)))
        self._strips = SensorChart(
            self._values[:, shown], detector.columns[: len(shown)], self.scores, self.labels,
            self._t,
        )  # fmt: skip
        self._make_widgets()
        self._show()

    def __repr__(self) -> str:
        return f"SensorExplorer({len(self.scores)} rows, threshold {float(self.threshold):.4g})"

    def _make_widgets(self) -> None:
        t = self._t
        self._head, self._chart = html("wb-header"), html("wb-strips")
        self._blame, self._alarms = html("wb-blame"), html("wb-counts")
        wide = {"width": "100%"}
        self.moment = styled(
            widgets.IntSlider(
                int(self.scores.argmax()), min=0, max=len(self.scores) - 1,
                description=t("Row"), layout=wide,
            ),
            "wb-moment",
        )  # fmt: skip
        high = max(2 * float(self.threshold), float(np.quantile(self.scores, 0.995)))
        self.slider = styled(
            widgets.FloatSlider(
                float(self.threshold), min=0, max=high, step=high / 1000,
                description=t("Threshold"), readout=False, layout=wide,
            ),
            "wb-threshold",
        )  # fmt: skip
        self.next = widgets.Button(description=t("Next alarm"), layout={"width": "auto"})
        self.save = widgets.Button(
            description=t("Save to detector"), button_style="primary", layout={"width": "auto"}
        )
        self.moment.observe(self.guard(lambda _: self._show()), "value")
        self.slider.observe(self.guard(self._moved), "value")
        self.next.on_click(self.guard(self._next))
        self.save.on_click(self.guard(self._save))
        facts = styled(widgets.Box([self._blame, self._alarms]), "wb-two")
        controls = styled(widgets.HBox([self.next, self.save]), "wb-controls")
        # there are no keys of its own; this names the view and its sliders for screen readers
        named = self.listen(lambda _: None, t("Sensors"))
        self.fill(
            self._head, self._chart, self.moment, self.slider, facts, controls, gestures=named
        )

    @property
    def raised(self) -> list[int]:
        """The rows at which an alarm is raised, at the present threshold."""
        return self.rule.raised(self.scores, float(self.threshold)).tolist()

    def _moved(self, change: dict) -> None:
        # a browser rounds what it is sent to the slider's steps and reports that back: no move
        shown = np.clip(float(self.threshold), self.slider.min, self.slider.max)
        if abs(change["new"] - shown) > 0.501 * self.slider.step:
            self.threshold = Threshold(change["new"], source=BY_HAND)
            self._show()

    def _next(self, _: object) -> None:
        later = [row for row in self.raised if row > self.moment.value] or self.raised
        if not later:
            self.say(self._t("no alarm at this threshold"))
            return
        self.moment.value = later[0]

    def _save(self, _: object) -> None:
        self.detector.threshold = self.threshold
        self.say(
            self._t(
                "the detector now cuts at {0}; wb.save(detector, folder) keeps it",
                self.threshold.describe(),
            )
        )

    def _show(self) -> None:
        limit, row = float(self.threshold), self.moment.value
        active = self.rule.active(self.scores, limit)
        self._chart.value = self._strips.draw(limit, row, active, self.raised)
        self._head.value = self._header(row)
        self._blame.value = self._blame_table(row)
        self._alarms.value = self._alarm_table(active)
        self.say(self._t("threshold {0}", self.threshold.describe()))

    def _header(self, row: int) -> str:
        t = self._t
        when = t("row {0}", f"{row:,}") if self.time is None else f"{self.time[row]}"
        verdict = "NG" if self.scores[row] >= self.threshold else "OK"
        said = t("score {0}", f"{self.scores[row]:.3g}")
        if self.labels is not None:
            said += ", " + t("labelled {0}", "NG" if self.labels[row] else "OK")
        return render("part.head", title=verdict, note="", name=said, rates="", position=when)

    def _blame_table(self, row: int) -> str:
        """The sensors, most to blame first: share, what was seen, what was expected."""
        window = self._values[max(0, row - self.detector.config.window + 1) : row + 1]
        one = self.detector.evaluate_one(window)
        worst = sorted(one.blame.items(), key=lambda item: -item[1])[:SENSORS_SHOWN]
        rows = [
            {
                "name": name, "share": share, "seen": f"{one.seen[name]:.4g}",
                "expected": f"{one.reconstruction[name]:.4g}",
            }
            for name, share in worst
        ]  # fmt: skip
        return render("tables.blame", rows=rows, t=self._t)

    def _alarm_table(self, active: np.ndarray) -> str:
        t = self._t
        raised = render("tables.strong", text=len(self.raised))
        facts = {t("Alarms raised"): raised}
        if self.labels is None:
            facts[t("Rows in alarm")] = rate_cell(int(active.sum()), len(active), t)
            return table(facts)
        found = self._detections(active, self.labels, self.time)
        delays = [d for d in found if d.delay is not None]
        facts[t("Faults found")] = rate_cell(len(delays), len(found), t)
        if delays:
            typical = float(np.median([d.delay for d in delays]))
            facts[t("Time to detection, median")] = t("{0} rows", f"{typical:.0f}")
        normal = ~self.labels
        facts[t("Normal rows in alarm")] = rate_cell(
            int(active[normal].sum()), int(normal.sum()), t
        )
        facts[t("NG rows without")] = rate_cell(
            int((~active & ~normal).sum()), int((~normal).sum()), t
        )
        return table(facts)

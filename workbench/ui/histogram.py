"""The histogram: move the threshold and see at once what it costs.

Scores are sorted once; counts at a threshold are two binary searches. The bars are drawn once
and only the line moves.
"""

import json
from collections.abc import Callable
from pathlib import Path
from threading import RLock

import ipywidgets as widgets
import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import artifacts, metrics, workspace
from workbench.metrics import SortedScores, Threshold, TwoThresholds
from workbench.session import InspectionSession
from workbench.session.threshold_history import append_change

from .chart import Chart, long_tailed
from .controls import button, dropdown, row, toggle
from .markup import render
from .part_list import PartList
from .policies import Policies
from .rates import count_table, rate_table, review_table
from .saving import Saving
from .view import View, html, identity, styled

BY_HAND = "set by hand in the histogram"


class HistogramExplorer(View):
    """Distributions of OK and NG scores with a threshold to move, and what follows from it.

    Args:
        source: A session, whose parts are all scored, or scores of shape (N,).
        labels: With scores: True or "NG" for NG, shape (N,).
        threshold: With scores: where to start; the highest score if None.
        bins: Number of bars, the same for OK and NG; by the number of scores if None.
        model: The saved detector's folder, for the threshold to be saved to; None keeps it in
            the detector of the session only.
        language: "en" or "ko"; that of `$WORKBENCH_LANG` if None.
        operator: Whether the threshold is to be seen only: nothing can be chosen or saved.
        opened: Called when a part was opened, to show the session's simulator; by default it
            appears below.

    Raises:
        ValueError: Lengths differ, or no score is finite.

    Example:
        >>> view = HistogramExplorer([1.0, 2.0, 3.0], [False, False, True], 2.5)
        >>> view.slider.value = 2.0
        >>> view.counts.fp
        1
        >>> view.close()
    """

    def __init__(
        self,
        source: InspectionSession | ArrayLike,
        labels: ArrayLike | None = None,
        threshold: float | None = None,
        *,
        bins: int | None = None,
        model: Path | str | None = None,
        language: str | None = None,
        operator: bool = False,
        opened: Callable[[], None] | None = None,
    ) -> None:
        session = source if isinstance(source, InspectionSession) else None
        if session:
            source, labels = session.scores(), session.labels()
            threshold = session.detector.threshold
        self._read(source, labels)
        key, lock = (identity(session), session.lock) if session else (id(self), RLock())
        super().__init__(key, lock, language)
        self.session, self.model = session, None if model is None else Path(model)
        self._operator = operator
        highest = float(self._scores.max())
        self.threshold = self._own = Threshold.of(highest if threshold is None else threshold)
        self._name = session.parts.root.name if session else self._t("Scores")
        self._chosen: int | None = None
        self._low: Threshold | None = None  # parts from here to the threshold are looked at again
        self._bins = bins or int(np.clip(2 * len(self._scores) ** 0.5, 12, 60))
        self.chart = self._new_chart(long_tailed(self._scores))
        self.opener = PartList(session, self._t, opened)
        self._make_widgets()
        self._show()

    def __repr__(self) -> str:
        return f"HistogramExplorer({self._name}, threshold {float(self.threshold):.4g})"

    @property
    def counts(self) -> metrics.Confusion:
        """The confusion counts at the present threshold."""
        return self.scores.confusion(float(self.threshold))

    def _read(self, source: ArrayLike, labels: ArrayLike | None) -> None:
        scores = np.asarray(source, np.float64)
        ng = None if labels is None else metrics.as_labels(labels)
        if ng is not None and len(ng) != len(scores):
            raise ValueError(f"labels must be as many as scores, {len(scores)}, got {len(ng)}")
        self._rows = np.flatnonzero(np.isfinite(scores))
        if not len(self._rows):
            raise ValueError(f"scores must hold a finite number, got {len(scores)} without one")
        self._left_out = len(scores) - len(self._rows)
        self._scores = scores[self._rows]
        self._ng = None if ng is None else ng[self._rows]
        self.scores = SortedScores.of(
            self._scores, np.zeros(len(self._scores), bool) if ng is None else self._ng
        )

    def _classes(self) -> dict[str, NDArray[np.float64]]:
        if self._ng is None:
            return {"all": self.scores.ok}
        return {"OK": self.scores.ok, "NG": self.scores.ng}

    def _new_chart(self, log_x: bool) -> Chart:
        return Chart(self._classes(), self._bins, self._own, log_x=log_x, t=self._t)

    def _make_widgets(self) -> None:
        t = self._t
        self._head, self._plot = html("wb-header"), html("wb-histogram")
        self._counts, self._rates = html("wb-counts"), html("wb-rates")
        self.log_counts = toggle(t("Log counts"), "", "wb-log")
        self.log_scores = toggle(t("Log scores"), "", "wb-log-scores")
        self.log_scores.value = self.chart.log_x
        self.log_scores.layout.display = None if self._scores.min() > 0 else "none"
        self.slider = styled(self._make_slider(), "wb-threshold")
        self.exact = styled(widgets.FloatText(float(self.threshold), step=None), "wb-exact")
        self.exact.description = t("Exactly")
        self.exact.layout.width, self.exact.style.description_width = "220px", "initial"
        self._make_policies()
        self.two = toggle(t("Look again between two"), "", "wb-two-thresholds")
        self.two.layout.display = None if self._ng is not None else "none"
        self.expert = toggle(t("Expert"), "", "wb-expert")
        self._experts = self.policies.expert()
        self._experts.layout.display = "none"
        history = self.model and workspace.report(self.model.name) / "thresholds.jsonl"
        self.saving = Saving(history, self._consequence, self._save, self._choose, self.guard, t)
        self.saving.save.layout.display = None if self.session else "none"
        self.export = button(t("Export"), "download", "wb-export")
        self.bars = dropdown(t("Parts scored"), [("-", -1)], "wb-bars")
        self._offer_bars()
        self.slider.observe(self.guard(self._moved), "value")
        self.exact.observe(self.guard(self._typed), "value")
        for control in (self.log_counts, self.two):
            control.observe(self.guard(lambda _: self._choose_two()), "value")
        self.expert.observe(self._open_expert, "value")
        self.log_scores.observe(self.guard(self._rescale), "value")
        self.bars.observe(self.guard(lambda change: self._choose_bar(change["new"])), "value")
        self.export.on_click(self.guard(lambda _: self._export()))
        self.opener.button.on_click(self.guard(lambda _: self.opener.open()))
        tables = widgets.VBox([self._counts, self._rates])
        evidence = styled(widgets.Box([self._plot, tables]), "wb-evidence")
        self._choosing = widgets.VBox(
            [self.policies.goals(), row(self.own, self.two, self.expert), self._experts]
        )
        line = row(self.slider, self.exact)
        self.slider.layout.flex = "1 1 300px"
        if self._operator:
            line.layout.display = self._choosing.layout.display = "none"
            self.saving.hide()
        self.fill(
            self._head, evidence, line, self.saving.box, self._choosing,
            row(*self.saving.buttons, self.export, self.log_counts, self.log_scores, self.bars),
            self.opener.box,
            gestures=self.listen(self.on_message, t("Histogram")),
        )  # fmt: skip

    def _make_policies(self) -> None:
        calibration = np.asarray(getattr(self._detector, "calibration_scores", ()), float)
        self.policies = Policies(self._scores, self._ng, calibration, self._choose, self._t)
        for policy, made in self.policies.buttons.items():
            made.on_click(self.guard(lambda _, policy=policy: self.policies.press(policy)))
        self.own = button(
            self._t("Detector's own" if self._detector else "As given"), "", "wb-policy"
        )
        self.own.on_click(self.guard(lambda _: self._choose(self._own)))
        for name in ("prevalence", "miss_cost", "overkill_cost", "miss", "overkill"):
            field = self.policies.fields[name]
            field.observe(self.guard(lambda _: self._choose_two()), "value")

    @property
    def _detector(self) -> object:
        return self.session.detector if self.session else None

    def _make_slider(self) -> widgets.FloatSlider:
        low, high = self.chart.low, self.chart.high
        steps = 10_000 if self.chart.log_x else 1000  # most parts share the axis's low end
        # no readout: it would round, and the header says the exact number
        return widgets.FloatSlider(
            np.clip(float(self.threshold), low, high), min=low, max=high,
            step=(high - low) / steps, description=self._t("Threshold"), readout=False,
            layout={"width": "100%"},
        )  # fmt: skip

    def _offer_bars(self) -> None:
        edges, counts = self.chart.edges, self.chart.counts
        words = [
            ", ".join(f"{n[bar]} {name}" for name, n in counts.items() if n[bar])
            for bar in range(self._bins)
        ]
        options = [
            (f"{edges[bar]:.4g} - {edges[bar + 1]:.4g}: {said}", bar)
            for bar, said in enumerate(words)
            if said
        ]
        self.bars.options = [("-", -1), *options]

    def on_message(self, message: dict) -> None:
        """What the pointer did on the chart; see `gestures`."""
        if "line" in message and not self._operator:
            score = self.chart.score_at(message["line"])
            self.guard(self._drag)(Threshold(score, source=BY_HAND), message.get("which", 0))
        elif "bar" in message:
            bar = self.chart.bar_at(message["bar"])
            offered = [value for _, value in self.bars.options]
            self.bars.value = bar if bar in offered else -1

    def _drag(self, threshold: Threshold, which: int) -> None:
        if which:  # the lower of the two
            self._low = min(threshold, self.threshold)
            self._show()
        else:
            self._choose(threshold)

    def _choose_two(self) -> None:
        """A range to look at again, by the fields for misses and overkill, or none."""
        if not self.two.value:
            self._low = None
        elif self._low is None:
            params = {name: self.policies.value(name) for name in ("miss", "overkill")}
            both = metrics.two_thresholds(self._scores, self._ng, **params)
            self._low = both.low
            self._choose(both.high)
        self._show()

    def _typed(self, change: dict) -> None:
        if change["new"] != float(self.threshold):
            self._choose(Threshold(change["new"], source=BY_HAND))

    def _open_expert(self, change: dict) -> None:
        self._experts.layout.display = None if change["new"] else "none"

    def _choose(self, threshold: Threshold) -> None:
        self.threshold = threshold
        if self._low is not None:
            self._low = min(self._low, threshold)
        self.slider.value = float(threshold)  # the slider may be there already, or clip it
        self._show()

    def _moved(self, change: dict) -> None:
        # a browser rounds what it is sent to the slider's steps and reports that back: no move
        shown = np.clip(float(self.threshold), self.slider.min, self.slider.max)
        if abs(change["new"] - shown) > 0.501 * self.slider.step:
            self._choose(Threshold(change["new"], source=BY_HAND))

    def _rescale(self, change: dict) -> None:
        self.chart = self._new_chart(change["new"])
        self._chosen = None
        self._offer_bars()
        self._show()

    def _choose_bar(self, bar: int) -> None:
        self._chosen = None if bar < 0 else bar
        rows = [] if bar < 0 else self._rows[self.chart.inside(bar, self._scores)]
        self.opener.offer(rows)
        self._show()

    def _measured(self) -> Threshold:
        """The threshold with the rates that these parts let expect, where it has none."""
        if self.threshold.expected or self._ng is None:
            return self.threshold
        value, source = float(self.threshold), self.threshold.source
        return metrics.threshold(
            self._scores, self._ng, policy="manual", value=value, source=source
        )

    @property
    def unsaved(self) -> bool:
        """Whether the threshold shown is another than that which was given or saved."""
        return float(self.threshold) != float(self._own)

    def _consequence(self) -> list[str]:
        """What saving would do, in counts."""
        t, before, after = self._t, self.scores.confusion(float(self._own)), self.counts
        said = t("Threshold {0} instead of {1}", f"{self.threshold:.4g}", f"{self._own:.4g}")
        if self._ng is None:
            called = t(
                "{0} of {1} parts would be called NG, now {2}", after.fp, after.n, before.fp
            )
            return [said, called]
        good, bad = (after.fp, after.n_ok, before.fp), (after.fn, after.n_ng, before.fn)
        return [
            said,
            t("{0} of {1} good parts would be thrown away, now {2}", *good),
            t("{0} of {1} defects would be missed, now {2}", *bad),
        ]

    def _save(self, why: str) -> None:
        threshold, former = self._measured(), self._own
        if self.model:
            artifacts.save_threshold(self.model, threshold, self._detector)
            append_change(self.saving.file, threshold, why, former=former)
        with self.session.lock:
            self._detector.threshold = self.threshold = self._own = threshold
        self._show()
        where = workspace.portable(self.model) if self.model else self._t("memory only")
        self.say(self._t("saved to {0}: the detector cuts at {1}", where, threshold.describe()))

    def _export(self) -> None:
        """Write the threshold with what it costs, and offer it for download."""
        threshold = self._measured()
        facts = {"data": self._name, "threshold": threshold.to_json()}
        facts |= {"look_again_from": float(self._low)} if self._low is not None else {}
        facts |= {"counts": self.counts._asdict()} if self._ng is not None else {}
        facts |= {n: self.policies.value(n) for n in ("prevalence", "miss_cost", "overkill_cost")}
        text = json.dumps(facts, indent=2, ensure_ascii=False)
        results = self.session.results if self.session else None
        folder = results.parent if results else workspace.report(self._name)
        path = folder / f"{self._name}_threshold.json"
        self.hand_out(path, text.encode(), "application/json")

    def _show(self) -> None:
        counts, t = self.counts, self._t
        self._head.value = self._header()
        self._plot.value = self.chart.draw(
            float(self.threshold), low=None if self._low is None else float(self._low),
            log=self.log_counts.value, chosen=self._chosen,
        )  # fmt: skip
        labelled = self._ng is not None
        self._counts.value = count_table(counts, labelled, t)
        self._rates.value = rate_table(counts, labelled, self.policies.value, t)
        if self._low is not None:
            both = TwoThresholds(self._low, self.threshold)
            prevalence = self.policies.value("prevalence")
            rates = both.rates(self._scores, self._ng, prevalence=prevalence)
            self._counts.value += review_table(rates, t)
        self.exact.value = float(self.threshold)
        self.saving.save.disabled = not self.unsaved
        self.say(t("threshold {0}", self.threshold.describe()))

    def _header(self) -> str:
        t, n = self._t, f"{len(self._scores):,}"
        place = t("threshold {0}", f"{float(self.threshold):.4g}")
        out = t(", {0} without a score left out", self._left_out) if self._left_out else ""
        unsaved = t("changed, not saved") if self.unsaved and self.session else ""
        return render(
            "part.head", title=self._name, note=unsaved, name=t("{0} scores", n) + out, rates="",
            position=place,
        )  # fmt: skip

"""The histogram: move the threshold and see at once what it costs.

Scores are sorted once; counts at a threshold are two binary searches. The bars are drawn once
and only the line moves.
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import ipywidgets as widgets
import numpy as np

from workbench import metrics, workspace
from workbench.language import t
from workbench.metrics import SortedScores, Threshold, TwoThresholds
from workbench.session import InspectionSession

from .charts import Chart
from .markup import count_table, described, rate_table, render, review_table
from .policies import Policies, RegionRule
from .saving import Saving, adjust
from .simulator import Simulator
from .view import View, html, identity, row, styled, visible

MOST = 200  # lines; a browser slows down with thousands


class HistogramExplorer(View):
    """Distributions of OK and NG scores with a threshold to move, and what follows from it.

    Args:
        session: Its parts are all scored first.
        model: The saved detector's folder, for the threshold to be saved to; None keeps it in
            the detector of the session only.
        opened: Called when a part was opened, to show the session's simulator; by default it
            appears below.

    Raises:
        ValueError: No score is finite.
    """

    def __init__(
        self, session: InspectionSession, *, model: Path | str | None = None,
        operator: bool = False, opened: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        self.session, self._name = session, session.parts.root.name
        self._read()
        super().__init__(identity(session), session.lock)
        self._model, self._operator = None if model is None else Path(model), operator
        self._opened = opened
        self._open()

    def __repr__(self) -> str:
        return f"HistogramExplorer({self._name}, threshold {float(self.threshold):.4g})"

    @property
    def threshold(self) -> Threshold:
        """What is shown, saved or not."""
        return self.saving.threshold

    @property
    def counts(self) -> metrics.Confusion:
        """The confusion counts at the present threshold."""
        return self.scores.confusion(float(self.threshold))

    def _open(self) -> None:
        self._chosen: int | None = None
        self._low: float | None = None  # parts from here to the threshold are looked at again
        self._n_bars = int(np.clip(2 * len(self._scores) ** 0.5, 12, 60))
        self.chart = self._new_chart(metrics.long_tailed(self._scores))
        self.opener = PartList(self, self.session, self._opened)
        self._make_widgets()
        self._lay_out()
        self._show()

    def _adjust(self, why: str, **changes: object) -> None:
        """Let other regions count, and show what they make of the scores."""
        said = adjust(self, self.session, self._model, why, **changes)
        self._read()
        self._open()
        self.say(said)

    def _read(self) -> None:
        scores, labels = self.session.scores(), self.session.labels()
        self._rows, self._scores, self._ng = metrics.readable(scores, labels)
        self._left_out = len(scores) - len(self._rows)
        known = np.zeros(len(self._scores), bool) if self._ng is None else self._ng
        self.scores = SortedScores.of(self._scores, known)
        self._auroc = None if self._ng is None else metrics.auroc(self._scores, self._ng)

    def _new_chart(self, log_x: bool) -> Chart:
        classes = {"OK": self.scores.ok, "NG": self.scores.ng}
        if self._ng is None:
            classes = {"all": self.scores.ok}
        own = self.session.detector.threshold
        return Chart(classes, self._n_bars, own, log_x=log_x, narrow=self.narrow)

    def _make_widgets(self) -> None:
        self._head, self._plot = html("wb-header"), html("wb-histogram")
        self._counts, self._rates = html("wb-counts"), html("wb-rates")
        self.log_counts = self.toggle("Log counts", "", "wb-log", lambda _: self._show())
        self.log_scores = self.toggle("Log scores", "", "wb-log-scores", self._rescale)
        with self.set_quietly():
            self.log_scores.value = self.chart.log_x
        visible(self.log_scores, self._scores.min() > 0)
        detector = self.session.detector
        self.saving = Saving(
            self, detector, self.scores, self._ng is not None, (self.chart.low, self.chart.high),
            self._moved, by_hand="set by hand in the histogram", model=self._model,
            # most parts share the low end of a logarithmic axis
            steps=10_000 if self.chart.log_x else 1000, operator=self._operator,
        )  # fmt: skip
        self.slider = self.saving.slider
        exact = widgets.FloatText(float(self.threshold), step=None)
        self.exact = self.control(exact, "Exactly", "wb-exact", self._typed, 220)
        calibration = np.asarray(getattr(detector, "calibration_scores", ()), float)
        self.policies = Policies(
            self, self._scores, self._ng, calibration, self.saving.choose, self._choose_two
        )
        self.own = self.button(
            "Detector's own", "", "wb-policy", lambda: self.saving.choose(self.saving.own)
        )
        self.two = self.toggle(
            "Look again between two", "", "wb-two-thresholds", lambda _: self._choose_two()
        )
        visible(self.two, self._ng is not None)
        self.expert = self.toggle("Expert", "", "wb-expert", lambda on: visible(self._experts, on))
        self.rule = RegionRule(self, self.session, self.saving, self._show, self._adjust)
        self._experts = styled(widgets.VBox([self.policies.expert(), self.rule.box]), "wb-panel")
        visible(self._experts, False)
        self.export = self.button("Export", "download", "wb-export", self._export)
        self.bars = self.dropdown("Parts scored", [("-", -1)], "wb-bars", self._choose_bar)
        self._offer_bars()

    def _lay_out(self) -> None:
        tables = widgets.VBox([self._counts, self._rates])
        evidence = styled(widgets.Box([self._plot, tables]), "wb-evidence")
        ways = row(self.own, self.two, self.expert)
        choosing = styled(widgets.VBox([self.policies.goals(), ways, self._experts]), "wb-panel")
        line, shown = row(self.slider, self.exact), [self.log_counts, self.log_scores, self.bars]
        self.slider.layout.flex = "1 1 300px"
        for part in (line, choosing) if self._operator else ():
            visible(part, False)
        below = row(*self.saving.buttons, self.export, *shown), self.saving.box, self.opener.box
        self.fill("Histogram", self._head, evidence, line, choosing, *below)

    def _offer_bars(self) -> None:
        edges, counts, options = self.chart.edges, self.chart.counts, []
        for bar in range(self._n_bars):
            if said := ", ".join(f"{n[bar]} {name}" for name, n in counts.items() if n[bar]):
                options.append((f"{edges[bar]:.4g} - {edges[bar + 1]:.4g}: {said}", bar))
        self.bars.options = [("-", -1), *options]

    def on_message(self, message: dict) -> None:
        """What the pointer did on the chart; see `gestures`."""
        if "line" in message and not self._operator:
            score = self.chart.score_at(message["line"])
            self.guard(self._drag)(score, message.get("which", 0))
        elif "bar" in message:
            bar = self.chart.bar_at(message["bar"])
            offered = [value for _, value in self.bars.options]
            self.bars.value = bar if bar in offered else -1
        else:
            super().on_message(message)

    def fit(self) -> None:
        """Draw again because the view has become narrow or wide."""
        self._rescale(self.chart.log_x)

    def _drag(self, score: float, which: int) -> None:
        if which:  # the lower of the two
            self._low = min(score, float(self.threshold))
            self._show()
        else:
            self.saving.choose(score)

    def _choose_two(self) -> None:
        """A range to look at again, by the fields for misses and overkill, or none."""
        if not self.two.value:
            self._low = None
        elif self._low is None:
            params = {name: self.policies.value(name) for name in ("miss", "overkill")}
            both = metrics.two_thresholds(self._scores, self._ng, **params)
            self._low = float(both.low)
            self.saving.choose(both.high)
        self._show()

    def _typed(self, value: float) -> None:
        if value != float(self.threshold):
            self.saving.choose(value)

    def _moved(self) -> None:
        if self._low is not None:
            self._low = min(self._low, float(self.threshold))
        self._show()

    def _rescale(self, log_x: bool) -> None:
        self.chart, self._chosen = self._new_chart(log_x), None
        self._offer_bars()
        self._show()

    def _choose_bar(self, bar: int) -> None:
        self._chosen = None if bar < 0 else bar
        rows = [] if bar < 0 else self._rows[self.chart.inside(bar, self._scores)]
        self.opener.offer(rows)
        self._show()

    def _export(self) -> None:
        """Write the threshold with what it costs, and offer it for download."""
        threshold = self.saving.measured()
        facts = {"data": self._name, "threshold": threshold.to_json()}
        facts |= {"look_again_from": self._low} if self._low is not None else {}
        facts |= {"counts": self.counts._asdict()} if self._ng is not None else {}
        facts |= {n: self.policies.value(n) for n in ("prevalence", "miss_cost", "overkill_cost")}
        text = json.dumps(facts, indent=2, ensure_ascii=False)
        results = self.session.results
        folder = results.parent if results else workspace.report(self._name)
        path = folder / f"{self._name}_threshold.json"
        self.hand_out(path, text.encode(), "application/json")

    def _show(self) -> None:
        self._counts.value = count_table(self.counts, self._ng is not None)
        self._rates.value = rate_table(self.counts, self._auroc, self.policies.value)
        if self._low is not None:
            both = TwoThresholds(Threshold(self._low), self.threshold)
            prevalence = self.policies.value("prevalence")
            rates = both.rates(self._scores, self._ng, prevalence=prevalence)
            self._counts.value += review_table(rates)
        self.exact.value = float(self.threshold)
        self.rule.show()
        self._head.value = self._header()
        self.say(t("threshold {0}", described(self.threshold)))
        self._plot.value = self.chart.draw(
            float(self.threshold), low=self._low, log=self.log_counts.value, chosen=self._chosen,
        )  # fmt: skip

    def _header(self) -> str:
        n = f"{len(self._scores):,}"
        out = t(", {0} without a score left out", self._left_out) if self._left_out else ""
        changed = self.saving.unsaved or self.rule.unsaved
        unsaved = t("changed, not saved") if changed else ""
        return render(
            "part.head", title=self._name, note=unsaved, name=t("{0} scores", n) + out, rates="",
            position=t("threshold {0}", f"{float(self.threshold):.4g}"),
        )  # fmt: skip


class PartList:
    """The list with its button; what is opened shows in the session's simulator.

    Where no simulator of that session is open, one is made below the list.
    """

    def __init__(
        self, view: View, session: InspectionSession, opened: Callable[[], None] | None = None
    ) -> None:
        self._session, self._opened = session, opened
        names = widgets.Select(options=[], rows=6)
        self.names = view.control(names, "Parts", "wb-names", width=520)
        self.button = view.button("Open in the simulator", "search-plus", "wb-open", self.open)
        self._line, self.stage = row(self.names, self.button), widgets.VBox([])
        visible(self._line, False)
        self.box = widgets.VBox([self._line, self.stage])

    def offer(self, rows: Iterable[int]) -> None:
        """List these parts."""
        rows = [int(row) for row in rows][:MOST]
        self.names.options = [(self._words(row), row) for row in rows]
        visible(self._line, rows)

    def open(self) -> None:
        """Show the chosen part in the simulator."""
        if self.names.value is None:
            raise ValueError("choose a part in the list first")
        self._session.open(self._session.parts.names[self.names.value])
        simulator = Simulator.opened(identity(self._session))
        if self._opened:
            self._opened()
        elif simulator:
            simulator.refresh()
        else:
            self.stage.children = (Simulator(self._session),)

    def _words(self, row: int) -> str:
        name, score = self._session.parts.names[row], self._session.scores()[row]
        return f"{name}  {self._session.truth(row)}  {score:.4g}"

"""The histogram: move the threshold and see at once what it costs.

Scores are sorted once; counts at a threshold are two binary searches. The bars are drawn once
and only the line moves.
"""

from functools import partial
from html import escape
from threading import RLock

import ipywidgets as widgets
import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import metrics
from workbench.metrics import Threshold
from workbench.session import InspectionSession
from workbench.ui.chart import Chart
from workbench.ui.view import View, html, interval_cell, rate_cell, styled, table

BY_HAND = "set by hand in the histogram"


class SortedScores:
    """Scores by class, sorted: counts at any threshold in microseconds.

    Args:
        scores: Shape (N,); NaN, the unreadable, is left out.
        labels: True or "NG" for NG, shape (N,); None takes all for unlabelled.

    Raises:
        ValueError: Lengths differ, or no score is finite.

    Example:
        >>> SortedScores([1, 2, 3], [False, True, True]).confusion(3)
        Confusion(tp=1, fp=0, tn=1, fn=1)
    """

    def __init__(self, scores: ArrayLike, labels: ArrayLike | None) -> None:
        scores = np.asarray(scores, np.float64)
        self.labelled = labels is not None
        ng = metrics.as_labels(labels) if self.labelled else np.zeros(len(scores), bool)
        if len(ng) != len(scores):
            raise ValueError(f"labels must be as many as scores, {len(scores)}, got {len(ng)}")
        finite = np.isfinite(scores)
        if not finite.any():
            raise ValueError(f"scores must hold a finite number, got {len(scores)} without one")
        self.ok, self.ng = np.sort(scores[finite & ~ng]), np.sort(scores[finite & ng])
        self.left_out = int((~finite).sum())

    def confusion(self, threshold: float) -> metrics.Confusion:
        """The four counts; NG is a score of at least the threshold."""
        tn, fn = (int(np.searchsorted(scores, threshold)) for scores in (self.ok, self.ng))
        return metrics.Confusion(tp=len(self.ng) - fn, fp=len(self.ok) - tn, tn=tn, fn=fn)


class HistogramExplorer(View):
    """Distributions of OK and NG scores with a threshold to move, and what follows from it.

    Args:
        source: A session, whose parts are all scored, or scores of shape (N,).
        labels: With scores: True or "NG" for NG, shape (N,).
        threshold: With scores: where to start; the highest score if None.
        bins: Number of bars, the same for OK and NG; by the number of scores if None.

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
    ) -> None:
        session = source if isinstance(source, InspectionSession) else None
        if session:
            source, labels = session.scores(), session.parts.labels
            threshold = session.detector.threshold
        self.scores = SortedScores(source, labels)
        super().__init__(*_identity(self, session))
        self.detector = session.detector if session else None
        highest = max(scores.max() for scores in self._classes().values() if len(scores))
        self.threshold = self._own = Threshold.of(highest if threshold is None else threshold)
        self._chart = Chart(self._classes(), bins or self._bins(), self._own)
        self._name = session.parts.root.name if session else "Scores"
        self._make_widgets()
        self._show()

    def __repr__(self) -> str:
        return f"HistogramExplorer({self._name}, threshold {float(self.threshold):.4g})"

    @property
    def counts(self) -> metrics.Confusion:
        """The confusion counts at the present threshold."""
        return self.scores.confusion(self.threshold)

    def _bins(self) -> int:
        n = len(self.scores.ok) + len(self.scores.ng)
        return int(np.clip(2 * n**0.5, 12, 60))

    def _classes(self) -> dict[str, NDArray[np.float64]]:
        if not self.scores.labelled:
            return {"all": self.scores.ok}
        return {"OK": self.scores.ok, "NG": self.scores.ng}

    def _make_widgets(self) -> None:
        self._head, self._plot = html("wb-header"), html("wb-histogram")
        self._counts, self._rates = html("wb-counts"), html("wb-rates")
        self.slider = styled(self._make_slider(), "wb-threshold")
        self.log_counts = styled(widgets.ToggleButton(description="Log counts"), "wb-log")
        self.policies = {name: self._policy(name, t) for name, t in self._thresholds().items()}
        self.save = widgets.Button(description="Save to detector", button_style="primary")
        self.save.on_click(self.guard(self._save))
        self.save.layout.display = None if self.detector else "none"
        self.slider.observe(self.guard(self._moved), "value")
        self.log_counts.observe(self.guard(lambda _: self._show()), "value")
        buttons = [*self.policies.values(), self.log_counts, styled(self.save, "wb-save")]
        for button in buttons:
            button.layout.width = "auto"
        facts = styled(widgets.Box([self._counts, self._rates]), "wb-facts", "wb-two")
        controls = styled(widgets.HBox(buttons), "wb-controls")
        self.fill(self._head, self._plot, self.slider, facts, controls)

    def _make_slider(self) -> widgets.FloatSlider:
        low, high = self._chart.low, self._chart.high
        layout = {"width": "100%"}
        # no readout: it would round, and the header says the exact number
        return widgets.FloatSlider(
            float(self.threshold), min=low, max=high, step=(high - low) / 1000,
            description="Threshold", readout=False, layout=layout,
        )  # fmt: skip

    def _thresholds(self) -> dict[str, Threshold]:
        """The policies that the data allow, by the words on their buttons."""
        found = {"Detector's own" if self.detector else "As given": self._own}
        held_out = np.asarray(getattr(self.detector, "held_out", ()), float)
        if held_out.size:
            found["99th percentile of held-out OK"] = metrics.threshold(held_out, q=99)
        if len(self.scores.ng):
            source = "labelled NG of the parts shown"
            ng = np.ones(len(self.scores.ng), bool)
            found["Zero miss"] = metrics.threshold(
                self.scores.ng, ng, policy="zero_miss", source=source
            )
        return found

    def _policy(self, name: str, threshold: Threshold) -> widgets.Button:
        button = styled(widgets.Button(description=name), "wb-policy")
        button.tooltip = threshold.describe()
        button.on_click(self.guard(partial(self._choose, threshold)))
        return button

    def _choose(self, threshold: Threshold, _: object) -> None:
        self.threshold = threshold
        self.slider.value = float(threshold)  # the slider may be there already, or clip it
        self._show()

    def _moved(self, change: dict) -> None:
        # a browser rounds what it is sent to the slider's steps and reports that back: no move
        shown = np.clip(float(self.threshold), self.slider.min, self.slider.max)
        if abs(change["new"] - shown) > 0.501 * self.slider.step:
            self.threshold = Threshold(change["new"], source=BY_HAND)
            self._show()

    def _save(self, _: object) -> None:
        self.detector.threshold = self.threshold
        self.say(
            f"the detector now cuts at {self.threshold.describe()}; "
            "wb.save(detector, folder) keeps it"
        )

    def _show(self) -> None:
        counts = self.counts
        self._head.value = self._header()
        self._plot.value = self._chart.draw(float(self.threshold), log=self.log_counts.value)
        self._counts.value = self._count_table(counts)
        self._rates.value = self._rate_table(counts)
        self.say(f"threshold {self.threshold.describe()}")

    def _header(self) -> str:
        n = len(self.scores.ok) + len(self.scores.ng)
        out = f", {self.scores.left_out} without a score left out" if self.scores.left_out else ""
        return (
            f'<div class="wb-head"><b>{escape(self._name)}</b><span class="wb-name">{n:,} scores'
            f'{out}</span><span class="wb-position">threshold {float(self.threshold):.4g}</span>'
            "</div>"
        )

    def _count_table(self, counts: metrics.Confusion) -> str:
        if not self.scores.labelled:
            return table({"called NG": f"{counts.fp:,}", "called OK": f"{counts.tn:,}"})
        return (
            '<table class="wb-table wb-confusion"><tr><th></th><th scope="col">called OK</th>'
            '<th scope="col">called NG</th></tr>'
            f'<tr><th scope="row">OK parts</th><td>{counts.tn:,}</td>'
            f"<td><b>{counts.fp:,}</b> overkill</td></tr>"
            f'<tr><th scope="row">NG parts</th><td><b>{counts.fn:,}</b> missed</td>'
            f"<td>{counts.tp:,}</td></tr></table>"
        )

    def _rate_table(self, counts: metrics.Confusion) -> str:
        n = sum(counts)
        if not self.scores.labelled:
            return table({"Share called NG": rate_cell(counts.fp, n)})
        rows = {"Miss rate 미검율": (counts.fn, counts.fn + counts.tp)}
        rows["Overkill rate 과검율"] = counts.fp, counts.fp + counts.tn
        return table(
            {
                name: f"<b>{rate_cell(*pair)}</b><br><span class='wb-caption'>95 % interval "
                f"{interval_cell(metrics.wilson(*pair))}</span>"
                for name, pair in rows.items()
            }
        )


def _identity(view: object, session: InspectionSession | None) -> tuple:
    """Key and lock of the view: those of its session, else its own."""
    if session is None:
        return id(view), RLock()
    return session.results or id(session), session.lock

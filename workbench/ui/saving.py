"""The threshold of a view, and its brake: saving says what follows and asks."""

from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import ipywidgets as widgets
import numpy as np

from workbench import artifacts, metrics, workspace
from workbench.language import t
from workbench.metrics import SortedScores, Threshold
from workbench.session import InspectionSession
from workbench.session.threshold_history import (
    ThresholdChange,
    append_change,
    read_history,
    threshold_file,
)

from .markup import described, render
from .view import View, html, row, visible

ANSWER = 5.0  # seconds that a browser may take
PARTS = (
    "{0} of {1} good parts would be thrown away, now {2}",
    "{0} of {1} defects would be missed, now {2}",
    "{0} of {1} parts would be called NG, now {2}",
)
ROWS = (
    "{0} of {1} normal rows would be called NG, now {2}",
    "{0} of {1} NG rows would be missed, now {2}",
    "{0} of {1} rows would be called NG, now {2}",
)


class Saving:
    """A slider for the threshold, buttons that save it after a question, and former ones.

    It goes to the detector and, where a model's folder is given, there and into the history of its
    reports.

    Args:
        scores: From which the question says what would follow.
        ends: Of the slider.
        moved: Called when the threshold has become another one.
        by_hand: The source of a threshold from the slider.
        words: What the question says of good ones, of NG ones, and where nothing is labelled.
        operator: Nothing can be moved or saved.
    """

    def __init__(
        self, view: View, detector: Any, scores: SortedScores, labelled: bool,  # noqa: ANN401
        ends: tuple[float, float], moved: Callable[[], object], *, steps: int = 1000,
        by_hand: str, words: tuple[str, str, str] = PARTS, model: Path | str | None = None,
        operator: bool = False,
    ) -> None:  # fmt: skip
        self._view, self._detector, self._moved, self._by_hand = view, detector, moved, by_hand
        self.threshold = self.own = Threshold.of(detector.threshold)
        self._scores, self._labelled, self._words = scores, labelled, words
        self._model = None if model is None else Path(model)
        (low, high), value = ends, float(self.threshold)
        # without a readout: it would round
        self.slider = widgets.FloatSlider(
            min(max(value, low), high), min=low, max=high, step=(high - low) / steps, readout=False
        )
        self._sent = Sent(self.slider)
        view.control(self.slider, "Threshold", "wb-threshold", self._slid, "100%")
        self.save = view.button("Save to detector", "save", "wb-save", self.ask, style="primary")
        self.question, self.why = html("wb-consequence"), view.field("Reason", "wb-why")
        self.confirm = view.button("Save", "check", "wb-confirm", self._confirmed, style="primary")
        self.cancel = view.button("Cancel", "times", "wb-cancel", lambda: visible(asking, False))
        self.history = view.toggle("History", "history", "wb-history", self._open_history)
        self.past = view.dropdown("Saved before", [("-", -1)], "wb-past")
        self.past.layout.width = "min(760px, 100%)"
        self.restore = view.button("Restore", "undo", "wb-restore", self._restore)
        self.buttons = (self.save, self.history)
        self._asking = asking = widgets.VBox(
            [self.question, row(self.why, self.confirm, self.cancel)]
        )
        self._past = row(self.past, self.restore)
        self.box = widgets.VBox([asking, self._past])
        for part in (asking, self._past, *((self.slider, *self.buttons) if operator else ())):
            visible(part, False)
        if not model:
            visible(self.history, False)
        self.save.disabled = True

    @property
    def unsaved(self) -> bool:
        """Whether the threshold shown is another than that which was given or saved."""
        return float(self.threshold) != float(self.own)

    def choose(self, threshold: Threshold | float) -> None:
        """Take this, or a number that was chosen by hand, as what is shown and could be saved."""
        if not isinstance(threshold, Threshold):
            threshold = Threshold(threshold, source=self._by_hand)
        self.threshold = threshold
        with self._view.set_quietly():
            self._sent.set(float(threshold))  # the slider may be there already
        self.save.disabled = not self.unsaved
        self._moved()

    def ask(self) -> None:
        """Say in counts what saving would do, and ask."""
        cuts = self.own, self.threshold
        counts = [self._scores.confusion(float(cut)) for cut in cuts]
        self.propose(self.compared(cuts, counts), self._save)

    def propose(self, said: Sequence[str], act: Callable[[str], None]) -> None:
        """Ask before something is saved; `act` is called with the reason."""
        self._act = act
        self.question.value = render("part.say", text=". ".join(said), error=True, more="")
        visible(self._asking, True)

    def measured(self) -> Threshold:
        """The threshold with the rates that these scores let expect, where it has none."""
        present = self.threshold
        if present.expected or not self._labelled:
            return present
        ok, ng = self._scores.ok, self._scores.ng
        labels = np.arange(len(ok) + len(ng)) >= len(ok)
        return metrics.threshold(
            np.concatenate([ok, ng]), labels, policy="manual", value=float(present),
            source=present.source,
        )  # fmt: skip

    def compared(
        self, cuts: tuple[Threshold, Threshold], counts: Sequence[metrics.Confusion]
    ) -> list[str]:
        """Thresholds and what follows from them in counts, each before and after."""
        before, after = counts
        said = t("Threshold {0} instead of {1}", f"{cuts[1]:.4g}", f"{cuts[0]:.4g}")
        if not self._labelled:
            return [said, t(self._words[2], after.fp, after.n, before.fp)]
        good, bad = (after.fp, after.n_ok, before.fp), (after.fn, after.n_ng, before.fn)
        return [said, t(self._words[0], *good), t(self._words[1], *bad)]

    def _slid(self, value: float) -> None:
        if not self._sent.answered(value):
            self.choose(value)

    def _confirmed(self) -> None:
        self._act(self.why.value)
        self.why.value = ""
        visible(self._asking, False)

    def _save(self, why: str) -> None:
        threshold = self.measured()
        if self._model:
            artifacts.save_threshold(self._model, threshold, self._detector)
            append_change(threshold_file(self._model), threshold, why, former=self.own)
        self._detector.threshold = self.own = threshold
        self.history.value = False
        self.choose(threshold)
        where = workspace.portable(self._model) if self._model else t("memory only")
        self._view.say(t("saved to {0}: the detector cuts at {1}", where, described(threshold)))

    def _open_history(self, on: bool) -> None:
        visible(self._past, on)
        past = read_history(threshold_file(self._model))
        options = [(_in_a_line(change), number) for number, change in enumerate(past)]
        self.past.options = options or [(t("nothing was saved here yet"), -1)]

    def _restore(self) -> None:
        """Choose a former threshold; saving it asks like any other."""
        changes = read_history(threshold_file(self._model))
        if 0 <= self.past.value < len(changes):
            self.choose(changes[self.past.value].threshold)
            self.ask()


class Sent:
    """What a slider was set to; a browser rounds that to a step, and reports it back.

    Such an answer is no move of a hand, also if the slider has been set again meanwhile.

    Example:
        >>> slider = widgets.FloatSlider(2, min=0, max=10, step=0.1)
        >>> sent = Sent(slider)
        >>> sent.set(3.01)
        >>> [sent.answered(value) for value in (2.0, 3.0, 4.0, 3.0)]
        [True, True, False, False]
        >>> sent.set(3.25)  # between two steps: one is the answer, to the other a key goes
        >>> [sent.answered(value) for value in (3.3, 3.3, 3.2)]
        [True, True, False]
        >>> sent.set(3.21)
        >>> sent.set(3.25)  # before the first was answered
        >>> [sent.answered(value) for value in (3.2, 3.3)]
        [True, True]
    """

    def __init__(self, slider: widgets.FloatSlider) -> None:
        self.slider, self._values = slider, [(monotonic(), float(slider.value))]

    def set(self, value: float) -> None:
        """Set the slider, within its ends."""
        value = min(max(value, self.slider.min), self.slider.max)
        if value != self.slider.value:
            self._values = [*self._recent(), (monotonic(), value)]
            self.slider.value = value

    def answered(self, value: float) -> bool:
        """Whether a value that came is such an answer; else a hand moved the slider."""
        recent, near = self._recent(), 0.501 * self.slider.step
        known = [i for i, (_, own) in enumerate(recent) if abs(value - own) <= near]
        for first in known[:1]:  # answers come in order, and one is not followed by another
            recent[first] = recent[first][0], value
        self._values = recent if known else []
        return bool(known)

    def _recent(self) -> list[tuple[float, float]]:
        return [v for v in self._values[:-1] if monotonic() - v[0] < ANSWER] + self._values[-1:]


def adjust(
    view: View, session: InspectionSession, model: Path | None, why: str, **changes: object
) -> str:
    """Let other things count, save that where a model's folder is given, and what to say of it."""
    former = session.detector.threshold
    view.say(t("setting the threshold again from calibration photos ..."))
    found, now = session.adjust(**changes), session.detector.threshold
    if model:
        artifacts.save(session.detector, model)
        append_change(threshold_file(model), now, why, former=former)
    said = "in force from now on; threshold {0}"
    if not found:
        said = "in force from now on; without calibration photos the threshold stays {0}"
    return t(said, described(now))


def _in_a_line(change: ThresholdChange) -> str:
    limit = change.threshold
    policy = t(limit.policy.capitalize())  # with a small letter, normal is said of rows
    return f"{change.when}  {change.who}  {limit:.4g} ({policy})  {t(change.why)}"

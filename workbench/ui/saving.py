"""The brake: saving says what follows and asks; former thresholds can be restored."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np

from workbench import artifacts, metrics, workspace
from workbench.metrics import SortedScores, Threshold
from workbench.session import InspectionSession
from workbench.session.threshold_history import append_change, read_history, threshold_file

from .controls import html, row, visible
from .markup import render
from .view import View, described

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
    """Buttons that save after a question, and a list of what was saved before.

    The threshold goes to the detector and, where a model's folder is given, there and into the
    history of its reports.
    """

    def __init__(
        self,
        view: View,
        own: Threshold,
        scores: SortedScores,
        labelled: bool,
        choose: Callable[[Threshold], None],
        *,
        words: tuple[str, str, str] = PARTS,
        detector: Any,  # noqa: ANN401
        model: Path | str | None = None,
    ) -> None:
        self._view, self.own, self._present, self._choose = view, own, own, choose
        self._scores, self._labelled, self._words = scores, labelled, words
        self._detector, self._model = detector, None if model is None else Path(model)
        self.save = view.button("Save to detector", "save", "wb-save", self.ask, style="primary")
        self.question = html("wb-consequence")
        self.why = view.field("Reason", "wb-why", lambda _: 0)
        self.confirm = view.button("Save", "check", "wb-confirm", self._confirmed, style="primary")
        self.cancel = view.button(
            "Cancel", "times", "wb-cancel", lambda: visible(self._asking, False)
        )
        self.history = view.toggle("History", "history", "wb-history", self._open_history)
        self.past = view.dropdown("Saved before", [("-", -1)], "wb-past", lambda _: 0)
        self.past.layout.width = "min(760px, 100%)"
        self.restore = view.button("Restore", "undo", "wb-restore", self._restore)
        self.buttons = (self.save, self.history)
        visible(self.history, model is not None)
        self._asking = widgets.VBox([self.question, row(self.why, self.confirm, self.cancel)])
        self._past = row(self.past, self.restore)
        self.box = widgets.VBox([self._asking, self._past])
        visible(self._asking, False)
        visible(self._past, False)

    def show(self, threshold: Threshold) -> None:
        """Take this as what could be saved."""
        self._present = threshold
        self.save.disabled = not self.unsaved

    @property
    def unsaved(self) -> bool:
        """Whether the threshold shown is another than that which was given or saved."""
        return float(self._present) != float(self.own)

    def ask(self) -> None:
        """Say in counts what saving would do, and ask."""
        cuts = self.own, self._present
        counts = [self._scores.confusion(float(cut)) for cut in cuts]
        self.propose(self.compared(cuts, counts), self._save)

    def propose(self, said: Sequence[str], act: Callable[[str], None]) -> None:
        """Ask before something is saved; `act` is called with the reason."""
        self._act = act
        self.question.value = render("part.say", text=". ".join(said), error=True, more="")
        visible(self._asking, True)

    def measured(self) -> Threshold:
        """The threshold with the rates that these scores let expect, where it has none."""
        present = self._present
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
        t, (before, after) = self._view.t, counts
        said = t("Threshold {0} instead of {1}", f"{cuts[1]:.4g}", f"{cuts[0]:.4g}")
        if not self._labelled:
            return [said, t(self._words[2], after.fp, after.n, before.fp)]
        good, bad = (after.fp, after.n_ok, before.fp), (after.fn, after.n_ng, before.fn)
        return [said, t(self._words[0], *good), t(self._words[1], *bad)]

    def _confirmed(self) -> None:
        self._act(self.why.value)
        self.why.value = ""
        visible(self._asking, False)

    def _save(self, why: str) -> None:
        threshold, t = self.measured(), self._view.t
        if self._model:
            artifacts.save_threshold(self._model, threshold, self._detector)
            append_change(threshold_file(self._model), threshold, why, former=self.own)
        self._detector.threshold = self.own = threshold
        self.history.value = False
        self._choose(threshold)
        where = workspace.portable(self._model) if self._model else t("memory only")
        said = t("saved to {0}: the detector cuts at {1}", where, described(threshold, t))
        self._view.say(said)

    def _open_history(self, on: bool) -> None:
        t = self._view.t
        visible(self._past, on)
        options = [
            (f"{c.when}  {c.who}  {c.threshold:.4g} ({t(c.threshold.policy)})  {t(c.why)}", number)
            for number, c in enumerate(read_history(threshold_file(self._model)))
        ]
        self.past.options = options or [(t("nothing was saved here yet"), -1)]

    def _restore(self) -> None:
        """Choose a former threshold; saving it asks like any other."""
        changes = read_history(threshold_file(self._model))
        if 0 <= self.past.value < len(changes):
            self._choose(changes[self.past.value].threshold)
            self.ask()


def adjust(
    view: View, session: InspectionSession, model: Path | None, why: str, **changes: object
) -> str:
    """Let other things count, save that where a model's folder is given, and what to say of it."""
    t, former = view.t, session.detector.threshold
    view.say(t("setting the threshold again from calibration photos ..."))
    found, now = session.adjust(**changes), session.detector.threshold
    if model:
        artifacts.save(session.detector, model)
        append_change(threshold_file(model), now, why, former=former)
    said = "in force from now on; threshold {0}"
    if not found:
        said = "in force from now on; without calibration photos the threshold stays {0}"
    return t(said, described(now, t))

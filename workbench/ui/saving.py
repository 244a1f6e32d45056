"""The brake on a threshold: saving says what follows and asks; former ones can be restored."""

from collections.abc import Callable
from pathlib import Path

import ipywidgets as widgets

from workbench.metrics import Threshold
from workbench.session.threshold_history import read_history

from .controls import button, dropdown, row, toggle
from .markup import render
from .view import html, styled


class Saving:
    """Buttons that save after a question, and a list of what was saved before.

    Args:
        file: The history; None has none.
        consequence: What saving would do, as sentences.
        save: Called with the reason that the person gave.
        choose: Called with a former threshold that is to be restored.
        guard: Of the view, for callbacks.
        t: From English to the user's language.

    Attributes:
        buttons: Save and history.
        box: The question and the list.
    """

    def __init__(
        self,
        file: Path | None,
        consequence: Callable[[], list[str]],
        save: Callable[[str], None],
        choose: Callable[[Threshold], None],
        guard: Callable[[Callable], Callable],
        t: Callable[..., str],
    ) -> None:
        self.file, self._t = file, t
        self._consequence, self._save, self._choose = consequence, save, choose
        self.save = button(t("Save to detector"), "save", "wb-save", style="primary")
        self.question = html("wb-consequence")
        self.why = styled(widgets.Text(description=t("Why")), "wb-why-text")
        self.confirm = button(t("Save"), "check", "wb-confirm", style="primary")
        self.cancel = button(t("Cancel"), "times", "wb-cancel")
        self.history = toggle(t("History"), "history", "wb-history")
        self.history.layout.display = None if file else "none"
        self.past = dropdown(t("Saved before"), [("-", -1)], "wb-past")
        self.past.layout.width = "min(760px, 100%)"
        self.restore = button(t("Restore"), "undo", "wb-restore")
        self.buttons = (self.save, self.history)
        self._asking = widgets.VBox([self.question, row(self.why, self.confirm, self.cancel)])
        self._past = row(self.past, self.restore)
        self.box = widgets.VBox([self._asking, self._past])
        self._asking.layout.display = self._past.layout.display = "none"
        self.save.on_click(guard(lambda _: self.ask()))
        self.confirm.on_click(guard(lambda _: self._confirmed()))
        self.cancel.on_click(guard(lambda _: self._close()))
        self.history.observe(guard(self._open_history), "value")
        self.restore.on_click(guard(lambda _: self._restore()))

    def hide(self) -> None:
        """Offer nothing: the threshold is to be seen only."""
        for control in self.buttons:
            control.layout.display = "none"

    def ask(self) -> None:
        """Say what saving would do, and ask."""
        text = ". ".join(self._consequence())
        self.question.value = render("part.say", text=text, error=True, more="")
        self._asking.layout.display = None

    def _confirmed(self) -> None:
        self._close()
        why, self.why.value, self.history.value = self.why.value, "", False
        self._save(why)

    def _close(self) -> None:
        self._asking.layout.display = "none"

    def _open_history(self, change: dict) -> None:
        self._past.layout.display = None if change["new"] else "none"
        if not change["new"]:
            return
        options = [
            (f"{c.when}  {c.who}  {c.threshold:.4g} ({c.threshold.policy})  {c.why}", number)
            for number, c in enumerate(read_history(self.file))
        ]
        self.past.options = options or [(self._t("nothing was saved here yet"), -1)]

    def _restore(self) -> None:
        """Choose a former threshold; saving it asks like any other."""
        changes = read_history(self.file)
        if 0 <= self.past.value < len(changes):
            self._choose(changes[self.past.value].threshold)
            self.ask()

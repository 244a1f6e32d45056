"""Which parts the simulator shows, in which order; scores that it takes come meanwhile."""

from collections.abc import Callable
from dataclasses import replace

from workbench.language import t
from workbench.session import ORDERS, InspectionSession, NothingPasses

from .view import View

_ANY = {"label": "", "verdict": "", "outcome": ""}
FILTERS = {
    "all parts": _ANY,
    "labelled OK": _ANY | {"label": "OK"},
    "labelled NG": _ANY | {"label": "NG"},
    "called OK": _ANY | {"verdict": "OK"},
    "called NG": _ANY | {"verdict": "NG"},
    "missed": _ANY | {"outcome": "missed"},
    "overkill": _ANY | {"outcome": "overkill"},
    "correct": _ANY | {"outcome": "correct"},
}
NONE_PASSES = {
    "missed": "no defect is missed at this threshold",
    "overkill": "no good part is called NG at this threshold",
}


class PartFilter:
    """Two lists, of filters and of orders."""

    def __init__(self, view: View, session: InspectionSession, show: Callable[[], None]) -> None:
        self._view, self._session, self._show = view, session, show
        self._wish, self.worker = 0, None  # number of the latest filter that was asked for
        filters, orders = ([(t(name), name) for name in names] for names in (FILTERS, ORDERS))
        self.filter = view.dropdown("Show", filters, "wb-filter", self._choose)
        self.order = view.dropdown("Order", orders, "wb-order", self._choose)
        self.follow()

    def follow(self) -> None:
        """Name what the session shows, which others may have chosen."""
        selection = self._session.selection
        shown = {name: getattr(selection, name) for name in _ANY}
        with self._view.set_quietly():
            self.filter.value = next((n for n, f in FILTERS.items() if f == shown), None)
            self.order.value = selection.order

    def _choose(self, _: object) -> None:
        words = FILTERS[self.filter.value] | {"order": self.order.value}
        selection = replace(self._session.selection, **words)
        self._wish += 1
        if self._session.scored or not (selection.needs_scores or selection.needs_verdicts):
            self._apply(words)
            return
        self._view.say(t("scoring what has not been scored yet ..."))
        wish, name = self._wish, self._session.name

        def score() -> None:
            self._session.scores()  # without the lock, so that stepping goes on meanwhile
            self._view.guard(self._apply_later)(words, wish, name)

        self.worker = self._view.background(score)

    def _apply_later(self, words: dict[str, str], wish: int, name: str) -> None:
        """Apply a filter unless another was chosen since, or somebody has stepped on."""
        if wish != self._wish:
            return
        if name == self._session.name:
            self._apply(words)
        else:
            self._show()
            said = t("all parts are scored; choose the filter again to apply it")
            self._view.say(said)

    def _apply(self, words: dict[str, str]) -> None:
        asked, said = self.filter.value, ""
        try:
            self._session.show(**words)
        except NothingPasses:
            said = NONE_PASSES.get(asked, "no part passes this filter")
        self._show()  # the lists, too, then say what is shown
        if said:
            self._view.say(t(said))

"""The bar over a view whose result file another window writes."""

from collections.abc import Callable
from time import monotonic

import ipywidgets as widgets

from workbench.language import t
from workbench.session import InspectionSession

from .markup import render
from .view import View, html, styled, visible

GRACE = 4.0  # seconds in which the page that was just closed may let go of the file


class WriterNotice:
    """Says that one can only look, and offers to take over."""

    def __init__(
        self, view: View, session: InspectionSession, changed: Callable[[], None]
    ) -> None:
        self._session, self._changed = session, changed
        self._began, self._looking, self._was = monotonic(), False, session.read_only
        self._text = html("wb-notice-text")
        self.take = view.button("Take over", "", "wb-take-over", self.take_over, style="primary")
        self.look = view.button("Only look", "", "wb-only-look", self.only_look)
        # the bar, to be placed at the top
        self.box = styled(widgets.HBox([self._text, self.take, self.look]), "wb-notice")
        visible(self.box, False)

    def check(self) -> None:
        """See who writes the file; a file that became free is ours, unless one only looks."""
        read_only = self._session.read_only
        if read_only and self._session.released and not self._looking:
            self.take_over(stay=True)
            return
        waited = not self._was or monotonic() - self._began > GRACE
        if read_only and waited and self.box.layout.display == "none":
            self._say("another window inspects {0}; here you can only look")
        if not read_only:
            visible(self.box, False)
        if read_only != self._was:
            self._was = read_only
            self._changed()

    def take_over(self, *, stay: bool = False) -> None:
        """Become the writer, where the other one stood, or here; that can then only look."""
        position = self._session.position
        self._session.take_over()
        if stay:
            self._session.go(position)
        self._looking = self._was = False
        visible(self.box, False)
        self._changed()

    def only_look(self) -> None:
        """Leave the file to the other window, even when it goes."""
        self._session.only_look()
        self._looking = True
        visible(self.look, False)
        self._say("only looking at {0}; nothing is written")

    def _say(self, text: str) -> None:
        said = t(text, self._session.results.name)
        self._text.value = render("part.notice", text=said)
        visible(self.box, True)

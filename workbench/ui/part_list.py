"""A list of parts, any of which can be opened in the simulator."""

from collections.abc import Callable, Iterable

import ipywidgets as widgets

from workbench.session import InspectionSession

from .controls import button
from .simulator import Simulator
from .view import identity, styled

MOST = 200  # lines; a browser slows down with thousands


class PartList:
    """The list with its button; what is opened shows in the session's simulator.

    Where no simulator of that session is open, one is made below the list.

    Args:
        session: Whose parts are listed; None offers nothing.
        t: From English to the user's language.
        opened: Called when the session stands at the part, to show it elsewhere.

    Attributes:
        box: List, button and simulator.
        names: The list.
        button: Its `on_click` is the owner's, who guards it.
    """

    def __init__(
        self,
        session: InspectionSession | None,
        t: Callable[..., str],
        opened: Callable[[], None] | None = None,
    ) -> None:
        self._session, self._t, self._opened = session, t, opened
        self.names = styled(widgets.Select(options=[], rows=6, description=t("Parts")), "wb-names")
        self.names.layout.width, self.names.style.description_width = "520px", "initial"
        self.button = button(t("Open in the simulator"), "search-plus", "wb-open")
        self._line = styled(widgets.HBox([self.names, self.button]), "wb-controls")
        self.stage = widgets.VBox([])
        self._line.layout.display = "none"
        self.box = widgets.VBox([self._line, self.stage])

    def offer(self, rows: Iterable[int], words: Callable[[int], str] | None = None) -> None:
        """List these parts.

        Args:
            rows: Positions in the session's parts.
            words: What to say of each; its name, label and score if None.
        """
        if self._session is None:
            return
        rows = [int(row) for row in rows][:MOST]
        self.names.options = [((words or self._words)(row), row) for row in rows]
        self._line.layout.display = None if rows else "none"

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

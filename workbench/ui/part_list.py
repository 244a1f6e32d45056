"""A list of parts, any of which can be opened in the simulator."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import ipywidgets as widgets

from workbench.session import InspectionSession

from .controls import row, styled, visible
from .simulator import Simulator
from .view import identity

if TYPE_CHECKING:
    from .view import View

MOST = 200  # lines; a browser slows down with thousands


class PartList:
    """The list with its button; what is opened shows in the session's simulator.

    Where no simulator of that session is open, one is made below the list.
    """

    def __init__(
        self,
        view: "View",
        session: InspectionSession,
        opened: Callable[[], None] | None = None,
    ) -> None:
        self._session, self._opened = session, opened
        words = view.t("Parts")
        self.names = styled(widgets.Select(options=[], rows=6, description=words), "wb-names")
        self.names.layout.width, self.names.style.description_width = "520px", "initial"
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

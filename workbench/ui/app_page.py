"""Everything about one model on one page: simulator, histogram and label audit as tabs.

The page is there at once; the model, and what the later tabs need, is loaded in the background.
"""

from collections.abc import Callable
from threading import RLock, Thread

import ipywidgets as widgets

from workbench import artifacts, workspace
from workbench.session import InspectionSession

from .audit import AuditView
from .histogram import HistogramExplorer
from .simulator import Simulator
from .view import View, html


class AppPage(View):
    """The page of `workbench app`.

    Args:
        name: A model under `models/`.
        language: "en" or "ko"; that of `$WORKBENCH_LANG` if None.
        order: Of the parts; see `InspectionSession`.
        take_over: Whether a page that is opened later becomes the writer of the result file;
            the earlier one then says so. False refuses the later page instead.

    Attributes:
        session: The inspection, once the model is loaded.
        tabs: Simulator, histogram, label audit.

    Example:
        >>> AppPage("lens")  # doctest: +SKIP
    """

    def __init__(
        self,
        name: str,
        *,
        language: str | None = None,
        order: str = "random",
        take_over: bool = True,
    ) -> None:
        super().__init__(name, RLock(), language)
        self._name, self._language, self.session = name, language, None
        self.add_class("wb-app")
        self.tabs = widgets.Tab()
        self._waiting = html("wb-waiting")
        self._waiting.value = f"<p>{self._t('loading the model {0} ...', name)}</p>"
        self.fill(self._waiting, self.tabs)
        self.tabs.layout.display = "none"
        self.tabs.observe(self._visit, "selected_index")
        self._start(lambda: self._load(name, order, take_over))

    def __repr__(self) -> str:
        return f"AppPage({self._name})"

    def close(self) -> None:
        """Close the tabs and let others write the result file."""
        super().close()
        if self._key is not None and self.session:
            self.session.close()

    def _start(self, action: Callable[[], None]) -> None:
        self.worker = Thread(target=self.guard(action, locked=False), daemon=True)
        self.worker.start()

    def _load(self, name: str, order: str, take_over: bool) -> None:
        try:
            detector = artifacts.load(workspace.model(name))
            parts = detector.parts().test
            results = workspace.report(name) / f"{name}_result.csv"
            self.session = InspectionSession(
                detector, parts, order, results=results, take_over=take_over
            )
        except Exception:
            self._waiting.layout.display = "none"
            raise
        session, language = self.session, self._language
        self._makers = [
            lambda: Simulator(session, language=language),
            lambda: HistogramExplorer(
                session, model=workspace.model(name), language=language, opened=self._to_simulator
            ),
            lambda: AuditView(session, language=language),
        ]
        self._made: dict[int, View] = {0: self._makers[0]()}
        self.tabs.children = [self._made[0], widgets.VBox([]), widgets.VBox([])]
        self.tabs.titles = [self._t(word) for word in ("Simulator", "Histogram", "Label audit")]
        self._waiting.layout.display, self.tabs.layout.display = "none", None

    def _visit(self, change: dict) -> None:
        """Make a tab when it is first looked at: histogram and audit score every part."""
        index = change["new"]
        if index is None or not self.tabs.children:
            return
        if made := self._made.get(index):
            getattr(made, "resume", lambda: None)()
            return
        self.say(self._t("scoring what has not been scored yet ..."))
        self._start(lambda: self._make(index))

    def _make(self, index: int) -> None:
        self._made[index] = self._makers[index]()
        children = list(self.tabs.children)
        children[index] = self._made[index]
        self.tabs.children = children
        self.say("")

    def _to_simulator(self) -> None:
        self.tabs.selected_index = 0  # whose simulator then shows where the session stands

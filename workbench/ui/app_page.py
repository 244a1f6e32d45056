"""Everything about one model on one page: inspection, overview, histogram and label audit as tabs.

The page is there at once; the model, and what the later tabs need, is loaded in the background.
"""

from collections.abc import Callable
from threading import RLock

import ipywidgets as widgets

from workbench import workspace
from workbench.session import InspectionSession

from . import preload
from .audit import AuditView
from .check import CheckView
from .controls import html, visible
from .events import EventList
from .histogram import HistogramExplorer
from .markup import render
from .notice import WriterNotice
from .overview import Overview
from .saving import adjust
from .sensors import SensorExplorer
from .simulator import Simulator
from .view import View


class AppPage(View):
    """The page of `workbench app`.

    Args:
        operator: Nothing can be chosen or saved.

    Attributes:
        session: The inspection, once a model of photos is loaded.
        tabs: Of a model of photos or of sensors.
        worker: The thread that loads the model or makes a tab.
    """

    def __init__(
        self,
        name: str,
        *,
        language: str | None = None,
        operator: bool = False,
    ) -> None:
        super().__init__(name, RLock(), language)
        self._name, self._language, self._operator = name, language, operator
        self.session: InspectionSession | None = None
        self.notice: WriterNotice | None = None
        self._makers: dict[str, Callable[[], View]] = {}
        self._made: dict[int, View] = {}
        self.add_class("wb-app")
        self.tabs, self._top = widgets.Tab(), widgets.VBox([])
        self.waiting = html("wb-waiting")
        self._wait_for(self.t("loading the model {0} ...", name))
        listening = self.listen(name, on_ping=self._see_writer)
        self.fill(self._top, self.waiting, self.tabs, gestures=listening)
        visible(self.tabs, False)
        self.tabs.observe(self._visit, "selected_index")
        self.worker = self.background(lambda: self._load(name))

    def __repr__(self) -> str:
        return f"AppPage({self._name})"

    def close(self) -> None:
        """Close the tabs and let others write the result file."""
        super().close()
        if self._key is not None and self.session:
            self.session.close()

    def _wait_for(self, text: str) -> None:
        self.waiting.value = render("part.waiting", text=text)

    def _load(self, name: str) -> None:
        try:
            detector = preload.take(name)
            if detector.kind == "csflow":
                self._open_photos(detector)
            else:
                self._open_sensors(detector)
        except Exception:
            visible(self.waiting, False)
            raise
        visible(self.waiting, False)
        visible(self.tabs, True)

    def _open_photos(self, detector: object) -> None:
        parts = detector.parts().test
        results = workspace.report(self._name) / f"{self._name}_result.csv"
        self.session = session = InspectionSession(detector, parts, results=results)
        self.notice = WriterNotice(self, session, self._writer_changed)
        self._top.children = [self.notice.box]
        speech, model = self._language, workspace.model(self._name)
        adjust = None if self._operator else self._adjust
        self._offer(
            {
                "Simulator": lambda: Simulator(session, language=speech, adjust=adjust),
                "Overview": lambda: Overview(
                    session, opened=self._to_simulator, language=speech
                ),
                "Histogram": lambda: HistogramExplorer(
                    session, model=model, language=speech, operator=self._operator,
                    opened=self._to_simulator,
                ),
                "Label audit": lambda: AuditView(session, language=speech),
                "Check": lambda: CheckView(detector, self._name, language=speech),
            }
        )  # fmt: skip

    def _adjust(self, why: str, **changes: object) -> None:
        """Let other things count, save it, and show all again."""
        model = workspace.model(self._name)
        said = adjust(self._made[0], self.session, model, why, **changes)
        self._offer(self._makers)
        self._made[0].say(said)

    def _open_sensors(self, detector: object) -> None:
        from workbench.autoencoder.alarms import NEAR, AlarmRule
        from workbench.data.rows import known_rows  # brings pandas, which photos do without

        rows = known_rows(detector.data, detector.columns).test
        speech, model = self._language, workspace.model(self._name)
        rule, path = AlarmRule(hold_off=NEAR), workspace.report(self._name)
        self._offer(
            {
                "Sensors": lambda: SensorExplorer(
                    detector, rows, rule, language=speech, model=model, operator=self._operator
                ),
                "Events": lambda: EventList(
                    detector, rows, rule, path=path / f"{self._name}_events.csv",
                    opened=self._to_moment, language=speech,
                ),
                "Check": lambda: CheckView(detector, self._name, language=speech),
            }
        )  # fmt: skip

    def _offer(self, makers: dict[str, Callable[[], View]]) -> None:
        """Show tabs; only the first is made now."""
        for view in self._made.values():
            view.close()
        self._makers = makers
        first, *others = makers.values()
        self._made = {0: first()}
        self.tabs.children = [self._made[0], *(widgets.VBox([]) for _ in others)]
        self.tabs.titles = [self.t(word) for word in makers]

    def _visit(self, change: dict) -> None:
        """Make a tab when it is first looked at: later ones score every part."""
        index = change["new"]
        if index is None or not self.tabs.children:
            return
        if made := self._made.get(index):
            getattr(made, "resume", lambda: None)()
            return
        self.say(self.t("scoring what has not been scored yet ..."))
        self.worker = self.background(lambda: self._make(index))

    def _make(self, index: int) -> None:
        self._made[index] = list(self._makers.values())[index]()
        children = list(self.tabs.children)
        children[index] = self._made[index]
        self.tabs.children = children
        self.say("")

    def _to_simulator(self) -> None:
        self.tabs.selected_index = 0  # whose simulator then shows where the session stands

    def _to_moment(self, row: int) -> None:
        self._made[0].look(row)
        self.tabs.selected_index = 0

    def _see_writer(self) -> None:
        if self.notice:
            self.notice.check()

    def _writer_changed(self) -> None:
        for view in self._made.values():
            getattr(view, "writer_changed", lambda: None)()

"""Pages of the application: all models as cards, and everything about one of them as tabs.

A page is there at once; the model, and what the later tabs need, is loaded in the background.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from threading import RLock
from urllib.parse import parse_qs, urlencode

import ipywidgets as widgets

from workbench import artifacts, workspace
from workbench.data.opening import SUFFIXES
from workbench.errors import ArtifactError
from workbench.language import t
from workbench.session import InspectionSession

from . import preload
from .audit import AuditView
from .check import CheckView
from .events import EventList
from .histogram import HistogramExplorer
from .markup import rate_cell, render
from .notice import WriterNotice
from .overview import Overview
from .pictures import small
from .saving import adjust
from .sensors import SensorExplorer
from .simulator import Simulator
from .view import View, html, visible

FIRST = "making the model {0} ready for this machine; the first time takes up to 20 s ..."


def open_page(name: str = "", *, operator: bool = False) -> View:
    """The page of a model, of that which the address names as `?model=`, or of all of them."""
    asked = parse_qs(os.environ.get("QUERY_STRING", "")).get("model", [""])[0]
    name = name or (workspace.plain(asked) if asked else "")
    return AppPage(name, operator=operator) if name else StartPage()


class StartPage(View):
    """A card for each saved model: photo, rates, date, kind; a click opens it.

    Example:
        >>> StartPage().close()
    """

    def __init__(self) -> None:
        super().__init__("start", RLock())
        self.add_class("wb-app")
        self.add_class("wb-start-page")
        head, cards = html("wb-header"), html("wb-cards-box")
        folders = sorted((workspace.root() / "models").glob(f"*/{artifacts.MANIFEST}"))
        head.value = render(
            "part.head", title=t("Models"), note="", rates="", position=len(folders),
            name=workspace.root().as_posix(),
        )  # fmt: skip
        cards.value = render("gallery.cards", cards=[self._card(path.parent) for path in folders])
        self.fill("Models", head, cards)
        if not folders:
            self.say(t("no model yet: train one with workbench train NAME"))

    def _card(self, folder: Path) -> dict[str, str]:
        card = {"name": folder.name, "kind": "", "saved": "", "rates": "", "data": ""}
        card["link"] = "?" + urlencode({"model": folder.name})
        try:
            facts = artifacts.read_manifest(folder)
        except ArtifactError as error:
            return card | {"kind": str(error)}
        photos = facts["kind"] == "csflow"
        card["kind"] = t("photos") if photos else t("sensors")
        card["saved"] = facts.get("saved", "")[:10]
        card["rates"] = self._rates(folder.name)
        root = facts["data"].get("root")
        return card | {"data": _photo(workspace.resolve(root)) if root else ""}

    def _rates(self, name: str) -> str:
        try:
            path = workspace.report(name) / "latest" / "metrics.json"
            found = json.loads(path.read_text("utf-8"))
            missed, overkill = (found["fn"], found["n_ng"]), (found["fp"], found["n_ok"])
        except (OSError, ValueError, KeyError, TypeError):
            return t("no report yet")
        return t("missed {0}, overkill {1}", rate_cell(*missed), rate_cell(*overkill))


class AppPage(View):
    """The page of `workbench app`.

    Args:
        operator: Nothing can be chosen or saved.

    Attributes:
        session: The inspection, once a model of photos is loaded.
        tabs: Of a model of photos or of sensors.
        worker: The thread that loads the model or makes a tab.
    """

    def __init__(self, name: str, *, operator: bool = False) -> None:
        super().__init__(name, RLock())
        self._name, self._operator = name, operator
        self.session: InspectionSession | None = None
        self.notice: WriterNotice | None = None
        self._makers: dict[str, Callable[[], View]] = {}
        self._made: dict[int, View] = {}
        self.add_class("wb-app")
        self.tabs, self._top = widgets.Tab(), widgets.VBox([])
        self.waiting = html("wb-waiting")
        self._wait_for(t("loading the model {0} ...", name))
        self.fill(name, self._top, self.waiting, self.tabs, on_ping=self._see_writer)
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
                if detector.engine is None:
                    self._wait_for(t(FIRST, name))
                    detector.prepare()
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
        model = workspace.model(self._name)
        adjust = None if self._operator else self._adjust
        self._offer(
            {
                "Simulator": lambda: Simulator(session, adjust=adjust),
                "Overview": lambda: Overview(
                    session, opened=self._to_simulator
                ),
                "Histogram": lambda: HistogramExplorer(
                    session, model=model, operator=self._operator,
                    opened=self._to_simulator,
                ),
                "Label audit": lambda: AuditView(session),
                "Check": lambda: CheckView(detector, self._name),
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
        model = workspace.model(self._name)
        rule, path = AlarmRule(hold_off=NEAR), workspace.report(self._name)
        self._offer(
            {
                "Sensors": lambda: SensorExplorer(
                    detector, rows, rule, model=model, operator=self._operator
                ),
                "Events": lambda: EventList(
                    detector, rows, rule, path=path / f"{self._name}_events.csv",
                    opened=self._to_moment,
                ),
                "Check": lambda: CheckView(detector, self._name),
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
        self.tabs.titles = [t(word) for word in makers]

    def _visit(self, change: dict) -> None:
        """Make a tab when it is first looked at: later ones score every part."""
        index = change["new"]
        if index is None or not self.tabs.children:
            return
        if made := self._made.get(index):
            getattr(made, "resume", lambda: None)()
            return
        self.say(t("scoring what has not been scored yet ..."))
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


def _photo(root: Path) -> str:
    """The first photo below a folder, small, as base64; "" if there is none."""
    found = (path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES)
    return small(path, 320) if (path := next(found, None)) else ""

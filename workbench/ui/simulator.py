"""The simulator: one part at a time, photo beside overlay, its outcome large."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Event
from time import perf_counter

import ipywidgets as widgets

from workbench import workspace
from workbench.data.encode import png
from workbench.language import t, translator
from workbench.session import InspectionSession

from . import part_html
from .control_panel import ControlPanel
from .gestures import keys, shown
from .ignore import IgnoreRegions
from .notice import WriterNotice
from .part_filter import PartFilter
from .part_view import PartView
from .pictures import sheet
from .view import identity

PLAY = 0.5  # seconds a part


class Simulator(ControlPanel):
    """Steps through a session with buttons, keys, a slider or by itself.

    A part counts as stepped through when one moves on from it, arrives at it by a step, or
    labels it; to open or reload a page steps through nothing.

    Args:
        session: The inspection to show; a former simulator of it, or of another session with
            the same result file, is closed.
        adjust: Called with a reason and what the model is to ignore, where that can be done here.
    """

    def __init__(
        self, session: InspectionSession, *, adjust: Callable[..., None] | None = None
    ) -> None:
        super().__init__(identity(session), session.lock)
        self.add_class("wb-simulator")
        self.session, self.panel = session, PartView(self, session)
        self.make_controls()
        self.chosen = PartFilter(self, session, self._show)
        self.filter, self.order = self.chosen.filter, self.chosen.order
        self.ignore = IgnoreRegions(self, session, partial(self.look_with, "blank"), adjust)
        self._stopped = Event()  # set when what plays is to end
        self.notice = WriterNotice(self, session, self.writer_changed)
        words = {"wb-photo": t("Photo"), "wb-overlay": t("Heat map overlay")}
        actions = {key: action for action, key in keys().items()}
        listening = {"pictures": words, "keys": actions, "on_ping": self.notice.check}
        self.fill("Simulator", *self.layout_parts(), **listening)
        session.prefetcher.on_ready = self.panel.prepare
        self.writer_changed()
        session.score_in_background(self.guard(self._scored_more))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.session.parts.root.name}, {self.panel.place})"

    def layout_parts(self) -> list[widgets.Widget]:
        """Notice, name, pictures and controls, from top to bottom."""
        more = [self.panel.find, self.ignore.toggle, self.ignore.tools]
        rows = self.control_rows([self.filter, self.order], more)
        return [self.notice.box, self.panel.head, self.panel.stage, rows]

    def refresh(self) -> None:
        """Show where the session stands now, after somebody else moved it."""
        self.session.prefetcher.on_ready = self.panel.prepare
        self.guard(self._show)()

    def resume(self) -> None:
        """Go on here after another view of the session chose other parts."""
        self.guard(self.session.show)()
        self.refresh()

    def close(self) -> None:
        """Stop playing and looking ahead, and close all widgets."""
        if self._key is not None and hasattr(self, "_stopped"):
            self._stopped.set()
            self.session.prefetcher.request([])
            if self.session.prefetcher.on_ready == self.panel.prepare:
                self.session.prefetcher.on_ready = None
        super().close()

    def writer_changed(self) -> None:
        """Only who writes the result file may label parts or start it again."""
        for control in (self.ok, self.ng, self.undo, self.reset, self.remark, self.ignore.use):
            control.disabled = self.session.read_only
        self.guard(self._show)()

    def act(self, action: str) -> None:
        """Do what a button or a key asks, see `gestures.ACTIONS`."""
        actions = {
            "previous": lambda: self._step(-1),
            "next": lambda: self._step(1),
            "first": lambda: self._go(0),
            "last": lambda: self._go(len(self.session) - 1),
            "next_missed": lambda: self._seek(1),
            "previous_missed": lambda: self._seek(-1),
            "play": lambda: setattr(self.play, "value", not self.play.value),
            "ok": lambda: self._relabel("OK"),
            "ng": lambda: self._relabel("NG"),
            "undo": self._take_back,
            "help": self._help_me,
            "back": self._go_back,
            "export": self._export,
            "reset": self._reset,
        }
        self.guard(actions[action])()

    def on_message(self, message: dict) -> None:
        """What keyboard and pointer did; see `gestures`."""
        if action := message.get("action"):
            self.act(action)
        else:
            super().on_message(message)

    def _step(self, by: int) -> None:
        self._go(self.session.position + by)

    def _go(self, position: int) -> None:
        self._judge()
        self.session.go(position)
        self._judge()
        self._show()

    def _judge(self) -> None:
        """Record the verdict, where one may and where the photo can be read."""
        with suppress(OSError, ValueError):  # `_show` meets the same error and tells it
            if not self.session.read_only:
                self.session.judge()

    def _seek(self, step: int) -> None:
        self._judge()
        if self.session.seek("missed", step):
            self._judge()
            self._show()
        elif self.session.scored:
            self.say(t("no further missed defect in this direction"))
        else:
            self.say(t("no further missed defect among the parts scored so far"))

    def _play(self, on: bool) -> None:
        self.play.description = f"{t('Pause' if on else 'Play')} {shown(keys()['play'])}"
        self.play.icon = "pause" if on else "play"
        self._stopped.set()
        if on:
            self._stopped = stopped = Event()
            self.background(lambda: self._play_on(stopped))

    def _play_on(self, stopped: Event) -> None:
        """Step after a pause, again and again, until the last part or until stopped."""
        while not stopped.wait(PLAY):
            self.guard(self._step)(1)
            if self.session.position >= len(self.session) - 1:
                stopped.set()
                self.guard(lambda: setattr(self.play, "value", False))()

    def _help_me(self) -> None:
        self.more.value = self.help.value = not self.help.value

    def _go_back(self) -> None:
        """Close what is open; else show the whole photo."""
        if self.help.value or self.more.value:
            self.help.value = self.more.value = False
        else:
            self.look_at(self.panel.settings.zoomed(1))

    def _relabel(self, label: str) -> None:
        verdict = self.session.relabel(label)
        self._show()
        said = "{0} is now labelled {1}" if verdict.relabelled else "{0} is confirmed as {1}"
        self.say(t(said, verdict.name, verdict.truth))

    def _annotate(self, text: str) -> None:
        self.session.annotate(text)
        self._show()

    def _take_back(self) -> None:
        restored = self.session.undo()
        self._show()
        self.say(t("taken back: {0}", restored.name) if restored else t("nothing to undo"))

    def _reset(self) -> None:
        kept = self.session.reset()
        self._show()
        if kept:
            self.say(t("started again; the former results are kept in {0}", kept.name))

    def _export(self) -> None:
        """Write what is seen of the part as one picture, and offer it for download."""
        verdict, evaluation = self.session.verdict, self.session.current
        limit = float(evaluation.threshold)
        lines = [part_html.in_a_line(verdict, limit, each) for each in (translator("en"), t)]
        results = self.session.results
        folder = results.parent if results else workspace.report(self.session.parts.root.name)
        stem = Path(verdict.name).with_suffix("").as_posix().replace("/", "_")
        path = folder / "export" / f"{stem}.png"
        self.hand_out(path, png(sheet(self.panel.frame(evaluation), *lines)), "image/png")

    def _scored_more(self) -> None:
        if self.comm is not None:
            self.panel.scored_more()

    def _show(self) -> None:
        started = perf_counter()
        with self.set_quietly():
            self._show_part(started)
        self.session.look_ahead()

    def _show_part(self, started: float) -> None:
        try:
            evaluation = self.session.current  # before the name: scoring takes a moment
        except Exception:
            self.panel.show_place()
            self._show_place()
            self.panel.show_nothing()
            raise
        self.offer_regions(evaluation)
        self._show_place()  # first: who reads the place may step on from the slider at once
        self.panel.show_photos(evaluation)
        self.panel.show_place()
        self.panel.show_facts(evaluation, perf_counter() - started)
        verdict = self.session.verdict
        self.remark.value = verdict.note
        self.panel.show_totals()
        said = part_html.in_a_line(verdict, float(evaluation.threshold))
        self.say(f"{said} · {self._where()}")

    def _show_place(self) -> None:
        """The controls follow where somebody else moved the session."""
        self.jump.max, self.jump.value = len(self.session), self.session.position + 1
        self.chosen.follow()

    def _where(self) -> str:
        path = self.session.results
        where = t("results in {0}", workspace.portable(path)) if path else ""
        return self.session.note or where or t("results are not written")

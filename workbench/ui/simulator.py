"""The simulator: one part at a time, photo beside overlay, its outcome large.

It holds no state but what it shows; order, verdicts and the result file are the session's.
While a part is looked at the next ones are scored and drawn in the background.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Thread
from time import perf_counter
from typing import TYPE_CHECKING

import ipywidgets as widgets
import numpy as np

from workbench import workspace
from workbench.language import translator
from workbench.session import InspectionSession, NothingPasses

from . import part_html
from .control_panel import FILTERS, ControlPanel
from .keys import change_key, key_table, keys, shown
from .notice import WriterNotice
from .part_view import PartView
from .pictures import SIDES, DisplaySettings, encoded, sheet
from .player import Player
from .view import identity

if TYPE_CHECKING:
    from workbench.csflow.evaluation import Evaluation

PLAY_MS = 500  # between two images
NONE_PASSES = {
    "missed": "no defect is missed at this threshold",
    "overkill": "no good part is called NG at this threshold",
}


class Simulator(ControlPanel):
    """Steps through a session with buttons, keys, a slider or by itself.

    A part counts as stepped through when one moves on from it, arrives at it by a step, or
    labels it; to open or reload a page steps through nothing.

    Args:
        session: The inspection to show; a former simulator of it, or of another session with
            the same result file, is closed.
        play_ms: Milliseconds between two images when playing, at least 300.
        language: "en" or "ko"; that of `$WORKBENCH_LANG` if None.

    Raises:
        ValueError: `play_ms` is too short to see a picture, or another language.

    Example:
        >>> simulator = Simulator(session)  # doctest: +SKIP
        >>> simulator.next.click()  # doctest: +SKIP
    """

    def __init__(
        self,
        session: InspectionSession,
        *,
        play_ms: int = PLAY_MS,
        language: str | None = None,
    ) -> None:
        if play_ms < 300:
            raise ValueError(f"play_ms must be at least 300, got {play_ms}")
        super().__init__(identity(session), session.lock, language)
        self.add_class("wb-simulator")
        self.session, self.panel = session, PartView(session, self._t)
        self._showing = False  # what we set ourselves is no action of the user's
        self._wish = 0  # number of the latest filter that was asked for
        self.make_controls()
        self._wire(play_ms)
        self.notice = WriterNotice(session, self._t, self.guard(self.writer_changed))
        self.notice.take.on_click(self.guard(lambda _: self.notice.take_over()))
        self.notice.look.on_click(self.guard(lambda _: self.notice.only_look()))
        self.fill(*self.layout_parts(), gestures=self._listening())
        session.prefetcher.on_ready = self.panel.prepare
        self.writer_changed()
        session.score_in_background(self.guard(self._scored_more))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.session.parts.root.name}, {self.panel.place})"

    def layout_parts(self) -> list[widgets.Widget]:
        """Notice, name, pictures and controls, from top to bottom."""
        return [self.notice.box, self.panel.head, self.panel.stage, self.control_rows()]

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
        if self._key is not None and hasattr(self, "player"):
            self.player.stop()
            self.session.prefetcher.request([])
            if self.session.prefetcher.on_ready == self.panel.prepare:
                self.session.prefetcher.on_ready = None
        super().close()

    def _listening(self) -> widgets.Widget | None:
        t = self._t
        words = {"wb-photo": t("Photo"), "wb-overlay": t("Heat map overlay")}
        actions = {key: action for action, key in keys().items()}
        return self.listen(
            self.on_message, t("Simulator"), pictures=words, keys=actions,
            on_ping=self.notice.check,
        )  # fmt: skip

    def _wire(self, play_ms: int) -> None:
        ended = partial(setattr, self.play, "value", False)
        self.player = Player(self._advance, play_ms / 1000, ended)
        self.previous.on_click(self.guard(lambda _: self._step(-1)))
        self.next.on_click(self.guard(lambda _: self._step(1)))
        self.play.observe(self._play, "value")
        self.jump.observe(self._by_user(lambda value: self._go(value - 1)), "value")
        self.ok.on_click(self.guard(lambda _: self._relabel("OK")))
        self.ng.on_click(self.guard(lambda _: self._relabel("NG")))
        self.undo.on_click(self.guard(lambda _: self._take_back()))
        self.filter.observe(self._by_user(lambda _: self._choose()), "value")
        self.order.observe(self._by_user(lambda _: self._choose()), "value")
        self.remark.observe(
            self._by_user(lambda text: (self.session.annotate(text), self._show())), "value"
        )
        self.export.on_click(self.guard(lambda _: self._export()))
        self.reset.on_click(self.guard(lambda _: self._reset()))
        for control, name in (
            (self.opacity, "opacity"), (self.scale, "fixed"), (self.outline, "outline"),
        ):  # fmt: skip
            control.observe(self._by_user(partial(self._look_with, name)), "value")
        self.zoom.observe(
            self._by_user(lambda zoom: self._look_at(self.panel.settings.zoomed(zoom))), "value"
        )
        self.region.observe(self._by_user(self._look_at_region), "value")
        self.key.observe(self._by_user(self._change_key), "value")

    def _change_key(self, key: str) -> None:
        if not key:
            return
        present = change_key(self.action.value, key)
        self.key_list.value, self.key.value = key_table(self._t), ""
        if self._gestures:
            self._gestures.actions = {key: action for action, key in present.items()}

    def _by_user(self, action: Callable) -> Callable[[dict], None]:
        """A callback for a value that the user changed."""

        def changed(change: dict) -> None:
            if not self._showing:
                action(change["new"])

        return self.guard(changed)

    def _step(self, by: int) -> None:
        self._go(self.session.position + by)

    def _go(self, position: int) -> None:
        self._judge()
        self.session.go(position)
        self._judge()
        self._show()

    def _judge(self) -> None:
        """Record the verdict, where one may and where the photo can be read."""
        try:
            if not self.session.read_only:
                self.session.judge()
        except (OSError, ValueError):
            pass  # `_show` meets the same error and tells it

    def _advance(self) -> bool:
        self.guard(lambda: self._step(1))()
        return self.session.position < len(self.session) - 1

    def _play(self, change: dict) -> None:
        word = self._t("Pause" if change["new"] else "Play")
        self.play.description = f"{word} {shown(keys()['play'])}"
        self.play.icon = "pause" if change["new"] else "play"
        (self.player.start if change["new"] else self.player.stop)()

    def on_message(self, message: dict) -> None:
        """What keyboard and pointer did; see `gestures`."""
        if action := message.get("action"):
            self._act(action)
        elif "pan" in message:
            self.guard(lambda: self._look_at(self.panel.settings.moved(*message["pan"])))()
        elif "zoom" in message:
            self.guard(self._zoom_at)(message["zoom"], *message["at"])
        elif "size" in message:
            self.guard(self._resize)(message["size"])

    def _act(self, action: str) -> None:
        actions = {
            "previous": lambda: self._step(-1),
            "next": lambda: self._step(1),
            "first": lambda: self._go(0),
            "last": lambda: self._go(len(self.session) - 1),
            "next_missed": lambda: self._seek(1),
            "previous_missed": lambda: self._seek(-1),
            "ok": lambda: self._relabel("OK"),
            "ng": lambda: self._relabel("NG"),
            "undo": self._take_back,
            "back": self._go_back,
        }
        if action == "play":
            self.play.value = not self.play.value
        elif action == "help":
            self.more.value = self.help.value = not self.help.value
        elif action in actions:
            self.guard(actions[action])()

    def _seek(self, step: int) -> None:
        self._judge()
        if self.session.seek("missed", step):
            self._judge()
            self._show()
        elif self.session.scored:
            self.say(self._t("no further missed defect in this direction"))
        else:
            self.say(self._t("no further missed defect among the parts scored so far"))

    def _go_back(self) -> None:
        """Close what is open; else show the whole photo."""
        if self.help.value or self.more.value:
            self.help.value = self.more.value = False
        else:
            self._look_at(self.panel.settings.zoomed(1))

    def _resize(self, pixels: int) -> None:
        """Draw as large as the pictures are on the screen."""
        side = next((side for side in SIDES if side >= pixels), SIDES[-1])
        if side != self.panel.settings.side:
            self._look_at(replace(self.panel.settings, side=side))
            self.session.look_ahead()

    def _zoom_at(self, factor: float, x: float, y: float) -> None:
        settings = self.panel.settings
        zoom = round(float(np.clip(settings.zoom * factor, self.zoom.min, self.zoom.max)), 2)
        self._look_at(settings.zoomed(zoom, (x, y)))

    def _look_with(self, name: str, value: float | bool) -> None:
        self._look_at(replace(self.panel.settings, **{name: value}))

    def _look_at_region(self, number: int) -> None:
        evaluation = self.session.current
        if number:
            box = part_html.regions(evaluation)[number - 1].box
            size = evaluation.heatmap.shape[::-1]
            self._look_at(self.panel.settings.at_region(box, *size).moved(0, 0))
        else:
            self._look_at(self.panel.settings.zoomed(1))

    def _look_at(self, settings: DisplaySettings) -> None:
        self.panel.settings = settings
        self.panel.show_photos(self.session.current)
        self._showing = True
        self.zoom.value = settings.zoom
        self._showing = False

    def _relabel(self, label: str) -> None:
        verdict = self.session.relabel(label)
        self._show()
        said = "{0} is now labelled {1}" if verdict.relabelled else "{0} is confirmed as {1}"
        self.say(self._t(said, verdict.name, verdict.truth))

    def _annotate(self, text: str) -> None:
        self.session.annotate(text)
        self._show()

    def _take_back(self) -> None:
        restored = self.session.undo()
        self._show()
        t = self._t
        self.say(t("taken back: {0}", restored.name) if restored else t("nothing to undo"))

    def _choose(self) -> None:
        """Apply filter and order; what must be scored for it is scored in the background."""
        words = FILTERS[self.filter.value] | {"order": self.order.value}
        selection = self.session.selection.changed(**words)
        self._wish += 1
        if self.session.scored or not (selection.needs_scores or selection.needs_verdicts):
            self._apply(words)
            return
        self.say(self._t("scoring what has not been scored yet ..."))
        wish, name = self._wish, self.session.name

        def score() -> None:
            self.session.scores()  # without the lock, so that stepping goes on meanwhile
            self.guard(self._apply_later)(words, wish, name)

        self.worker = Thread(target=self.guard(score, locked=False), daemon=True)
        self.worker.start()

    def _apply_later(self, words: dict[str, str], wish: int, name: str) -> None:
        """Apply a filter unless another was chosen since, or somebody has stepped on."""
        if wish != self._wish:
            return
        if name == self.session.name:
            self._apply(words)
        else:
            self._show()
            self.say(self._t("all parts are scored; choose the filter again to apply it"))

    def _apply(self, words: dict[str, str]) -> None:
        asked = self.filter.value
        try:
            self.session.show(**words)
        except NothingPasses:
            self._show()  # the controls, too, say what is shown
            self.say(self._t(NONE_PASSES.get(asked, "no part passes this filter")))
        else:
            self._show()

    def _reset(self) -> None:
        kept = self.session.reset()
        self._show()
        if kept:
            self.say(self._t("started anew; the former results are kept in {0}", kept.name))

    def _export(self) -> None:
        """Write what is seen of the part as one picture, and offer it for download."""
        verdict, evaluation = self.session.verdict, self.session.current
        limit = float(evaluation.threshold)
        lines = [part_html.caption(verdict, limit, t) for t in (translator("en"), self._t)]
        results = self.session.results
        folder = results.parent if results else workspace.report(self.session.parts.root.name)
        stem = Path(verdict.name).with_suffix("").as_posix().replace("/", "_")
        path = folder / "export" / f"{stem}.png"
        page = sheet(self.panel.frame(evaluation), *lines)
        self.hand_out(path, encoded(page, "PNG"), "image/png")

    def _scored_more(self) -> None:
        if self.comm is not None:
            self.panel.scored_more()

    def writer_changed(self) -> None:
        """Only who writes the result file may label parts or start it again."""
        for control in (self.ok, self.ng, self.undo, self.reset, self.remark):
            control.disabled = self.session.read_only
        self.guard(self._show)()

    def _show(self) -> None:
        started, self._showing = perf_counter(), True
        try:
            self._show_part(started)
        finally:
            self._showing = False
        self.session.look_ahead()

    def _show_part(self, started: float) -> None:
        try:
            evaluation = self.session.current  # before the name: scoring takes a moment
        except Exception:
            self.panel.show_place()
            self._show_controls()
            self.panel.show_nothing()
            raise
        self._offer_regions(evaluation)
        self.panel.show_photos(evaluation)
        self.panel.show_place()
        self.panel.show_facts(evaluation, perf_counter() - started)
        self._show_controls()
        verdict = self.session.verdict
        self.remark.value = verdict.note
        self.panel.show_totals()
        self.say(
            f"{part_html.caption(verdict, float(evaluation.threshold), self._t)} · {self._where()}"
        )

    def _show_controls(self) -> None:
        """The controls follow where somebody else moved the session."""
        selection = self.session.selection
        self.jump.max, self.jump.value = len(self.session), self.session.position + 1
        shown = {name: getattr(selection, name) for name in FILTERS["all parts"]}
        self.filter.value = next((n for n, f in FILTERS.items() if f == shown), None)
        self.order.value = selection.order

    def _offer_regions(self, evaluation: "Evaluation") -> None:
        found = part_html.regions(evaluation)
        words = [self._t("region {0}", n) for n in range(1, len(found) + 1)]
        options = tuple((w, n) for n, w in enumerate([self._t("whole photo"), *words]))
        if options != tuple(self.region.options):
            self.region.options = options
        self.region.value = 0

    def _where(self) -> str:
        path, t = self.session.results, self._t
        where = t("results in {0}", workspace.portable(path)) if path else ""
        return self.session.note or where or t("results are not written")

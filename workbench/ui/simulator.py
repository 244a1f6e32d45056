"""The simulator: one part at a time, photo beside overlay, verdict beside truth.

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
from workbench.session import ORDERS, InspectionSession, Verdict

from . import part_html
from .controls import button, dropdown, row, slider, toggle
from .gestures import hands
from .part_view import Panel
from .pictures import Look, encoded, sheet
from .player import Player
from .view import View, identity, styled

if TYPE_CHECKING:
    from workbench.csflow.evaluation import Evaluation

PLAY_MS = 500  # between two images
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


class Simulator(View):
    """Steps through a session with buttons, keys, a slider or by itself.

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
        self.session, self.panel = session, Panel(session, self._t)
        self._showing = False  # what we set ourselves is no action of the user's
        self._make_steps(play_ms)
        self._make_view_controls()
        self._make_record_controls()
        steps = [self.previous, self.next, self.play, self.jump, self.ok, self.ng, self.undo]
        views = [self.opacity, self.scale, self.zoom, self.region, self.outline]
        record = [self.filter, self.order, self.remark, self.export, self.reset]
        self.fill(
            *self.panel.boxes, row(*steps), row(*views), row(*record),
            hands=hands(self._react, self._t("Simulator"), self._picture_words()),
        )  # fmt: skip
        session.ahead.ready = self.panel.prepare
        self.guard(self._show)()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.session.parts.root.name}, {self.panel.place})"

    def refresh(self) -> None:
        """Show where the session stands now, after somebody else moved it."""
        self.session.ahead.ready = self.panel.prepare
        self.guard(self._show)()

    def resume(self) -> None:
        """Go on here after another view of the session chose other parts."""
        self.guard(self.session.show)()
        self.refresh()

    def close(self) -> None:
        """Stop playing and looking ahead, and close all widgets."""
        if self._key is not None and hasattr(self, "player"):
            self.player.stop()
            self.session.ahead.want([])
            if self.session.ahead.ready == self.panel.prepare:
                self.session.ahead.ready = None
        super().close()

    def _make_steps(self, play_ms: int) -> None:
        t = self._t
        self.previous = button(t("Previous"), "arrow-left", "wb-previous")
        self.next = button(t("Next"), "arrow-right", "wb-next", style="primary")
        self.play = toggle(t("Play"), "play", "wb-play")
        self.jump = styled(
            widgets.IntSlider(
                self.session.position + 1, 1, max(len(self.session), 1),
                description=t("Image"), continuous_update=False,
            ),
            "wb-jump",
        )  # fmt: skip
        self.jump.layout.flex = "1 1 240px"
        self.player = Player(self._advance, play_ms / 1000, self._pause)
        self.previous.on_click(self.guard(lambda _: self._step(-1)))
        self.next.on_click(self.guard(lambda _: self._step(1)))
        self.play.observe(self._play, "value")
        self.jump.observe(self._by_user(lambda value: self._go(value - 1)), "value")

    def _make_view_controls(self) -> None:
        t = self._t
        self.opacity = slider(t("Opacity"), Look().opacity, 0, 1, "wb-opacity")
        kinds = [(t("the same for all parts"), True), (t("each part its own"), False)]
        self.scale = dropdown(t("Scale"), kinds, "wb-fixed")
        self.zoom = slider(t("Zoom"), 1, 1, 8, "wb-zoom", step=0.01)
        self.region = dropdown(t("Look at"), [(t("whole photo"), 0)], "wb-region")
        self.outline = toggle(t("Outline"), "pencil-square-o", "wb-outline")
        self.outline.value = True
        self.outline.layout.display = None if self.session.parts.has_masks else "none"
        for control, name in (
            (self.opacity, "opacity"), (self.scale, "fixed"), (self.outline, "outline"),
        ):  # fmt: skip
            control.observe(self._by_user(partial(self._look_with, name)), "value")
        self.zoom.observe(self._by_user(lambda zoom: self._look_at(self._zoomed(zoom))), "value")
        self.region.observe(self._by_user(self._look_at_region), "value")

    def _make_record_controls(self) -> None:
        t = self._t
        self.ok = button(t("It is OK"), "check", "wb-ok-label")
        self.ng = button(t("It is NG"), "times", "wb-ng-label")
        self.undo = button(t("Undo"), "undo", "wb-undo")
        self.filter = dropdown(t("Show"), [(t(n), n) for n in FILTERS], "wb-filter")
        self.order = dropdown(t("Order"), [(t(n), n) for n in ORDERS], "wb-order")
        self.order.value = self.session.choice.order
        self.remark = styled(
            widgets.Text(description=t("Note"), continuous_update=False), "wb-remark"
        )
        self.remark.style.description_width = "initial"
        self.remark.layout.flex = "1 1 200px"
        self.export = button(t("Export"), "download", "wb-export")
        tip = t("Start a new result file; the old one is kept")
        self.reset = button(t("Reset"), "refresh", "wb-reset", tip=tip)
        self.ok.on_click(self.guard(lambda _: self._relabel("OK")))
        self.ng.on_click(self.guard(lambda _: self._relabel("NG")))
        self.undo.on_click(self.guard(lambda _: self._take_back()))
        self.filter.observe(self._by_user(lambda _: self._choose()), "value")
        self.order.observe(self._by_user(lambda _: self._choose()), "value")
        self.remark.observe(self._by_user(self._annotate), "value")
        self.export.on_click(self.guard(lambda _: self._export()))
        self.reset.on_click(self.guard(lambda _: self._reset()))

    def _picture_words(self) -> dict[str, str]:
        return {"wb-photo": self._t("Photo"), "wb-overlay": self._t("Heat map overlay")}

    def _by_user(self, action: Callable) -> Callable[[dict], None]:
        """A callback for a value that the user changed."""

        def changed(change: dict) -> None:
            if not self._showing:
                action(change["new"])

        return self.guard(changed)

    def _step(self, by: int) -> None:
        self._go(self.session.position + by)

    def _go(self, position: int) -> None:
        self.session.go(position)
        self._show()

    def _advance(self) -> bool:
        self.guard(lambda: self._step(1))()
        return self.session.position < len(self.session) - 1

    def _play(self, change: dict) -> None:
        self.play.description = self._t("Pause" if change["new"] else "Play")
        self.play.icon = "pause" if change["new"] else "play"
        (self.player.start if change["new"] else self.player.stop)()

    def _pause(self) -> None:
        self.play.value = False

    def _react(self, message: dict) -> None:
        """What the hands did; see `hands`."""
        actions = {
            "ArrowLeft": lambda: self._step(-1),
            "ArrowRight": lambda: self._step(1),
            "o": lambda: self._relabel("OK"),
            "n": lambda: self._relabel("NG"),
            "u": self._take_back,
        }
        if message.get("key") == " ":
            self.play.value = not self.play.value
        elif message.get("key") in actions:
            self.guard(actions[message["key"]])()
        elif "pan" in message:
            self.guard(lambda: self._look_at(self.panel.look.moved(*message["pan"])))()
        elif "zoom" in message:
            self.guard(self._zoom_at)(message["zoom"], *message["at"])

    def _zoom_at(self, factor: float, x: float, y: float) -> None:
        """Zoom in on a point, given as fractions of what is seen; out around the middle."""
        look = self.panel.look
        zoom = round(float(np.clip(look.zoom * factor, self.zoom.min, self.zoom.max)), 2)
        by = ((x - 0.5) / look.zoom, (y - 0.5) / look.zoom) if factor > 1 else (0, 0)
        centre = look.centre[0] + by[0], look.centre[1] + by[1]
        self._look_at(replace(look, zoom=zoom, centre=centre).moved(0, 0))

    def _zoomed(self, zoom: float) -> Look:
        return replace(self.panel.look, zoom=zoom).moved(0, 0)

    def _look_with(self, name: str, value: float | bool) -> None:
        self._look_at(replace(self.panel.look, **{name: value}))

    def _look_at_region(self, number: int) -> None:
        evaluation = self.session.current
        if number:
            box = part_html.regions(evaluation)[number - 1].box
            self._look_at(
                self.panel.look.at_region(box, *evaluation.heatmap.shape[::-1]).moved(0, 0)
            )
        else:
            self._look_at(self._zoomed(1))

    def _look_at(self, look: Look) -> None:
        self.panel.look = look
        self.panel.show_photos(self.session.current)
        self._showing = True
        self.zoom.value = look.zoom
        self._showing = False

    def _relabel(self, label: str) -> None:
        verdict = self.session.relabel(label)
        self._show()
        self.say(self._t("{0} is now labelled {1}", verdict.name, verdict.truth))

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
        choice = self.session.choice.changed(**words)
        if self.session.scored or not (choice.needs_scores or choice.needs_verdicts):
            self._apply(words)
            return
        self.say(self._t("scoring what has not been scored yet ..."))

        def score() -> None:
            self.session.scores()  # without the lock, so that stepping goes on meanwhile
            self.guard(self._apply)(words)

        self.worker = Thread(target=self.guard(score, locked=False), daemon=True)
        self.worker.start()

    def _apply(self, words: dict[str, str]) -> None:
        try:
            self.session.show(**words)
        finally:
            self._show()  # the controls, too, say what is shown

    def _reset(self) -> None:
        kept = self.session.reset()
        self._show()
        if kept:
            self.say(self._t("started anew; the former results are kept in {0}", kept.name))

    def _export(self) -> None:
        """Write what is seen of the part as one picture, and offer it for download."""
        verdict, evaluation = self.session.verdict, self.session.current
        lines = [_caption(verdict, evaluation, words) for words in (translator("en"), self._t)]
        results = self.session.results
        folder = results.parent if results else workspace.report(self.session.parts.root.name)
        stem = Path(verdict.name).with_suffix("").as_posix().replace("/", "_")
        path = folder / "export" / f"{stem}.png"
        page = sheet(self.panel.frame(evaluation), *lines)
        self.hand_out(path, encoded(page, "PNG"), "image/png")

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
        self.panel.show_facts(evaluation)
        self._show_controls()
        verdict = self.session.verdict
        self.remark.value = verdict.note
        self.panel.show_totals(part_html.times(evaluation, perf_counter() - started, self._t))
        where = self.session.note or self._where()
        self.say(f"{_caption(verdict, evaluation, self._t)} · {where}")

    def _show_controls(self) -> None:
        """The controls follow where somebody else moved the session."""
        choice = self.session.choice
        self.jump.max, self.jump.value = len(self.session), self.session.position + 1
        shown = {name: getattr(choice, name) for name in _ANY}
        self.filter.value = next((n for n, f in FILTERS.items() if f == shown), None)
        self.order.value = choice.order

    def _offer_regions(self, evaluation: "Evaluation") -> None:
        found = part_html.regions(evaluation)
        words = [self._t("region {0}", n) for n in range(1, len(found) + 1)]
        options = tuple((w, n) for n, w in enumerate([self._t("whole photo"), *words]))
        if options != tuple(self.region.options):
            self.region.options = options
        self.region.value = 0

    def _where(self) -> str:
        path = self.session.results
        t = self._t
        return (
            t("results in {0}", workspace.portable(path)) if path else t("results are not written")
        )


def _caption(verdict: Verdict, evaluation: "Evaluation", t: Callable[..., str]) -> str:
    score = part_html.sentence(verdict.score, float(evaluation.threshold), t)
    return f"{verdict.name}: {verdict.prediction}, {score}, {t(verdict.outcome or 'no label')}"

"""What the simulator is worked with: its controls, and how the part is looked at with them."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import ipywidgets as widgets
import numpy as np

from workbench.language import t
from workbench.session import InspectionSession

from . import part_html
from .gestures import ACTIONS, change_key, key_table, keys, shown
from .ignore import IgnoreRegions
from .part_view import PartView
from .pictures import SIDES, DisplaySettings
from .view import View, html, row, styled, visible

if TYPE_CHECKING:
    from workbench.csflow.evaluation import Evaluation


class ControlPanel(View):
    """The controls of a simulator; zoom, place, colours and ignored regions follow them here."""

    session: InspectionSession
    panel: PartView
    ignore: IgnoreRegions

    def act(self, action: str) -> None:
        """Do what a button or a key asks, see `gestures.ACTIONS`."""
        raise NotImplementedError

    def make_controls(self) -> None:
        """Make them all but those that choose parts."""
        self._make_steps()
        self._make_view_controls()
        self._make_help()

    def control_rows(
        self, choosing: list[widgets.Widget], more: list[widgets.Widget]
    ) -> widgets.Widget:
        """Steps, views and, under "More", the rest."""
        steps = [self.previous, self.next, self.play, self.jump, self.ok, self.ng, self.undo]
        views = [*choosing, self.region, self.opacity, self.remark, self.more]
        rest = [self.scale, self.zoom, self.outline, self.export, self.reset, *more, self.help]
        self._rest = row(*rest)
        visible(self._rest, False)
        rows = [row(*steps), row(*views), self._rest, self._help]
        return styled(widgets.VBox(rows), "wb-panel")

    def _button(self, text: str, icon: str, name: str, action: str, **more: str) -> widgets.Button:
        key = shown(keys().get(action, ""))
        return self.button(text, icon, name, partial(self.act, action), key=key, **more)

    def _make_steps(self) -> None:
        self.previous = self._button("Previous", "", "wb-previous", "previous")
        self.next = self._button("Next", "", "wb-next", "next", style="primary")
        key = shown(keys()["play"])
        self.play = self.toggle("Play", "play", "wb-play", self._play, key=key)
        place, last = self.session.position + 1, max(len(self.session), 1)
        jump = widgets.IntSlider(place, 1, last, continuous_update=False)
        self.jump = self.control(jump, "Image", "wb-jump", lambda at: self._go(at - 1), None)
        self.jump.layout.flex = "1 1 200px"
        self.ok = self._button("It is OK", "check", "wb-ok-label", "ok")
        self.ng = self._button("It is NG", "times", "wb-ng-label", "ng")
        self.undo = self._button("Undo", "undo", "wb-undo", "undo")

    def _make_view_controls(self) -> None:
        look, start = partial(partial, self.look_with), DisplaySettings()

        def slider(text: str, value: float, low: int, high: int, step: float) -> widgets.Widget:
            made = widgets.FloatSlider(value, min=low, max=high, step=step, readout_format=".2f")
            return self.control(made, text, f"wb-{text.lower()}", look(text.lower()), 230)

        self.opacity = slider("Opacity", start.opacity, 0, 1, 0.05)
        self.zoom = slider("Zoom", 1, 1, 8, 0.01)
        kinds = [(t("the same for all parts"), True), (t("each part its own"), False)]
        self.scale = self.dropdown("Scale", kinds, "wb-fixed", look("fixed"))
        whole = [(t("whole photo"), 0)]
        self.region = self.dropdown("Look at", whole, "wb-region", look("region"))
        self.outline = self.toggle("Outline", "pencil-square-o", "wb-outline", look("outline"))
        with self.set_quietly():
            self.outline.value = start.outline
        visible(self.outline, self.session.parts.has_masks)
        self.more = self.toggle(
            "More", "ellipsis-h", "wb-more", lambda on: visible(self._rest, on)
        )
        self.remark = self.field("Note", "wb-remark", self._annotate)
        self.remark.layout.flex = "1 1 160px"
        self.export = self._button("Export", "download", "wb-export", "export")
        tip = "Start a new result file; the old one is kept"
        self.reset = self._button("Reset", "refresh", "wb-reset", "reset", tip=tip)

    def _make_help(self) -> None:
        key = shown(keys()["help"])
        self.help = self.toggle("Keys", "keyboard-o", "wb-help", self._open_help, key=key)
        self.key_list = html("wb-key-table")
        actions = [(t(said), action) for action, (_, said) in ACTIONS.items()]
        self.action = self.dropdown("Change", actions, "wb-act")
        self.key = self.field("Key", "wb-key", self._change_key, 150)
        box = widgets.VBox([self.key_list, row(self.action, self.key)])
        self._help = styled(box, "wb-help-box")
        visible(self._help, False)

    def _open_help(self, on: bool) -> None:
        self.key_list.value = key_table()
        visible(self._help, on)

    def _change_key(self, key: str) -> None:
        if not key:
            return
        present = change_key(self.action.value, key)
        self.key_list.value, self.key.value = key_table(), ""
        if self._gestures:
            self._gestures.actions = {key: action for action, key in present.items()}

    def on_message(self, message: dict) -> None:
        """What the pointer did on a picture; see `gestures`."""
        if "pan" in message:
            self.guard(lambda: self.look_at(self.panel.settings.moved(*message["pan"])))()
        elif "zoom" in message:
            self.guard(self._zoom_at)(message["zoom"], *message["at"])
        elif self.ignore.toggle.value and {"box", "corner", "close"} & message.keys():
            self.guard(self._draw)(message)
        elif "size" in message:
            self.guard(self._resize)(message["size"])

    def look_with(self, name: str, value: float | bool) -> None:
        """Show the part with another setting, see `DisplaySettings`."""
        settings = self.panel.settings
        if name == "zoom":
            self.look_at(settings.zoomed(value))
        elif name == "region":
            self._look_at_region(value)
        else:
            self.look_at(replace(settings, **{name: value}))

    def look_at(self, settings: DisplaySettings) -> None:
        """Show the part so."""
        self.panel.settings = settings
        self.panel.show_photos(self.session.current)
        with self.set_quietly():
            self.zoom.value = settings.zoom

    def offer_regions(self, evaluation: "Evaluation") -> None:
        """List the regions of the part."""
        found = part_html.regions(evaluation)
        words = [t("region {0}", n) for n in range(1, len(found) + 1)]
        options = tuple((w, n) for n, w in enumerate([t("whole photo"), *words]))
        if options != tuple(self.region.options):
            self.region.options = options
        self.region.value = 0

    def _resize(self, pixels: int) -> None:
        """Draw as large as the pictures are on the screen."""
        side = next((side for side in SIDES if side >= pixels), SIDES[-1])
        if side != self.panel.settings.side:
            self.look_at(replace(self.panel.settings, side=side))
            self.session.look_ahead()

    def _zoom_at(self, factor: float, x: float, y: float) -> None:
        settings = self.panel.settings
        zoom = round(float(np.clip(settings.zoom * factor, self.zoom.min, self.zoom.max)), 2)
        self.look_at(settings.zoomed(zoom, (x, y)))

    def _draw(self, message: dict) -> None:
        whole = self.panel.settings.whole
        if box := message.get("box"):
            self.ignore.box(whole(*box[:2]), whole(*box[2:]), "done" in message)
        elif corner := message.get("corner"):
            self.ignore.corner(whole(*corner))
        else:
            self.ignore.close()

    def _look_at_region(self, number: int) -> None:
        evaluation, settings = self.session.current, self.panel.settings.zoomed(1)
        if number:
            box = part_html.regions(evaluation)[number - 1].box
            settings = settings.at_region(box, *evaluation.heatmap.shape[::-1]).moved(0, 0)
        self.look_at(settings)

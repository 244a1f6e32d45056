"""How a part is looked at: zoom, place, colours, and regions that are drawn on it."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from . import part_html
from .control_panel import ControlPanel
from .ignore import IgnoreRegions
from .part_view import PartView
from .pictures import SIDES, DisplaySettings

if TYPE_CHECKING:
    from workbench.csflow.evaluation import Evaluation


class Looking(ControlPanel):
    """A control panel whose controls, keys and pointer change how the part is shown."""

    panel: PartView
    ignore: IgnoreRegions

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
        words = [self.t("region {0}", n) for n in range(1, len(found) + 1)]
        options = tuple((w, n) for n, w in enumerate([self.t("whole photo"), *words]))
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

"""Boxes drawn on a photo, where a model that is trained next looks at nothing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from workbench import workspace
from workbench.session import InspectionSession

from .controls import row, visible

if TYPE_CHECKING:
    from .view import View

Boxes = tuple[tuple[float, float, float, float], ...]  # fractions: left, top, right, bottom


class IgnoreRegions:
    """While its toggle is down a drag on a picture draws a box.

    They are kept beside the data as a picture for `workbench train --blank`.
    """

    def __init__(
        self, view: "View", session: InspectionSession, show: Callable[[Boxes], None]
    ) -> None:
        self._view, self._session, self._show = view, session, show
        root = session.parts.root
        self.path = root.with_name(f"{root.name}.blank.png")
        self.boxes = read_boxes(self.path)
        self.toggle = view.toggle("Ignore regions", "ban", "wb-ignore", self._open)
        self.remove = view.button("Remove the last", "undo", "wb-ignore-remove", self._remove)
        self.save = view.button("Save regions", "save", "wb-ignore-save", self._save)
        self.tools = row(self.remove, self.save)
        visible(self.tools, False)

    def drawn(self, box: tuple[float, float, float, float], done: bool) -> None:
        """A box between two corners in any order; until it is done it is only shown."""
        clipped = [min(max(at, 0.0), 1.0) for at in box]
        (left, right), (top, bottom) = sorted(clipped[::2]), sorted(clipped[1::2])
        boxes = (*self.boxes, (left, top, right, bottom))
        if done and right - left > 0.005 and bottom - top > 0.005:
            self.boxes = boxes
        self._show(self.boxes if done else boxes)

    def _open(self, on: bool) -> None:
        (self._view.add_class if on else self._view.remove_class)("wb-drawing")
        visible(self.tools, on)
        self._show(self.boxes if on else ())
        if on:
            self._view.say(self._view.t("draw boxes where nothing is to be looked at"))

    def _remove(self) -> None:
        self.boxes = self.boxes[:-1]
        self._show(self.boxes)

    def _save(self) -> None:
        height, width = self._session.current.heatmap.shape
        mask, facts = Image.new("L", (width, height)), PngInfo()
        for left, top, right, bottom in self.boxes:
            corners = left * width, top * height, right * width - 1, bottom * height - 1
            ImageDraw.Draw(mask).rectangle([round(at) for at in corners], fill=255)
        facts.add_text("boxes", json.dumps(self.boxes))
        with workspace.written(self.path) as file:
            mask.save(file, "PNG", pnginfo=facts)
        root, path = (workspace.portable(p) for p in (self._session.parts.root, self.path))
        again = f"workbench train {root} --blank {path}"
        self._view.say(self._view.t("saved to {0}; train again with it: {1}", path, again))


def read_boxes(path: Path) -> Boxes:
    """The boxes that were saved there, none if there is no such file."""
    try:
        with Image.open(path) as image:
            return tuple(tuple(map(float, box)) for box in json.loads(image.info["boxes"]))
    except (OSError, KeyError, ValueError, TypeError):
        return ()

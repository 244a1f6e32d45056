"""Regions drawn on a photo where nothing is to be looked at: boxes and polygons."""

from collections.abc import Callable
from itertools import pairwise

from workbench import workspace
from workbench.data.ignored import Corners, read_regions, write_regions
from workbench.language import t
from workbench.session import InspectionSession

from .view import View, row, visible

HOW = (
    "drag boxes, or click corners, where nothing is to be looked at; a double click or Enter "
    "closes a polygon"
)
NEAR = 0.005  # of the photo: a corner is not clicked so close to the last one


class IgnoreRegions:
    """While its toggle is down a drag on a picture draws a box, and clicks a polygon.

    They are kept beside the data as a picture for `workbench train --blank` and `adjust --blank`.
    `apply` makes the model ignore what such a picture shows at once, where that can be done.
    """

    def __init__(
        self, view: View, session: InspectionSession,
        show: Callable[[tuple[Corners, ...]], None], apply: Callable[..., None] | None = None,
    ) -> None:  # fmt: skip
        self._view, self._session, self._show = view, session, show
        root = session.parts.root
        self.path = root.with_name(f"{root.name}.blank.png")
        self.regions, self._begun = read_regions(self.path), ()
        self.toggle = view.toggle("Ignore regions", "ban", "wb-ignore", self._open)
        self.remove = view.button("Remove the last", "undo", "wb-ignore-remove", self._remove)
        self.save = view.button("Save regions", "save", "wb-ignore-save", self._save)
        self.use = view.button("Use at once", "check", "wb-ignore-use", lambda: self._use(apply))
        self.tools = row(self.remove, self.save, self.use)
        visible(self.use, apply)
        visible(self.tools, False)

    def box(self, start: tuple[float, float], end: tuple[float, float], done: bool) -> None:
        """A box between two corners in any order; until it is done it is only shown."""
        (left, top), (right, bottom) = map(_within, (start, end))
        box = ((left, top), (right, top), (right, bottom), (left, bottom))
        if done and abs(right - left) > NEAR and abs(bottom - top) > NEAR:
            self.regions = (*self.regions, box)
        self._show(self._drawn() if done else (*self._drawn(), box))

    def corner(self, at: tuple[float, float]) -> None:
        """One more corner of the polygon that is being clicked."""
        self._begun = (*self._begun, _within(at))
        self._show(self._drawn())

    def close(self) -> None:
        """The polygon is complete."""
        apart = [b for a, b in pairwise(((-1, -1), *self._begun)) if _distance(a, b) > NEAR]
        if len(apart) > 2:
            self.regions = (*self.regions, tuple(apart))
        self._begun = ()
        self._show(self._drawn())

    def _drawn(self) -> tuple[Corners, ...]:
        return (*self.regions, self._begun) if self._begun else self.regions

    def _open(self, on: bool) -> None:
        (self._view.add_class if on else self._view.remove_class)("wb-drawing")
        visible(self.tools, on)
        self._begun = ()
        self._show(self.regions if on else ())
        if on:
            self._view.say(t(HOW))

    def _remove(self) -> None:
        if self._begun:
            self._begun = self._begun[:-1]
        else:
            self.regions = self.regions[:-1]
        self._show(self._drawn())

    def _save(self) -> None:
        self.close()
        height, width = self._session.current.heatmap.shape
        write_regions(self.path, self.regions, width, height)
        root, path = (workspace.portable(p) for p in (self._session.parts.root, self.path))
        ways = f"workbench adjust NAME --blank {path}", f"workbench train {root} --blank {path}"
        self._view.say(t("saved to {0}; at once: {1}; better, trained again: {2}", path, *ways))

    def _use(self, apply: Callable[..., None]) -> None:
        self._save()
        apply(t("Ignore regions"), ignore=self.path)


def _within(at: tuple[float, float]) -> tuple[float, float]:
    x, y = (round(min(max(one, 0.0), 1.0), 4) for one in at)
    return x, y


def _distance(a: tuple[float, float], b: tuple[float, float]) -> float:
    return max(abs(a[0] - b[0]), abs(a[1] - b[1]))

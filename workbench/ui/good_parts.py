"""What a part should look like: the good parts most like it, found when somebody asks."""

from typing import TYPE_CHECKING

from workbench.session import InspectionSession

from .controls import visible
from .part_view import PartView
from .thumbs import thumbs

if TYPE_CHECKING:
    from .view import View

SHOWN = 3


class GoodParts:
    """A button, and small pictures below what is said of the part."""

    def __init__(self, view: "View", session: InspectionSession, panel: PartView) -> None:
        self._view, self._session, self._panel = view, session, panel
        self._good = self.worker = None
        self.button = view.button("Good parts like this", "clone", "wb-alike", self._find)
        visible(self.button, hasattr(session.detector, "parts"))

    def _find(self) -> None:
        self._view.say(self._view.t("comparing with good parts ..."))
        index, name = self._session.index, self._session.name
        self.worker = self._view.background(lambda: self._compare(index, name))

    def _compare(self, index: int, name: str) -> None:
        from workbench.csflow.nearest import nearest_good  # brings torch

        detector, view = self._session.detector, self._view
        if self._good is None:
            self._good = detector.parts().train.ok
        good = self._good
        found = nearest_good(detector, [self._session.parts[index]], good, SHOWN)[0].tolist()

        def describe(i: int) -> dict[str, str]:
            return {"name": good.names[i], "score": "", "outcome": "", "prediction": "OK"}

        pictures = thumbs(found, good.paths, describe)
        if name == self._session.name:  # nobody has stepped on
            self._panel.alike.value = pictures
            view.say(view.t("{0} good parts of the training that look most like this", len(found)))

"""How large a hot region must be to count, and how many of that size make a part NG."""

from collections.abc import Callable
from copy import copy
from typing import TYPE_CHECKING

import numpy as np

from workbench import metrics
from workbench.metrics import SortedScores
from workbench.session import InspectionSession
from workbench.session.background import lock_of

from .controls import row, styled, visible
from .saving import Saving

if TYPE_CHECKING:
    from .view import View

RULE = "regions from {0} % of the photo on count, {1} of them make a part NG"


class RegionRule:
    """Two fields beside a button that saves them after a question, as a threshold is saved.

    What would follow is tried on a copy of the detector; `apply` is called with the reason and
    what is to change.
    """

    def __init__(
        self, view: "View", session: InspectionSession, saving: Saving,
        changed: Callable[[], None], apply: Callable[..., None],
    ) -> None:  # fmt: skip
        self._view, self._session, self._saving, self._apply = view, session, saving, apply
        self._config = getattr(session.detector, "config", None)
        smallest, regions = self.saved if self._config else (0, 1)
        words, more = "Smallest region that counts, % of the photo", "Regions of that size"
        self.smallest = view.number(
            words, 100 * smallest, 0, 99.9, "wb-smallest", lambda _: changed()
        )
        self.regions = view.number(more, regions, 1, 100, "wb-regions", lambda _: changed())
        self.smallest.layout.width, self.regions.step = "370px", 1
        self.save = view.button("Save what counts", "save", "wb-rule-save", self.ask)
        self.box = styled(row(self.smallest, self.regions, self.save), "wb-goal")
        visible(self.box, self._config)

    @property
    def saved(self) -> tuple[float, int]:
        """Share of the photo and number of regions, as the detector has them."""
        return self._config.smallest, self._config.regions

    @property
    def shown(self) -> tuple[float, int]:
        """The same, as the fields have them."""
        return self.smallest.value / 100, int(self.regions.value)

    @property
    def unsaved(self) -> bool:
        """Whether the fields say something else than the detector."""
        return bool(self._config) and not np.allclose(self.shown, self.saved)

    def show(self) -> None:
        """Only what differs can be saved."""
        self.save.disabled = not self.unsaved

    def ask(self) -> None:
        """Try it on calibration photos and all parts, say in counts what follows, and ask."""
        session, t = self._session, self._view.t
        changes = dict(zip(("smallest", "regions"), self.shown, strict=True))
        self._view.say(t("trying it on calibration photos and all parts ..."))
        trial = copy(session.detector)
        with lock_of(session.detector):  # they share the network
            trial.adjust(**changes)
            after = trial.score(session.parts)
        before, ng = session.scores(), session.labels()
        limits = (self._saving.own, trial.threshold)
        known = np.isfinite(before) & np.isfinite(after)
        labels = np.zeros(known.sum(), bool) if ng is None else ng[known]
        counts = [
            SortedScores.of(scores[known], labels).confusion(float(limit))
            for scores, limit in zip((before, after), limits, strict=True)
        ]
        rule = t(RULE, f"{self.smallest.value:g}", changes["regions"])
        said = [rule, *self._saving.compared(limits, counts)]
        if 0 < labels.sum() < len(labels):
            new, old = (f"{metrics.auroc(one[known], labels):.3f}" for one in (after, before))
            said.append(t("AUROC {0}, now {1}", new, old))
        self._saving.propose(
            said, lambda why: self._apply("; ".join(filter(None, (rule, why))), **changes)
        )
        self._view.say("")

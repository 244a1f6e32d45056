"""Three goals in plain words, for experts every other policy, and which regions count."""

from collections.abc import Callable
from copy import copy
from functools import partial
from typing import NamedTuple

import ipywidgets as widgets
import numpy as np
from numpy.typing import NDArray

from workbench import metrics
from workbench.language import t
from workbench.metrics import SortedScores, Threshold
from workbench.session import InspectionSession
from workbench.session.background import lock_of

from .markup import caption
from .saving import Saving
from .view import View, html, row, styled, visible

RULE = "regions from {0} % of the photo on count, {1} of them make a part NG"


class Offer(NamedTuple):
    """A policy as it is offered: its button, the fields that it asks, a sentence."""

    words: str
    fields: tuple[str, ...]
    sentence: str


GOALS = {
    "zero_miss": Offer("Let no defect pass", (), "The highest threshold that catches every NG."),
    "max_overkill": Offer(
        "Throw away few good parts", ("overkill",),
        "At most this share of good parts is called NG.",
    ),
    "cost": Offer(
        "Cheapest", ("miss_cost", "overkill_cost", "prevalence"),
        "The lowest cost of misses and overkill together.",
    ),
}  # fmt: skip
EXPERT = {
    "percentile": Offer("Percentile", ("q",), "This percentile of good scores."),
    "conformal": Offer(
        "Conformal", ("alpha",), "A bound on overkill that holds for new good parts on average."
    ),
    "tail": Offer("Tail", (), "By the tail of good scores: 1 % overkill, surely at most 3 %."),
    "normal": Offer("Normal", (), "By the spread of good scores: 5 % overkill, for few parts."),
    "max_miss": Offer("Limit misses", ("miss",), "At most this share of NG passes as OK."),
    "f1": Offer("Best F1", (), "The best balance of precision and recall on these parts."),
}
OFFERS = GOALS | EXPERT
# field: words, value, lowest, highest, and by what it is divided; per cent is what people think in
FIELDS = {
    "q": ("Percentile of OK", 99.0, 0, 100, 1),
    "alpha": ("Conformal overkill %", 1.0, 0, 100, 100),
    "miss": ("Misses at most %", 1.0, 0, 100, 100),
    "overkill": ("Overkill at most %", 1.0, 0, 100, 100),
    "prevalence": ("NG made %", 1.0, 0, 100, 100),
    "miss_cost": ("Cost of a miss", 10.0, 0, 1e9, 1),
    "overkill_cost": ("Cost of overkill", 1.0, 0, 1e9, 1),
}


class Policies:
    """Buttons and fields; a button chooses a threshold, from calibration OK where that will do."""

    def __init__(
        self,
        view: View,
        scores: NDArray[np.float64],
        ng: NDArray[np.bool_] | None,
        calibration: NDArray[np.float64],
        choose: Callable[[Threshold], None],
        changed: Callable[[], None],
    ) -> None:
        self._scores, self._ng, self._calibration = scores, ng, calibration
        self._choose = choose
        self.fields = {
            name: _number(view, text, value, low, high, name.replace("_", "-"), changed)
            for name, (text, value, low, high, _) in FIELDS.items()
        }
        # by policy; only those that the data allow
        self.buttons = {
            policy: view.button(offer.words, "", "wb-policy", partial(self.press, policy))
            for policy, offer in OFFERS.items()
            if self._possible(policy)
        }

    def goals(self) -> widgets.Widget:
        """The three goals side by side."""
        return row(*(self._offered(policy) for policy in GOALS if policy in self.buttons))

    def expert(self) -> widgets.Widget:
        """All other policies."""
        return row(*(self._offered(policy) for policy in EXPERT if policy in self.buttons))

    def value(self, field: str) -> float:
        """What a field stands for: a share where it says per cent."""
        return self.fields[field].value / FIELDS[field][4]

    def threshold(self, policy: str) -> Threshold:
        """The threshold of a policy with the fields as they are."""
        params = {name: self.value(name) for name in OFFERS[policy].fields}
        if metrics.POLICIES[policy].needs == ("OK",) and self._calibration.size:
            return metrics.threshold(self._calibration, policy=policy, **params)
        source = "the labelled parts shown"
        return metrics.threshold(self._scores, self._ng, policy=policy, source=source, **params)

    def press(self, policy: str) -> None:
        """What its button does."""
        self._choose(self.threshold(policy))

    def _offered(self, policy: str) -> widgets.Widget:
        offer, said = OFFERS[policy], html("wb-caption")
        said.value = caption(t(offer.sentence))
        fields = [self.fields[name] for name in offer.fields]
        return styled(
            widgets.HBox([self.buttons[policy], *fields, said]), "wb-controls", "wb-goal"
        )

    def _possible(self, policy: str) -> bool:
        needs = metrics.POLICIES[policy].needs
        if needs == ("OK",) and self._calibration.size:
            return True
        if self._ng is None:
            return False
        return ("OK" not in needs or not self._ng.all()) and ("NG" not in needs or self._ng.any())


class RegionRule:
    """Two fields beside a button that saves them after a question, as a threshold is saved.

    What would follow is tried on a copy of the detector; `apply` is called with the reason and
    what is to change.
    """

    def __init__(
        self, view: View, session: InspectionSession, saving: Saving,
        changed: Callable[[], None], apply: Callable[..., None],
    ) -> None:  # fmt: skip
        self._view, self._session, self._saving, self._apply = view, session, saving, apply
        self._config = getattr(session.detector, "config", None)
        smallest, regions = self.saved if self._config else (0, 1)
        words, more = "Smallest region that counts, % of the photo", "Regions of that size"
        self.smallest = _number(view, words, 100 * smallest, 0, 99.9, "smallest", changed)
        self.regions = _number(view, more, regions, 1, 100, "regions", changed)
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
        session = self._session
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


def _number(
    view: View, text: str, value: float, low: float, high: float, name: str,
    changed: Callable[[], object],
) -> widgets.BoundedFloatText:  # fmt: skip
    made = widgets.BoundedFloatText(value, min=low, max=high, step=0.1)
    return view.control(made, text, f"wb-{name}", lambda _: changed(), 210)

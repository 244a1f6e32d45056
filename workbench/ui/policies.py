"""Three goals in plain words, and every other policy of `metrics.threshold` for experts."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import ipywidgets as widgets
import numpy as np
from numpy.typing import NDArray

from workbench import metrics
from workbench.metrics import Threshold

from .controls import html, row, styled
from .markup import render

if TYPE_CHECKING:
    from .view import View


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
        view: "View",
        scores: NDArray[np.float64],
        ng: NDArray[np.bool_] | None,
        calibration: NDArray[np.float64],
        choose: Callable[[Threshold], None],
        changed: Callable[[], None],
    ) -> None:
        self._scores, self._ng, self._calibration = scores, ng, calibration
        self._choose, self._t = choose, view.t
        self.fields = {
            name: view.number(
                text, value, low, high, f"wb-{name.replace('_', '-')}", lambda _: changed()
            )
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
        said.value = render("part.time", stages="", said=self._t(offer.sentence))
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

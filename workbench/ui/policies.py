"""A button for every policy of `metrics.threshold`, and fields for what they ask."""

from collections.abc import Callable

import ipywidgets as widgets
import numpy as np
from numpy.typing import NDArray

from workbench import metrics
from workbench.metrics import Threshold

from .controls import button, number, row

# policy: the words on its button, and the fields that it asks
BUTTONS = {
    "percentile": ("Percentile", {"q": "q"}),
    "conformal": ("Conformal", {"alpha": "alpha"}),
    "zero_miss": ("Zero miss", {}),
    "max_miss": ("Limit misses", {"miss": "miss"}),
    "max_overkill": ("Limit overkill", {"overkill": "overkill"}),
    "cost": (
        "Lowest cost",
        {"prevalence": "prevalence", "miss_cost": "miss_cost", "overkill_cost": "overkill_cost"},
    ),
    "f1": ("Best F1", {}),
}
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
    """Buttons and fields; a button chooses a threshold and says so.

    Args:
        scores: Of the parts shown, finite, shape (N,).
        ng: True for NG, shape (N,); None where they are unlabelled.
        held_out: Scores of held-out OK parts, the better choice for all that needs OK only.
        choose: Called with the threshold of a button that was pressed.
        t: From English to the user's language.

    Attributes:
        buttons: By policy; only those that the data allow.
        fields: By name of the parameter.
    """

    def __init__(
        self,
        scores: NDArray[np.float64],
        ng: NDArray[np.bool_] | None,
        held_out: NDArray[np.float64],
        choose: Callable[[Threshold], None],
        t: Callable[..., str],
    ) -> None:
        self._scores, self._ng, self._held_out, self._choose = scores, ng, held_out, choose
        self.fields = {
            name: number(t(text), value, low, high, f"wb-{name.replace('_', '-')}")
            for name, (text, value, low, high, _) in FIELDS.items()
        }
        self.buttons: dict[str, widgets.Button] = {}
        for policy, (text, _) in BUTTONS.items():
            if self._possible(policy):
                self.buttons[policy] = button(t(text), "", "wb-policy")

    def rows(self) -> list[widgets.Widget]:
        """The fields that the buttons or the rates ask for."""
        return [row(*self.fields.values())]

    def value(self, field: str) -> float:
        """What a field stands for: a share where it says per cent."""
        return self.fields[field].value / FIELDS[field][4]

    def threshold(self, policy: str) -> Threshold:
        """The threshold of a policy with the fields as they are.

        Raises:
            ValueError: The data are too few for what the fields ask.
        """
        params = {name: self.value(field) for name, field in BUTTONS[policy][1].items()}
        if metrics.POLICIES[policy].needs == ("OK",) and self._held_out.size:
            return metrics.threshold(self._held_out, policy=policy, **params)
        source = "the labelled parts shown"
        return metrics.threshold(self._scores, self._ng, policy=policy, source=source, **params)

    def press(self, policy: str) -> None:
        """What its button does."""
        self._choose(self.threshold(policy))

    def _possible(self, policy: str) -> bool:
        needs = metrics.POLICIES[policy].needs
        if needs == ("OK",) and self._held_out.size:
            return True
        if self._ng is None:
            return False
        return ("OK" not in needs or not self._ng.all()) and ("NG" not in needs or self._ng.any())

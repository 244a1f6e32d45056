"""Labels worth a second look: the parts whose score speaks against their label, one by one."""

import ipywidgets as widgets

from workbench import metrics
from workbench.language import t
from workbench.session import InspectionSession

from .markup import both_rates, rate_cell, table
from .simulator import Simulator
from .view import html, row


class AuditView(Simulator):
    """The simulator, going through the suspicious labels, the most suspicious first.

    *Keep* confirms a label, *turn round* corrects it; both go on to the next. What was settled
    does not come up again.

    Raises:
        ValueError: The parts are not labelled, or no label is left to be looked at.
    """

    def __init__(self, session: InspectionSession, *, n: int = 10) -> None:
        self._n, self._before = n, None
        self.suspects = self._suspects(session)
        if not self.suspects:
            raise ValueError("every suspicious label has been looked at; none is left")
        session.arrange([suspect.name for suspect in self.suspects])
        super().__init__(session)

    def resume(self) -> None:
        """Go on here with what is suspicious by now."""
        self.suspects = self._suspects(self.session) or self.suspects
        names = [suspect.name for suspect in self.suspects]
        self.guard(self.session.arrange)(names)
        self.refresh()

    def layout_parts(self) -> list[widgets.Widget]:
        """As a simulator, with its own buttons and table under the name."""
        self.keep = self.button("Keep label", "check", "wb-keep", self._settle, style="primary")
        self.turn = self.button(
            "Turn label round", "exchange", "wb-turn", lambda: self._settle(turn=True)
        )
        self._found = html("wb-audit")
        notice, head, *parts = super().layout_parts()
        return [notice, head, row(self.keep, self.turn, self._found), *parts]

    def _suspects(self, session: InspectionSession) -> list[metrics.Suspect]:
        """The worst of each class in turn, but for those that were settled before."""
        labels, scores = session.labels(), session.scores()
        if labels is None:
            raise ValueError(
                "a label audit needs labelled parts, got unlabelled ones; sort them into "
                "OK/ and NG/"
            )
        rows, *known = metrics.readable(scores, labels)
        names = [session.parts.names[i] for i in rows]
        self.audit = metrics.label_audit(*known, names, n=self._n + len(session.settled))
        suspects = [*self.audit.suspicious_ok, *self.audit.suspicious_ng]
        open_ = [s for s in suspects if s.name not in session.settled]
        counts = {"OK": 0, "NG": 0}
        chosen = []
        for suspect in sorted(open_, key=lambda s: -s.beyond):
            counts[suspect.label] += 1
            if counts[suspect.label] <= self._n:
                chosen.append(suspect)
        return chosen

    def _settle(self, *, turn: bool = False) -> None:
        ng = (self.session.verdict.truth == "NG") != turn
        self.session.relabel("NG" if ng else "OK")
        if self.session.position < len(self.session) - 1:
            self._step(1)
        else:
            self._show()
            self.say(t("that was the last suspicious label"))

    def _show_part(self, started: float) -> None:
        super()._show_part(started)
        suspect = next((s for s in self.suspects if s.name == self.session.name), None)
        rates = self.session.overall()
        rows = {} if suspect is None else {
            t("Further out than"): t(
                "{0} % of the parts labelled {1}", f"{100 * suspect.beyond:.0f}",
                "NG" if suspect.label == "OK" else "OK",
            )
        }  # fmt: skip
        before = self._before = self._before or rates
        for (word, *now), (_, *then) in zip(both_rates(rates), both_rates(before), strict=True):
            rows[t(word)] = t("{0}, at first {1}", rate_cell(*now), rate_cell(*then))
        self._found.value = table(rows)

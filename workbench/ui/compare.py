"""Two detectors on the same parts: where they agree, where not, and what that looks like."""

import ipywidgets as widgets
import numpy as np

from workbench import metrics, plots
from workbench.language import t
from workbench.session import InspectionSession

from .markup import both_rates, caption, rate_cell, render, table
from .pictures import DisplaySettings, crop, draw
from .view import View, html, identity, picture, row, styled

PICTURES = ("wb-photo", "wb-first", "wb-second")


class Compare(View):
    """Scores against scores, the changed verdicts, and any part under both heat maps.

    Raises:
        ValueError: The sessions hold other parts.
    """

    def __init__(
        self, a: InspectionSession, b: InspectionSession, *, names: tuple[str, str] = ("A", "B")
    ) -> None:
        if a.parts.names != b.parts.names:
            raise ValueError(
                f"both sessions must hold the same parts, got {len(a.parts)} and "
                f"{len(b.parts)} images; give both the same folder"
            )
        super().__init__((identity(a), identity(b)), a.lock)
        self.sessions, self.names = (a, b), names
        self._rows = np.flatnonzero(np.isfinite(a.scores() + b.scores()))
        labels = a.labels()
        self._labels = None if labels is None else labels[self._rows]
        self._read()
        self._make_widgets()
        self._list()

    def __repr__(self) -> str:
        return f"Compare({' against '.join(self.names)}, {len(self._rows)} parts)"

    def _read(self) -> None:
        scores = [session.scores()[self._rows] for session in self.sessions]
        cuts = [session.detector.threshold for session in self.sessions]
        names = [self.sessions[0].parts.names[row] for row in self._rows]
        self.comparison = None
        if self._labels is not None:
            self.comparison = metrics.compare(*scores, self._labels, *cuts, names=names)
        self._scores, self._cuts = scores, (float(cuts[0]), float(cuts[1]))
        calls = [s >= cut for s, cut in zip(scores, cuts, strict=True)]
        self._changed = np.flatnonzero(calls[0] != calls[1])

    def _make_widgets(self) -> None:
        self._head, self._facts = html("wb-header"), html("wb-totals")
        self._plot = styled(widgets.Image(), "wb-scatter")
        kinds = [(t("changed verdicts"), True), (t("all parts"), False)]
        self.shown = self.dropdown("Show", kinds, "wb-shown", lambda _: self._list())
        parts = widgets.Select(options=[], rows=10)
        self.parts = self.control(parts, "Parts", "wb-names", self._look_at, "100%")
        self.parts.style.description_width = "initial"
        words = dict(zip(PICTURES, (t("Photo"), *self.names), strict=True))
        words["wb-scatter"] = t("scores of {0} against those of {1}", *self.names)
        self.pictures = [picture(name) for name in PICTURES]
        self.captions = [html("wb-caption") for _ in self.pictures]
        side = widgets.VBox([self._facts, row(self.shown), self.parts])
        pictures = widgets.Box([*self.captions, *self.pictures])
        above = styled(widgets.Box([self._plot, side]), "wb-two")
        self.fill("Comparison", self._head, above, styled(pictures, "wb-three"), pictures=words)
        self._head.value = render(
            "part.head", title=self.sessions[0].parts.root.name, note="", rates="",
            name=" - ".join(self.names), position=f"{len(self._rows):,}",
        )  # fmt: skip
        self._facts.value = self._table()

    def _table(self) -> str:
        found = self.comparison
        if found is None:
            return table({t("changed verdicts"): f"{len(self._changed):,}"})
        pairs = zip(both_rates(found.a), both_rates(found.b), strict=True)
        rows = {t(word): [rate_cell(*a), rate_cell(*b)] for (word, *a), (_, *b) in pairs}
        return render("tables.grid", head=self.names, rows=rows) + table(
            {
                t("put right, made wrong"): f"{found.fixed}, {found.broken}",
                t("chance of that by luck (McNemar)"): f"{found.mcnemar_p:.3g}",
            }
        )

    def _list(self) -> None:
        rows = self._changed if self.shown.value else np.arange(len(self._rows))
        self.parts.options = [(self._line(int(row)), int(row)) for row in rows[:200]]
        self.parts.value = None
        if len(rows):
            self.parts.value = int(rows[0])
        else:
            self._draw(None)
            self.say(t("no part changed its verdict"))

    def _line(self, row: int) -> str:
        index = int(self._rows[row])
        verdicts = " / ".join(_verdict(session, index) for session in self.sessions)
        first = self.sessions[0]
        return f"{first.parts.names[index]}  {first.truth(index)}: {verdicts}"

    def _draw(self, chosen: int | None) -> None:
        """All scores, those of the chosen part in a ring."""
        ng = np.zeros(len(self._rows), bool) if self._labels is None else self._labels
        drawn = plots.agreement(*self._scores, ng, self.names, self._cuts, chosen=chosen)
        self._plot.value = plots.png(drawn.figure)

    def _look_at(self, row: int | None) -> None:
        self._draw(row)
        if row is None:
            return
        index, settings, frames = int(self._rows[row]), DisplaySettings(), []
        for session in self.sessions:
            evaluation = session.prefetcher.get(index)  # looked at here, not judged
            frames.append(draw(crop(evaluation, None, settings), settings, evaluation.heat_range))
        self.pictures[0].value = frames[0].photo
        for place, frame in zip(self.pictures[1:], frames, strict=True):
            place.value = frame.overlay
        said = [
            f"{name}: {_verdict(one, index)}"
            for name, one in zip(self.names, self.sessions, strict=True)
        ]
        for place, text in zip(
            self.captions, [self.sessions[0].parts.names[index], *said], strict=True
        ):
            place.value = caption(text)
        self.say(self._line(row))


def _verdict(session: InspectionSession, index: int) -> str:
    return f"{session.prediction(index)} {session.score_of(index):.4g}"

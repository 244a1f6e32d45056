"""Two detectors on the same parts: where they agree, where not, and what that looks like."""

import ipywidgets as widgets
import numpy as np

from workbench import metrics
from workbench.session import InspectionSession

from .controls import html, picture, row, styled
from .markup import render
from .pictures import DisplaySettings, crop, draw
from .rates import rate_pair
from .scatter import Scatter
from .view import View, identity, table

PICTURES = ("wb-photo", "wb-first", "wb-second")


class Compare(View):
    """Scores against scores, the changed verdicts, and any part under both heat maps."""

    def __init__(
        self,
        a: InspectionSession,
        b: InspectionSession,
        *,
        names: tuple[str, str] = ("A", "B"),
        language: str | None = None,
    ) -> None:
        if a.parts.names != b.parts.names:
            raise ValueError(
                f"both sessions must hold the same parts, got {len(a.parts)} and "
                f"{len(b.parts)} images; give both the same folder"
            )
        super().__init__((identity(a), identity(b)), a.lock, language)
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
        self._scatter = Scatter(*scores, self._labels, tuple(cuts), self.names, self.t)
        calls = [s >= cut for s, cut in zip(scores, cuts, strict=True)]
        self._changed = np.flatnonzero(calls[0] != calls[1])

    def _make_widgets(self) -> None:
        t = self.t
        self._head, self._plot, self._facts = (
            html(f"wb-{name}") for name in ("header", "scatter-box", "totals")
        )
        kinds = [(t("changed verdicts"), True), (t("all parts"), False)]
        self.shown = self.dropdown("Show", kinds, "wb-shown", lambda _: self._list())
        parts = widgets.Select(options=[], rows=10, description=t("Parts"))
        self.parts = self.bind(parts, "wb-names", self._look_at)
        self.parts.layout.width, self.parts.style.description_width = "100%", "initial"
        words = dict(zip(PICTURES, (t("Photo"), *self.names), strict=True))
        self.pictures = [picture(name) for name in PICTURES]
        self.captions = [html("wb-caption") for _ in self.pictures]
        side = widgets.VBox([self._facts, row(self.shown), self.parts])
        pictures = widgets.Box([*self.captions, *self.pictures])
        self.fill(
            self._head,
            styled(widgets.Box([self._plot, side]), "wb-two"),
            styled(pictures, "wb-three"),
            gestures=self.listen("Comparison", pictures=words),
        )
        self._head.value = render(
            "part.head", title=self.sessions[0].parts.root.name, note="", rates="",
            name=" - ".join(self.names), position=f"{len(self._rows):,}",
        )  # fmt: skip
        self._facts.value = self._table()

    def _table(self) -> str:
        t, found = self.t, self.comparison
        if found is None:
            return table({t("changed verdicts"): f"{len(self._changed):,}"})
        return rate_pair(found, self.names, t) + table(
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
            self._plot.value = self._scatter.draw()
            self.say(self.t("no part changed its verdict"))

    def _line(self, row: int) -> str:
        index = int(self._rows[row])
        verdicts = " / ".join(self._verdict(session, index) for session in self.sessions)
        first = self.sessions[0]
        return f"{first.parts.names[index]}  {first.truth(index)}: {verdicts}"

    def _verdict(self, session: InspectionSession, index: int) -> str:
        score = session.scores()[index]
        return f"{'NG' if score >= session.detector.threshold else 'OK'} {score:.4g}"

    def _look_at(self, row: int | None) -> None:
        self._plot.value = self._scatter.draw(row)
        if row is None:
            return
        index, settings, frames = int(self._rows[row]), DisplaySettings(), []
        for session in self.sessions:
            evaluation = session.prefetcher.get(index)  # looked at here, not judged
            frames.append(draw(crop(evaluation, None, settings), settings, evaluation.heat_range))
        self.pictures[0].value = frames[0].photo
        for place, frame in zip(self.pictures[1:], frames, strict=True):
            place.value = frame.overlay
        self.captions[0].value = render(
            "part.time", stages="", said=self.sessions[0].parts.names[index]
        )
        for caption, name, one in zip(self.captions[1:], self.names, self.sessions, strict=True):
            said = f"{name}: {self._verdict(one, index)}"
            caption.value = render("part.time", stages="", said=said)
        self.say(self._line(row))

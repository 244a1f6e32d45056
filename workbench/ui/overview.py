"""All parts at a glance: small pictures, filters with counts, a table whose cells open parts."""

from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

from workbench import metrics, workspace
from workbench.language import t
from workbench.session import InspectionSession

from .charts import p_chart
from .markup import render
from .part_filter import NONE_PASSES
from .pictures import SHOWN, thumbs
from .view import View, html, identity, row, visible

FEW = 12  # values of a column that get a chip each
CELLS = {"OK>OK": "", "OK>NG": "overkill", "NG>OK": "missed", "NG>NG": ""}  # of the table


class Overview(View):
    """Thumbnails of all parts with filter chips, a search and a confusion table.

    Args:
        opened: Called when the session stands at a part that was clicked.
    """

    def __init__(
        self, session: InspectionSession, *, opened: Callable[[], None] = lambda: None
    ) -> None:
        session.scores()
        super().__init__(identity(session), session.lock)
        self.session, self._opened, self._chip, self._from = session, opened, "all", 0
        self._table, self._chips, self._grid = html("wb-table-box"), html(), html("wb-grid-box")
        self.search = self.field("Search", "wb-search", lambda _: self.open_chip(self._chip))
        self.back = self.button("Previous", "arrow-left", "wb-back", lambda: self._turn(-SHOWN))
        self.on = self.button("Next", "arrow-right", "wb-on", lambda: self._turn(SHOWN))
        self._chart, self._disagreed = html("wb-p-chart"), []
        columns = [(t("no chart"), ""), *((name, name) for name in self._columns())]
        self.by = self.dropdown("NG by", columns, "wb-by", lambda _: self._show())
        visible(self.by, len(columns) > 1)
        self.other = self.field("Compare with result file", "wb-other", self._compare_with, 420)
        visible(self.other, session.results)
        finding = row(self.search, self.back, self.on, self.by, self.other)
        self.fill("Overview", self._table, self._chart, self._chips, finding, self._grid)
        self._show()

    def resume(self) -> None:
        """Show what labels and threshold have become since."""
        self.guard(self._show)()

    def fit(self) -> None:
        """Draw again because the view has become narrow or wide."""
        self._show()

    def open_chip(self, chip: str) -> None:
        """Show the parts of a chip or a cell of the table."""
        self._chip, self._from = chip, 0
        self._show()

    def open_part(self, index: str) -> None:
        """Go to the part whose picture was clicked."""
        self.session.open(self._name(int(index)))
        self._opened()

    def shown(self) -> list[int]:
        """Indices of the parts that chip and search let through, the highest scores first."""
        chips, words = self._chips_of_all(), self.search.value.lower()
        found = [i for i in chips.get(self._chip, []) if words in self._name(i).lower()]
        return sorted(found, key=lambda i: -self.session.score_of(i))

    def _turn(self, by: int) -> None:
        last = max(len(self.shown()) - 1, 0)
        self._from = min(max(self._from + by, 0), last // SHOWN * SHOWN)
        self._show()

    def _name(self, index: int) -> str:
        return self.session.parts.names[index]

    def _chips_of_all(self) -> dict[str, list[int]]:
        """Indices by chip: outcomes, verdicts, and the folders that defects lie in."""
        session, every = self.session, range(len(self.session.parts))
        kinds = getattr(session.parts, "kinds", None) or [
            str(PurePosixPath(self._name(i)).parent) for i in every
        ]
        kinds = ["" if kind in (".", "OK", "NG") else kind for kind in kinds]

        def where(values: Iterable[str], wanted: str) -> list[int]:
            return [i for i, value in zip(every, values, strict=True) if value == wanted]

        outcomes, verdicts, truths = (
            [*map(of, every)] for of in (session.outcome, session.prediction, session.truth)
        )
        chips = {"all": list(every)}
        chips |= {outcome: where(outcomes, outcome) for outcome in ("missed", "overkill")}
        chips |= {verdict: where(verdicts, verdict) for verdict in ("OK", "NG")}
        for column, values in {"": kinds, **self._columns()}.items():
            for value in sorted({*values} - {""}):
                chips["kind:" + f"{column} {value}".lstrip()] = where(values, value)
        if self._disagreed:
            chips["disagreed"] = self._disagreed
        both = [f"{truth}>{verdict}" for truth, verdict in zip(truths, verdicts, strict=True)]
        return chips | {cell: where(both, cell) for cell in CELLS}

    def _compare_with(self, path: str) -> None:
        """Where another inspector, whose result file is named, says something else."""
        from workbench.session.result_tables import compare_inspectors  # which brings pandas

        if not path.strip():
            return
        both = compare_inspectors(self.session.results, workspace.resolve(path.strip()))
        place = {name: i for i, name in enumerate(self.session.parts.names)}
        self._disagreed = [place[name] for name, *_ in both.disagreed if name in place]
        self.open_chip("disagreed")
        kappa = [f"{value:.2f}" for value in (both.found.kappa, *both.found.interval)]
        said = "kappa {0} ({1} to {2}): you differ on {3} of {4} parts"
        self.say(t(said, *kappa, len(both.disagreed), both.found.n))

    def _p_chart(self, column: str, values: list[str]) -> str:
        """Share called NG by the values of a column, with what chance alone would give."""
        session, known = self.session, [i for i, value in enumerate(values) if value]
        flagged = [session.prediction(i) == "NG" for i in known]
        truths = [session.truth(i) or "" for i in known]
        rows = metrics.by_group(flagged, truths, [values[i] for i in known])
        return p_chart(rows, column, self.narrow)

    def _columns(self) -> dict[str, list[str]]:
        """Columns of a table of labels, such as lot and camera, that divide the parts in a few."""
        details = getattr(self.session.parts, "details", ())
        names = dict.fromkeys(name for row in details for name in row)
        columns = {name: [str(row.get(name, "")) for row in details] for name in names}
        return {n: v for n, v in columns.items() if 1 < len({*v} - {""}) <= FEW}

    def _show(self) -> None:
        chips = self._chips_of_all()
        words = {"all": t("all parts"), "OK": t("called OK"), "NG": t("called NG")}
        words |= {key: t(key) for key in ("missed", "overkill", "disagreed")}
        chosen = self._columns().get(self.by.value)
        self._chart.value = self._p_chart(self.by.value, chosen) if chosen else ""
        offered = [
            {"key": key, "count": len(found), "on": key == self._chip,
             "text": words.get(key, key.removeprefix("kind:"))}
            for key, found in chips.items()
            if ">" not in key
        ]  # fmt: skip
        self._chips.value = render("gallery.chips", chips=offered)
        cells = [
            {"key": key, "count": len(chips[key]), "text": t(note)} for key, note in CELLS.items()
        ]
        self._table.value = render("gallery.confusion", cells=cells)
        found = self.shown()
        page = found[self._from : self._from + SHOWN]
        self._grid.value = thumbs(page, self.session.parts.paths, self._describe)
        if found:
            first, last = self._from + 1, self._from + len(page)
            self.say(t("{0} to {1} of {2} parts", first, last, len(found)))
        else:
            self.say(t(NONE_PASSES.get(self._chip, "no part passes this filter")))

    def _describe(self, index: int) -> dict[str, str]:
        session = self.session
        return {
            "name": self._name(index), "score": f"{session.score_of(index):.4g}",
            "outcome": session.outcome(index), "prediction": session.prediction(index),
        }  # fmt: skip

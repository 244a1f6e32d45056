"""The report on an image detector: score the test images once, then say and show it.

Score and heat map of an image come from one pass, and from none where the same detector saw
the same bytes before.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench import artifacts, metrics, plots, workspace
from workbench.csflow.auto import in_words
from workbench.csflow.detector import CSFlowDetector
from workbench.data import ImageFolder
from workbench.data.photo_check import in_short
from workbench.data.relabels import relabels_path
from workbench.language import t
from workbench.metrics import KindRates
from workbench.metrics.inputs import plain

from . import cache, display, numbers, wording
from .checks import HeatCheck, StressTest
from .gallery import OUTCOMES, Card, cards_html
from .html import part
from .photo_checks import PhotoCheck

SHEET = 200  # photos on the sheet of all parts
LIKE = 3  # good parts shown beside a wrong verdict


class ImageReport(display.Report):
    """What the detector says of the test images, and the sections of the report.

    Args:
        misses: Highest share of NG parts that may be missed, for the judgement.
        overkill: Highest share of good parts that may be thrown away, for the judgement.
        by: Column of `details` to rate the parts by, such as a lot; "folder" is where they lie.
        details: A CSV with "file name" and further columns.
        smallest: Size of the smallest region that counts, in % of the photo; None is that of the
            model, with its number of regions.
        regions: Regions of that size that make a photo NG.
        inspectors: One or two result files to compare, one with the detector.
    """

    def __init__(
        self,
        name: str,
        detector: CSFlowDetector,
        parts: ImageFolder,
        shown: int = 6,
        *,
        misses: float | None = None,
        overkill: float | None = None,
        by: str = "",
        details: str = "",
        smallest: float | None = None,
        regions: int = 1,
        inspectors: Sequence[str] = (),
    ) -> None:
        self.target = numbers.Target(misses, overkill)
        self.by, self.details, self.inspectors = by, details, inspectors
        self.name, self.detector, self.parts, self.shown = name, detector, parts, shown
        self.key = artifacts.identity(detector)[:20]
        self._digests = cache.digests(parts.paths)
        scored = cache.score_test_set(detector, parts, self._digests, self.key)
        self.test, self.scores, self.cells, self._tested, self._rows, self.bad = scored
        if smallest is None and (own := detector.config.smallest):
            smallest, regions = 100 * own, detector.config.regions
        self._smallest = 1 / self.cells[0].size if smallest is None else smallest / 100
        self._areas = metrics.region_scores(self.cells, detector.threshold, regions)
        self._regions = regions

    @cached_property
    def photos(self) -> PhotoCheck:
        """The photos without the detector: duplicates and drift."""
        return PhotoCheck(self.parts, self._digests, self.shown)

    @cached_property
    def heat(self) -> HeatCheck:
        """Where the heat lies."""
        return HeatCheck(self.test, self.cells)

    @cached_property
    def stress(self) -> StressTest:
        """A few test photos, changed on purpose."""
        return StressTest(self.detector, self.key, self.test, self.scores, self._tested)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Every number of the report, fit for JSON."""
        judged = self.scores, self.test.labels
        limit, data = self.detector.threshold, self.detector.data
        rule = data.get("join", "any")
        return {
            "name": self.name,
            "kind": self.detector.kind,
            **numbers.rated(*judged, limit),
            **numbers.guarantees(*judged, limit, self.detector.calibration_scores, self.target),
            **self.heat.metrics,
            **self.photos.metrics,
            **self.stress.metrics,
            "defects": [plain(row._asdict()) for row in self._kinds],
            "groups": numbers.by_lot(self._table, self.by, self.details),
            "parts": numbers.by_part(*judged, self._shown_parts, limit, rule),
            "regions": self._by_region(),
            "agreement": numbers.by_inspectors(self._table, self.inspectors),
            "bad": [{"name": name, "reason": reason} for name, reason in self.bad],
            "split": data.get("counts", {}) | {"test": len(self.test)},
            "fingerprint": data.get("fingerprint", ""),
            "imported": data.get("imported", {}).get("file", ""),
            "note": self.parts.note,
            "relabelled": len(self.parts.corrected),
            "since_training": self.parts.known.describe() if self.parts.known else "",
            "left_alone": [file._asdict() for file in self.parts.left_alone],
            "epochs": len(self.detector.history),
            "training_seconds": sum(row["seconds"] for row in self.detector.history),
            "versions": artifacts.versions(),
            "trained_with": wording.manifest(self.name)["versions"],
            "trained_on": self.detector.arithmetic,
        }

    def setting(self) -> None:
        """Say what was tested and with what."""
        parts, config = self.parts, self.detector.config
        size, file = "{} x {}".format(*config.size), relabels_path(parts.root).name
        asked = parts.reading.get("relabels", True)
        names = parts.root.name, config.backbone, size, file
        self.say("setting", *names, asked, in_short(parts, t))

    def alternatives(self) -> None:
        """Show what other thresholds, and a second look, would have done."""
        self.say("alternatives")
        if self.metrics.get("auroc") is not None:
            limit = float(self.detector.threshold)
            drawn = plots.cost(self.scores, self.test.labels, limit, **numbers.COST)
            rows = self.metrics["alternatives"]
            least = next(row for row in rows if row["policy"].startswith("least cost"))
            self.draw(drawn, "cost", least["threshold"])

    def histogram(self) -> None:
        """Show the scores of OK and NG with the threshold, and whether its promise held."""
        limit, promised = self.detector.threshold, self.detector.calibration_scores
        self.draw(plots.histogram(self.scores, self.test.labels, limit), "histogram")
        if self.metrics.get("n_ok") and len(promised):
            share = (int((promised >= limit).sum()) + 1) / (len(promised) + 1)
            drawn = plots.calibration(promised, self.scores[~self.test.labels])
            self.draw(drawn, "promise", len(promised), share)

    def ranking(self) -> None:
        """Show the ROC curve and both rates over the threshold, where there are two classes."""
        if self.metrics.get("auroc") is None:
            self.say("no_ranking")
            return
        judged = self.scores, self.test.labels
        self.draw(plots.roc(*judged), "roc")
        self.draw(plots.precision_recall(*judged), "precision")
        self.draw(plots.rates(*judged, self.detector.threshold), "both_rates")

    def defects(self) -> None:
        """Show the table of defect kinds."""
        self.say("defects")
        if self._kinds:
            self.draw(plots.kinds(self._kinds), "kinds_missed", self._kinds[0])

    def groups(self) -> None:
        """Show the rates of each lot, and which differ by more than chance."""
        self.say("groups")
        if found := self.metrics["groups"]:
            rows = found["rows"]
            chart = metrics.p_chart([row["flagged"] for row in rows], [row["n"] for row in rows])
            self.draw(plots.p_chart([row["group"] for row in rows], chart), "p_chart")

    def regions(self) -> None:
        """Show the rates by the size of the smallest region that counts."""
        self.say("regions")
        found = self.metrics["regions"]
        if found and found["auroc"] is not None:
            words = {"xlabel": "size of the region, % of the photo"}
            shares = 100 * self._areas, self.test.labels, 100 * self._smallest
            self.draw(plots.rates(*shares, **words), "region_rates")

    def calmest_ng(self) -> None:
        """Show the NG parts with the lowest scores, the worst misses first."""
        self._gallery("calmest_ng", "NG", hottest=False, like=True)

    def hottest_ok(self) -> None:
        """Show the good parts with the highest scores, the worst overkill first."""
        self._gallery("hottest_ok", "OK", hottest=True, like=True)

    def hottest(self) -> None:
        """Show the NG parts (of unlabelled ones, any) with the highest scores."""
        self._gallery("hottest", "NG" if self.metrics["labelled"] else "", hottest=True)

    def sheet(self) -> None:
        """Show all tested parts as small photos, folded, by falling score."""
        order = np.argsort(-self.scores, kind="stable")[:SHEET]
        photos = self.photos.named([self._rows[i] for i in order])
        table = self._table.iloc[order, :4].itertuples(index=False)
        rows = [
            (photo, name, OUTCOMES.get(label + verdict, verdict), f"{score:.3g}")
            for (photo, _), (name, label, verdict, score) in zip(photos, table, strict=True)
        ]
        title = wording.say("sheet_title", self.metrics, len(rows))
        caption = wording.say("sheet", self.metrics, len(rows))
        display.html(part("sheet", rows, caption, title), caption)

    def training(self) -> None:
        """Show the training curve."""
        if history := self.detector.history:
            told = in_words(self.detector.config, len(history), t)
            self.draw(plots.history(history), "training", told, history[-1])
        else:
            self.say("no_history")

    def save_scores(self) -> Path:
        """Write all test images, with their parts, to `NAME_scores.csv`, a result file."""
        path = display.folder(self.name) / f"{self.name}_scores.csv"
        workspace.write(path, self._table.to_csv(index=False, lineterminator="\n"))
        self.say("saved_scores", path.name)
        return path

    def record(self) -> None:
        """Leave `metrics.json` and the thumbnail: the part with the highest score."""
        worst = self.detector.evaluate_one(self.test[int(self.scores.argmax())])
        display.record(self.metrics, worst.overlay())

    @cached_property
    def _words(self) -> list[str]:
        labels = [None] * len(self.test) if self.test.labels is None else self.test.labels
        return ["" if ng is None else "NG" if ng else "OK" for ng in labels]

    @property
    def _shown_parts(self) -> list[str]:
        """The part that each photo shows: its group, else the photo itself."""
        groups = self.test.groups or self.test.names
        return [group or name for group, name in zip(groups, self.test.names, strict=True)]

    @cached_property
    def _kinds(self) -> list[KindRates]:
        if self.test.labels is None:
            return []
        limit = self.detector.threshold
        return metrics.by_kind(self.scores, self.test.labels, self.test.kinds, limit)

    @cached_property
    def _table(self) -> pd.DataFrame:
        """The verdicts in the columns of a result file."""
        rule, limit = self.detector.data.get("join", "any"), float(self.detector.threshold)
        named = self.test.names, self._words, self._shown_parts
        return numbers.result_table(*named, self.scores, limit, rule)

    def _by_region(self) -> dict[str, Any] | None:
        smallest, limit = self._smallest, float(self.detector.threshold)
        found = numbers.by_region(self._areas, self.test.labels, smallest, self._regions)
        if found is None:
            return None
        touched, marked = metrics.regions_found(*self.heat.marked_maps, limit, smallest)
        saved = bool(self.detector.config.smallest)
        return found | {"cut": limit, "found": touched, "marked": marked, "saved": saved}

    def _gallery(self, section: str, word: str, *, hottest: bool, like: bool = False) -> None:
        order = np.argsort(-self.scores if hottest else self.scores, kind="stable")
        chosen = [int(i) for i in order if self._words[i] == word][: self.shown]
        if not chosen:
            self.say("none_shown", "NG" if word == "NG" else "good")
            return
        near = self._nearest_good(chosen) if like else [()] * len(chosen)
        test, seen = self.test, map(self.detector.evaluate_one, self.test[chosen])
        cards = [
            Card(evaluation, test.names[i], word, test.kinds[i], test.mask(i), photos)
            for i, evaluation, photos in zip(chosen, seen, near, strict=True)
        ]
        caption = wording.say(section, self.metrics)
        display.html(cards_html(cards, caption), f"{caption} {', '.join(c.name for c in cards)}")

    def _nearest_good(self, chosen: list[int]) -> list[Sequence[tuple[bytes, str]]]:
        """Photo and name of the good parts that were trained on and look most like each."""
        from workbench.csflow.nearest import nearest_good

        good = np.flatnonzero([split == "train" for split in self.parts.splits])
        if not len(good):
            return [()] * len(chosen)
        found = good[nearest_good(self.detector, self.test[chosen], self.parts[good], LIKE)]
        return [self.photos.named(row) for row in found]

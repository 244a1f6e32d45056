"""The report on an image detector: score the test images once, then say and show it.

Score and heat map of an image come from one pass, and from none where the same detector saw
the same bytes before.
"""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench import metrics, plots, workspace
from workbench.data.photo_check import in_short
from workbench.data.relabels import relabels_path
from workbench.session import COLUMNS

from . import cache, display, guarantees, lots, wording
from .gallery import OUTCOMES, Card, cards_html
from .heat_checks import HeatCheck
from .html import part
from .photo_checks import PhotoCheck
from .scored import model_key, score_test_set
from .stress import StressTest
from .wording import code, plain

if TYPE_CHECKING:
    from PIL import Image

    from workbench.csflow.detector import CSFlowDetector
    from workbench.data import ImageFolder

SHEET = 200  # photos on the sheet of all parts


class ImageReport:
    """What the detector says of the test images, and the sections of the report.

    Args:
        name: The model's name, under which the report is left.
        detector: The fitted detector.
        parts: The images it was made for, with their split; the test images are scored.
        shown: Parts in each gallery.
        misses: Highest share of NG parts that may be missed, for the judgement.
        overkill: Highest share of good parts that may be thrown away, for the judgement.
        by: Column of `details` to rate the parts by, such as a lot; "folder" is where they lie.
        details: A CSV with "file name" and further columns.

    Example:
        `report = ImageReport("lens", detector, detector.parts())`, then `report.answer()`,
        `report.histogram()` and so on, and at the end `report.record()`.
    """

    def __init__(
        self,
        name: str,
        detector: "CSFlowDetector",
        parts: "ImageFolder",
        shown: int = 6,
        *,
        misses: float | None = None,
        overkill: float | None = None,
        by: str = "",
        details: str = "",
    ) -> None:
        self.target, self.by, self.details = guarantees.Target(misses, overkill), by, details
        self.name, self.detector, self.parts, self.shown = name, detector, parts, shown
        self.key = model_key(detector)
        self._digests = cache.digests(parts.paths)
        scored = score_test_set(detector, parts, self._digests, self.key)
        self.test, self.scores, self.cells, self._tested, self._rows, self.bad = scored

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
        saved = wording.manifest(self.name)
        return {
            "name": self.name,
            "kind": self.detector.kind,
            **wording.rated(self.scores, self.test.labels, self.detector.threshold),
            **guarantees.numbers(
                self.scores,
                self.test.labels,
                self.detector.threshold,
                self.detector.calibration_scores,
                self.target,
            ),
            **self.heat.metrics,
            **self.photos.metrics,
            "stress": self.stress.metrics,
            "defects": self._kinds(),
            "groups": lots.numbers(self._table(), self.by, self.details),
            "bad": [{"name": name, "reason": reason} for name, reason in self.bad],
            "split": self.detector.data.get("counts", {}) | {"test": len(self.test)},
            "fingerprint": self.detector.data.get("fingerprint", ""),
            "imported": self.detector.data.get("imported", {}).get("file", ""),
            "note": self.parts.note,
            "relabelled": len(self.parts.corrected),
            "since_training": self.parts.known.describe() if self.parts.known else "",
            "left_alone": [file._asdict() for file in self.parts.left_alone],
            "epochs": len(self.detector.history),
            "training_seconds": sum(row["seconds"] for row in self.detector.history),
            "versions": wording.versions(),
            "trained_with": saved["versions"],
            "trained_on": self.detector.arithmetic,
        }

    def answer(self) -> None:
        """Say what was missed and what was thrown away, and show the rates."""
        if changes := self.metrics["since_training"]:
            display.text(f"**The folder is not as it was in training: {changes}.**")
        display.text(wording.answer(self.metrics))
        if len(frame := wording.rates(self.metrics)):
            display.table(frame, "Intervals (Wilson) hold the true rate in 95 of 100 such tests.")

    def setting(self) -> None:
        """Say what was tested and with what."""
        m, counts = self.metrics, self.metrics["split"]
        labels = f" ({m['n_ok']} good, {m['n_ng']} NG)" if m["labelled"] else " without labels"
        note = f" The data is **{plain(m['note'])}**." if m["note"] else ""
        twice = m["duplicates"]["test_images"]
        seen = f", though {twice:,} look like a part that it was trained on" if twice else ""
        display.text(
            f"Tested: {wording.plural(m['n'], 'image')}{labels} of {code(self.parts.root.name)}, "
            f"{self._training_set(seen, counts)}{self._relabels()}{note}\n\n{self._method()}"
            f"\n\n{plain(in_short(self.parts))}"
        )

    def _training_set(self, seen: str, counts: dict[str, int]) -> str:
        good = wording.plural(counts.get("calibration", 0), "good image")
        held = f"threshold was set with {good}"
        if self.metrics["imported"]:
            return (
                f"with a model imported from {code(self.metrics['imported'])}: whether it was "
                f"trained on any of them is not known. The {held} kept out of the test."
            )
        return (
            f"none of which the model has seen{seen}. Trained on {counts.get('train', 0):,} good "
            f"images; the {held} more."
        )

    def alternatives(self) -> None:
        """Show what other thresholds, and a second look, would have done."""
        guarantees.show_alternatives(self.metrics)
        guarantees.show_review(self.metrics)
        limit = float(self.detector.threshold)
        guarantees.show_cost(self.metrics, self.scores, self.test.labels, limit)

    def claims(self) -> None:
        """Say what the test proves, and what a stronger claim would take."""
        guarantees.show_claims(self.metrics)

    def histogram(self) -> None:
        """Show the scores of OK and NG with the threshold, and whether its promise held."""
        ax = plots.histogram(self.scores, self.test.labels, self.detector.threshold)
        q = self.metrics["score_quantiles"]
        display.figure(
            ax,
            f"Anomaly scores of {wording.plural(len(self.scores), 'test image')}, from "
            f"{q['0']:.3g} to {q['1']:.3g}, half of them below {q['0.5']:.3g}; "
            f"{self.metrics['flagged']:,} reach the threshold {self.metrics['threshold']:.4g}.",
        )
        self._show_promise()

    def ranking(self) -> None:
        """Show the ROC curve and both rates over the threshold, where there are two classes."""
        m = self.metrics
        if m.get("auroc") is None:
            display.text("A ROC curve needs good and NG parts with labels; here are not both.")
            return
        display.figure(
            plots.roc(self.scores, self.test.labels),
            f"ROC curve: AUROC {m['auroc']:.3f}, average precision "
            f"{m['average_precision']:.3f}, over all thresholds; up to 10 % overkill "
            f"{m['partial_auroc']:.3f} of the NG parts are caught on average.",
        )
        display.figure(
            plots.precision_recall(self.scores, self.test.labels),
            f"Of the alarms, how many are right: average precision {m['average_precision']:.3f} "
            f"where {wording.percent(m['n_ng'] / m['n'])} of the parts are NG, as here; a line "
            "has fewer NG, and fewer of its alarms are right.",
        )
        display.figure(
            plots.rates(self.scores, self.test.labels, self.detector.threshold),
            f"Both rates if the threshold moved; at {m['threshold']:.4g} they are "
            f"{wording.percent(m['miss_rate'])} missed and {wording.percent(m['overkill_rate'])} "
            "thrown away.",
        )

    def defects(self) -> None:
        """Show the table of defect kinds."""
        if not self.metrics["defects"]:
            display.text("No NG part with a label, so no kinds of defect.")
            return
        frame = pd.DataFrame([_kind_words(row) for row in self.metrics["defects"]])
        rows = metrics.by_kind(
            self.scores, self.test.labels, self.test.kinds, self.detector.threshold
        )
        display.table(
            frame,
            "Misses by kind of defect, at the threshold in use; intervals are exact, AUROC is "
            "against all good parts.",
        )
        display.figure(
            plots.kinds(rows),
            f"Share missed by kind of defect with its exact interval; {rows[0].kind} is missed "
            f"most, {rows[0].missed} of {rows[0].n}.",
        )

    def groups(self) -> None:
        """Show the rates of each lot, and which differ by more than chance."""
        lots.show(self.metrics["groups"])

    def calmest_ng(self) -> None:
        """Show the NG parts with the lowest scores, the worst misses first."""
        missed = self.metrics.get("fn", 0)
        caption = f"NG parts with the lowest scores; {missed} NG parts in all were missed."
        self._gallery(self._ranked("NG", hottest=False), caption, "No NG part with a label.")

    def hottest_ok(self) -> None:
        """Show the good parts with the highest scores, the worst overkill first."""
        wasted = self.metrics.get("fp", 0)
        caption = f"Good parts with the highest scores; {wasted} in all were thrown away."
        self._gallery(self._ranked("OK", hottest=True), caption, "No good part with a label.")

    def hottest(self) -> None:
        """Show the NG parts (of unlabelled ones, any) with the highest scores."""
        word = "NG" if self.metrics["labelled"] else ""
        caption = f"{word or 'The'} parts with the highest scores, highest first."
        self._gallery(self._ranked(word, hottest=True), caption, "No NG part with a label.")

    def sheet(self) -> None:
        """Show all tested parts as small photos, folded, by falling score."""
        order = np.argsort(-self.scores, kind="stable")[:SHEET]
        photos = self.photos.thumbnails([self._rows[i] for i in order])
        words, limit = self._words(), float(self.detector.threshold)
        rows = []
        for photo, i in zip(photos, order, strict=True):
            verdict = "NG" if self.scores[i] >= limit else "OK"
            outcome = OUTCOMES.get(words[i] + verdict, verdict)
            rows.append((photo, self.test.names[i], outcome, f"{self.scores[i]:.3g}"))
        which = "All" if len(rows) == len(self.scores) else f"The {len(rows)} hottest of"
        title = f"{which} {wording.plural(len(self.scores), 'tested part')}"
        flagged = f"{self.metrics['flagged']:,} reach the threshold {limit:.4g}"
        frames = "framed orange if caught, dashed if the verdict is wrong"
        caption = f"{title}, by falling score; {flagged}. Parts are {frames}."
        display.html(part("sheet", rows, caption, title), caption)

    def left_out(self) -> None:
        """List the files that could not be read."""
        if not self.bad:
            display.text("Every file could be read; none was left out.")
            return
        display.table(
            pd.DataFrame(self.bad, columns=["file", "reason"]),
            f"{wording.plural(len(self.bad), 'file')} left out: counted here, never scored.",
        )

    def training(self) -> None:
        """Show the training curve."""
        if not self.detector.history:
            display.text("The detector was imported: how it was trained is not known here.")
            return
        m, last = self.metrics, self.detector.history[-1]
        display.figure(
            plots.history(self.detector.history),
            f"Training: {wording.plural(m['epochs'], 'epoch')} in {m['training_seconds']:.0f} s; "
            f"at the end {last['train_nll']:.3f} on the training images and "
            f"{last['calibration_nll']:.3f} on held-out ones, in nats a dimension.",
        )

    def origins(self) -> None:
        """Show, folded, how the report was made."""
        frame = wording.origins(self.metrics)
        display.table(frame, folded="How this was made")

    def save_scores(self) -> Path:
        """Write all test images to `NAME_scores.csv`, in the columns of a result file."""
        path = display.folder(self.name) / f"{self.name}_scores.csv"
        with workspace.written(path) as file:
            file.write(self._table().to_csv(index=False, lineterminator="\n").encode())
        display.text(f"All scores are in {code(path.name)}, at the foot of this page.")
        return path

    def record(self) -> None:
        """Leave `metrics.json` and the thumbnail: the part with the highest score."""
        display.record(self.metrics, self._thumbnail())

    def _show_promise(self) -> None:
        promised = self.detector.calibration_scores
        ok = None if self.test.labels is None else self.scores[~self.test.labels]
        if ok is None or not len(ok) or not len(promised):
            return
        reached = int((promised >= self.detector.threshold).sum())
        display.figure(
            plots.calibration(promised, ok),
            f"Overkill promised by {wording.plural(len(promised), 'score')} of good parts kept "
            f"for the threshold against what {wording.plural(len(ok), 'good test part')} show: at "
            f"the threshold in use {wording.percent((reached + 1) / (len(promised) + 1))} were "
            f"promised and {wording.percent(self.metrics['overkill_rate'])} seen. Above the "
            "diagonal new parts score worse than those did: the light or the line changed.",
        )

    def _words(self) -> list[str]:
        if self.test.labels is None:
            return [""] * len(self.test)
        return ["NG" if ng else "OK" for ng in self.test.labels]

    def _table(self) -> pd.DataFrame:
        """The verdicts in the columns of a result file."""
        verdicts = np.where(self.scores >= self.detector.threshold, "NG", "OK")
        rows = zip(self.test.names, self._words(), verdicts, self.scores, strict=True)
        return pd.DataFrame(rows, columns=COLUMNS)

    def _kinds(self) -> list[dict[str, Any]]:
        if self.test.labels is None:
            return []
        rows = metrics.by_kind(
            self.scores, self.test.labels, self.test.kinds, self.detector.threshold
        )
        rows = [row._asdict() | {"miss_interval": list(row.miss_interval)} for row in rows]
        return [row | {"auroc": row["auroc"] if row["auroc"] >= 0 else None} for row in rows]

    def _ranked(self, word: str, *, hottest: bool) -> list[int]:
        words = self._words()
        order = np.argsort(-self.scores if hottest else self.scores, kind="stable")
        return [int(i) for i in order if words[i] == word][: self.shown]

    def _gallery(self, chosen: list[int], caption: str, otherwise: str) -> None:
        if not chosen:
            display.text(otherwise)
            return
        cards = list(self._cards(chosen))
        names = ", ".join(card.name for card in cards)
        display.html(cards_html(cards, caption), f"{caption} {names}")

    def _cards(self, chosen: list[int]) -> Iterator[Card]:
        words = self._words()
        for i in chosen:
            evaluation = self.detector.evaluate_one(self.test[i])
            kind, mask = self.test.kinds[i], self.test.mask(i)
            yield Card(evaluation, self.test.names[i], words[i], kind, mask)

    def _method(self) -> str:
        config = self.detector.config
        height, width = config.size
        size = f"{height} pixels a side" if height == width else f"{height} x {width} pixels"
        return (
            f"Method: CS-Flow, a normalizing flow over features of {config.backbone} at "
            f"{size}, trained on good parts only; a part is NG if its "
            "score reaches the threshold. Heat maps share one colour scale, set on held-out good "
            "parts, so that a good part stays dark."
        )

    def _relabels(self) -> str:
        if count := self.metrics["relabelled"]:
            file = relabels_path(self.parts.root).name
            return f" {wording.plural(count, 'label')} corrected by inspectors ({code(file)})."
        asked = self.parts.reading.get("relabels", True)
        return "" if asked else " Labels as in the folder, without inspectors' corrections."

    def _thumbnail(self) -> "Image.Image":
        return self.detector.evaluate_one(self.test[int(self.scores.argmax())]).overlay()


def _kind_words(row: dict[str, Any]) -> dict[str, str]:
    low, high = row["miss_interval"]
    return {
        "defect": row["kind"],
        "NG parts": f"{row['n']:,}",
        "missed": f"{row['missed']:,} ({wording.percent(row['miss_rate'])})",
        "95 % interval": f"{100 * low:.1f} to {wording.percent(high)}",
        "lowest score": f"{row['lowest']:.4g}",
        "mean score": f"{row['mean_score']:.4g}",
        "AUROC": wording.number(row["auroc"]),
    }

"""The report on an image detector: score the test images once, then say and show it.

Where there are ground-truth masks, score and heat map of an image come from one pass. Heat
maps and masks are thinned to every k-th pixel, so that no side has more than 256: a heat map
has far fewer cells than that, and 12-megapixel photos would not fit into memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench import metrics, plots
from workbench.errors import DataError
from workbench.progress import bar
from workbench.session import COLUMNS

from . import prose, publish
from .gallery import Card, cards_html

if TYPE_CHECKING:
    from PIL import Image

    from workbench.data import ImageFolder
    from workbench.detectors import CSFlowDetector

PIXELS = 256  # of the longer side of a map in the pixel AUROC


@dataclass(frozen=True)
class ImageReport:
    """What the detector says of the test images, and the sections of the report.

    Args:
        name: The model's name, under which the report is left.
        detector: The fitted detector.
        parts: The images it was made for, with their split; the test images are scored.
        shown: Parts in each gallery.

    Example:
        `report = ImageReport("lens", detector, detector.parts())`, then `report.answer()`,
        `report.histogram()` and so on, and at the end `report.record()`.
    """

    name: str
    detector: "CSFlowDetector"
    parts: "ImageFolder"
    shown: int = 6
    test: "ImageFolder" = field(init=False)
    scores: NDArray[np.float64] = field(init=False)
    pixel_auroc: float = field(init=False)
    bad: list[tuple[str, str]] = field(init=False)

    def __post_init__(self) -> None:
        """Score everything, once."""
        test = self.parts.test
        if not len(test):
            raise DataError(f"{self.parts.root} must hold test images, got none; add images")
        masked = test.has_masks and test.labels is not None and test.labels.any()
        scores, pixel_auroc = (
            _score_and_localise(self.detector, test) if masked else _score(self.detector, test)
        )
        read = np.isfinite(scores)
        gone = [(test.names[i], "could not be read when scored") for i in np.flatnonzero(~read)]
        if not read.any():
            raise DataError(f"none of the {len(test)} test images could be read")
        for key, value in {
            "test": test[read],
            "scores": scores[read],
            "pixel_auroc": pixel_auroc,
            "bad": [*map(tuple, self.parts.bad), *gone],
        }.items():
            object.__setattr__(self, key, value)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Every number of the report, fit for JSON."""
        facts = prose.model_facts(self.name)
        pixels = None if np.isnan(self.pixel_auroc) else self.pixel_auroc
        return {
            "name": self.name,
            "kind": self.detector.kind,
            **prose.rated(self.scores, self.test.labels, self.detector.threshold),
            "pixel_auroc": pixels,
            "defects": self._kinds(),
            "bad": [{"name": name, "reason": reason} for name, reason in self.bad],
            "split": self.detector.data.get("counts", {}) | {"test": len(self.test)},
            "fingerprint": self.detector.data.get("fingerprint", ""),
            "note": self.parts.note,
            "epochs": len(self.detector.history),
            "training_seconds": sum(row["seconds"] for row in self.detector.history),
            "versions": prose.versions(),
            "trained_with": facts["versions"],
        }

    def answer(self) -> None:
        """Say what was missed and what was thrown away, and show the rates."""
        publish.text(prose.answer(self.metrics))
        if len(frame := prose.rates(self.metrics)):
            publish.table(frame, "Intervals (Wilson) hold the true rate in 95 of 100 such tests.")

    def setting(self) -> None:
        """Say what was tested and with what."""
        m, counts = self.metrics, self.metrics["split"]
        labels = f" ({m['n_ok']} good, {m['n_ng']} NG)" if m["labelled"] else " without labels"
        note = f" The data is **{m['note']}**." if m["note"] else ""
        publish.text(
            f"Tested: {prose.plural(m['n'], 'image')}{labels} of `{self.parts.root.name}`, none "
            f"of which the model has seen. Trained on {counts.get('train', 0):,} good images; "
            f"the threshold was set with {counts.get('calibration', 0):,} other good ones."
            f"{note}\n\n{self._method()}"
        )

    def histogram(self) -> None:
        """Show the scores of OK and NG with the threshold."""
        ax = plots.histogram(self.scores, self.test.labels, self.detector.threshold)
        q = self.metrics["score_quantiles"]
        publish.figure(
            ax,
            f"Anomaly scores of {prose.plural(len(self.scores), 'test image')}, from "
            f"{q['0']:.3g} to {q['1']:.3g}, half of them below {q['0.5']:.3g}; "
            f"{self.metrics['flagged']:,} reach the threshold {self.metrics['threshold']:.4g}.",
        )

    def ranking(self) -> None:
        """Show the ROC curve and both rates over the threshold, where there are two classes."""
        m = self.metrics
        if m.get("auroc") is None:
            publish.text("A ROC curve needs good and NG parts with labels; here are not both.")
            return
        publish.figure(
            plots.roc(self.scores, self.test.labels),
            f"ROC curve: AUROC {m['auroc']:.3f}, average precision "
            f"{m['average_precision']:.3f}, over all thresholds.",
        )
        publish.figure(
            plots.rates(self.scores, self.test.labels, self.detector.threshold),
            f"Both rates if the threshold moved; at {m['threshold']:.4g} they are "
            f"{prose.percent(m['miss_rate'])} missed and {prose.percent(m['overkill_rate'])} "
            "thrown away.",
        )

    def defects(self) -> None:
        """Show the table of defect kinds."""
        if not self.metrics["defects"]:
            publish.text("No NG part with a label, so no kinds of defect.")
            return
        frame = pd.DataFrame(self.metrics["defects"])
        frame["miss rate"] = frame.pop("miss_rate").map(prose.percent)
        frame["mean score"] = frame.pop("mean_score").map("{:.4g}".format)
        publish.table(frame, "Misses by kind of defect, at the threshold in use.")

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

    def localisation(self) -> None:
        """Say how well the heat lies on the marked defects, where some are marked."""
        pixels, marked = self.metrics["pixel_auroc"], _count_masks(self.test)
        if pixels is None:
            publish.text(
                "The dataset has no ground-truth masks, so how well the heat maps point at the "
                "defects was not measured; judge it by the pictures."
            )
            return
        publish.text(
            f"**Pixel AUROC {pixels:.3f}**: a pixel of a marked defect is hotter than one "
            f"outside in {100 * pixels:.1f} of 100 draws. Measured on {marked:,} marked NG "
            f"parts and the good ones, at most {PIXELS} pixels a side. Large defects weigh more "
            "than small ones."
        )

    def left_out(self) -> None:
        """List the files that could not be read."""
        if not self.bad:
            publish.text("Every file could be read; none was left out.")
            return
        publish.table(
            pd.DataFrame(self.bad, columns=["file", "reason"]),
            f"{prose.plural(len(self.bad), 'file')} left out: counted here, never scored.",
        )

    def training(self) -> None:
        """Show the training curve."""
        if not self.detector.history:
            publish.text("The detector was imported: how it was trained is not known here.")
            return
        m, last = self.metrics, self.detector.history[-1]
        publish.figure(
            plots.history(self.detector.history),
            f"Training: {prose.plural(m['epochs'], 'epoch')} in {m['training_seconds']:.0f} s; "
            f"at the end {last['train_nll']:.3f} on the training images and "
            f"{last['held_out_nll']:.3f} on held-out ones, in nats a dimension.",
        )

    def origins(self) -> None:
        """Show, folded, how the report was made."""
        frame = prose.origins(prose.model_facts(self.name), self.metrics)
        publish.table(frame, folded="How this was made")

    def save_scores(self) -> Path:
        """Write all test images to `NAME_scores.csv`, in the columns of a result file."""
        path = publish.folder(self.name) / f"{self.name}_scores.csv"
        verdicts = np.where(self.scores >= self.detector.threshold, "NG", "OK")
        rows = zip(self.test.names, self._words(), verdicts, self.scores, strict=True)
        pd.DataFrame(rows, columns=COLUMNS).to_csv(path, index=False, lineterminator="\n")
        publish.text(f"All scores: [{path.name}]({path.name})")
        return path

    def record(self) -> None:
        """Leave `metrics.json` and the thumbnail: the part with the highest score."""
        publish.record(self.metrics, self._thumbnail())

    def _words(self) -> list[str]:
        if self.test.labels is None:
            return [""] * len(self.test)
        return ["NG" if ng else "OK" for ng in self.test.labels]

    def _kinds(self) -> list[dict[str, Any]]:
        if self.test.labels is None:
            return []
        table = pd.DataFrame({"defect": self.test.kinds, "score": self.scores})[self.test.labels]
        table["miss"] = table["score"] < self.detector.threshold
        groups = table.groupby("defect").agg(
            n=("score", "size"),
            missed=("miss", "sum"),
            miss_rate=("miss", "mean"),
            mean_score=("score", "mean"),
        )
        return groups.reset_index().to_dict("records")

    def _ranked(self, word: str, *, hottest: bool) -> list[int]:
        words = self._words()
        order = np.argsort(-self.scores if hottest else self.scores, kind="stable")
        return [int(i) for i in order if words[i] == word][: self.shown]

    def _gallery(self, chosen: list[int], caption: str, otherwise: str) -> None:
        if not chosen:
            publish.text(otherwise)
            return
        cards = list(self._cards(chosen))
        names = ", ".join(card.name for card in cards)
        publish.html(cards_html(cards, caption), f"{caption} {names}")

    def _cards(self, chosen: list[int]) -> Iterator[Card]:
        words = self._words()
        for i in chosen:
            evaluation = self.detector.evaluate_one(self.test[i])
            kind, mask = self.test.kinds[i], self.test.mask(i)
            yield Card(evaluation, self.test.names[i], words[i], kind, mask)

    def _method(self) -> str:
        config = self.detector.config
        return (
            f"Method: CS-Flow, a normalizing flow over features of {config.backbone} at "
            f"{config.image_size} pixels a side, trained on good parts only; a part is NG if its "
            "score reaches the threshold. Heat maps share one colour scale, set on held-out good "
            "parts, so that a good part looks calm."
        )

    def _thumbnail(self) -> "Image.Image":
        return self.detector.evaluate_one(self.test[int(self.scores.argmax())]).overlay()


def _score(detector: "CSFlowDetector", images: "ImageFolder") -> tuple[NDArray[np.float64], float]:
    return detector.score(images), np.nan


def _score_and_localise(
    detector: "CSFlowDetector", images: "ImageFolder"
) -> tuple[NDArray[np.float64], float]:
    """Scores, NaN for an unreadable image, and the pixel AUROC, from one pass."""
    scores, heat, masks = np.full(len(images), np.nan), [], []
    for i, path in enumerate(bar(images, desc="score and localise", unit="img", progress=True)):
        try:
            evaluation = detector.evaluate_one(path)
            mask = images.mask(i)
        except DataError:
            continue
        scores[i] = evaluation.score
        if mask is not None:
            step = -(-max(mask.shape) // PIXELS)
            heat.append(evaluation.heatmap[::step, ::step].copy())
            masks.append(mask[::step, ::step].copy())
    return scores, metrics.pixel_auroc(heat, masks)


def _count_masks(images: "ImageFolder") -> int:
    return sum(mask is not None for mask in images.masks)

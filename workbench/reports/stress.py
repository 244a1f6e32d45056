"""What the verdicts stand when the line changes a little: light, focus, position, compression."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from workbench import plots
from workbench.csflow.detector import CSFlowDetector
from workbench.data import ImageFolder

from . import display, wording
from .cache import Table, by_content


def dim(image: Image.Image, factor: float) -> Image.Image:
    """Another exposure: all levels times a factor, clipped as a camera does."""
    return image.point(lambda level: min(255, round(factor * level)))


def blur(image: Image.Image, share: float) -> Image.Image:
    """Out of focus: a Gaussian whose sigma is a share of the longer side."""
    return image.filter(ImageFilter.GaussianBlur(share * max(image.size)))


def shift(image: Image.Image, share: float) -> Image.Image:
    """Moved to the right and down by a share of each side; the edge is repeated."""
    pixels = np.asarray(image)
    down, right = (max(1, round(share * side)) for side in pixels.shape[:2])
    return Image.fromarray(
        np.pad(pixels, ((down, 0), (right, 0), (0, 0)), "edge")[:-down, :-right]
    )


def compress(image: Image.Image, quality: int) -> Image.Image:
    """Saved as JPEG and read again."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "20 % darker": lambda image: dim(image, 0.8),
    "20 % brighter": lambda image: dim(image, 1.2),
    "blurred, 0.5 % of a side": lambda image: blur(image, 0.005),
    "moved by 3 %": lambda image: shift(image, 0.03),
    "JPEG, quality 50": lambda image: compress(image, 50),
    "JPEG, quality 20": lambda image: compress(image, 20),
}


@dataclass(frozen=True)
class StressTest:
    """Scores of a few test photos, changed as a line may change them."""

    detector: CSFlowDetector
    key: str
    images: ImageFolder
    scores: NDArray[np.float64]
    digests: Sequence[str]
    each: int = 8

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Movements and changed verdicts, fit for JSON."""
        ng = self._ng
        return {
            "n_ok": int((~ng).sum()),
            "n_ng": int(ng.sum()),
            "changes": [
                self._row(name, after) for name, after in zip(CHANGES, self._after.T, strict=True)
            ],
        }

    def show(self) -> None:
        """Show how far the scores move and which verdicts change."""
        said = {"stress": self.metrics, "labelled": self.images.labels is not None}
        display.text(wording.say("stress", said))
        ratio = np.column_stack([self._before, self._after]) / float(self.detector.threshold)
        drawn = plots.shifts(ratio, ["as it is", *CHANGES], self._ng)
        display.figure(drawn, wording.say("shifts", said))

    @cached_property
    def _rows(self) -> list[int]:
        order = sorted(range(len(self.images)), key=lambda i: self.digests[i])
        if self.images.labels is None:
            return order[: 2 * self.each]
        labels = self.images.labels
        return [
            i for ng in (False, True) for i in [i for i in order if labels[i] == ng][: self.each]
        ]

    @property
    def _ng(self) -> NDArray[np.bool_]:
        labels = self.images.labels
        return np.zeros(len(self._rows), bool) if labels is None else labels[self._rows]

    @property
    def _before(self) -> NDArray[np.float64]:
        return self.scores[self._rows]

    @cached_property
    def _after(self) -> NDArray[np.float64]:
        """Scores of the sample after each change, shape (S, C)."""
        chosen = [self.digests[i] for i in self._rows]
        return by_content(f"stress-1-{self.key}", chosen, self._score)["scores"]

    def _score(self, rows: list[int]) -> Table:
        # photo by photo: all changes of all photos at once may not fit into memory
        photos = (Image.fromarray(self.images.image(self._rows[i])) for i in rows)
        scores = [self.detector.score([c(photo) for c in CHANGES.values()]) for photo in photos]
        return {"scores": np.array(scores), "ok": np.isfinite(scores).all(axis=1)}

    def _row(self, name: str, after: NDArray[np.float64]) -> dict[str, Any]:
        limit, before, ng = float(self.detector.threshold), self._before, self._ng
        flipped = (before >= limit) != (after >= limit)
        ratio = (after - before) / limit
        return {
            "change": name,
            "median_ok": float(np.median(ratio[~ng])) if (~ng).any() else None,
            "median_ng": float(np.median(ratio[ng])) if ng.any() else None,
            "flips": int(flipped.sum()),
            "new_overkill": int((flipped & ~ng & (after >= limit)).sum()),
            "new_misses": int((flipped & ng & (after < limit)).sum()),
        }

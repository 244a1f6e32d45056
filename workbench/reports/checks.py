"""Checks of a detector: where its heat lies, and what its verdicts stand when the line changes."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from workbench import metrics, plots
from workbench.csflow.detector import CSFlowDetector
from workbench.csflow.heatmap import enlarge
from workbench.data import ImageFolder
from workbench.errors import DataError
from workbench.metrics.inputs import plain

from .cache import Table, by_content
from .display import Report

PIXELS = 256  # of the longer side of a map in the pixel metrics
PIXEL_METRICS: dict[str, Callable] = {
    "pixel_auroc": metrics.pixel_auroc,
    "aupro": partial(metrics.aupro, exact=False),
    "aupimo": metrics.aupimo,
}
RIM = 0.125  # of a side: what counts as the border


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
class HeatCheck(Report):
    """Heat maps of the test images, against masks and against the border.

    Maps and masks are thinned to every k-th pixel, so that no side has more than 256: a heat
    map has far fewer cells than that, and 12-megapixel photos would not fit into memory.
    """

    images: ImageFolder
    cells: NDArray[np.float32]

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Pixel metrics, None without masks, and the share of heat at the border."""
        heat = {name: _border(cells) for name, cells in self._groups.items()}
        if not self.marked_maps[0]:
            return dict.fromkeys(PIXEL_METRICS) | {"heat": heat}
        pixels = {key: rate(*self.marked_maps) for key, rate in PIXEL_METRICS.items()}
        return plain(pixels) | {"heat": heat}

    @cached_property
    def marked_maps(self) -> tuple[list[NDArray[np.float32]], list[NDArray[np.bool_]]]:
        """Maps and masks of the parts whose defects are known; none without an NG part."""
        labels = self.images.labels
        if not self.images.has_masks or labels is None or not labels.any():
            return [], []
        masks = [self._mask(i) for i in range(len(self.cells))]
        known = [i for i, mask in enumerate(masks) if mask is not None]
        return [enlarge(self.cells[i], *masks[i].shape) for i in known], [masks[i] for i in known]

    def localisation(self) -> None:
        """Say how well the heat lies on the marked defects, where some are marked."""
        marked = sum(mask is not None for mask in self.images.masks)
        self.say("localisation", marked, PIXELS)

    def blame_map(self) -> None:
        """Show where good parts are hot on average: a border or a fixture, not a defect."""
        self.say("blame_map")
        if "good" in self._groups:
            words = {"good": "OK", "ng": "NG"}
            means = {f"{words[k]} ({len(x)})": x.mean(axis=0) for k, x in self._groups.items()}
            self.draw(plots.mean_maps(means), "mean_maps")

    @property
    def _groups(self) -> dict[str, NDArray[np.float32]]:
        labels = self.images.labels
        if labels is None:
            return {}
        groups = {"good": self.cells[~labels], "ng": self.cells[labels]}
        return {name: cells for name, cells in groups.items() if len(cells)}

    def _mask(self, i: int) -> NDArray[np.bool_] | None:
        try:
            mask = self.images.mask(i)
        except DataError:
            return None
        if mask is None:
            return None
        step = -(-max(mask.shape) // PIXELS)
        return mask[::step, ::step]


@dataclass(frozen=True)
class StressTest(Report):
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
        ng, rows = self._ng, zip(CHANGES, self._after.T, strict=True)
        sample = {"n_ok": int((~ng).sum()), "n_ng": int(ng.sum())}
        found = sample | {"changes": [self._row(name, after) for name, after in rows]}
        return {"stress": found, "labelled": self.images.labels is not None}

    def show(self) -> None:
        """Show how far the scores move and which verdicts change."""
        self.say("stress")
        ratio = np.column_stack([self._before, self._after]) / float(self.detector.threshold)
        self.draw(plots.shifts(ratio, ["as it is", *CHANGES], self._ng), "shifts")

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


def _border(cells: NDArray[np.float32]) -> dict[str, Any]:
    """Of the mean map: how hot its rim is against the rest, and where it is hottest."""
    mean = cells.mean(axis=0, dtype=np.float64)
    height, width = mean.shape
    deep = [max(1, round(RIM * side)) for side in mean.shape]
    rim = np.ones(mean.shape, bool)
    rim[deep[0] : height - deep[0], deep[1] : width - deep[1]] = False
    inside = mean[~rim].mean() if not rim.all() else mean.mean()
    row, column = np.unravel_index(int(mean.argmax()), mean.shape)
    return {
        "n": len(cells),
        "mean": float(mean.mean()),
        "border_ratio": float(mean[rim].mean() / max(inside, 1e-12)),
        "hottest": [(row + 0.5) / height, (column + 0.5) / width],
        "peak_ratio": float(mean.max() / max(mean.mean(), 1e-12)),
    }

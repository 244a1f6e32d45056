"""Where the heat lies: on the defects that somebody marked, and where it lies on good parts."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench import metrics, plots
from workbench.csflow.heatmap import enlarge
from workbench.data import ImageFolder
from workbench.errors import DataError
from workbench.metrics.inputs import plain

from .report import Report

PIXELS = 256  # of the longer side of a map in the pixel metrics
PIXEL_METRICS: dict[str, Callable] = {
    "pixel_auroc": metrics.pixel_auroc,
    "aupro": partial(metrics.aupro, exact=False),
    "aupimo": metrics.aupimo,
}
RIM = 0.125  # of a side: what counts as the border


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

"""Where the heat lies: on the defects that somebody marked, and where it lies on good parts."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench import metrics, plots
from workbench.csflow.heatmap import enlarge
from workbench.errors import DataError

from . import display, wording

if TYPE_CHECKING:
    from workbench.data import ImageFolder

PIXELS = 256  # of the longer side of a map in the pixel metrics
PIXEL_METRICS: dict[str, Callable] = {
    "pixel_auroc": metrics.pixel_auroc,
    "aupro": partial(metrics.aupro, exact=False),
    "aupimo": metrics.aupimo,
}
RIM = 0.125  # of a side: what counts as the border


@dataclass(frozen=True)
class HeatCheck:
    """Heat maps of the test images, against masks and against the border.

    Maps and masks are thinned to every k-th pixel, so that no side has more than 256: a heat
    map has far fewer cells than that, and 12-megapixel photos would not fit into memory.

    Args:
        images: The test images that were scored.
        cells: Their heat at the size of the cells, shape (N, h, w).
    """

    images: "ImageFolder"
    cells: NDArray[np.float32]

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Pixel metrics, None without masks, and the share of heat at the border."""
        return self._pixels() | {"heat": self._border()}

    def localisation(self) -> None:
        """Say how well the heat lies on the marked defects, where some are marked."""
        m, marked = self.metrics, self._marked
        pixels = m["pixel_auroc"]
        if pixels is None:
            display.text(
                "The dataset has no ground-truth masks, so how well the heat maps point at the "
                "defects was not measured; judge it by the pictures."
            )
            return
        display.text(
            f"**Pixel AUROC {pixels:.3f}**: a pixel of a marked defect is hotter than one "
            f"outside in {100 * pixels:.1f} of 100 draws. Measured on {marked:,} marked NG "
            f"parts and the good ones, at most {PIXELS} pixels a side. Large defects weigh more "
            f"than small ones; AUPRO, where each defect counts the same, is "
            f"**{wording.number(m['aupro'])}** up to a false positive rate of 30 %. AUPIMO, at "
            "the few false pixels that an inspector puts up with, is "
            f"{wording.number(m['aupimo'])}."
        )

    def blame_map(self) -> None:
        """Show where good parts are hot on average: a border or a fixture, not a defect."""
        m, maps = self.metrics["heat"], self._means()
        if "good" not in m:
            display.text("No good part with a label, so no map of where good parts are hot.")
            return
        border = m["good"]["border_ratio"]
        said = (
            f"**The border is {border:.2f} times as hot as the rest on good parts**: look for a "
            "fixture, a shadow or a cut that varies."
            if border > 1.5
            else f"On good parts the border is {border:.2f} times as hot as the rest, so the heat "
            "does not gather there."
        )
        row, column = m["good"]["hottest"]
        display.text(
            f"{said} Their hottest place is at {100 * column:.0f} % of the width and "
            f"{100 * row:.0f} % of the height, {m['good']['peak_ratio']:.2f} times the mean."
        )
        words = [
            f"{wording.plural(m[key]['n'], word)}, mean heat {m[key]['mean']:.3g}"
            for key, word in (("good", "good part"), ("ng", "NG part"))
            if key in m
        ]
        display.figure(
            plots.mean_maps(maps), f"Mean heat maps of the test images: {'; '.join(words)}."
        )

    def _pixels(self) -> dict[str, Any]:
        labels = self.images.labels
        if not self.images.has_masks or labels is None or not labels.any():
            return dict.fromkeys(PIXEL_METRICS)
        pairs = [(enlarge(self.cells[i], *mask.shape), mask) for i, mask in self._masks()]
        maps, masks = zip(*pairs, strict=True) if pairs else ((), ())
        found = {key: rate(maps, masks) for key, rate in PIXEL_METRICS.items()}
        return {key: float(value) if np.isfinite(value) else None for key, value in found.items()}

    def _masks(self) -> list[tuple[int, NDArray[np.bool_]]]:
        known = [(i, self._mask(i)) for i in range(len(self.cells))]
        return [(i, mask) for i, mask in known if mask is not None]

    def _mask(self, i: int) -> NDArray[np.bool_] | None:
        try:
            mask = self.images.mask(i)
        except DataError:
            return None
        if mask is None:
            return None
        step = -(-max(mask.shape) // PIXELS)
        return mask[::step, ::step]

    @property
    def _marked(self) -> int:
        return sum(mask is not None for mask in self.images.masks)

    def _groups(self) -> dict[str, NDArray[np.float32]]:
        labels = self.images.labels
        if labels is None:
            return {}
        groups = {"good": self.cells[~labels], "ng": self.cells[labels]}
        return {name: cells for name, cells in groups.items() if len(cells)}

    def _means(self) -> dict[str, NDArray[np.float32]]:
        words = {"good": "good parts", "ng": "NG parts"}
        groups = self._groups().items()
        return {f"{words[key]} ({len(cells)})": cells.mean(axis=0) for key, cells in groups}

    def _border(self) -> dict[str, Any]:
        return {name: _border(cells) for name, cells in self._groups().items()}


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

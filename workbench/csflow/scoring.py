"""Photos in; scores, heat maps and reasons out."""

from collections.abc import Iterator
from math import isfinite
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.data import read_image
from workbench.data.decode import WHITE
from workbench.data.opening import ImageSource
from workbench.errors import DataError, NotFittedError
from workbench.metrics import Threshold

from .batches import Images, batches, to_square
from .config import CSFlowConfig
from .evaluation import Evaluation
from .heatmap import enlarge
from .regions import region_level
from .scores import Latents, cell_energy, heat, scale_shares, score
from .tiles import look
from .typical import Typical, shares_by_scale, watched

if TYPE_CHECKING:
    from .onnx.engines import Engine


class Scoring:
    """How a detector looks at photos, by what training found good parts to be like."""

    config: CSFlowConfig
    typical: Typical | None = None  # what "calibrated" scores and heat maps compare with
    typical_energy: tuple[float, ...]  # of every scale, finest first, of the median good part
    heat_range = (0.0, 1.0)  # ends of the fixed colour scale of heat maps
    ignore: NDArray[np.bool_] | None = None  # (H, W) of the working size, not looked at
    masked: NDArray[np.bool_] | None = None  # the same, said after training by `adjust`
    _threshold: Threshold | None = None

    @property
    def threshold(self) -> Threshold:
        """Score from which on the verdict is NG; a float that knows where it came from."""
        if self._threshold is None:
            raise NotFittedError("CSFlowDetector is not fitted; call fit(images) or load(folder)")
        return self._threshold

    @threshold.setter
    def threshold(self, value: float) -> None:
        self._threshold = Threshold.of(value)

    def prepare(self) -> "Engine":
        """Make ready what maps photos to latents, and return it."""
        raise NotImplementedError

    def score(self, images: Images, *, progress: bool = False) -> NDArray[np.float64]:
        """Anomaly scores, shape (N,), higher is worse; NaN for an image that cannot be read.

        Warns once, naming the unreadable ones. Which images are scored together does not
        change a score beyond rounding.

        Args:
            images: An image folder, or a sequence of paths, PIL images and arrays.
            progress: Show a progress bar.
        """
        values = np.full(len(images), np.nan)
        for places, zs, _ in self.latents(images, progress):
            values[places] = self.score_latents(zs)
        return values

    def score_and_cells(self, images: Images) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Scores (N,) and heat maps (N, h, w) of cells, see `enlarge`; NaN as in `score`."""
        tiling = self.config.tiling
        blank = self.prepare()(np.zeros((1, 3, *tiling.window), np.uint8))
        values = np.full(len(images), np.nan)
        maps = np.full((len(images), *tiling.grid(blank[0])), np.nan, np.float32)
        for places, zs, _ in self.latents(images, False):
            values[places], maps[places] = self.score_latents(zs), self.heat_of(self.cells_of(zs))
        return values, maps

    def localize(self, images: Images, *, progress: bool = False) -> list[NDArray[np.float32]]:
        """Heat maps, float32, each (H, W) at its image's own size; comparable across images.

        Raises:
            DataError: An image cannot be read.
        """
        return [
            enlarge(cells, *size)
            for _, zs, sizes in self.latents(images, progress, strict=True)
            for cells, size in zip(self.heat_of(self.cells_of(zs)), sizes, strict=True)
        ]

    def evaluate_one(self, source: ImageSource) -> Evaluation:
        """Score and explain one image.

        Args:
            source: A path, PIL image, array (H, W[, 3]) or encoded bytes.

        Raises:
            DataError: It is no image, or a damaged network gives no number.
            NotFittedError: Neither fitted nor loaded.
        """
        self.prepare()
        times = [perf_counter()]
        image = read_image(source, self.config.white or WHITE)
        times.append(perf_counter())
        square = to_square(image, self.config.size)
        times.append(perf_counter())
        zs = self.look(square)
        times.append(perf_counter())
        cells = self.cells_of(zs)
        if self.typical and self.config.score == "calibrated":
            value, evidence = self.typical.judge(cells)
            shares = shares_by_scale(evidence)
        else:
            value, evidence = float(self.score_latents(zs)[0]), ()
            shares = tuple(scale_shares(cells, self.typical_energy)[0].tolist())
        value = float(self.by_region(np.array([value]), cells)[0])
        if not isfinite(value):
            raise DataError(
                f"the network gives no number for this image, got {value}; train again"
            )
        heatmap = enlarge(self.heat_of(cells)[0], *image.shape[:2])
        times.append(perf_counter())
        stages = zip(("decode", "resize", "network", "map"), np.diff(times).tolist(), strict=True)
        return Evaluation(
            score=value,
            threshold=float(self.threshold),
            image=image,
            heatmap=heatmap,
            heat_range=self.heat_range,
            timing={**dict(stages), "total": times[-1] - times[0]},
            shares=shares,
            evidence=evidence,
            lifted=float(self.typical.lifted(cells)[0]) if self.typical else 1.0,
        )

    def score_latents(self, zs: Latents) -> NDArray[np.float64]:
        """Scores of latents, shape (B,): of the kind that the configuration names."""
        c = self.config
        if self.typical and c.score == "calibrated":
            cells = self.cells_of(zs)
            return self.by_region(self.typical.score(cells), cells)
        found = self.plain_scores(zs)
        return self.by_region(found, self.cells_of(zs)) if c.smallest else found

    def plain_scores(self, zs: Latents) -> NDArray[np.float64]:
        """Scores of latents, shape (B,), by a plain statistic and whatever the regions."""
        seen, c = watched(zs, self.ignore, self.masked), self.config
        return score(seen, c.score, c.top_k).astype(np.float64)

    def by_region(self, scores: NDArray[np.float64], cells: Latents) -> NDArray[np.float64]:
        """Scores (B,), none above what regions of the size that counts reach in the heat map."""
        if not (c := self.config).smallest:
            return scores
        levels = [region_level(heat, c.smallest, c.regions) for heat in self.heat_of(cells)]
        return np.minimum(scores, levels)

    def heat_of(self, cells: Latents) -> NDArray[np.float32]:
        """One map an image at the finest cell size, shape (B, h, w), from the energy of cells."""
        if self.typical and self.config.heat == "calibrated":
            return self.typical.heat(cells).astype(np.float32)
        return heat(cells, self.config.heat)

    def cells_of(self, zs: Latents) -> list[NDArray[np.float32]]:
        """Energy of every cell, K arrays (B, h, w); 0 where nothing is to be looked at."""
        return cell_energy(watched(zs, self.ignore, self.masked))

    def latents(
        self, images: Images, progress: bool, strict: bool = False
    ) -> Iterator[tuple[list[int], Latents, list[tuple[int, int]]]]:
        """Places, latents and sizes of images in batches; those that cannot be read are named."""
        c = self.config
        found = batches(images, c.size, c.together, "score", progress, strict, c.white)
        for places, squares, sizes in found:
            yield places, self.look(squares), sizes

    def look(self, photos: NDArray[np.uint8], engine: "Engine | None" = None) -> Latents:
        """Latents of photos (B, 3, H, W) of the working size, by this engine or its own."""
        return look(engine or self.prepare(), photos, self.config.tiling, self.ignore)

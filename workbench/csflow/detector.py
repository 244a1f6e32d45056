"""CS-Flow on photos: fit on good parts, score, localise, explain one image."""

from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench import settings
from workbench.data import ImageFolder, read_image
from workbench.data.decode import WHITE
from workbench.data.opening import ImageSource
from workbench.errors import DataError, NotFittedError
from workbench.metrics import Threshold

from .alone import ALONE, Alone
from .auto import decide
from .batches import Images, batches, to_square
from .calibration import adjust, calibrate, mask_of
from .config import CSFlowConfig
from .evaluation import Evaluation
from .graph import graph_of, keep_graph
from .heatmap import enlarge
from .limits import ENGINES
from .regions import region_level
from .saved import Saved, fill, network_of, state_of
from .scores import Latents, cell_energy, heat, scale_shares, score
from .split import known_parts, provenance, split_images, with_range
from .tiles import look
from .typical import Typical, shares_by_scale, watched

if TYPE_CHECKING:
    from .network import CSFlowNetwork
    from .onnx.engines import Engine
    from .resume import Checkpoint

REMEMBERED = 16  # calibration images, for a graph to be compared with torch on
_PREPARING = Lock()  # torch writes one graph at a time: two threads get none


class CSFlowDetector:
    """A normalizing flow over EfficientNet features that has only seen good parts.

    Args:
        config: Every number behind it; the preset `lite` by default.
        device: "cpu", "cuda"; by default a GPU where there is one.
        weights: A file with the backbone's weights or a folder that holds it, where they are
            not found by themselves; a saved detector finds them there again.
        engine: What scores; training is torch's in any case. "auto" takes an ONNX graph on a
            CPU, if its scores agree with torch's within 1e-4 and its verdicts on calibration
            parts do, and torch on a GPU; "torch" and "onnx" insist. `$WORKBENCH_ENGINE` says
            what "auto" means.

    Raises:
        ValueError: No such engine.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> photos = [rng.integers(90, 110, (64, 64, 3), np.uint8) for _ in range(8)]
        >>> config = CSFlowConfig(image_size=128, hidden=8, kernels=(3,), epochs=2)
        >>> detector = CSFlowDetector(config).fit(photos, progress=False)
        >>> detector.evaluate_one(photos[0]).heatmap.shape
        (64, 64)
    """

    kind = "csflow"

    def __init__(
        self,
        config: CSFlowConfig | None = None,
        *,
        device: str | None = None,
        weights: str | Path | None = None,
        engine: str = "auto",
    ) -> None:
        self.config = config or CSFlowConfig()
        self.device, self.weights = device, weights
        self.wanted = settings.word("engine", engine, ENGINES)
        self.network: CSFlowNetwork | None = None  # backbone and flow, from `build_network` on
        self.engine: Engine | None = None  # what scores, from `prepare` on
        self.saved: Saved | None = None  # what it was loaded from, until it is trained again
        self.history: list[dict[str, float]] = []  # epoch, train_nll, calibration_nll, seconds
        self.epoch = 0  # whose weights it has, from 1
        self.interrupted = False  # whether Ctrl-C ended the last `fit`
        self.arithmetic = ""  # of training, as "cpu, bfloat16"; "" where not known
        self.calibration: Images = ()  # a few images of the last `fit`; none after loading
        self.calibration_scores: NDArray[np.float64] = np.empty(0)
        self.crossfitted: tuple[Latents, NDArray] | None = None  # cells and parts, if few
        self.heat_range = (0.0, 1.0)  # ends of the fixed colour scale of heat maps
        self.typical: Typical | None = None  # what "calibrated" scores and heat maps compare with
        self.typical_energy = (0.0,) * self.config.depth  # finest first, of the median image
        self.data: dict[str, Any] = {}  # name, root, fingerprint, split and counts of the images
        self.ignore: NDArray[np.bool_] | None = None  # (H, W) of the working size, not looked at
        self.masked: NDArray[np.bool_] | None = None  # the same, said after training by `adjust`
        self._threshold: Threshold | None = None

    @property
    def threshold(self) -> Threshold:
        """Score from which on the verdict is NG; a float that knows where it came from."""
        if self._threshold is None:
            raise NotFittedError("CSFlowDetector is not fitted; call fit(images) or load(folder)")
        return self._threshold

    @threshold.setter
    def threshold(self, value: float) -> None:
        self._threshold = Threshold.of(value)

    def build_network(self) -> "CSFlowNetwork":
        """Backbone and flow in torch, which training changes; built at the first call.

        Raises:
            ValueError: The configuration does not fit the backbone.
            DataError: The backbone's weights are missing or damaged.
            ArtifactError: They are not those that a loaded detector was trained with.
        """
        if self.network is None:
            import torch

            from .network import CSFlowNetwork

            device = self.device or ("cuda" if torch.cuda.is_available() else "cpu")
            if self.saved:
                self.network = network_of(self.config, self.saved).to(device)
            else:
                self.network = CSFlowNetwork(self.config, self.weights).to(device)
        self.network.ignore = self.ignore
        return self.network

    def prepare(self) -> "Engine":
        """Make ready what scores, which takes seconds at the first call, and return it."""
        if self.engine is None:
            with _PREPARING:
                made = self.engine or graph_of(self, float(self.threshold))
                self.engine = made or self.build_network()
        return self.engine

    def fit(
        self,
        images: Images,
        calibration: Images | None = None,
        *,
        ignore: ImageSource | None = None,
        progress: bool = True,
        cache: bool = True,
        checkpoint: "Checkpoint | None" = None,
        ranks: Alone = ALONE,
    ) -> "CSFlowDetector":
        """Learn what good parts look like; set threshold and colour scale by others.

        The same images, configuration, machine and number of threads give the same detector,
        with or without a cache, and whether the training was resumed or not.

        Args:
            images: OK images: `parts.train`, or `parts` for its own train and calibration
                images, or any sequence of paths, PIL images and arrays.
            calibration: OK images that are not learned from; by default 15 % of `images`.
            ignore: A picture as the photos are, not black where what shows is not to count: a
                fixture, a date. No score, map or threshold looks there.
            progress: Show progress bars.
            cache: Take features from the workspace's cache and keep them there; see
                `workbench.csflow.feature_cache`.
            checkpoint: A file to write to now and then, and to go on from.
            ranks: The processes that train together, from `csflow.ranks.joined`.

        Returns:
            The detector. After Ctrl-C it holds the best weights so far.

        Raises:
            ValueError: An NG image among them, fewer than 4 images, or a configuration that
                does not fit the backbone.
            DataError: Too many of the images cannot be read.
            ArtifactError: The checkpoint is damaged, or is of another training.
        """
        from .learning import learn

        train, calibration = split_images(images, calibration, self.config.seed)
        c = decide(with_range(self.config, train), train)
        if c != self.config:  # numbers in place of "auto", which it has from now on
            self.config, self.network = c, None
        self.typical = self.masked = None
        self.ignore = None if ignore is None else mask_of(ignore, c.size)
        network = self.build_network()
        self.engine = self.saved = None  # a graph or a folder of other weights
        learned = learn(
            network, c, train, calibration,
            progress=progress, cache=cache, checkpoint=checkpoint, ranks=ranks,
        )  # fmt: skip
        trained = learned.trained
        self.history, self.epoch = trained.history, trained.epoch
        self.interrupted, self.arithmetic = trained.interrupted, trained.arithmetic
        calibrate(self, learned.latents, learned.part, learned.crossfitted)
        self.data = provenance(images, train, calibration)
        self.calibration = calibration[:REMEMBERED]
        return self

    def adjust(self, **changes: Any) -> bool:  # noqa: ANN401
        """Change what counts without training anew; see `csflow.calibration.adjust`."""
        return adjust(self, **changes)

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

    def score_and_cells(
        self, images: Images, *, progress: bool = False
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Scores (N,) and heat maps (N, h, w) of cells, see `enlarge`; NaN as in `score`."""
        tiling = self.config.tiling
        blank = self.prepare()(np.zeros((1, 3, *tiling.window), np.uint8))
        values = np.full(len(images), np.nan)
        maps = np.full((len(images), *tiling.grid(blank[0])), np.nan, np.float32)
        for places, zs, _ in self.latents(images, progress):
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

    def parts(self, **reading: Any) -> ImageFolder:  # noqa: ANN401
        """The folder it was trained from, with the split it was trained with.

        Args:
            **reading: Options of `load_images` that replace those of the training.

        Raises:
            DataError: It was trained from a list, or the folder is no longer there.
        """
        return known_parts(self.data, reading)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray]]:
        """What a saved detector holds: a manifest for JSON, and arrays."""
        return state_of(self)

    @classmethod
    def from_state(
        cls,
        manifest: dict[str, Any],
        arrays: dict[str, NDArray],
        engine: str = "auto",
    ) -> "CSFlowDetector":
        """Undo `state`; the graph is that kept for this manifest, if there is one.

        Raises:
            ArtifactError: The backbone's weights here are not those it was trained with.
        """
        detector = cls(CSFlowConfig.from_dict(manifest["config"]), engine=engine)
        fill(detector, manifest, arrays)
        detector.engine = graph_of(detector)
        if detector.engine is None:  # torch takes seconds to import: only where it is needed
            detector.build_network()
        return detector

    def keep_for(self, manifest: dict[str, Any]) -> None:
        """Keep the graph, where one scores, for whoever loads a detector of this manifest."""
        keep_graph(self, manifest)

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

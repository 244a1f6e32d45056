"""CS-Flow on photos: fit on good parts, score, localise, explain one image."""

import time
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.csflow.onnx.engines import Engines
from workbench.data import ImageFolder, read_image
from workbench.errors import DataError, NotFittedError
from workbench.metrics import Threshold, threshold

from .batches import Images, ImageSource, Scored, batches, decoded, stacked
from .config import CSFlowConfig
from .evaluation import Evaluation
from .heatmap import colour_scale, enlarge
from .scores import all_scores, cell_energy, heat, scale_shares, score
from .split import hold_out, known_parts, provenance
from .square import to_square

if TYPE_CHECKING:
    from torch import Tensor

    from workbench.csflow.onnx.engines import Engine

    from .network import TorchEngine
    from .resume import Checkpoint

Latents = list[NDArray[np.float32]]

CHECKS = 16  # held-out images on which a new engine is compared with torch


class CSFlowDetector:
    """A normalizing flow over EfficientNet features that has only seen good parts.

    Args:
        config: Every number behind it; the preset `lite` by default.
        device: "cpu", "cuda"; by default a GPU where there is one.
        weights: A file with the backbone's weights or a folder that holds it, where they are
            not found by themselves; remembered by a saved detector.
        engine: What scores; training is torch's in any case. "auto" takes an ONNX graph on a
            CPU, if its scores agree with torch's within 1e-4 and its verdicts on held-out
            parts do, and torch on a GPU; "torch" and "onnx" insist.

    Attributes:
        history: One dict an epoch: epoch, train_nll, held_out_nll, seconds.
        epoch: The epoch whose weights it has, from 1.
        interrupted: Whether Ctrl-C ended the last `fit`.
        arithmetic: Device and precision of training, as "cpu, bfloat16"; "" where not known.
        held_out: Scores of the held-out OK images, which the threshold comes from.
        heat_range: Ends of the fixed colour scale of heat maps.
        calm: Mean energy of each scale, finest first, on the median held-out OK image.
        data: Where the images came from: name, root, fingerprint, split, counts.

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
        self._start(
            config or CSFlowConfig(), Engines(config or CSFlowConfig(), engine, device, weights)
        )
        _ = self.network  # a size or name that cannot work is refused here

    def _start(self, config: CSFlowConfig, engines: Engines) -> None:
        self.config, self.engines = config, engines
        self.history: list[dict[str, float]] = []
        self.epoch = 0
        self.interrupted = False
        self.arithmetic = ""
        self.held_out: NDArray[np.float64] = np.empty(0)
        self.heat_range = (0.0, 1.0)
        self.calm = (0.0,) * self.config.scales
        self.data: dict[str, Any] = {}
        self._threshold: Threshold | None = None
        self._some_held: Images = ()

    @property
    def network(self) -> "TorchEngine":
        """Backbone and flow in torch, which training changes."""
        return self.engines.network

    @property
    def engine(self) -> "Engine":
        """What scores: maps uint8 RGB (B, 3, S, S) to latents; chosen at the first use."""
        return self.engines.best(self._good_squares, float(self.threshold))

    @property
    def threshold(self) -> Threshold:
        """Score from which on the verdict is NG; a float that knows where it came from."""
        if self._threshold is None:
            raise NotFittedError("CSFlowDetector is not fitted; call fit(images) or load(folder)")
        return self._threshold

    @threshold.setter
    def threshold(self, value: float) -> None:
        self._threshold = Threshold.of(value)

    def fit(
        self,
        images: Images,
        calibration: Images | None = None,
        *,
        progress: bool = True,
        cache: bool = True,
        checkpoint: "Checkpoint | None" = None,
    ) -> "CSFlowDetector":
        """Learn what good parts look like; set threshold and colour scale by held-out ones.

        The same images, configuration, machine and number of threads give the same detector,
        with or without a cache, and whether the training was resumed or not.

        Args:
            images: OK images: `parts.train`, or `parts` for its own train and calibration
                images, or any sequence of paths, PIL images and arrays.
            calibration: OK images that are not learned from; by default 15 % of `images`.
            progress: Show progress bars.
            cache: Take features from the workspace's cache and keep them there; see
                `workbench.csflow.feature_cache`.
            checkpoint: A file to write to now and then, and to go on from.

        Returns:
            The detector. After Ctrl-C it holds the best weights so far.

        Raises:
            ValueError: An NG image among them, or fewer than 4 images.
            DataError: Too many of the images cannot be read.
            ArtifactError: The checkpoint is damaged, or is of another training.
        """
        from .extraction import extract
        from .training import train_flow

        train, held = hold_out(images, calibration, self.config.seed)
        network = self.network
        self.engines.forget()
        _, features = extract(train, network, self.config, "features", progress, cache)
        _, held_features = extract(
            held, network, self.config, "features (held out)", progress, cache
        )
        network.standardise.fit(features)
        trained = train_flow(
            network.flow, network.standardise, features, held_features, self.config,
            progress=progress, checkpoint=checkpoint,
        )  # fmt: skip
        self.history, self.epoch = trained.history, trained.epoch
        self.interrupted, self.arithmetic = trained.interrupted, trained.arithmetic
        self._calibrate(held_features)
        self.data, self._some_held = provenance(images, train, held), held[:CHECKS]
        return self

    def score(
        self, images: Images, *, progress: bool = False, cache: bool = False
    ) -> NDArray[np.float64]:
        """Anomaly scores, shape (N,), higher is worse; NaN for an image that cannot be read.

        Warns once, naming the unreadable ones. Which images are scored together does not
        change a score beyond rounding.

        Args:
            images: An image folder, or a sequence of paths, PIL images and arrays.
            progress: Show a progress bar.
            cache: Take features from the workspace's cache and keep them there. Pays where the
                same images are scored by one detector after the other; scores move by the
                rounding of features to half precision, some 1e-4 of themselves.
        """
        values = np.full(len(images), np.nan)
        if cache:
            from .extraction import extract

            _ = self.threshold
            rows, features = extract(images, self.network, self.config, "score", progress, True)
            latents = self.network.latents_of(features, self.config.batch)
            values[rows] = np.concatenate([self._score(zs) for zs in latents])
            return values
        for rows, zs, _ in self._latents(images, progress):
            values[rows] = self._score(zs)
        return values

    def stream(self, sources: Iterable[ImageSource]) -> Iterator[Scored]:
        """Yield scores one by one, in order, of any number of images in bounded memory.

        An image that cannot be read has the score NaN and says why in `.error`.

        Example:
            for source, score, error in detector.stream(Path("line 3").rglob("*.jpg")): ...
        """
        engine = self.engine
        for squares in decoded(sources, self.config):
            good = [square for square in squares if not square.error]
            values = iter(self._score(engine(stacked(good))) if good else ())
            for square in squares:
                value = float("nan") if square.error else float(next(values))
                yield Scored(square.source, value, square.error)

    def scores(self, images: Images, *, progress: bool = False) -> dict[str, NDArray[np.float64]]:
        """Scores of every kind from one pass, over all scales and of each: name -> shape (N,).

        NaN and warning as in `score`. For comparing kinds on labelled parts; the verdict
        stands on `score`, whose kind is fixed by the configuration.
        """
        table: dict[str, NDArray[np.float64]] = {}
        for rows, zs, _ in self._latents(images, progress):
            for name, values in all_scores(zs, self.config.top_k).items():
                column = table.setdefault(name, np.full(len(images), np.nan))
                column[rows] = values
        return table

    def score_and_cells(
        self, images: Images, *, progress: bool = False
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Scores (N,) and heat maps (N, h, w) at the size of the cells, from one pass.

        `heatmap.enlarge` makes a map as large as its image. NaN and warning as in `score`.
        """
        values = np.full(len(images), np.nan)
        heat = np.full((len(images), *self.network.pyramid.shapes[0][1:]), np.nan, np.float32)
        for rows, zs, _ in self._latents(images, progress):
            values[rows] = self._score(zs)
            heat[rows] = self._heat(cell_energy(zs))
        return values, heat

    def localize(self, images: Images, *, progress: bool = False) -> list[NDArray[np.float32]]:
        """Heat maps, float32, each (H, W) at its image's own size; comparable across images.

        Raises:
            DataError: An image cannot be read.
        """
        return [
            enlarge(cells, *size)
            for _, zs, sizes in self._latents(images, progress, strict=True)
            for cells, size in zip(self._heat(cell_energy(zs)), sizes, strict=True)
        ]

    def evaluate_one(self, source: ImageSource) -> Evaluation:
        """Score and explain one image.

        Args:
            source: A path, PIL image, array (H, W[, 3]) or encoded bytes.

        Raises:
            DataError: It is no image.
            NotFittedError: Neither fitted nor loaded.
        """
        limit = self.threshold
        _ = self.engine  # chosen before the clock starts
        clock = _Clock()
        image = read_image(source)
        clock.lap("decode")
        square = to_square(image, self.config.image_size, self.config.resize)
        clock.lap("resize")
        zs = self.engine(square)
        clock.lap("network")
        cells = cell_energy(zs)
        heatmap = enlarge(self._heat(cells)[0], *image.shape[:2])
        others = {name: float(x[0]) for name, x in all_scores(zs, self.config.top_k).items()}
        parts = scale_shares(cells, self.calm)[0].tolist()
        clock.lap("map")
        return Evaluation(
            score=others[self.config.score],
            threshold=float(limit),
            image=image,
            heatmap=heatmap,
            heat_range=self.heat_range,
            timing=clock.stages(),
            scores=others,
            shares=tuple(parts),
            maps=tuple(m[0] for m in cells),
        )

    def parts(self, **reading: Any) -> ImageFolder:  # noqa: ANN401
        """The folder it was trained from, with the split it was trained with.

        Args:
            **reading: Options of `load_images` that replace those of the training.

        Raises:
            DataError: It was trained from a list, or the folder is no longer there.
        """
        return known_parts(self.data, reading)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray]]:
        """What a saved detector holds: JSON-able facts, and arrays."""
        facts = {
            "config": self.config.to_dict(),
            "threshold": self.threshold.to_json(),
            "heat_range": list(self.heat_range),
            "calm": list(self.calm),
            "history": self.history,
            "epoch": self.epoch,
            "arithmetic": self.arithmetic,
            "data": self.data,
            "backbone": self.engines.backbone,
        }
        return facts, self.engines.learned() | {"held_out": self.held_out}

    @classmethod
    def from_state(
        cls,
        facts: dict[str, Any],
        arrays: dict[str, NDArray],
        folder: Path | None = None,
        engine: str = "auto",
    ) -> "CSFlowDetector":
        """Undo `state`; the engine is kept in `folder`, if there is one.

        Raises:
            ArtifactError: The backbone's weights here are not those it was trained with.
        """
        learned = dict(arrays)
        detector = cls.__new__(cls)
        config = CSFlowConfig.from_dict(facts["config"])
        detector._start(config, Engines(config, engine))
        detector.held_out = learned.pop("held_out")
        detector.engines.restore(facts, learned, folder)
        detector.threshold = Threshold.from_json(facts["threshold"])
        detector.heat_range = tuple(facts["heat_range"])
        detector.calm = tuple(facts.get("calm", detector.calm))  # older models have none
        detector.history, detector.data = facts["history"], facts["data"]
        detector.epoch = facts.get("epoch", len(detector.history))
        detector.arithmetic = facts.get("arithmetic", "")
        return detector

    def companions(self, facts: dict[str, Any]) -> dict[str, bytes]:
        """Files to keep beside a saved detector of these facts: the engine, once it is chosen."""
        return self.engines.companions(facts)

    def _calibrate(self, features: "list[Tensor]") -> None:
        latents = self.network.latents_of(features, self.config.batch)
        self.held_out = np.concatenate([self._score(zs) for zs in latents])
        self.threshold = threshold(self.held_out, q=self.config.percentile)
        cells = [np.concatenate(scale) for scale in zip(*map(cell_energy, latents), strict=True)]
        self.heat_range = colour_scale(self._heat(cells))
        self.calm = tuple(float(np.median(m.mean((1, 2)))) for m in cells)

    def _good_squares(self) -> NDArray[np.uint8]:
        """A few held-out good parts as the network sees them; none where they are gone."""
        size = self.config.image_size
        found = [np.empty((0, 3, size, size), np.uint8)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                some = self._some_held if len(self._some_held) else self.parts().calibration
                found += [x for _, x, _ in batches(some[:CHECKS], self.config, "", False)]
            except (DataError, OSError):
                pass
        return np.concatenate(found)

    def _latents(
        self, images: Images, progress: bool, strict: bool = False
    ) -> Iterator[tuple[list[int], Latents, list[tuple[int, int]]]]:
        _ = self.threshold  # fitted, or an error that says so
        for rows, squares, sizes in batches(images, self.config, "score", progress, strict):
            yield rows, self.engine(squares), sizes

    def _score(self, zs: Latents) -> NDArray[np.float64]:
        return score(zs, self.config.score, self.config.top_k).astype(np.float64)

    def _heat(self, cells: Latents) -> NDArray[np.float32]:
        """One map an image at the finest cell size, shape (B, H, W)."""
        return heat(cells, self.config.heat)


class _Clock:
    """Seconds between laps, by name."""

    def __init__(self) -> None:
        self._start = self._last = time.perf_counter()
        self._laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self._laps[name], self._last = now - self._last, now

    def stages(self) -> dict[str, float]:
        return self._laps | {"total": self._last - self._start}

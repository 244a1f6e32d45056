"""CS-Flow on photos: fit on good parts, score, localise, explain one image."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench import workspace
from workbench.csflow import CSFlowConfig, heat, maps, score, scores, shares
from workbench.data import ImageFolder, load_images, read_image
from workbench.engine import TorchEngine
from workbench.errors import ArtifactError, DataError, NotFittedError
from workbench.features import to_square
from workbench.features.weights import remembered
from workbench.metrics import Threshold, threshold

from .batches import Images, ImageSource, batches
from .checkpoint import Checkpoint
from .evaluation import Evaluation
from .extraction import extract
from .heatmap import enlarge
from .training import train_flow


class CSFlowDetector:
    """A normalizing flow over EfficientNet features that has only seen good parts.

    Args:
        config: Every number behind it; the preset `lite` by default.
        device: "cpu", "cuda"; by default a GPU where there is one.
        weights: A file with the backbone's weights or a folder that holds it, where they are
            not found by themselves; remembered by a saved detector.

    Attributes:
        history: One dict an epoch: epoch, train_nll, held_out_nll, seconds.
        epoch: The epoch whose weights it has, from 1.
        interrupted: Whether Ctrl-C ended the last `fit`.
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
    ) -> None:
        self.config = config or CSFlowConfig()
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.engine = TorchEngine(self.config, weights).to(device)
        self.history: list[dict[str, float]] = []
        self.epoch = 0
        self.interrupted = False
        self.held_out: NDArray[np.float64] = np.empty(0)
        self.heat_range = (0.0, 1.0)
        self.calm = (0.0,) * self.config.scales
        self.data: dict[str, Any] = {}
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

    def fit(
        self,
        images: Images,
        calibration: Images | None = None,
        *,
        progress: bool = True,
        cache: bool = True,
        checkpoint: Checkpoint | None = None,
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
                `workbench.features.cache`.
            checkpoint: A file to write to now and then, and to go on from.

        Returns:
            The detector. After Ctrl-C it holds the best weights so far.

        Raises:
            ValueError: An NG image among them, or fewer than 4 images.
            DataError: Too many of the images cannot be read.
            ArtifactError: The checkpoint is damaged, or is of another training.
        """
        train, held = self._split(images, calibration)
        engine = self.engine
        _, features = extract(train, engine, self.config, "features", progress, cache)
        _, held_features = extract(
            held, engine, self.config, "features (held out)", progress, cache
        )
        engine.standardise.fit(features)
        trained = train_flow(
            engine.flow, engine.standardise, features, held_features, self.config,
            progress=progress, checkpoint=checkpoint,
        )  # fmt: skip
        self.history, self.epoch = trained.history, trained.epoch
        self.interrupted = trained.interrupted
        self._calibrate(held_features)
        self.data = _provenance(images, train, held)
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
            _ = self.threshold
            rows, features = extract(images, self.engine, self.config, "score", progress, True)
            scores = [self._score(zs) for zs in self._flowed(features)]
            values[rows] = torch.cat(scores).double().cpu().numpy()
            return values
        for rows, zs, _ in self._latents(images, progress):
            values[rows] = self._score(zs).double().cpu().numpy()
        return values

    def scores(self, images: Images, *, progress: bool = False) -> dict[str, NDArray[np.float64]]:
        """Scores of every kind from one pass, over all scales and of each: name -> shape (N,).

        NaN and warning as in `score`. For comparing kinds on labelled parts; the verdict
        stands on `score`, whose kind is fixed by the configuration.
        """
        table: dict[str, NDArray[np.float64]] = {}
        for rows, zs, _ in self._latents(images, progress):
            for name, values in scores(zs, self.config.top_k).items():
                column = table.setdefault(name, np.full(len(images), np.nan))
                column[rows] = values.double().cpu().numpy()
        return table

    def localize(self, images: Images, *, progress: bool = False) -> list[NDArray[np.float32]]:
        """Heat maps, float32, each (H, W) at its image's own size; comparable across images.

        Raises:
            DataError: An image cannot be read.
        """
        return [
            enlarge(cells, *size)
            for _, zs, sizes in self._latents(images, progress, strict=True)
            for cells, size in zip(self._heat(maps(zs)), sizes, strict=True)
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
        clock = _Clock()
        image = read_image(source)
        square = to_square(image, self.config.image_size, self.config.resize)
        clock.lap("decode")
        features = self.engine.features(square)
        clock.lap("features")
        zs = self.engine.latents(features)
        value = float(self._score(zs).double())
        clock.lap("flow")
        cells = maps(zs)
        heatmap = enlarge(self._heat(cells)[0], *image.shape[:2])
        others = {name: float(x) for name, x in scores(zs, self.config.top_k).items()}
        parts = shares(cells, torch.tensor(self.calm))[0].tolist()
        clock.lap("map")
        return Evaluation(
            score=value,
            threshold=float(limit),
            image=image,
            heatmap=heatmap,
            heat_range=self.heat_range,
            timing=clock.stages(),
            scores=others,
            shares=tuple(parts),
            maps=tuple(m[0].float().cpu().numpy() for m in cells),
        )

    def parts(self) -> ImageFolder:
        """The folder it was trained from, with the split it was trained with.

        Raises:
            DataError: It was trained from a list, or the folder is no longer there.
        """
        if "root" not in self.data:
            raise DataError(
                "the detector knows no folder of images: it was trained from a list, or imported; "
                "train from a folder, or import with --data FOLDER"
            )
        return load_images(workspace.resolve(self.data["root"])).with_split(self.data["split"])

    def state(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """What a saved detector holds: JSON-able facts, and tensors."""
        facts = {
            "config": self.config.to_dict(),
            "threshold": self.threshold.to_json(),
            "heat_range": list(self.heat_range),
            "calm": list(self.calm),
            "history": self.history,
            "epoch": self.epoch,
            "data": self.data,
            "backbone": self.engine.backbone.facts(),
        }
        return facts, self.engine.learned() | {"held_out": torch.from_numpy(self.held_out)}

    @classmethod
    def from_state(cls, facts: dict[str, Any], tensors: dict[str, Tensor]) -> "CSFlowDetector":
        """Undo `state`.

        Raises:
            ArtifactError: The backbone's weights here are not those it was trained with.
        """
        tensors = dict(tensors)
        backbone = facts["backbone"]
        config = CSFlowConfig.from_dict(facts["config"])
        detector = cls(config, weights=remembered(backbone))
        if (here := detector.engine.backbone.weights_hash) != (saved := backbone["sha256"]):
            raise ArtifactError(
                f"weights of {backbone['name']} must have sha256 {saved[:12]}... as in training, "
                f"got {here[:12]}... from {detector.engine.backbone.weights_file}; scores would "
                f"differ. In training they were read from {backbone.get('file')}"
            )
        detector.held_out = tensors.pop("held_out").numpy()
        detector.engine.load_learned(tensors)
        detector.threshold = Threshold.from_json(facts["threshold"])
        detector.heat_range = tuple(facts["heat_range"])
        detector.calm = tuple(facts.get("calm", detector.calm))  # older models have none
        detector.history, detector.data = facts["history"], facts["data"]
        detector.epoch = facts.get("epoch", len(detector.history))
        return detector

    def _split(self, images: Images, calibration: Images | None) -> tuple[Images, Images]:
        if isinstance(images, ImageFolder) and images.labels is not None:
            if calibration is None and len(images.calibration):
                images, calibration = images.train, images.calibration
            if images.labels.any():
                raise ValueError(
                    f"training images must all be OK, got {images.labels.sum()} NG; "
                    "pass parts.train"
                )
        if calibration is None:
            held = np.zeros(len(images), bool)
            count = max(1, round(0.15 * len(images)))
            held[np.random.default_rng(self.config.seed).permutation(len(images))[:count]] = True
            images, calibration = _pick(images, ~held), _pick(images, held)
        if len(images) < 3 or len(calibration) < 1:
            raise ValueError(
                "training needs at least 3 images to learn from and 1 to hold out, got "
                f"{len(images)} and {len(calibration)}"
            )
        return images, calibration

    def _calibrate(self, features: list[Tensor]) -> None:
        latents = list(self._flowed(features))
        self.held_out = torch.cat([self._score(zs) for zs in latents]).double().cpu().numpy()
        self.threshold = threshold(self.held_out, q=self.config.percentile)
        cells = [torch.cat(scale) for scale in zip(*map(maps, latents), strict=True)]
        self.heat_range = _heat_range(self._heat(cells))
        self.calm = tuple(float(m.double().mean((1, 2)).median()) for m in cells)

    def _flowed(self, features: list[Tensor]) -> Iterator[list[Tensor]]:
        for xs in zip(*(x.split(self.config.batch) for x in features), strict=True):
            yield self.engine.latents([x.to(self.engine.device).float() for x in xs])

    def _latents(
        self, images: Images, progress: bool, strict: bool = False
    ) -> Iterator[tuple[list[int], list[Tensor], list[tuple[int, int]]]]:
        _ = self.threshold  # fitted, or an error that says so
        for rows, squares, sizes in batches(images, self.config, "score", progress, strict):
            yield rows, self.engine(squares), sizes

    def _score(self, zs: list[Tensor]) -> Tensor:
        return score(zs, self.config.score, self.config.top_k)

    def _heat(self, cells: list[Tensor]) -> NDArray[np.float32]:
        """One map an image at the finest cell size, shape (B, H, W)."""
        return heat(cells, self.config.heat).float().cpu().numpy()


def _heat_range(heat: NDArray[np.float32]) -> tuple[float, float]:
    """From what nine in ten cells of held-out OK images stay below, to far past their hottest.

    So a good part looks calm, and a defect has room to differ from another.
    """
    calm, hot = np.quantile(heat, [0.9, 0.999])
    return float(calm), float(max(calm + 4 * (hot - calm), calm + 1e-6))


def _pick(images: Images, chosen: NDArray[np.bool_]) -> Images:
    if isinstance(images, ImageFolder):
        return images[chosen]
    return [image for image, take in zip(images, chosen, strict=True) if take]


def _provenance(images: Images, train: Images, held: Images) -> dict[str, Any]:
    counts = {"train": len(train), "calibration": len(held)}
    if not isinstance(images, ImageFolder):
        return {"counts": counts}
    split = dict.fromkeys(train.names, "train") | dict.fromkeys(held.names, "calibration")
    return {
        "name": images.root.resolve().name,
        "root": workspace.portable(images.root),
        "fingerprint": train.fingerprint(),
        "note": images.note,
        "counts": counts,
        "split": split,
    }


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

"""CS-Flow on photos: fit on good parts, keep, load; how it judges photos is in `scoring`."""

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench import settings
from workbench.data import ImageFolder
from workbench.data.opening import ImageSource

from .alone import ALONE, Alone
from .auto import decide
from .batches import Images
from .calibration import adjust, calibrate, mask_of
from .config import CSFlowConfig
from .graph import graph_of
from .limits import ENGINES
from .saved import Saved, fill, network_of, state_of
from .scores import Latents
from .scoring import Scoring
from .split import known_parts, provenance, split_images, with_range

if TYPE_CHECKING:
    from .network import CSFlowNetwork
    from .onnx.engines import Engine
    from .resume import Checkpoint

REMEMBERED = 16  # calibration images, for a graph to be compared with torch on
_PREPARING = Lock()  # torch writes one graph at a time: two threads get none


class CSFlowDetector(Scoring):
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
        self.typical_energy = (0.0,) * self.config.depth
        self.data: dict[str, Any] = {}  # name, root, fingerprint, split and counts of the images

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
        calibrate(self, learned.latents, learned.part, learned.crossfitted, learned.altered)
        self.data = provenance(images, train, calibration)
        self.calibration = calibration[:REMEMBERED]
        return self

    def adjust(self, **changes: Any) -> bool:  # noqa: ANN401
        """Change what counts without training again; see `csflow.calibration.adjust`."""
        return adjust(self, **changes)

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

"""Which engine scores: the graph where it was found to agree with torch, else torch.

A graph is never trusted unchecked: when it is built, its scores and verdicts are compared with
torch's on good parts; when it is read again, it must stand beside the weights, versions and
processor that it was tested with and still give the same scores to two fixed images.
"""

import os
import shutil
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from workbench.csflow.config import CSFlowConfig
from workbench.csflow.scores import score
from workbench.errors import ArtifactError

from . import store
from .runtime import OnnxEngine

if TYPE_CHECKING:
    from workbench.csflow.network import TorchEngine

ENGINES = ("auto", "torch", "onnx")
TOLERANCE = 1e-4  # relative, of scores


class Engine(Protocol):
    """What scoring asks of an engine."""

    kind: str

    def __call__(self, squares: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Map uint8 RGB (B, 3, S, S) to latents, K arrays (B, C, H/2^k, W/2^k)."""

    def describe(self) -> str:
        """What computes, for reports and results."""


class Engines:
    """The engines of one detector: torch's, which is trained, and the one that scores.

    Args:
        config: Of the detector.
        wanted: "auto" takes the graph on a CPU and torch on a GPU; "torch" and "onnx" insist.
            `$WORKBENCH_ENGINE` says what "auto" means.
        device: Where torch computes; None takes a GPU where there is one.
        weights: A file with the backbone's weights, where they are not found by themselves.

    Raises:
        ValueError: No such engine.
    """

    def __init__(
        self, config: CSFlowConfig, wanted: str = "auto", device: str | None = None,
        weights: str | Path | None = None,
    ) -> None:  # fmt: skip
        if wanted not in ENGINES:
            raise ValueError(f"engine must be one of {', '.join(ENGINES)}, got {wanted!r}")
        if wanted == "auto":
            wanted = os.environ.get("WORKBENCH_ENGINE", "auto")
        self.config, self.wanted, self.device, self.weights = config, wanted, device, weights
        self._network: TorchEngine | None = None
        self._best: Engine | None = None
        self._saved: tuple[Mapping[str, Any], dict[str, NDArray]] | None = None
        self.folder: Path | None = None

    @property
    def network(self) -> "TorchEngine":
        """Torch's engine, built when it is first asked for.

        Raises:
            ArtifactError: The backbone's weights here are not those it was trained with.
        """
        if self._network is None:
            self._network = self._built()
        return self._network

    def restore(
        self, facts: Mapping[str, Any], learned: dict[str, NDArray], folder: Path | None
    ) -> None:
        """Take over what was learned; torch is not imported where a kept graph serves.

        Raises:
            ArtifactError: The backbone's weights here are not those it was trained with.
            RuntimeError: The tensors do not fit the configuration.
        """
        self._saved, self.folder = (facts, learned), folder
        if folder and self._on_graph() and (kept := store.read(folder, _key(facts))):
            engine, expected = kept
            if np.allclose(self._probed(engine), expected, TOLERANCE, atol=0):
                self._best = engine
        if self._best is None:
            self._network = self._built()

    def forget(self) -> None:
        """Drop what scored: the network is about to learn, and a graph would be stale."""
        _ = self.network
        self._best = self._saved = self.folder = None

    def learned(self) -> dict[str, NDArray]:
        """What training changed, by name."""
        return self._saved[1] if self._saved else self.network.learned()

    @property
    def backbone(self) -> dict[str, str]:
        """Which weights the frozen network has, fit for JSON."""
        return self._saved[0]["backbone"] if self._saved else self.network.backbone.facts()

    def best(self, checks: Callable[[], NDArray[np.uint8]], threshold: float) -> Engine:
        """The engine that scores, chosen at the first call.

        Args:
            checks: Gives squares (N, 3, S, S) to compare on, held-out good parts at best.
            threshold: At which the verdicts on them must agree.
        """
        if self._best is None:
            self._best = self._chosen(checks, threshold) if self._on_graph() else self.network
            self.keep()
        return self._best

    def use(self, engine: Engine) -> None:
        """Score with this one from now on."""
        self._best = engine

    def keep(self) -> None:
        """Write the graph that scores beside the detector, if that lies in a folder."""
        if self.folder and self._saved:
            store.write(self.folder, self.companions(self._saved[0]))

    def companions(self, facts: Mapping[str, Any]) -> dict[str, bytes]:
        """The files to keep beside a detector of these facts; none without a graph."""
        if not isinstance(self._best, OnnxEngine):
            return {}
        return store.files(_key(facts), self._best, self._probed(self._best))

    def _chosen(self, checks: Callable[[], NDArray[np.uint8]], threshold: float) -> Engine:
        try:
            engine = OnnxEngine(self.network.to_onnx())
            squares = np.concatenate([checks(), probes(self.config.image_size)])
            expected, got = self.scored(self.network, squares), self.scored(engine, squares)
            wrong = differences(got, expected, threshold)
        except Exception as error:  # whatever fails here, torch can still score
            wrong = f"{type(error).__name__}: {error}"
        if not wrong:
            return engine
        warnings.warn(f"scoring with torch, the ONNX graph does not serve: {wrong}", stacklevel=4)
        return self.network

    def _on_graph(self) -> bool:
        if self.wanted == "auto":
            return self.device == "cpu" or (self.device is None and not _gpu_in_sight())
        return self.wanted == "onnx"

    def _built(self) -> "TorchEngine":
        import torch

        from workbench.csflow.network import TorchEngine
        from workbench.csflow.weights import remembered

        device = self.device or ("cuda" if torch.cuda.is_available() else "cpu")
        if self._saved is None:
            return TorchEngine(self.config, self.weights).to(device)
        facts, learned = self._saved
        network = TorchEngine(self.config, remembered(facts["backbone"]))
        backbone, here = facts["backbone"], network.backbone
        if not here.has_weights(backbone):
            raise ArtifactError(
                f"weights of {backbone['name']} must have sha256 {backbone['sha256'][:12]}... as "
                "in training, "
                f"got {here.weights_hash[:12]}... from {here.weights_file}; scores would differ. "
                f"In training they were read from {backbone.get('file')}"
            )
        network.load_learned(learned)
        return network.to(device)

    def scored(self, engine: Engine, squares: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Scores of squares (N, 3, S, S), one by one, as parts come off a line."""
        c = self.config
        singles = (engine(squares[i : i + 1]) for i in range(len(squares)))
        return np.array([score(zs, c.score, c.top_k)[0] for zs in singles], np.float64)

    def _probed(self, engine: Engine) -> NDArray[np.float64]:
        return self.scored(engine, probes(self.config.image_size))


def differences(got: NDArray[np.float64], expected: NDArray[np.float64], threshold: float) -> str:
    """What is wrong with scores that should be others, in words; "" if nothing is.

    Example:
        >>> differences(np.array([1.0, 2.0]), np.array([1.0, 2.1]), 3.0)
        'scores differ by 4.8e-02, more than 1e-04'
    """
    worst = float(np.max(np.abs(got - expected) / np.abs(expected)))
    # a threshold often is the score of a held-out part; on which side of itself that part comes
    # to lie is rounding, with torch alone too, where it changes with the batch
    clear = np.abs(expected - threshold) > TOLERANCE * abs(threshold)
    flips = int(((got >= threshold) != (expected >= threshold))[clear].sum())
    if not worst <= TOLERANCE:  # NaN too
        return f"scores differ by {worst:.1e}, more than {TOLERANCE:.0e}"
    return f"{flips} of {len(got)} verdicts differ" if flips else ""


def probes(size: int) -> NDArray[np.uint8]:
    """Two fixed images, smooth as photos are: (2, 3, size, size) uint8.

    Example:
        >>> probes(64).shape
        (2, 3, 64, 64)
    """
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size] / size
    light = np.zeros((2, 3, size, size))
    for _ in range(8):
        up, along, start = rng.uniform(-6, 6, (3, 2, 3, 1, 1))
        light += np.sin(up * y + along * x + start)
    return (127 + 15 * light).astype(np.uint8)


def _key(facts: Mapping[str, Any]) -> dict[str, Any]:
    backbone = {name: facts["backbone"][name] for name in ("name", "sha256")}
    chosen = {name: facts[name] for name in ("config", "weights_sha256")}
    return store.key({**chosen, "backbone": backbone})


def _gpu_in_sight() -> bool:
    """Whether a GPU of torch's could be here; torch itself takes seconds to say."""
    return Path("/dev/nvidia0").exists() or shutil.which("nvidia-smi") is not None

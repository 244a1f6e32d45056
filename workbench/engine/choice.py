"""Which engine scores: the graph where it was found to agree with torch, else torch.

A graph is never trusted unchecked: when it is built, its scores and verdicts are compared with
torch's on good parts; when it is read again, it must stand beside the weights, versions and
processor that it was tested with and still give the same scores to two fixed images.
"""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from workbench.csflow import CSFlowConfig, score

from . import store
from .runtime import OnnxEngine

if TYPE_CHECKING:
    from .pytorch import TorchEngine

ENGINES = ("auto", "torch", "onnx")
TOLERANCE = 1e-4  # relative, of scores


class Engine(Protocol):
    """What scoring asks of an engine."""

    kind: str

    def __call__(self, squares: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Map uint8 RGB (B, 3, S, S) to latents, K arrays (B, C, H/2^k, W/2^k)."""

    def describe(self) -> str:
        """What computes, for reports and results."""


def choose(
    config: CSFlowConfig,
    network: "Callable[[], TorchEngine]",
    checks: Callable[[], NDArray[np.uint8]],
    *,
    threshold: float,
    key: Mapping[str, Any],
    folder: Path | None = None,
) -> Engine:
    """The graph in `folder` if it is still good; else a new one, tested; else torch.

    Args:
        config: Of the detector; its score is what is compared.
        network: Gives the reference; only called where a graph must be built.
        checks: Gives uint8 squares (N, 3, S, S) to compare the two on, good parts at best.
        threshold: Where the verdicts of the two must agree.
        key: Names the weights, as `store.key` does.
        folder: Where a graph is looked for and kept; None keeps it in memory.
    """

    def scores(engine: Engine, squares: NDArray[np.uint8]) -> NDArray[np.float64]:
        return np.concatenate(
            [
                np.asarray(score(engine(squares[i : i + 1]), config.score, config.top_k))
                for i in range(len(squares))
            ]
        ).astype(np.float64)

    probe = probes(config.image_size)
    if folder and (kept := store.read(folder, key)):
        engine, expected = kept
        if _agree(scores(engine, probe), expected):
            return engine
    reference = network()
    try:
        engine = OnnxEngine(reference.to_onnx())
        differ = compare(scores, reference, engine, np.concatenate([checks(), probe]), threshold)
    except Exception as error:  # whatever fails here, torch can still score
        differ = f"{type(error).__name__}: {error}"
    if differ:
        warnings.warn(f"scoring with torch, as no ONNX graph serves: {differ}", stacklevel=2)
        return reference
    if folder:
        store.write(folder, key, engine, scores(engine, probe))
    return engine


def compare(
    scores: Callable[[Engine, NDArray[np.uint8]], NDArray[np.float64]],
    reference: Engine,
    engine: Engine,
    squares: NDArray[np.uint8],
    threshold: float,
) -> str:
    """What is wrong with an engine on these squares, in words; "" if nothing is."""
    expected, got = scores(reference, squares), scores(engine, squares)
    worst = float(np.max(np.abs(got - expected) / np.abs(expected)))
    flips = int(((got >= threshold) != (expected >= threshold)).sum())
    if not worst <= TOLERANCE:  # NaN too
        return f"scores differ by {worst:.1e}, more than {TOLERANCE:.0e}"
    return f"{flips} of {len(squares)} verdicts differ" if flips else ""


def probes(size: int) -> NDArray[np.uint8]:
    """Two fixed images, smooth as photos are: (2, 3, size, size) uint8.

    Example:
        >>> probes(64).shape
        (2, 3, 64, 64)
    """
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size] / size
    waves = rng.uniform(-6, 6, (2, 3, 8, 2))
    phase = waves[..., 0, None, None] * y + waves[..., 1, None, None] * x
    light = np.sin(phase + rng.uniform(0, 6, (2, 3, 8, 1, 1))).mean(2)
    return (127 + 100 * light).astype(np.uint8)


def _agree(scores: NDArray[np.float64], expected: NDArray[np.float64]) -> bool:
    return scores.shape == expected.shape and np.allclose(scores, expected, TOLERANCE, atol=0)

"""The graph of a network: when it scores, and how it is checked.

A detector has a network in torch and, on a CPU, a graph built from it, which is several times
faster. No graph is trusted unchecked. When it is built, its scores and verdicts are compared
with torch's on calibration photos. When it is read again, from the user's own cache, it must
belong to the same weights, versions and processor, and still give the same scores to two fixed
images in time; on any doubt it is built again.
"""

import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from workbench.csflow.batches import batches
from workbench.csflow.config import Size, sides
from workbench.csflow.scores import Latents, score
from workbench.errors import DataError

from . import store
from .runtime import OnnxEngine

if TYPE_CHECKING:
    from workbench.csflow.detector import CSFlowDetector

TOLERANCE = 1e-4  # relative, of scores
SECONDS = 60.0  # for a kept graph to score the two fixed images
CHECKS = 16  # calibration photos, or tiles of them, on which a new graph is compared with torch


class Engine(Protocol):
    """What scores: a network in torch, or the graph of it."""

    name: str

    def __call__(self, squares: NDArray[np.uint8]) -> Latents:
        """Map uint8 RGB (B, 3, H, W) to latents, K arrays (B, C, H/2^k, W/2^k)."""

    def describe(self) -> str:
        """What computes, for reports and results."""


class UncheckedGraphWarning(UserWarning):
    """A graph scores that was compared with torch on two drawn images only."""


def kept_graph(detector: "CSFlowDetector") -> OnnxEngine | None:
    """The kept graph of a loaded detector, if it is to score and still gives the same scores."""
    if not (detector.saved and _on_graph(detector)):
        return None
    try:
        if not (kept := store.read(store.key(detector.saved.manifest))):
            return None
        graph, expected = kept
        with graph.limited(SECONDS):
            found = probed(graph, detector)
        return graph if np.allclose(found, expected, TOLERANCE, atol=0) else None
    except Exception:  # damaged in any way: a graph is built again
        return None


def checked_graph(detector: "CSFlowDetector", threshold: float) -> OnnxEngine | None:
    """Build the graph that is to score, and keep it for the next start.

    None on a GPU, and with a warning where the graph cannot be built or disagrees with torch.

    Args:
        threshold: At which the verdicts on calibration photos must agree.
    """
    if not _on_graph(detector):
        return None
    network = detector.build_network()
    photos, missing = _calibration_squares(detector)
    try:
        from .export import export  # brings torch and onnx

        graph = OnnxEngine(export(network))
        got, expected = (
            np.append(scores_of(engine, photos, detector), probed(engine, detector))
            for engine in (graph, network)
        )
        wrong = differences(got, expected, threshold)
    except Exception as error:  # any failure is told, and torch can still score
        wrong = f"{type(error).__name__}: {error}"
    if wrong:
        warnings.warn(f"scoring with torch, the ONNX graph does not serve: {wrong}", stacklevel=4)
        return None
    if missing:
        warnings.warn(
            "the ONNX graph was compared with torch on two drawn images only, for no calibration "
            f"photo was found: {missing}; pass engine='torch' to score without it",
            UncheckedGraphWarning,
            stacklevel=4,
        )
    if detector.saved:
        keep(graph, detector, detector.saved.manifest)
    return graph


def keep(graph: OnnxEngine, detector: "CSFlowDetector", manifest: Mapping[str, Any]) -> bool:
    """Keep a graph for whoever loads a detector of this `detector.json`; False if it cannot be."""
    if "weights_sha256" not in manifest:  # of no saved detector
        return False
    scores = probed(graph, detector)
    return store.write(store.key(manifest), graph, scores)


def scores_of(
    engine: Engine, photos: NDArray[np.uint8], detector: "CSFlowDetector"
) -> NDArray[np.float64]:
    """Scores of photos (N, 3, H, W), one by one, as parts come off a line."""
    singles = (detector.look(photos[i : i + 1], engine) for i in range(len(photos)))
    return np.array([detector.score_latents(zs)[0] for zs in singles])


def probed(engine: Engine, detector: "CSFlowDetector") -> NDArray[np.float64]:
    """Scores of the two fixed images at one look; a plain one of tiles, that are no photo."""
    drawn = probes(detector.config.tiling.window)
    found = [engine(drawn[i : i + 1]) for i in range(len(drawn))]
    if detector.config.tile:
        return np.array([score(zs, "norm")[0] for zs in found])
    return np.array([detector.score_latents(zs)[0] for zs in found])


def differences(got: NDArray[np.float64], expected: NDArray[np.float64], threshold: float) -> str:
    """What is wrong with scores that should be others, in words; "" if nothing is.

    Example:
        >>> differences(np.array([1.0, 2.0]), np.array([1.0, 2.1]), 3.0)
        'scores differ by 4.8e-02, more than 1e-04'
    """
    worst = float(np.max(np.abs(got - expected) / np.abs(expected)))
    # a threshold often is the score of a calibration photo; on which side of itself that photo
    # comes to lie is rounding, with torch alone too, where it changes with the batch
    clear = np.abs(expected - threshold) > TOLERANCE * abs(threshold)
    flips = int(((got >= threshold) != (expected >= threshold))[clear].sum())
    if not worst <= TOLERANCE:  # NaN too
        return f"scores differ by {worst:.1e}, more than {TOLERANCE:.0e}"
    return f"{flips} of {len(got)} verdicts differ" if flips else ""


def probes(size: Size) -> NDArray[np.uint8]:
    """Two fixed images, smooth as photos are: (2, 3, *size) uint8.

    Example:
        >>> probes(64).shape
        (2, 3, 64, 64)
    """
    height, width = sides(size)
    coarse = np.random.default_rng(0).integers(60, 200, (2, 8, 8, 3), np.uint8)
    images = [Image.fromarray(c).resize((width, height), Image.Resampling.BICUBIC) for c in coarse]
    return np.stack([np.asarray(image).transpose(2, 0, 1) for image in images])


def _calibration_squares(detector: "CSFlowDetector") -> tuple[NDArray[np.uint8], str]:
    """A few calibration photos of the working size, or why there are none."""
    c = detector.config
    count = max(1, CHECKS // len(c.tiling.places))
    found, reason = [np.empty((0, 3, *c.size), np.uint8)], "none can be read"
    try:
        photos = (
            detector.calibration if len(detector.calibration) else detector.parts().calibration
        )
        found += [s for _, s, _ in batches(photos[:count], c.size, count, white=c.white)]
    except (DataError, OSError) as error:
        reason = str(error)
    return np.concatenate(found), "" if len(found) > 1 else reason


def _on_graph(detector: "CSFlowDetector") -> bool:
    """Whether it was asked for, or "auto" and there is no GPU; torch takes seconds to say that."""
    if detector.wanted == "auto" and detector.device is None:
        return not (Path("/dev/nvidia0").exists() or shutil.which("nvidia-smi"))
    return detector.wanted == "onnx" or (detector.wanted, detector.device) == ("auto", "cpu")

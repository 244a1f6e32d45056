"""Whether a detector may score in 8-bit integers, and what that gains."""

import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.csflow.batches import batches
from workbench.data import ImageFolder
from workbench.metrics import auroc
from workbench.progress import bar

from .engines import keep, scores_of
from .runtime import OnnxEngine

if TYPE_CHECKING:
    from workbench.csflow.detector import CSFlowDetector

AUROC_LOSS = 0.002  # at most
CALIBRATION = 64  # held-out images that ranges are taken from
RUNS = 20
FLOATS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)  # shares of the backbone's depth to leave, fastest first


@dataclass(frozen=True)
class Quantisation:
    """What 8-bit integers would do to a detector.

    Attributes:
        floats: Share of the backbone's depth, from its start, that stays in floats.
        accepted: Whether the detector scores so from now on.
        flips: Verdicts on held-out good parts that change.
        n: Held-out good parts.
        auroc_before: On the labelled images; NaN without.
        auroc_after: The same in integers.
        gain: How many times faster one image is.
    """

    floats: float
    accepted: bool
    flips: int
    n: int
    auroc_before: float
    auroc_after: float
    gain: float

    def describe(self) -> str:
        """One line with the figures."""
        word = "accepted" if self.accepted else "refused"
        part: dict[float, str] = {0: "", 1: " in the flow only"}
        where = part.get(self.floats, f" after the first {self.floats:.0%} of the backbone")
        labelled = (
            f", AUROC {self.auroc_before:.4f} to {self.auroc_after:.4f}"
            if np.isfinite(self.auroc_before)
            else ", no labelled images"
        )
        return (
            f"int8{where} {word}: {self.flips} of {self.n} held-out verdicts change"
            f"{labelled}, {self.gain:.2f} times as fast"
        )


def quantise(
    detector: "CSFlowDetector", images: ImageFolder | None = None, *, progress: bool = True
) -> tuple[Quantisation, ...]:
    """Try integers for everything, then for less and less; keep the first that does no harm.

    Accepted is what changes no verdict on the held-out good parts, lowers AUROC on labelled
    images by at most 0.002 and is faster. A detector that was loaded from a folder keeps it
    there; delete `engine.json` to go back.

    Args:
        detector: One that scores through ONNX.
        images: Labelled images, best those of `parts.test`.
        progress: Show a progress bar over the attempts.

    Returns:
        What was tried, in order; only the last can be accepted.

    Raises:
        ValueError: The detector scores through torch.
        DataError: The held-out images are not there any more.
    """
    whole = detector.prepare()
    if not isinstance(whole, OnnxEngine) or whole.precision != "float32":
        raise ValueError(f"only a float graph can be quantised, got {whole.describe()}")
    held = _squares(detector, detector.parts().calibration)
    before, auroc_before = _found(detector, whole, held, images)
    limit, tried = float(detector.threshold), []
    for share in bar(FLOATS, desc="integers", progress=progress):
        engine, gain = _made(whole, held, share)
        after, auroc_after = _found(detector, engine, held, images)
        flips = int(((after >= limit) != (before >= limit)).sum())
        harmless = not flips and not auroc_before - auroc_after > AUROC_LOSS
        figures = (flips, len(held), auroc_before, auroc_after, gain)
        tried.append(Quantisation(share, harmless and gain > 1, *figures))
        if tried[-1].accepted:
            detector.engine = engine
            keep(detector, engine)
            break
    return tuple(tried)


def _made(whole: OnnxEngine, held: NDArray[np.uint8], share: float) -> tuple[OnnxEngine, float]:
    from .int8 import quantised

    engine = OnnxEngine(quantised(whole.model, held[:CALIBRATION], share), "int8")
    return engine, _gain(whole, engine, held[:1])


def _found(
    detector: "CSFlowDetector", engine: OnnxEngine, held: NDArray[np.uint8],
    images: ImageFolder | None,
) -> tuple[NDArray[np.float64], float]:  # fmt: skip
    """Scores of the held-out squares, and the AUROC on labelled images; NaN without."""
    scored = scores_of(engine, held, detector.config)
    if images is None or images.labels is None:
        return scored, float("nan")
    before = detector.prepare()
    detector.engine = engine
    try:
        return scored, auroc(detector.score(images), images.labels)
    finally:
        detector.engine = before


def _squares(detector: "CSFlowDetector", images: ImageFolder) -> NDArray[np.uint8]:
    config = detector.config
    found = batches(images, config.image_size, config.batch, white=config.white)
    return np.concatenate([squares for _, squares, _ in found])


def _gain(a: OnnxEngine, b: OnnxEngine, square: NDArray[np.uint8]) -> float:
    """Median time of one over that of the other, taken in turn."""
    times: dict[OnnxEngine, list[float]] = {a: [], b: []}
    for engine in (a, b) * (RUNS + 1):
        start = time.perf_counter()
        engine(square)
        times[engine].append(time.perf_counter() - start)
    return median(times[a][1:]) / median(times[b][1:])

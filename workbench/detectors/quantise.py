"""Whether a detector may score in 8-bit integers, and what that gains."""

import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.data import ImageFolder
from workbench.engine import OnnxEngine
from workbench.metrics import auroc

from .batches import batches

if TYPE_CHECKING:
    from .image import CSFlowDetector

AUROC_LOSS = 0.002  # at most
CALIBRATION = 64  # held-out images that ranges are taken from
RUNS = 20


@dataclass(frozen=True)
class Quantisation:
    """What 8-bit integers would do to a detector.

    Attributes:
        part: What was rounded: "all", or the "flow" only.
        accepted: Whether the detector scores so from now on.
        flips: Verdicts on held-out good parts that change.
        n: Held-out good parts.
        auroc_before: On the labelled images; NaN without.
        auroc_after: The same in integers.
        gain: How many times faster one image is.
    """

    part: str
    accepted: bool
    flips: int
    n: int
    auroc_before: float
    auroc_after: float
    gain: float

    def describe(self) -> str:
        """One line with the figures."""
        word = "accepted" if self.accepted else "refused"
        labelled = (
            f", AUROC {self.auroc_before:.4f} to {self.auroc_after:.4f}"
            if np.isfinite(self.auroc_before)
            else ", no labelled images"
        )
        return (
            f"int8 ({self.part}) {word}: {self.flips} of {self.n} held-out verdicts change"
            f"{labelled}, {self.gain:.2f} times as fast"
        )


def quantise(
    detector: "CSFlowDetector", images: ImageFolder | None = None
) -> tuple[Quantisation, ...]:
    """Try integers for everything, then for the flow only; keep the first that does no harm.

    Accepted is what changes no verdict on the held-out good parts, lowers AUROC on labelled
    images by at most 0.002 and is faster. A detector that was loaded from a folder keeps it
    there; delete `engine.json` to go back.

    Args:
        detector: One that scores through ONNX.
        images: Labelled images, best those of `parts.test`.

    Returns:
        What was tried, in order; only the last can be accepted.

    Raises:
        ValueError: The detector scores through torch.
        DataError: The held-out images are not there any more.
    """
    from workbench.engine.integer import PARTS, quantised

    floats = detector.engine
    if not isinstance(floats, OnnxEngine) or floats.precision != "float32":
        raise ValueError(f"only a float graph can be quantised, got {floats.describe()}")
    held = _squares(detector, detector.parts().calibration)
    labelled = images is not None and images.labels is not None
    expected, before = _scores(detector, held), detector.score(images) if labelled else None
    tried = []
    for part in PARTS:
        engine = OnnxEngine(quantised(floats.model, held[:CALIBRATION], part), "int8")
        gain = _gain(floats, engine, held[:1])
        detector.engines.use(engine)
        got, limit = _scores(detector, held), float(detector.threshold)
        flips = int(((got >= limit) != (expected >= limit)).sum())
        pair = (float("nan"),) * 2
        if labelled:
            pair = tuple(auroc(s, images.labels) for s in (before, detector.score(images)))
        harmless = not flips and not pair[0] - pair[1] > AUROC_LOSS
        tried.append(Quantisation(part, harmless and gain > 1, flips, len(held), *pair, gain))
        if tried[-1].accepted:
            detector.engines.keep()
            break
        detector.engines.use(floats)
    return tuple(tried)


def _squares(detector: "CSFlowDetector", images: ImageFolder) -> NDArray[np.uint8]:
    found = batches(images, detector.config, "", progress=False)
    return np.concatenate([squares for _, squares, _ in found])


def _scores(detector: "CSFlowDetector", squares: NDArray[np.uint8]) -> NDArray[np.float64]:
    return detector.engines.scored(detector.engine, squares)


def _gain(a: OnnxEngine, b: OnnxEngine, square: NDArray[np.uint8]) -> float:
    """Median time of one over that of the other, taken in turn."""
    times: dict[OnnxEngine, list[float]] = {a: [], b: []}
    for engine in (a, b) * (RUNS + 1):
        start = time.perf_counter()
        engine(square)
        times[engine].append(time.perf_counter() - start)
    return median(times[a][1:]) / median(times[b][1:])

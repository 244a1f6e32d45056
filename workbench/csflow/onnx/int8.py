"""Scoring in 8-bit integers: what it gains, whether a detector may, and the graph of it.

Weights are rounded per output channel, activations over the range seen on calibration photos; the
processor then multiplies bytes, four times as many at once. Scores change by more than rounding,
so verdicts are compared first.

Most of the harm is done in the first convolutions of the backbone, where few channels hold all
of the photo, and whatever is lost there is lost for good; so they can be left in floats.
"""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice
from math import inf
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.quant_utils import add_pre_process_metadata

from workbench.csflow.batches import batches
from workbench.data import ImageFolder
from workbench.errors import ArtifactError, DataError
from workbench.metrics import auroc
from workbench.progress import bar

from . import store
from .engines import keep, scores_of
from .runtime import OnnxEngine

if TYPE_CHECKING:
    from workbench.csflow.detector import CSFlowDetector

Squares = NDArray[np.uint8]  # (N, 3, H, W)
AUROC_LOSS = 0.002  # at most
LEAST_GAIN = 1.0  # of speed; as fast is not worth it
CALIBRATION = 64  # calibration photos, or tiles of them, that ranges are taken from
RUNS = 20
FLOATS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)  # shares of the backbone's depth to leave, fastest first
# what is rounded beside convolutions, but not in the flow, whose latents are squared and summed
BETWEEN = ("Add", "Clip", "GlobalAveragePool", "Mul", "Sigmoid")


@dataclass(frozen=True)
class Quantisation:
    """What 8-bit integers would do to a detector."""

    floats: float  # share of the backbone's depth, from its start, that stays in floats
    accepted: bool  # whether the detector scores so from now on
    flips: int  # verdicts on calibration photos that change
    n: int  # calibration photos
    auroc_before: float  # on the labelled images; NaN without
    auroc_after: float  # the same in integers
    gain: float  # how many times faster one image is

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
            f"int8{where} {word}: {self.flips} of {self.n} calibration verdicts change"
            f"{labelled}, {self.gain:.2f} times as fast"
        )


def quantise(
    detector: "CSFlowDetector", images: ImageFolder | None = None
) -> tuple[Quantisation, ...]:
    """Try integers for everything, then for less and less; keep the first that does no harm.

    Accepted is what changes no verdict on the calibration photos, lowers AUROC on labelled
    images by at most 0.002 and is faster. A detector that was loaded scores so from now on, for
    this user on this machine, until `floats_again`.

    Args:
        detector: One that scores through ONNX.

    Returns:
        What was tried, in order; only the last can be accepted.

    Raises:
        ValueError: The detector scores through torch, or in integers already.
        DataError: The calibration photos are not there any more, or none can be read.
        ArtifactError: What is accepted cannot be kept.
    """
    if detector.saved:
        store.require_writable()
    whole = detector.prepare()
    if not isinstance(whole, OnnxEngine) or whole.precision != "float32":
        raise ValueError(f"only a float graph can be quantised, got {whole.describe()}")
    calibration, labelled = _decoded(detector, detector.parts().calibration)[0], None
    if images is not None and images.labels is not None:
        squares, places = _decoded(detector, images)
        labelled = squares, images.labels[places]
    squares = _squares(detector, calibration)
    before, auroc_before = _found(detector, whole, calibration, labelled)
    limit, tried = float(detector.threshold), []
    for share in bar(FLOATS, desc="integers", progress=True):
        engine = OnnxEngine(to_int8(whole.model, squares, share), "int8")
        gain = _gain(whole, engine, squares[:1])
        after, auroc_after = _found(detector, engine, calibration, labelled)
        flips = int(((after >= limit) != (before >= limit)).sum())
        harmless = not flips and not auroc_before - auroc_after > AUROC_LOSS
        figures = (flips, len(before), auroc_before, auroc_after, gain)
        tried.append(Quantisation(share, harmless and gain > LEAST_GAIN, *figures))
        if tried[-1].accepted:
            if detector.saved and not keep(engine, detector, detector.saved.manifest):
                raise ArtifactError(
                    f"{tried[-1].describe()}; but {store.folder()} did not keep it"
                )
            detector.engine = engine
            break
    return tuple(tried)


def floats_again(detector: "CSFlowDetector") -> None:
    """Forget the integers that were accepted for a loaded detector."""
    if detector.saved:
        store.drop(store.key(detector.saved.manifest))
    detector.engine = None


def _found(
    detector: "CSFlowDetector", engine: OnnxEngine, calibration: Squares,
    labelled: tuple[Squares, NDArray[np.bool_]] | None,
) -> tuple[NDArray[np.float64], float]:  # fmt: skip
    """Scores of the calibration photos, and the AUROC on labelled ones; NaN without."""
    scored = scores_of(engine, calibration, detector)
    if labelled is None:
        return scored, float("nan")
    return scored, auroc(scores_of(engine, labelled[0], detector), labelled[1])


def _decoded(detector: "CSFlowDetector", images: ImageFolder) -> tuple[Squares, list[int]]:
    """The photos that can be read, and their places; on the disk, as all may be large."""
    c, places = detector.config, list[int]()
    with tempfile.TemporaryFile() as file:
        for some, photos, _ in batches(images, c.size, c.together, white=c.white):
            places += some
            file.write(photos.tobytes())
        file.flush()
        if not places:
            raise DataError("integers are tried on photos, and none of them can be read")
        return np.memmap(file, np.uint8, "r", shape=(len(places), 3, *c.size)), places


def _squares(detector: "CSFlowDetector", calibration: Squares) -> Squares:
    """A few calibration photos, or tiles of them, as the network sees them."""
    cut = (detector.config.tiling.tiles(photo[None], detector.ignore) for photo in calibration)
    return np.stack([*islice(chain.from_iterable(cut), CALIBRATION)])


def _gain(a: OnnxEngine, b: OnnxEngine, square: NDArray[np.uint8]) -> float:
    """Median time of one over that of the other, taken in turn."""
    times: dict[OnnxEngine, list[float]] = {a: [], b: []}
    for engine in (a, b) * (RUNS + 1):
        start = time.perf_counter()
        engine(square)
        times[engine].append(time.perf_counter() - start)
    return median(times[a][1:]) / median(times[b][1:])


def to_int8(model: bytes, squares: NDArray[np.uint8], floats: float = 0.0) -> bytes:
    """The graph in 8-bit integers, by post-training quantisation.

    Args:
        model: A float graph, as `workbench.csflow.onnx.export.build` writes it.
        squares: Good parts to take the ranges from, uint8 (N, 3, S, S).
        floats: Share of the backbone's depth, from its start, that is left as it is; 1 for all
            of it.
    """
    whole = _pooled(onnx.load_from_string(model))
    add_pre_process_metadata(whole)  # it is folded already; else the root logger is told to
    with tempfile.TemporaryDirectory(prefix="workbench-") as folder:
        target = Path(folder, "int8.onnx")
        quantize_static(
            whole, target, _Reader(squares), quant_format=QuantFormat.QDQ, per_channel=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv", *BETWEEN],
            nodes_to_exclude=_left(whole.graph.node, floats),
        )  # fmt: skip
        return target.read_bytes()


class _Reader(CalibrationDataReader):
    """Hands the squares over one by one."""

    def __init__(self, squares: NDArray[np.uint8]) -> None:
        self._left = iter([squares[i : i + 1] for i in range(len(squares))])

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        square = next(self._left, None)
        return None if square is None else {"images": square}


def _pooled(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with its means over a map as poolings, which is what can be quantised."""
    graph = model.graph
    for node in graph.node:
        if node.op_type == "ReduceMean":  # there are no others
            node.op_type = "GlobalAveragePool"
            del node.input[1:], node.attribute[:]
    used = {name for node in graph.node for name in node.input}
    for unused in [constant for constant in graph.initializer if constant.name not in used]:
        graph.initializer.remove(unused)
    return model


def _left(nodes: Sequence[onnx.NodeProto], floats: float) -> list[str]:
    """Names of the nodes that stay in floats."""
    depth: dict[str, float] = {}  # of tensors, in convolutions; without end inside the flow
    for node in nodes:
        step = 1.0 if node.op_type == "Conv" else 0.0
        if step and ".flow." in node.input[1]:  # weights are called as in torch
            step = inf
        found = max((depth.get(name, 0) for name in node.input), default=0) + step
        depth |= dict.fromkeys(node.output, found)
    last = max(d for d in depth.values() if d < inf)
    return [
        node.name
        for node in nodes
        if (d := depth[node.output[0]]) <= floats * last or (d == inf and node.op_type != "Conv")
    ]

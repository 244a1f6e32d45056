"""The graph in 8-bit integers: post-training quantisation on good parts.

Weights are rounded per output channel, activations over the range seen on the given images;
the processor then multiplies bytes, four times as many at once. Scores change by more than
rounding, so whoever uses this compares verdicts first; see `detectors.quantise`.

Most of the harm is done in the first convolutions of the backbone, where few channels hold all
of the photo, and whatever is lost there is lost for good; so they can be left in floats.
"""

import tempfile
from collections.abc import Sequence
from math import inf
from pathlib import Path

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

# what is rounded beside convolutions, but not in the flow, whose latents are squared and summed
BETWEEN = ("Add", "Clip", "GlobalAveragePool", "Mul", "Sigmoid")


def quantised(model: bytes, squares: NDArray[np.uint8], floats: float = 0.0) -> bytes:
    """The graph in 8-bit integers.

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
        step = 0
        if node.op_type == "Conv":  # its weights are called as in torch
            step = inf if ".flow." in node.input[1] else 1
        found = max((depth.get(name, 0) for name in node.input), default=0) + step
        depth |= dict.fromkeys(node.output, found)
    last = max(d for d in depth.values() if d < inf)
    return [
        node.name
        for node in nodes
        if (d := depth[node.output[0]]) <= floats * last or (d == inf and node.op_type != "Conv")
    ]

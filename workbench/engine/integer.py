"""The graph in 8-bit integers: post-training quantisation on good parts.

Weights are rounded per output channel, activations over the range seen on the given images;
the processor then multiplies bytes, four times as many at once. Scores change by more than
rounding, so whoever uses this compares verdicts first; see `detectors.quantise`.
"""

import logging
import tempfile
from collections.abc import Sequence
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

PARTS = ("all", "flow")  # what is rounded, most to gain first


def quantised(model: bytes, squares: NDArray[np.uint8], part: str = "all") -> bytes:
    """The graph with its convolutions in 8-bit integers.

    Args:
        model: A float graph, as `workbench.engine.graph.build` writes it.
        squares: Good parts to take the ranges from, uint8 (N, 3, S, S).
        part: "all", or "flow" to leave the backbone in floats.
    """
    floats = [] if part == "all" else _backbone(onnx.load_from_string(model).graph.node)
    logging.getLogger().addFilter(_no_advice)
    try:
        with tempfile.TemporaryDirectory(prefix="workbench-") as folder:
            source, target = Path(folder, "float.onnx"), Path(folder, "int8.onnx")
            source.write_bytes(model)
            quantize_static(
                source, target, _Reader(squares), quant_format=QuantFormat.QDQ, per_channel=True,
                activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
                op_types_to_quantize=["Conv", "Add", "Clip"], nodes_to_exclude=floats,
            )  # fmt: skip
            return target.read_bytes()
    finally:
        logging.getLogger().removeFilter(_no_advice)


class _Reader(CalibrationDataReader):
    """Hands the squares over one by one."""

    def __init__(self, squares: NDArray[np.uint8]) -> None:
        self._left = iter([squares[i : i + 1] for i in range(len(squares))])

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        square = next(self._left, None)
        return None if square is None else {"images": square}


def _backbone(nodes: Sequence[onnx.NodeProto]) -> list[str]:
    """Names of the nodes before the flow, which begins with a shuffle of the channels."""
    inside: set[str] = set()
    for node in nodes:
        if node.op_type == "Gather" or inside & set(node.input):
            inside |= set(node.output)
    return [node.name for node in nodes if not inside & set(node.output)]


def _no_advice(record: logging.LogRecord) -> bool:
    return "pre-processing" not in record.getMessage()  # the graph is folded already

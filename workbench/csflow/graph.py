"""The door to `onnx/`, a folder that may be missing: torch scores alike without it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from .detector import CSFlowDetector
    from .onnx.engines import Engine, OnnxEngine


def graph_of(detector: "CSFlowDetector", limit: float | None = None) -> "Engine | None":
    """The graph that is to score: one kept for a loaded detector, or with a limit built."""
    if detector.wanted == "torch":
        return None
    try:
        from .onnx.engines import checked_graph, kept_graph
    except ModuleNotFoundError:  # onnxruntime, or the folder
        if detector.wanted == "onnx":
            raise
        return None
    return kept_graph(detector) if limit is None else checked_graph(detector, limit)


def keep_graph(detector: "CSFlowDetector", manifest: Mapping[str, Any]) -> None:
    """Keep the graph, where one scores, for whoever loads a detector of this manifest."""
    if detector.engine is not None and detector.engine is not detector.network:
        from .onnx.engines import keep

        keep(cast("OnnxEngine", detector.engine), detector, manifest)

"""The graph at work: ONNX Runtime on the CPU, without torch."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import onnxruntime
from numpy.typing import NDArray


class OnnxEngine:
    """Features and flow as one compiled graph.

    Args:
        model: A serialised graph, as `workbench.csflow.onnx.export.build` writes it.
        precision: "float32" or "int8", what the graph computes in; told to users.

    Attributes:
        model: The graph as it was given.
    """

    name = "onnx"

    def __init__(self, model: bytes, precision: str = "float32") -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads()
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # errors are raised, and need not be printed too
        # its threads wait for the next image in a loop, and whatever else computes meanwhile, a
        # second detector, torch, decoders, takes half as long again
        options.add_session_config_entry("session.force_spinning_stop", "1")
        # a graph is whole in itself: it reads no other file
        options.add_session_config_entry(
            "session.model_external_initializers_file_folder_path", os.devnull
        )
        self.model, self.precision = model, precision
        self._limits: onnxruntime.RunOptions | None = None
        self._session = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, squares: NDArray[np.uint8]) -> Sequence[NDArray[np.float32]]:
        """Map uint8 RGB (B, 3, S, S) to latents, K arrays (B, C, H/2^k, W/2^k)."""
        return self._session.run(None, {"images": np.asarray(squares)}, self._limits)

    @contextmanager
    def limited(self, seconds: float) -> Iterator[None]:
        """Within, a call that still runs after so many seconds ends in an error."""
        self._limits = onnxruntime.RunOptions()
        self._limits.log_severity_level = 4
        timer = threading.Timer(seconds, setattr, (self._limits, "terminate", True))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            self._limits = None

    def describe(self) -> str:
        """What computes, for reports and results."""
        return f"onnxruntime {onnxruntime.__version__}, {self.precision}, {threads()} threads"


def threads() -> int:
    """Threads to compute with: `$OMP_NUM_THREADS`, else the cores this process may use."""
    if (wanted := os.environ.get("OMP_NUM_THREADS", "")).isdigit() and int(wanted):
        return int(wanted)
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # no such call on macOS and Windows
        return os.cpu_count() or 1

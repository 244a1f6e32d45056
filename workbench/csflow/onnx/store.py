"""A graph beside its detector: `engine.onnx`, and `engine.json` that says what it belongs to."""

import contextlib
import hashlib
import json
import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .runtime import OnnxEngine

GRAPH, TICKET = "engine.onnx", "engine.json"
EXPORTER = 1  # raise it when the same weights give another graph: stored ones are rebuilt


def key(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What a graph must have been built from and tested on to serve a detector here.

    Args:
        facts: Of the detector: its configuration and the hashes of its weights.
    """
    return {
        "exporter": EXPORTER,
        "torch": version("torch"),
        "onnxruntime": version("onnxruntime"),
        "processor": _processor(),
        **facts,
    }


def read(folder: Path, key: Mapping[str, Any]) -> tuple[OnnxEngine, NDArray[np.float64]] | None:
    """The engine kept in a folder, and the scores it gave to the fixed images.

    None where there is none, or one for other weights or versions, or a damaged one.
    """
    try:
        ticket = json.loads((folder / TICKET).read_text("utf-8"))
        if ticket["key"] != json.loads(json.dumps(key)):
            return None
        model = (folder / GRAPH).read_bytes()
        if hashlib.sha256(model).hexdigest() != ticket["sha256"]:
            return None
        return OnnxEngine(model, ticket["precision"]), np.array(ticket["probes"])
    except Exception:  # missing or damaged in any way: it is a cache and is made anew
        return None


def files(
    key: Mapping[str, Any], engine: OnnxEngine, probes: NDArray[np.float64]
) -> dict[str, bytes]:
    """What is kept of an engine, by file name; the ticket last, without which it is not used."""
    ticket = {
        "key": key,
        "precision": engine.precision,
        "sha256": hashlib.sha256(engine.model).hexdigest(),
        "probes": probes.tolist(),
    }
    return {GRAPH: engine.model, TICKET: json.dumps(ticket, indent=2).encode()}


def write(folder: Path, files: Mapping[str, bytes]) -> bool:
    """Write them; False where the folder cannot be written to, as on a read-only share."""
    try:
        for name, content in files.items():
            _replace(folder / name, content)
    except OSError:
        return False
    return True


def _replace(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _processor() -> str:
    """Kernels are chosen by the processor, and so are the last digits of a score."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return f"{platform.system()} {platform.machine()} {platform.processor()}".strip()

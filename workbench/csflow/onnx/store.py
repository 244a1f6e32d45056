"""Graphs that were built and checked here, kept for the next start in the user's own cache.

Never beside a model: a model folder may come from elsewhere, and then whatever its graph computes
would be believed. An entry is named by a hash of all that a graph depends on. The folder may be
deleted at any time: graphs are then built again, and integers that were accepted are floats again.
"""

import hashlib
import json
import platform
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench import workspace
from workbench.cache import Cache
from workbench.errors import ArtifactError

from .runtime import OnnxEngine

EXPORTER = 2  # raise it when the same weights give another graph: kept ones are built again
LIMIT = 4 << 30  # bytes of all graphs; the largest, of the preset `paper`, has 1.2 GB


def folder() -> Path:
    """Where graphs are kept."""
    return workspace.user_cache() / "graphs"


def key(manifest: Mapping[str, Any]) -> str:
    """Name of what a graph must have been built from and checked on to serve a detector here.

    Raises:
        KeyError: It is of none that was saved.
    """
    depends = {
        "exporter": EXPORTER,
        "versions": {name: version(name) for name in ("torch", "onnxscript", "onnxruntime")},
        "processor": _processor(),
        "config": manifest["config"],
        "weights": manifest["weights_sha256"],
        "backbone": [manifest["backbone"][name] for name in ("name", "sha256")],
    }
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()


def read(key: str) -> tuple[OnnxEngine, NDArray[np.float64]] | None:
    """The graph of a key, and the scores it gave to the fixed images; None where none is kept.

    Raises:
        Exception: Of any kind, where the entry is none of ours.
    """
    if (content := _cache().read(key)) is None:
        return None
    about, _, model = content.partition(b"\n")
    about = json.loads(about)
    return OnnxEngine(model, about["precision"]), np.array(about["scores"], np.float64)


def write(key: str, graph: OnnxEngine, scores: NDArray[np.float64]) -> bool:
    """Keep a graph and the scores it gives to the fixed images; False, with a warning, if not."""
    about = json.dumps({"precision": graph.precision, "scores": scores.tolist()})
    cache = _cache()
    kept = cache.write(key, about.encode() + b"\n" + graph.model)
    cache.trim()
    return kept


def drop(key: str) -> None:
    """Forget the graph of a key."""
    (folder() / key).unlink(missing_ok=True)


def require_writable() -> None:
    """Refuse to go on where nothing can be kept.

    Raises:
        ArtifactError: The folder cannot be made or written.
    """
    try:
        workspace.require_room(folder() / "graph")
    except OSError as error:
        raise ArtifactError(
            f"{folder()} must be writable, as graphs are kept there, got {error.strerror}; name "
            "another folder in WORKBENCH_CACHE"
        ) from error


def _cache() -> Cache:
    return Cache(folder(), LIMIT)


def _processor() -> str:
    """Kernels are chosen by the processor, and so are the last digits of a score."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return f"{platform.system()} {platform.machine()} {platform.processor()}".strip()

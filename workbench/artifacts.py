"""A fitted detector as a folder: `detector.json` and `weights.safetensors`.

Written to a sibling, flushed, renamed: whole or not at all. Reading runs no code from the
folder. Scores before and after are equal bit for bit.
"""

import hashlib
import json
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from safetensors.torch import load as load_tensors
from safetensors.torch import save as dump_tensors
from torch import Tensor

from . import workspace
from .detectors import AutoEncoderDetector, CSFlowDetector
from .errors import ArtifactError

FORMAT = 1
FACTS, WEIGHTS = "detector.json", "weights.safetensors"
KINDS = {detector.kind: detector for detector in (CSFlowDetector, AutoEncoderDetector)}
_QUANTILES = (0, 0.5, 0.9, 0.95, 0.99, 1)


class Detector(Protocol):
    """What `save` asks of a detector."""

    kind: str
    held_out: np.ndarray

    def state(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """JSON-able facts and tensors."""


def save(detector: Detector, folder: Path | str) -> Path:
    """Write a fitted detector; an older detector in that folder is replaced.

    Returns:
        The folder.

    Raises:
        NotFittedError: There is nothing to save yet.
        ArtifactError: The folder exists and holds something else, which is left alone.
    """
    folder = Path(folder)
    if (
        folder.exists()
        and not (folder / FACTS).is_file()
        and (not folder.is_dir() or any(folder.iterdir()))
    ):
        raise ArtifactError(f"{folder} exists and holds no detector; choose another folder")
    facts, tensors = detector.state()
    weights = dump_tensors(tensors)
    # an imported detector may have no held-out scores
    quantiles = np.quantile(detector.held_out, _QUANTILES) if len(detector.held_out) else ()
    facts = {
        "format": FORMAT,
        "kind": detector.kind,
        **facts,
        "held_out_quantiles": dict(zip(map(str, _QUANTILES), map(float, quantiles), strict=False)),
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "saved": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "versions": versions(),
    }
    text = json.dumps(facts, indent=2, ensure_ascii=False).encode()
    _replace(folder, {FACTS: text, WEIGHTS: weights})
    return folder


def load(folder: Path | str) -> CSFlowDetector | AutoEncoderDetector:
    """Read a detector that `save` wrote.

    Raises:
        ArtifactError: No detector there, a damaged one, or one of a newer format.
    """
    folder = Path(folder)
    facts = read_facts(folder)
    try:
        weights = (folder / WEIGHTS).read_bytes()
    except OSError as error:
        raise ArtifactError(
            f"{folder} must hold {WEIGHTS}, which cannot be read: {error}"
        ) from error
    if hashlib.sha256(weights).hexdigest() != facts["weights_sha256"]:
        raise ArtifactError(f"{folder / WEIGHTS} is damaged: not the weights that were saved")
    try:
        return KINDS[facts["kind"]].from_state(facts, load_tensors(weights))
    except (KeyError, TypeError, RuntimeError) as error:
        raise ArtifactError(f"{folder / FACTS} does not fit its weights: {error}") from error


def read_facts(folder: Path | str) -> dict[str, Any]:
    """The contents of `detector.json`, checked for format and kind.

    Raises:
        ArtifactError: Missing, damaged, newer than this program or of an unknown kind.
    """
    path = Path(folder) / FACTS
    try:
        facts = json.loads(path.read_text("utf-8"))
        found, kind = facts["format"], facts["kind"]
    except FileNotFoundError:
        raise ArtifactError(f"{folder} holds no detector; train one or check the name") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{path} is damaged: {error}") from error
    if found != FORMAT:
        raise ArtifactError(f"{path} must have format {FORMAT}, got {found}; update the workbench")
    if kind not in KINDS:
        raise ArtifactError(f"{path} must be of kind {', '.join(KINDS)}, got {kind!r}")
    return facts


def versions() -> dict[str, str]:
    """Versions of what scores depend on."""
    packages = ("workbench", "torch", "torchvision", "numpy", "pillow")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}


def _replace(folder: Path, files: dict[str, bytes]) -> None:
    with workspace.staged(folder) as part:
        for name, content in files.items():
            with (part / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())

"""A fitted detector as a folder: `detector.json` and `weights.safetensors`.

It appears whole or not at all. Reading runs nothing that lies in the folder, no graph either.
Scores before and after are equal bit for bit in the same engine. In the files, format 1,
calibration is called "held out".
"""

import hashlib
import json
import platform
import time
import warnings
from difflib import get_close_matches
from importlib.metadata import version
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as dump_tensors

from workbench import autoencoder, csflow, workspace
from workbench.csflow.graph import keep_graph
from workbench.errors import ArtifactError, DataError
from workbench.metrics import Threshold

if TYPE_CHECKING:
    from workbench.autoencoder.detector import AutoEncoderDetector
    from workbench.csflow.detector import CSFlowDetector

    Detector = CSFlowDetector | AutoEncoderDetector

FORMAT = 1
MANIFEST, WEIGHTS = "detector.json", "weights.safetensors"
KINDS = {"csflow": "CSFlowDetector", "autoencoder": "AutoEncoderDetector"}
_QUANTILES = (0, 0.5, 0.9, 0.95, 0.99, 1)


def save(detector: "Detector", folder: Path | str, *, keep_chosen: bool = False) -> Path:
    """Write a fitted detector; an older detector in that folder is replaced.

    Args:
        keep_chosen: Leave an older detector alone if a person has set its threshold.

    Returns:
        The folder.

    Raises:
        NotFittedError: There is nothing to save yet.
        ArtifactError: The folder exists and holds something else, or what `keep_chosen` keeps.
    """
    folder = Path(folder)
    require_place(folder)
    if keep_chosen and (chosen := chosen_threshold(folder)):
        raise ArtifactError(
            f"{folder} has a threshold that a person set ({chosen.describe()}); save under "
            "another name, or with keep_chosen=False (in the notebook: overwrite = True)"
        )
    manifest, tensors = detector.state()
    weights = _dumped(tensors)
    manifest = {
        "format": FORMAT,
        "kind": detector.kind,
        **manifest,
        "held_out_quantiles": _quantiles(detector),
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "saved": _now(),
        "versions": versions(),
    }
    text = json.dumps(manifest, indent=2, ensure_ascii=False).encode()
    with workspace.staged(folder) as part:
        for name, content in {MANIFEST: text, WEIGHTS: weights}.items():
            workspace.write(part / name, content)
    if detector.kind == "csflow":
        keep_graph(detector, manifest)
    return folder


def require_place(folder: Path | str) -> None:
    """Make sure that a detector can be saved there, before a training that takes hours.

    Raises:
        ArtifactError: The folder exists and holds something else, or cannot be written.
    """
    folder = Path(folder)
    try:
        workspace.require_room(folder)
        free = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    except OSError as error:
        raise ArtifactError(f"{folder} cannot be written: {error}; choose another") from error
    if not free and not (folder / MANIFEST).is_file():
        raise ArtifactError(f"{folder} exists and holds no detector; choose another folder")


def save_somewhere(detector: "Detector", folder: Path | str) -> Path:
    """`save`, but never throw a trained detector away: else beside, at home, or among temporaries.

    Returns:
        The folder, which a warning names where it is another one.
    """
    folder = Path(folder)
    name = f"{folder.name[:40]}-{time.strftime('%Y%m%d-%H%M%S')}"
    homes = (folder.parent, Path.home(), Path(gettempdir()))
    for place in (folder, *(home / name for home in homes)):
        try:
            save(detector, place)
        except (OSError, ArtifactError) as error:
            warnings.warn(f"the model cannot be saved: {error}", stacklevel=2)
            continue
        if place != folder:
            warnings.warn(f"the model lies in {place}; move it", stacklevel=2)
        return place
    raise ArtifactError("the model could be saved nowhere; see the warnings")


def load(folder: Path | str, *, engine: str = "auto") -> "Detector":
    """Read a detector that `save` wrote.

    Args:
        engine: What scores photos, as for `CSFlowDetector`. The graph of "auto" and "onnx" is
            built at first use and kept in the user's cache.

    Raises:
        ArtifactError: No detector there, a damaged one, or one of a newer format.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    try:
        weights = (folder / WEIGHTS).read_bytes()
    except OSError as error:
        raise ArtifactError(
            f"{folder} must hold {WEIGHTS}, which cannot be read: {error}"
        ) from error
    if hashlib.sha256(weights).hexdigest() != manifest.get("weights_sha256"):
        raise ArtifactError(
            f"{folder / WEIGHTS} is damaged: not the weights that were saved; copy the folder "
            "again, or train again"
        )
    try:
        tensors = load_tensors(weights)
        if manifest["kind"] == "csflow":
            return csflow.CSFlowDetector.from_state(manifest, tensors, engine)
        return autoencoder.AutoEncoderDetector.from_state(manifest, tensors)
    except (ArtifactError, DataError):
        raise
    except Exception as error:  # what somebody wrote into the manifest raises nearly anything
        raise ArtifactError(
            f"{folder / MANIFEST} does not fit its weights ({type(error).__name__}: {error}); "
            "copy the folder again, or train again"
        ) from error


def read_manifest(folder: Path | str) -> dict[str, Any]:
    """The contents of `detector.json`, checked for format and kind.

    Raises:
        ArtifactError: Missing, damaged, newer than this program or of an unknown kind.
    """
    path = Path(folder) / MANIFEST
    try:
        manifest = json.loads(path.read_text("utf-8"))
        found, kind = manifest["format"], manifest["kind"]
    except FileNotFoundError:
        others = [found.parent.name for found in path.parent.parent.glob(f"[!.]*/{MANIFEST}")]
        if near := get_close_matches(path.parent.name, others, 1):
            folder = f"{folder} (did you mean {near[0]}?)"
        raise ArtifactError(f"{folder} holds no detector; train one or check the name") from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else error
        raise ArtifactError(
            f"{path} is damaged: {reason}; copy the folder again, or train again"
        ) from error
    if found != FORMAT:
        raise ArtifactError(f"{path} must have format {FORMAT}, got {found}; update the workbench")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ArtifactError(f"{path} must be of kind {', '.join(KINDS)}, got {kind!r}")
    return manifest


def save_threshold(folder: Path | str, threshold: Threshold, detector: "Detector") -> None:
    """Give a saved detector another threshold, with its provenance; all else stays.

    Raises:
        ArtifactError: No detector there, or not that one: another has been saved since.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    if manifest.get("held_out_quantiles") != _quantiles(detector):
        raise ArtifactError(
            f"{folder} must hold the detector that the threshold was chosen with, got one with "
            "other scores; load it again and choose again"
        )
    changed = manifest | {"threshold": threshold.to_json(), "threshold_set": _now()}
    workspace.write(folder / MANIFEST, json.dumps(changed, indent=2, ensure_ascii=False))


def identity(detector: "Detector") -> str:
    """A hash of all that a score depends on; another threshold leaves it as it is."""
    manifest, tensors = detector.state()
    backbone = [manifest.get("backbone", {}).get(name) for name in ("name", "sha256")]
    about = json.dumps([detector.kind, manifest["config"], backbone])
    return hashlib.sha256(about.encode() + _dumped(tensors)).hexdigest()


def chosen_threshold(folder: Path | str) -> Threshold | None:
    """The threshold of a saved detector, if a person has set it since it was trained."""
    if not (Path(folder) / MANIFEST).is_file():
        return None
    manifest = read_manifest(folder)
    threshold = Threshold.from_json(manifest["threshold"])
    return threshold if "threshold_set" in manifest or threshold.policy == "manual" else None


def versions() -> dict[str, str]:
    """Versions of what scores depend on."""
    packages = ("workbench", "torch", "torchvision", "numpy", "pillow")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}


def _dumped(tensors: dict[str, Any]) -> bytes:
    return dump_tensors({name: np.asarray(tensor) for name, tensor in tensors.items()})


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


def _quantiles(detector: "Detector") -> dict[str, float]:
    if not len(detector.calibration_scores):  # an imported detector may have none
        return {}
    quantiles = np.quantile(detector.calibration_scores, _QUANTILES)
    return dict(zip(map(str, _QUANTILES), quantiles.tolist(), strict=True))

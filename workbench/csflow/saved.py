"""A detector as a manifest and arrays, and back.

The files, format 1, name three things otherwise: `calibration_scores` is "held_out" there,
`typical_energy` is "calm", and a history has "held_out_nll" for "calibration_nll".
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from numpy.typing import NDArray

from workbench import workspace
from workbench.errors import ArtifactError
from workbench.metrics import Threshold

from .config import CSFlowConfig
from .typical import Typical

if TYPE_CHECKING:
    from .detector import CSFlowDetector
    from .network import CSFlowNetwork

PARTS = ("standardise", "flow")  # of a network: what training changes
KEPT, SHOWN = "crossfitted.", "crossfitted_part"  # cells of every scale, and parts


class Saved(NamedTuple):
    """What a detector was loaded from: `detector.json`, and what was learned."""

    manifest: Mapping[str, Any]
    learned: Mapping[str, NDArray]


def state_of(detector: "CSFlowDetector") -> tuple[dict[str, Any], dict[str, NDArray]]:
    """What a saved detector holds: a manifest for JSON, and arrays."""
    manifest = {
        "config": detector.config.to_dict(),
        "threshold": detector.threshold.to_json(),
        "heat_range": list(detector.heat_range),
        "calm": list(detector.typical_energy),
        "history": _renamed(detector.history, "calibration_nll", "held_out_nll"),
        "epoch": detector.epoch,
        "arithmetic": detector.arithmetic,
        "data": detector.data,
    }
    if detector.typical:
        manifest["typical"] = detector.typical.to_json()
    if saved := detector.saved:
        backbone, learned = saved.manifest["backbone"], saved.learned
    else:
        network = detector.build_network()
        backbone, learned = network.backbone.identity(), learned_by(network)
    scores: dict[str, NDArray] = {"held_out": detector.calibration_scores}
    masks = {"ignore": detector.ignore, "masked": detector.masked}
    scores |= {name: mask for name, mask in masks.items() if mask is not None}
    if detector.crossfitted:
        cells, scores[SHOWN] = detector.crossfitted
        scores |= {f"{KEPT}{k}": scale for k, scale in enumerate(cells)}
    return manifest | {"backbone": backbone}, {**learned, **scores}


def learned_by(network: "CSFlowNetwork") -> dict[str, NDArray]:
    """What training changed, by name; the backbone is not part of it."""
    return {
        f"{part}.{name}": tensor.detach().cpu().contiguous().numpy()
        for part in PARTS
        for name, tensor in getattr(network, part).state_dict().items()
    }


def fill(
    detector: "CSFlowDetector", manifest: Mapping[str, Any], arrays: Mapping[str, NDArray]
) -> None:
    """Undo `state_of`, all but the configuration."""
    cells = [array for name, array in sorted(arrays.items()) if name.startswith(KEPT)]
    if cells:
        detector.crossfitted = cells, arrays[SHOWN]
    learned = {name: x for name, x in arrays.items() if name.split(".")[0] in PARTS}
    detector.ignore, detector.masked = arrays.get("ignore"), arrays.get("masked")
    detector.saved = Saved(manifest, learned)
    detector.calibration_scores = arrays["held_out"]
    detector.threshold = Threshold.from_json(manifest["threshold"])
    low, high = manifest["heat_range"]
    detector.heat_range = float(low), float(high)
    detector.typical_energy = tuple(map(float, manifest["calm"]))
    if typical := manifest.get("typical"):
        detector.typical = Typical.from_json(typical)
    elif "calibrated" in (detector.config.score, detector.config.heat):
        raise ArtifactError("a calibrated score needs what is typical, and that is missing")
    detector.history = _renamed(manifest["history"], "held_out_nll", "calibration_nll")
    detector.data = dict(manifest["data"])
    detector.epoch, detector.arithmetic = manifest["epoch"], manifest["arithmetic"]


def network_of(config: CSFlowConfig, saved: Saved) -> "CSFlowNetwork":
    """The network of a saved detector, built again.

    The backbone's weights are read from the file that it was trained with, if that is still
    there, else from the usual places: their own hash decides, not where they lie.

    Raises:
        ArtifactError: The backbone's weights here are not those it was trained with.
        RuntimeError, ValueError: The tensors do not fit the configuration.
    """
    import torch

    from .network import CSFlowNetwork

    if not any(config.hidden in array.shape for array in saved.learned.values()):
        raise ValueError(f"they are of no network with {config.hidden} hidden channels")
    then = saved.manifest["backbone"]
    file = workspace.resolve(then["file"]) if then["file"] else None
    weights = "random" if then["sha256"] == "random" else file if file and file.is_file() else None
    network = CSFlowNetwork(config, weights)
    here = network.backbone
    if here.weights_hash != then["sha256"]:
        raise ArtifactError(
            f"weights of {then['name']} must have sha256 {then['sha256'][:12]}... as in training, "
            f"got {here.weights_hash[:12]}... from {here.weights_file}; scores would differ. "
            f"In training they were read from {then['file']}"
        )
    for part in PARTS:
        own = {k: torch.from_numpy(v) for k, v in saved.learned.items() if k.startswith(part)}
        own = {name.removeprefix(f"{part}."): tensor for name, tensor in own.items()}
        getattr(network, part).load_state_dict(own)
    return network


def _renamed(history: list[dict[str, float]], old: str, new: str) -> list[dict[str, float]]:
    return [{new if key == old else key: x for key, x in epoch.items()} for epoch in history]

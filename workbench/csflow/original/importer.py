"""Checkpoints of the original CS-Flow and of the simulator as detectors."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workbench.csflow.backbones import block_channels, default_block, load_backbone
from workbench.csflow.calibration import colour_scale
from workbench.csflow.config import CSFlowConfig
from workbench.csflow.detector import REMEMBERED, CSFlowDetector
from workbench.csflow.features import Backbone
from workbench.csflow.scores import STATISTICS
from workbench.csflow.split import provenance
from workbench.data import ImageFolder
from workbench.errors import DataError
from workbench.metrics import Threshold
from workbench.metrics import threshold as choose

from .reader import Original, read_checkpoint

# of the score "std", by product; the simulator knows no others
SIMULATOR_THRESHOLDS = {"SMT": 1.192936, "lens": 3.077919, "flex": 1.5589128}
_MAPS = 64  # calibration images that the colour scale is taken from


def import_original(
    path: Path | str,
    *,
    threshold: float | str | None = None,
    calibration: ImageFolder | None = None,
    heat_range: tuple[float, float] | None = None,
    preset: str = "simulator",
    weights: str | Path | None = None,
    **changes: Any,  # noqa: ANN401
) -> CSFlowDetector:
    """Make a detector of an original checkpoint, which holds the flow alone.

    Args:
        threshold: A number, or "SMT", "lens" or "flex" for the simulator's own; by default the
            preset's percentile of the scores of `calibration`.
        calibration: A folder of parts: OK photos that the checkpoint was not trained with,
            outside their test split, set threshold and colour scale; the test photos are
            reported on.
        heat_range: Ends of the colour scale of heat maps.
        preset: For how images are stretched and scored: "simulator" or "paper".
        weights: The backbone's, as for `CSFlowDetector`.
        **changes: Fields of `CSFlowConfig` that the file does not say, None for the default:
            `backbone` (efficientnet-b5), `block` (the last of its last stage but one),
            `image_size` (what a whole module says, else the preset's), `score` (the preset's).

    Raises:
        ArtifactError: The file is no such checkpoint.
        ValueError: The block has not as many channels as the flow, no threshold to be had, or
            no size that fits.
        DataError: The backbone's weights are missing, or no calibration image can be read.
    """
    original = read_checkpoint(path)
    config = _config(original, preset, changes)
    limit = None if threshold is None else _threshold(threshold, config)
    if limit is None and calibration is None:
        raise ValueError(
            "an imported detector needs a threshold: a number, one of the simulator's "
            f"({', '.join(SIMULATOR_THRESHOLDS)}), or OK photos to take it from "
            "(--threshold or --data)"
        )
    detector = CSFlowDetector(config, weights=weights)
    detector.build_network().flow.load_state_dict(original.flow.state_dict())
    detector.data = {"counts": {"train": 0, "calibration": 0}}
    if calibration is not None:
        _calibrate(detector, calibration)
    if limit is not None:
        detector.threshold = limit
    if heat_range or calibration is None:
        # unseen, a cell of a good part has 1/2: that of z^2 / 2 for a standard normal z
        detector.heat_range = heat_range or (0.5, 0.5 + 2 * max(detector.threshold, 0.5))
    detector.data["imported"] = {
        "file": Path(path).name,
        "sha256": hashlib.sha256(Path(path).read_bytes()).hexdigest(),
    }
    return detector


def _config(original: Original, preset: str, changes: dict[str, Any]) -> CSFlowConfig:
    """What the file says, then what the caller says, then the preset."""
    given: dict[str, Any] = {"backbone": "efficientnet-b5"}
    given |= {name: value for name, value in changes.items() if value is not None}
    flow = original.flow
    cut = _fitting_block(given["backbone"], given.get("block"), flow.channels)
    if original.map_side:
        given = {"image_size": original.map_side * cut.stride} | given
    said = {name: getattr(flow, name) for name in ("kernels", "hidden", "scales", "clamp")}
    config = CSFlowConfig.preset(preset, **given | said | {"block": cut.block, "finer": 0})
    if config.score not in STATISTICS:
        raise ValueError(
            f"score of a flow trained elsewhere must be one of {', '.join(STATISTICS)}, got "
            f"{config.score}; take the preset simulator or paper"
        )
    return config


def _fitting_block(backbone: str, block: int | None, channels: int | Sequence[int]) -> Backbone:
    """The backbone cut after the block, without weights; its channels are the flow's."""
    cut = load_backbone(backbone, default_block(backbone) if block is None else block, "random")
    if cut.channels != channels:
        fitting = [str(i) for i, c in enumerate(block_channels(backbone)) if c == channels]
        remedy = (
            f"take block {' or '.join(fitting)}" if fitting
            else "no block of it has; take another backbone"
        )  # fmt: skip
        raise ValueError(
            f"the flow's features must have {channels} channels, got {cut.channels} from block "
            f"{cut.block} of {backbone}; {remedy}"
        )
    return cut


def _threshold(value: float | str, config: CSFlowConfig) -> Threshold:
    """A number, or the simulator's by the name of its product."""
    known = {name.lower(): name for name in SIMULATOR_THRESHOLDS}
    if (word := str(value).lower()) not in known:
        try:
            return Threshold.of(value if isinstance(value, float) else float(value))
        except ValueError:
            raise ValueError(
                f"threshold must be a number or one of {', '.join(known.values())}, got {value!r}"
            ) from None
    if config.score != "std":
        raise ValueError(
            f'the simulator\'s thresholds are for its score "std", got score "{config.score}"; '
            "give a number"
        )
    name = known[word]
    return Threshold(SIMULATOR_THRESHOLDS[name], source=f"the simulator's for {name}")


def _calibrate(detector: CSFlowDetector, parts: ImageFolder) -> None:
    """Take threshold, colour scale and split from the OK photos outside the test split."""
    photos = parts.ok[[split != "test" for split in parts.ok.splits]]
    detector.calibration = photos[:REMEMBERED]
    detector.threshold = float(np.finfo(float).max)  # until there are scores to choose from
    scores = detector.score(photos, progress=True)
    readable = np.flatnonzero(np.isfinite(scores))
    if not len(readable):
        raise DataError(
            f"{parts.root} must hold readable OK photos outside its test split, got none of "
            f"{len(parts)}; put them into a folder OK in it"
        )
    detector.calibration_scores = scores[readable]
    detector.threshold = choose(detector.calibration_scores, q=detector.config.percentile)
    few = photos[readable[:: -(-len(readable) // _MAPS)]]
    heat = [cells[::8, ::8].ravel() for cells in detector.localize(few, progress=True)]
    detector.heat_range = colour_scale(np.concatenate(heat))
    detector.data = provenance(parts, photos[:0], photos)
    detector.data["fingerprint"] = photos.fingerprint()

"""Which good parts are learned from, which set the threshold, and where both came from."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench import workspace
from workbench.data import ImageFolder, load_images
from workbench.data.contents import contents
from workbench.data.decode import WHITE, white_level
from workbench.errors import DataError

from .batches import Images, sources_of
from .config import CSFlowConfig


def split_images(images: Images, calibration: Images | None, seed: int) -> tuple[Images, Images]:
    """Images to learn from, and calibration images, which are not learned from.

    Raises:
        ValueError: An NG image among them, or fewer than 4 images.
    """
    if isinstance(images, ImageFolder) and images.labels is not None:
        if calibration is None and len(images.calibration):
            images, calibration = images.train, images.calibration
        if images.labels.any():
            raise ValueError(
                f"training images must all be OK, got {images.labels.sum()} NG; pass parts.train"
            )
    if calibration is None:
        chosen = _share(images, seed)
        images, calibration = _pick(images, ~chosen), _pick(images, chosen)
    if len(images) < 3 or len(calibration) < 1:
        raise ValueError(
            "training needs at least 3 images to learn from and 1 to calibrate on, got "
            f"{len(images)} and {len(calibration)}"
        )
    return images, calibration


def _share(images: Images, seed: int) -> NDArray[np.bool_]:
    """15 % of the images, at least one, drawn at random; photos of one part together."""
    chosen, count = np.zeros(len(images), bool), max(1, round(0.15 * len(images)))
    groups = np.array(images.groups) if isinstance(images, ImageFolder) else np.empty(0)
    for i in np.random.default_rng(seed).permutation(len(images)):
        if chosen.sum() >= count:
            break
        chosen[i] = True
        if len(groups) and groups[i]:
            chosen |= groups == groups[i]
    return chosen


def with_range(config: CSFlowConfig, images: Images) -> CSFlowConfig:
    """The configuration with the range that 16-bit training images use, unless it names one."""
    if config.white:
        return config
    if isinstance(images, ImageFolder) and images.headers:
        white = images.white
    else:
        white = white_level(sources_of(images))
    return config if white == WHITE else replace(config, white=white)


def parts_of(images: Images, places: Sequence[int]) -> NDArray[np.intp]:
    """The part that each photo shows, numbered; a photo without a group is a part by itself."""
    groups = getattr(images, "groups", ()) or ("",) * len(images)
    keys = [groups[place] or place for place in places]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return np.array([numbers[key] for key in keys], np.intp)


def _pick(images: Images, chosen: NDArray[np.bool_]) -> Images:
    if isinstance(images, ImageFolder):
        return images[chosen]
    return [image for image, take in zip(images, chosen, strict=True) if take]


def provenance(images: Images, train: Images, calibration: Images) -> dict[str, Any]:
    """What a detector remembers of its images; fit for JSON."""
    counts = {"train": len(train), "calibration": len(calibration)}
    if not (
        isinstance(images, ImageFolder)
        and isinstance(train, ImageFolder)
        and isinstance(calibration, ImageFolder)
    ):
        return {"counts": counts}
    split = dict.fromkeys(train.names, "train") | dict.fromkeys(calibration.names, "calibration")
    return {
        "name": images.root.resolve().name,
        "root": workspace.portable(images.root),
        "fingerprint": train.fingerprint(),
        "note": images.note,
        "reading": dict(images.reading),
        "relabelled": len(images.corrected),
        "counts": counts,
        "split": split,
        "contents": contents(images.root, list(split)),
    }


def known_parts(data: dict[str, Any], reading: dict[str, Any]) -> ImageFolder:
    """Undo `provenance`: the folder of a training, split and read as then.

    Args:
        reading: Options of `load_images` that replace those of the training, unless None.

    Raises:
        DataError: There was no folder, or it is no longer there.
    """
    if "root" not in data:
        raise DataError(
            "the detector knows no folder of images: it was trained from a list, or imported; "
            "train from a folder, or import with --data FOLDER"
        )
    given = {key: value for key, value in reading.items() if value is not None}
    # each was decoded once before training; what broke since is named when it is scored
    parts = load_images(
        workspace.resolve(data["root"]), check=False, **(data.get("reading", {}) | given)
    )
    return parts.with_fit_masks().with_split(data["split"], data.get("contents"))

"""What decides how a CS-Flow detector learns, except the images."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from .limits import ALTERATIONS, require
from .tiles import Tiling

FEWEST_SCALES = 3
STRIDE = 32  # pixels a cell of an EfficientNet's output, at most

Size = int | tuple[int, int]  # pixels a side of a square, or height and width


@dataclass(frozen=True, slots=True, kw_only=True)
class CSFlowConfig:
    """Every number behind a `CSFlowDetector`; the defaults are the preset `lite`.

    Example:
        >>> CSFlowConfig.preset("paper").image_size
        768
        >>> CSFlowConfig.preset("lite", epochs=5).epochs
        5
    """

    # features
    backbone: str = "efficientnet-lite0"
    block: int = 14  # index of the MBConv block whose output is used, from 0
    # pixels a side of the square that images are stretched to, as in the paper; or height and
    # width; "auto" is decided by `fit` from the size and shape of the photos, see `csflow.auto`
    image_size: int | tuple[int, int] | str = "auto"
    tile: int = 0  # pixels a side of the tiles that photos are looked at in; 0: whole
    # how often a photo is looked at, moved by 2 or 4 pixels, up to 5; "auto" is decided by `fit`
    looks: int | str = "auto"
    white: int = 0  # value of 16-bit images that is white; 0: of the range that training ones use
    # finest first, each at half the resolution of the one before; "auto" is decided by `fit`
    scales: int | str = "auto"
    finer: int = 2  # scales from shallower blocks; the others: the image, half of it, ...
    downscale: str = "area"  # how half and quarter are made; the original takes "nearest"
    standardise: bool = True  # per channel and scale, by the statistics of the training images

    # flow
    kernels: tuple[int, ...] = (3, 3)  # one coupling block per entry
    hidden: int = 64
    clamp: float = 3.0  # one coupling scales by at most exp(clamp), and at least exp(-clamp)

    # training
    lr: float = 2e-3  # at its peak
    schedule: str = "one-cycle"  # of the learning rate; the original's is "constant"
    adam_eps: float = 3e-5
    weight_decay: float = 1e-5
    grad_norm: float = 1.0
    batch: int = 2  # many steps count for more than large ones: a photo has thousands of cells
    epochs: int | str = "auto"  # by the number of photos, see `csflow.auto`
    noise: float = 0.1  # on standardised features while training, against learning them by heart
    altered: float = 0.5  # share of photos of which an altered copy is learned from
    copies: int | str = "auto"  # of each photo, of which one is drawn at a time
    alterations: tuple[str, ...] | str = "auto"  # how they are altered, see `csflow.altered`
    patience: int = 10  # epochs without a better calibration likelihood before it stops; 0: never
    precision: str = "auto"  # of training: "float32", "bfloat16", or what the device is fastest in
    seed: int = 0

    # verdict
    score: str = "calibrated"  # or a plain statistic of z^2 / 2: "mean", "std", "max", ...
    top_k: int = 10  # hottest cells that the score "topk" is the mean of
    heat: str = "calibrated"  # of the scales' maps; "mean", or "finest", which is the paper's
    smallest: float = 0.0  # share of the photo: hot regions that are smaller count for nothing
    regions: int = 1  # of that size that make a photo NG
    # the first threshold: "tail" aims at 1 % overkill and is 95 % sure of at most 3 %, or at what
    # fewer than 100 parts can carry; "percentile" is of the calibration scores
    policy: str = "tail"
    percentile: float = 99.0
    # flows trained for the threshold alone, each without a fold of the good parts, so that all of
    # these set it; 0: the calibration parts do; "auto": as `fit` decides, 0 unless parts are few
    folds: int | str = "auto"

    def __post_init__(self) -> None:
        """Refuse what could not work, naming the field."""
        object.__setattr__(self, "kernels", tuple(self.kernels))  # JSON knows lists only
        object.__setattr__(self, "finer", int(self.finer))  # it was yes or no
        for name in ("image_size", "alterations"):
            if isinstance(value := getattr(self, name), list):
                object.__setattr__(self, name, tuple(value))
        require(self)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width that images are brought to.

        Raises:
            ValueError: They are still to be decided, from the photos.
        """
        if isinstance(self.image_size, str):
            raise ValueError("image_size must be a number here, got auto; only fit decides it")
        return sides(self.image_size)

    @property
    def cell(self) -> int:
        """Pixels a side of a coarsest cell, at most; sides are multiples, for whole cells."""
        return STRIDE << max(0, self.depth - self.finer - 1)

    @property
    def tiling(self) -> Tiling:
        """How photos are cut for the network."""
        looks = 1 if isinstance(self.looks, str) else self.looks
        return Tiling.of(self.size, self.tile, self.cell, looks)

    @property
    def once(self) -> "CSFlowConfig":
        """The same with one look at a photo, which is what is learned from."""
        return replace(self, looks=1)

    @property
    def lifted(self) -> bool:
        """Whether what warms all of a photo is taken out of its score, see `typical.Lift`.

        Where photos differ in brightness by themselves it may be a defect.
        """
        known = self.altered and {"light", "focus"} <= {*self.alterations}
        return bool(known) and len(self.once.tiling.places) == 1

    @property
    def depth(self) -> int:
        """How many scales there are; three as long as no photos have decided."""
        return FEWEST_SCALES if isinstance(self.scales, str) else self.scales

    @property
    def together(self) -> int:
        """How many images are scored at once; models of before go on as they did."""
        many = self.batch if self.batch > 2 else 8
        return 1 if self.tile and len(self.tiling.places) > 1 else many

    @classmethod
    def preset(cls, name: str = "lite", **changes: Any) -> "CSFlowConfig":  # noqa: ANN401
        """Return a named configuration, with single fields changed.

        `lite` is ours; `paper` is Rudolph et al. 2022, https://arxiv.org/abs/2110.02855;
        `simulator` is the configuration of the Flask simulator that the workbench replaces.

        Raises:
            ValueError: No such preset.
        """
        if name not in PRESETS:
            raise ValueError(f"preset must be one of {', '.join(PRESETS)}, got {name!r}")
        return replace(PRESETS[name], **changes)

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> "CSFlowConfig":
        """Undo `to_dict`; models saved before 0.1 also name the only resizing that is left.

        Raises:
            ValueError: A field cannot have this value.
            TypeError: There is no such field.
        """
        if (resize := saved.get("resize", "pil")) != "pil":
            raise ValueError(f"resize must be pil, got {resize!r}; train the model again")
        before: dict[str, Any] = {"policy": "percentile", "altered": 0.0, "folds": 0, "looks": 1}
        before |= {"copies": 1, "alterations": ALTERATIONS}
        known = {name: value for name, value in saved.items() if name != "resize"}
        return cls(**before | known)

    def features(self) -> dict[str, Any]:
        """Return what features depend on, besides the image and the weights."""
        names = ("backbone", "block", "image_size", "scales", "downscale", "finer")
        known = {"resize": "pil", "finer": self.finer if self.finer > 1 else bool(self.finer)}
        found = {name: getattr(self, name) for name in names} | known
        return found | {name: n for name in ("white", "tile") if (n := getattr(self, name))}

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-able values."""
        fields = asdict(self) | {"kernels": list(self.kernels)}
        unset = {"white": 0, "smallest": 0, "regions": 1, "tile": 0, "folds": 0}  # as before them
        return {name: value for name, value in fields.items() if unset.get(name, "") != value}


def sides(size: Size) -> tuple[int, int]:
    """Height and width."""
    height, width = np.broadcast_to(size, 2).tolist()
    return height, width


_PAPER = CSFlowConfig(
    backbone="efficientnet-b5", block=35, image_size=768, scales=3, finer=0,
    downscale="nearest", standardise=False, kernels=(3, 3, 3, 5), hidden=1024,
    lr=2e-4, adam_eps=1e-4, schedule="constant", batch=16, epochs=240, noise=0.0, altered=0.0,
    patience=0, precision="float32", score="mean", heat="finest", policy="percentile", looks=1,
)  # fmt: skip
PRESETS = {
    "lite": CSFlowConfig(),
    "simulator": replace(_PAPER, image_size=512, kernels=(5,), hidden=512, score="std"),
    "paper": _PAPER,
}

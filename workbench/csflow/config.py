"""What decides how a CS-Flow detector learns, except the images."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from .scores import HEATS, SCORES

ENGINES = ("auto", "torch", "onnx")
DOWNSCALES = ("nearest", "area")
PRECISIONS = ("auto", "float32", "bfloat16")
SCHEDULES = ("constant", "one-cycle")


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
    image_size: int = 256  # pixels a side; images are stretched to a square as in the paper
    white: int = 0  # value of 16-bit images that is white; 0: of the range that training ones use
    scales: int = 4  # finest first, each at half the resolution of the one before
    finer: bool = True  # scale 0 from a shallower block; the others: the image, half of it, ...
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
    batch: int = 8  # a small set needs many steps more than large ones
    epochs: int = 15
    noise: float = 0.1  # on standardised features while training, against learning them by heart
    patience: int = 10  # epochs without a better calibration likelihood before it stops; 0: never
    precision: str = "auto"  # of training: "float32", "bfloat16", or what the device is fastest in
    seed: int = 0

    # verdict
    score: str = "norm"  # of z^2 / 2; "mean", "std", "max" or "topk": see `csflow.score`
    top_k: int = 10  # hottest cells that the score "topk" is the mean of
    heat: str = "mean"  # of the scales' maps; or "finest", which is the paper's
    percentile: float = 99.0  # of the calibration scores, for the first threshold

    def __post_init__(self) -> None:
        """Refuse what could not work, naming the field."""
        object.__setattr__(self, "kernels", tuple(self.kernels))  # JSON knows lists only
        if not self.kernels or any(k < 1 or k % 2 == 0 for k in self.kernels):
            raise ValueError(f"kernels must be odd and at least one, got {self.kernels}")
        for name in ("image_size", "scales", "hidden", "batch", "epochs", "top_k"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.white and not 1 <= self.white <= 65535:
            raise ValueError(f"white must be 1 to 65535, or 0 to find it, got {self.white}")
        if self.noise < 0:
            raise ValueError(f"noise must be 0 or more standard deviations, got {self.noise}")
        if self.patience < 0:
            raise ValueError(f"patience must be 0 or more epochs, got {self.patience}")
        words = {
            "score": SCORES,
            "heat": HEATS,
            "downscale": DOWNSCALES,
            "schedule": SCHEDULES,
            "precision": PRECISIONS,
        }
        for name, known in words.items():
            if (word := getattr(self, name)) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {word!r}")
        if not 0 < self.percentile < 100:
            raise ValueError(f"percentile must be in (0, 100), got {self.percentile}")

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
        return cls(**{name: value for name, value in saved.items() if name != "resize"})

    def features(self) -> dict[str, Any]:
        """Return what features depend on, besides the image and the weights."""
        names = ("backbone", "block", "image_size", "scales", "downscale", "finer")
        found = {name: getattr(self, name) for name in names} | {"resize": "pil"}
        return found | ({"white": self.white} if self.white else {})

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-able values."""
        fields = asdict(self) | {"kernels": list(self.kernels)}
        return {name: value for name, value in fields.items() if name != "white" or value}


_PAPER = CSFlowConfig(
    backbone="efficientnet-b5",
    block=35,
    image_size=768,
    scales=3,
    finer=False,
    downscale="nearest",
    standardise=False,
    kernels=(3, 3, 3, 5),
    hidden=1024,
    lr=2e-4,
    adam_eps=1e-4,
    schedule="constant",
    batch=16,
    epochs=240,
    noise=0.0,
    patience=0,
    precision="float32",
    score="mean",
    heat="finest",
)
PRESETS = {
    "lite": CSFlowConfig(),
    "simulator": replace(_PAPER, image_size=512, kernels=(5,), hidden=512, score="std"),
    "paper": _PAPER,
}

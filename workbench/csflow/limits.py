"""What the fields of a configuration may be; each refusal names the field."""

from typing import TYPE_CHECKING

import numpy as np

from workbench.settings import require_types

from .scores import HEATS, SCORES
from .tiles import LARGEST, MOVES, require_tiles

if TYPE_CHECKING:
    from .config import CSFlowConfig

ENGINES = ("auto", "torch", "onnx")
DOWNSCALES = ("nearest", "area")
PRECISIONS = ("auto", "float32", "bfloat16")
POLICIES = ("tail", "percentile")
SCHEDULES = ("constant", "one-cycle")
ALTERATIONS = ("place", "light", "focus", "compression")
# may be left to the photos, see `csflow.auto`
AUTO = ("image_size", "scales", "epochs", "looks", "copies")
# A saved configuration may come from anywhere, and its network is built before it is compared.
_MOST = {
    "image_size": 3072,
    "scales": 8,
    "looks": len(MOVES),
    "copies": 100,
    "hidden": 16384,
    "batch": 4096,
    "epochs": 10**6,
    "top_k": 10**6,
    "regions": 10**6,
}
_KERNELS = set(range(1, 32, 2))


def require(config: "CSFlowConfig") -> None:
    """Refuse what could not work.

    Raises:
        ValueError: A field has a value that it cannot have.
        TypeError: One is of another kind.
    """
    if not 1 <= len(config.kernels) <= 64 or not set(config.kernels) <= _KERNELS:
        raise ValueError(f"kernels must be 1 to 64 odd numbers up to 31, got {config.kernels}")
    for name, most in (_MOST | ({"image_size": LARGEST} if config.tile else {})).items():
        found = np.atleast_1d(value := getattr(config, name))
        many = len(found) > (2 if name == "image_size" else 1)
        wrong = found.dtype.kind != "i" or many or found.min() < 1 or found.max() > most
        if wrong and not (value == "auto" and name in AUTO):
            raise ValueError(f"{name} must be at least 1, at most {most}, got {value!r}")
    require_types(config)
    if config.tile:
        size = () if isinstance(config.image_size, str) else config.size
        require_tiles(config.tile, size, config.cell, _MOST["image_size"])
        if config.looks not in (1, "auto"):
            raise ValueError(f"looks must be 1 with tiles, got {config.looks}")
    if config.folds not in (0, "auto", *range(2, 21)):
        raise ValueError(f"folds must be 0 or 2 to 20, got {config.folds!r}")
    if config.folds not in (0, "auto") and (config.tile or config.score != "calibrated"):
        raise ValueError("folds are for the score 'calibrated', without tiles")
    if config.white and not 1 <= config.white <= 65535:
        raise ValueError(f"white must be 1 to 65535, or 0 to find it, got {config.white}")
    if config.noise < 0:
        raise ValueError(f"noise must be 0 or more standard deviations, got {config.noise}")
    if not 0 <= config.altered <= 1:
        raise ValueError(f"altered must be in [0, 1], got {config.altered}")
    if config.alterations != "auto" and not {*config.alterations} <= {*ALTERATIONS}:
        kinds = ", ".join(ALTERATIONS)
        raise ValueError(f"alterations must be some of {kinds}, got {config.alterations}")
    if not 0 <= config.smallest < 1:
        raise ValueError(f"smallest must be a share in [0, 1), got {config.smallest}")
    if config.patience < 0:
        raise ValueError(f"patience must be 0 or more epochs, got {config.patience}")
    words = {
        "score": SCORES,
        "heat": HEATS,
        "policy": POLICIES,
        "downscale": DOWNSCALES,
        "schedule": SCHEDULES,
        "precision": PRECISIONS,
    }
    for name, known in words.items():
        if (word := getattr(config, name)) not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}, got {word!r}")
    if not 0 < config.percentile < 100:
        raise ValueError(f"percentile must be in (0, 100), got {config.percentile}")

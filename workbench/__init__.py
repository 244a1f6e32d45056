"""Anomaly detection for a production line, driven from notebooks.

Everything public is reached from here; what is heavy (torch, widgets, papermill) is only
imported when it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import autoencoder, csflow, data, demo, metrics, plots, reports, ui, workspace
    from .artifacts import load, save
    from .autoencoder import AutoEncoderConfig
    from .csflow import CSFlowConfig
    from .data import load_images, load_rows
    from .detectors import AutoEncoderDetector, CSFlowDetector, Evaluation
    from .errors import ArtifactError, DataError, NotFittedError
    from .session import InspectionSession

_HOME = {
    "load_images": "data",
    "load_rows": "data",
    "CSFlowConfig": "csflow",
    "CSFlowDetector": "detectors",
    "Evaluation": "detectors",
    "AutoEncoderConfig": "autoencoder",
    "AutoEncoderDetector": "detectors",
    "InspectionSession": "session",
    "load": "artifacts",
    "save": "artifacts",
    "ArtifactError": "errors",
    "DataError": "errors",
    "NotFittedError": "errors",
}
_MODULES = (
    "autoencoder", "csflow", "data", "demo", "metrics", "plots", "reports", "ui", "workspace",
)  # fmt: skip

__all__ = [
    "AutoEncoderConfig",
    "AutoEncoderDetector",
    "ArtifactError",
    "CSFlowConfig",
    "CSFlowDetector",
    "DataError",
    "Evaluation",
    "InspectionSession",
    "NotFittedError",
    "autoencoder",
    "csflow",
    "data",
    "demo",
    "load",
    "load_images",
    "load_rows",
    "metrics",
    "plots",
    "reports",
    "save",
    "ui",
    "workspace",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"workbench has no {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return __all__

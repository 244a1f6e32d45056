"""Anomaly detection for a production line, driven from notebooks.

Everything public is reached from here; what is heavy (torch, widgets, papermill) is only
imported when it is asked for.
"""

from typing import TYPE_CHECKING

from .lazy import lazily

if TYPE_CHECKING:
    from . import autoencoder, csflow, data, demo, metrics, plots, reports, ui, workspace
    from .artifacts import load, save
    from .autoencoder import AutoEncoderConfig
    from .csflow import CSFlowConfig
    from .data import load_images, load_rows
    from .detectors import AutoEncoderDetector, CSFlowDetector, Evaluation
    from .errors import ArtifactError, DataError, NotFittedError
    from .session import InspectionSession

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

__getattr__, __dir__ = lazily(
    __name__,
    {
        "artifacts": ["load", "save"],
        "autoencoder": ["AutoEncoderConfig"],
        "csflow": ["CSFlowConfig"],
        "data": ["load_images", "load_rows"],
        "detectors": ["AutoEncoderDetector", "CSFlowDetector", "Evaluation"],
        "errors": ["ArtifactError", "DataError", "NotFittedError"],
        "session": ["InspectionSession"],
    },
    modules=[
        "autoencoder", "csflow", "data", "demo", "metrics", "plots", "reports", "ui", "workspace",
    ],
)  # fmt: skip

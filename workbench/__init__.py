"""Anomaly detection for a production line, driven from notebooks.

Everything public is reached from here; what is heavy (torch, widgets, papermill) is only
imported when it is asked for.
"""

from typing import TYPE_CHECKING

from workbench.lazy import lazily

if TYPE_CHECKING:
    from workbench import autoencoder, csflow, data, demo, metrics, plots, reports, ui, workspace
    from workbench.artifacts import load, save
    from workbench.autoencoder import AutoEncoderConfig
    from workbench.csflow import CSFlowConfig
    from workbench.csflow.evaluation import Evaluation
    from workbench.data import load_images, load_rows
    from workbench.errors import ArtifactError, DataError, NotFittedError
    from workbench.session import InspectionSession

__all__, __getattr__, __dir__ = lazily(
    __name__,
    {
        "artifacts": ["load", "save"],
        "autoencoder": ["AutoEncoderConfig", "AutoEncoderDetector"],
        "csflow": ["CSFlowConfig", "CSFlowDetector", "Evaluation"],
        "data": ["load_images", "load_rows"],
        "errors": ["ArtifactError", "DataError", "NotFittedError"],
        "session": ["InspectionSession"],
    },
    modules=[
        "autoencoder", "bulk", "csflow", "data", "demo", "metrics", "plots", "reports", "samples",
        "ui", "workspace",
    ],
)  # fmt: skip

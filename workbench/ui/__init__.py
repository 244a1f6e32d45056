"""Widgets over an `InspectionSession`; nothing is loaded from the network."""

from .app_page import AppPage
from .audit import AuditView
from .compare import Compare
from .histogram import HistogramExplorer
from .sensors import SensorExplorer
from .simulator import Simulator

__all__ = [
    "Compare",
    "AppPage",
    "HistogramExplorer",
    "AuditView",
    "SensorExplorer",
    "Simulator",
]

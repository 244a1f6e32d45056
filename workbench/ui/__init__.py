"""Widgets over an `InspectionSession`; nothing is loaded from the network."""

from .app_page import Desk
from .audit import LabelAudit
from .compare import Compare
from .histogram import HistogramExplorer
from .sensors import SensorExplorer
from .simulator import Simulator

__all__ = [
    "Compare",
    "Desk",
    "HistogramExplorer",
    "LabelAudit",
    "SensorExplorer",
    "Simulator",
]

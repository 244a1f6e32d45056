"""Widgets over an `InspectionSession`; nothing is loaded from the network."""

from workbench.ui.audit import LabelAudit
from workbench.ui.compare import Compare
from workbench.ui.desk import Desk
from workbench.ui.histogram import HistogramExplorer
from workbench.ui.sensors import SensorExplorer
from workbench.ui.simulator import Simulator

__all__ = [
    "Compare",
    "Desk",
    "HistogramExplorer",
    "LabelAudit",
    "SensorExplorer",
    "Simulator",
]

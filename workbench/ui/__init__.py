"""Widgets over an `InspectionSession`; ipywidgets only, nothing is loaded from the network."""

from workbench.ui.histogram import HistogramExplorer
from workbench.ui.sensors import SensorExplorer
from workbench.ui.simulator import Simulator

__all__ = ["HistogramExplorer", "SensorExplorer", "Simulator"]

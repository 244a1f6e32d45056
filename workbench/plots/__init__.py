"""Figures: axes in, axes out; functions that need several axes return a `Figure`.

Figures are made without pyplot, whose hidden state breaks when JupyterLab runs a callback
beside a cell. `Picture` shows itself in a notebook as PNG. Colours go by meaning, are told
apart by colour-blind readers, and never stand alone: NG has another line or hatch as well.
"""

from workbench.plots.curves import calibration, cost, kinds, precision_recall, rates, roc
from workbench.plots.figure import COLORS, Picture, png
from workbench.plots.photos import gallery, overview, sample_grid
from workbench.plots.rows import blame, sensors
from workbench.plots.scores import confusion, histogram, history

__all__ = [
    "COLORS",
    "Picture",
    "blame",
    "calibration",
    "confusion",
    "cost",
    "gallery",
    "histogram",
    "history",
    "kinds",
    "overview",
    "png",
    "precision_recall",
    "rates",
    "roc",
    "sample_grid",
    "sensors",
]

"""Figures: axes in, axes out; functions that need several axes return a `Figure`.

Figures are made without pyplot, whose hidden state breaks when JupyterLab runs a callback
beside a cell. `Picture` shows itself in a notebook as PNG. Colours go by meaning, are told
apart by colour-blind readers, and never stand alone: NG has another line or hatch as well.
"""

from workbench.plots.checks import distributions, mean_maps, shifts
from workbench.plots.comparisons import agreement, rate_intervals
from workbench.plots.curves import calibration, cost, kinds, precision_recall, rates, roc
from workbench.plots.figure import COLORS, Picture, png
from workbench.plots.groups import p_chart
from workbench.plots.photos import gallery, overview, sample_grid
from workbench.plots.rows import blame, sensors, sizes, timeline
from workbench.plots.scores import histogram, history

__all__ = [
    "COLORS",
    "Picture",
    "agreement",
    "blame",
    "calibration",
    "cost",
    "distributions",
    "gallery",
    "histogram",
    "history",
    "kinds",
    "mean_maps",
    "overview",
    "p_chart",
    "png",
    "precision_recall",
    "rate_intervals",
    "rates",
    "roc",
    "sample_grid",
    "sensors",
    "shifts",
    "sizes",
    "timeline",
]

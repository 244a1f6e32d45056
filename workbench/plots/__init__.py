"""Figures: axes in, axes out; functions that need several axes return a `Figure`.

Everywhere `scores` are of shape (N,), higher is worse, `labels` are True or "NG" for NG, shape
(N,), and `ax` are the axes to draw on, by default those of a new figure. ValueError is raised
where there is nothing to draw, or lengths differ.

Figures are made without pyplot, whose hidden state breaks when JupyterLab runs a callback
beside a cell. `Picture` shows itself in a notebook as PNG. Colours go by meaning, are told
apart by colour-blind readers, and never stand alone: NG has another line or hatch as well.
"""

from workbench.plots.checks import agreement, distributions, mean_maps, shifts
from workbench.plots.curves import (
    calibration,
    cost,
    kinds,
    p_chart,
    precision_recall,
    rate_intervals,
    rates,
    roc,
)  # fmt: skip
from workbench.plots.figure import COLORS, Picture, png
from workbench.plots.photos import overview, sample_grid
from workbench.plots.rows import blame, sensors, sizes, timeline
from workbench.plots.scores import histogram, history

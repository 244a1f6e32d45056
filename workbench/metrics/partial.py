"""The part of the ROC curve that a line can use: up to the overkill that it can bear."""

import numpy as np
from numpy.typing import ArrayLike

from workbench.metrics.ranking import roc_curve


def partial_auroc(scores: ArrayLike, labels: ArrayLike, max_overkill: float = 0.1) -> float:
    """Mean share of NG caught up to an overkill rate that a line can bear.

    It is the area under the ROC curve, straight between its points, up to `max_overkill` in
    (0, 1], divided by that; NaN where a class is missing.

    References:
        McClish 1989, Analyzing a portion of the ROC curve.

    Example:
        >>> partial_auroc([1, 2, 3, 4], [0, 1, 0, 1], 0.5)
        0.5
    """
    if not 0 < max_overkill <= 1:
        raise ValueError(f"max_overkill must be in (0, 1], got {max_overkill}")
    fpr, tpr, _ = roc_curve(scores, labels)
    if np.isnan([fpr[-1], tpr[-1]]).any():
        return np.nan
    inside = fpr < max_overkill
    end = np.interp(max_overkill, fpr, tpr)
    if (fpr == max_overkill).any():  # the lower end of what may be a vertical step
        end = tpr[fpr == max_overkill][0]
    area = np.trapezoid(np.append(tpr[inside], end), np.append(fpr[inside], max_overkill))
    return float(area) / max_overkill

"""The part of the ROC curve that a line can use: up to the overkill that it can bear."""

import numpy as np
from numpy.typing import ArrayLike

from workbench.metrics.ranking import roc_curve

FORMS = ("raw", "normalised", "mcclish")


def partial_auroc(
    scores: ArrayLike, labels: ArrayLike, max_overkill: float = 0.1, *, form: str = "normalised"
) -> float:
    """Area under the ROC curve up to an overkill rate that a line can bear.

    Args:
        scores: Anomaly scores, shape (N,).
        labels: True for NG, shape (N,).
        max_overkill: Where the area ends, in (0, 1]; the curve is interpolated there.
        form: "raw" is the area itself, at most `max_overkill`; "normalised" divides it by
            `max_overkill`, so that it is the mean share of NG caught; "mcclish" scales it so
            that chance is 0.5 and a perfect ranking 1, as scikit-learn's `max_fpr` does.

    References:
        McClish 1989, Analyzing a portion of the ROC curve.

    Example:
        >>> partial_auroc([1, 2, 3, 4], [0, 1, 0, 1], 0.5)
        0.5
    """
    if form not in FORMS:
        raise ValueError(f"form must be one of {', '.join(FORMS)}, got {form!r}")
    if not 0 < max_overkill <= 1:
        raise ValueError(f"max_overkill must be in (0, 1], got {max_overkill}")
    fpr, tpr, _ = roc_curve(scores, labels)
    if np.isnan([fpr[-1], tpr[-1]]).any():
        return np.nan
    inside = fpr < max_overkill
    end = np.interp(max_overkill, fpr, tpr)
    if (fpr == max_overkill).any():  # the lower end of what may be a vertical step
        end = tpr[fpr == max_overkill][0]
    raw = float(np.trapezoid(np.append(tpr[inside], end), np.append(fpr[inside], max_overkill)))
    if form == "mcclish":
        chance = max_overkill**2 / 2
        return 0.5 * (1 + (raw - chance) / (max_overkill - chance))
    return raw / max_overkill if form == "normalised" else raw

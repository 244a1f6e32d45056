"""Scores and training: axes in, axes out."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from workbench import metrics
from workbench.plots.figure import COLORS, finish, new_axes, words


def histogram(
    scores: ArrayLike,
    labels: ArrayLike | None = None,
    threshold: float | None = None,
    *,
    bins: int = 40,
    log: bool = False,
    things: str = "parts",
    ax: Axes | None = None,
) -> Axes:
    """Counts of OK and NG over shared score bins, with each NG part as a tick below.

    Where gross defects score many times what most parts do, the scores stand on a log axis.

    Args:
        labels: None draws one unlabelled distribution.
        bins: Number of bins over the range of all scores.
        log: Logarithmic counts, for a few NG among thousands.
        things: What is counted, "parts" or "rows".

    Example:
        >>> ax = histogram([1.0, 1.2, 3.0], [False, False, True], 2.0, bins=4)
        >>> ax.get_xlabel()
        'anomaly score'
    """
    import seaborn as sns  # takes seconds, which figures of photos can do without

    t = words()
    ax = ax or new_axes(7, 3.6, "Histogram of the anomaly scores of OK and NG parts")
    scores, by_class = groups(scores, labels)
    bins_at = edges(scores, bins)
    for name, values in by_class.items():
        style = {"element": "step", "alpha": 0.45, "hatch": "///" if name == "NG" else None}
        color, label = COLORS.get(name.lower(), COLORS["line"]), f"{name} ({len(values)})"
        sns.histplot(x=values, bins=bins_at, ax=ax, color=color, label=label, **style)
    # only now: on a logarithmic axis seaborn would take the edges for logarithms
    ax.set_xscale("log" if metrics.long_tailed(scores) else "linear")
    if len(by_class.get("NG", ())):
        sns.rugplot(x=by_class["NG"], ax=ax, color=COLORS["ng"], height=-0.03, lw=1, clip_on=False)
        ax.tick_params(axis="x", which="both", pad=9)  # below the ticks of the parts
    mark_threshold(ax, threshold)
    tallest = max(np.histogram(values, bins_at)[0].max() for values in by_class.values())
    bottom, top = (0.7, 2 * tallest) if log else (0, 1.08 * tallest)
    # limits first: the rug below would leave no room above, and without NG a logarithmic axis
    # finds nothing positive to begin from
    ax.set_ylim(bottom, top)
    ax.set(xlabel=t("anomaly score"), ylabel=t(things), yscale="log" if log else "linear")
    return finish(ax, legend=True)


def history(
    history: Sequence[Mapping[str, float]], *, logy: bool = False, ax: Axes | None = None
) -> Axes:
    """Every number of a training history except the time, against the epoch.

    Args:
        history: One mapping an epoch, as in `detector.history`.
        logy: Logarithmic vertical axis.

    Raises:
        ValueError: No epoch was trained.
    """
    if not len(history):
        raise ValueError("history must hold at least one epoch, got none; fit the detector first")
    t = words()
    ax = ax or new_axes(6, 3.2, "Training history")
    epochs = [row.get("epoch", i + 1) for i, row in enumerate(history)]
    names = [key for key in history[0] if key not in ("epoch", "seconds")]
    styles = [(COLORS["ok"], "-"), (COLORS["ng"], "--"), (COLORS["line"], ":")]
    mark = "o" if len(history) == 1 else None
    for name, (color, style) in zip(names, cycle(styles), strict=False):
        values, said = [row.get(name, np.nan) for row in history], name.replace("_", " ")
        ax.plot(epochs, values, style, color=color, lw=2, label=t(said), marker=mark)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set(xlabel=t("epoch"), ylabel=t("loss"), yscale="log" if logy else "linear")
    return finish(ax, legend=True)


def mark_threshold(ax: Axes, threshold: float | None) -> None:
    """A line at the threshold, if there is one."""
    if threshold is not None:
        label = words()("threshold {0}", f"{float(threshold):.4g}")
        ax.axvline(float(threshold), color=COLORS["threshold"], lw=1.5, ls="--", label=label)


def edges(scores: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    """Bin edges over all scores, shape (bins + 1,), logarithmic for a long tail."""
    if metrics.long_tailed(scores):
        return np.geomspace(scores.min(), scores.max(), bins + 1)
    return np.histogram_bin_edges(scores, bins=bins)


def groups(
    scores: ArrayLike, labels: ArrayLike | None
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """The finite scores, all and by class; ValueError where there are none, or lengths differ."""
    _, known, ng = metrics.readable(scores, labels)
    return known, {"all": known} if ng is None else {"OK": known[~ng], "NG": known[ng]}

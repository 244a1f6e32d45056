"""Scores, rates and training curves: axes in, axes out."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from workbench import metrics
from workbench.plots.figure import COLORS, finish, new_axes

TAIL = 5  # times the median: beyond it the axis of scores is logarithmic


def histogram(
    scores: ArrayLike,
    labels: ArrayLike | None = None,
    threshold: float | None = None,
    *,
    bins: int = 40,
    log: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Counts of OK and NG over shared score bins, with each NG part as a tick below.

    Where gross defects score many times what most parts do, the scores stand on a log axis.

    Args:
        scores: Shape (N,), higher is worse; NaN is left out.
        labels: True or "NG" for NG, shape (N,); None draws one unlabelled distribution.
        threshold: Drawn as a line where given.
        bins: Number of bins over the range of all scores.
        log: Logarithmic counts, for a few NG among thousands.
        ax: Axes to draw on; a new figure if None.

    Example:
        >>> ax = histogram([1.0, 1.2, 3.0], [False, False, True], 2.0, bins=4)
        >>> ax.get_xlabel()
        'anomaly score'
    """
    import seaborn as sns  # takes seconds, which figures of photos can do without

    ax = ax or new_axes(7, 3.6, "Histogram of the anomaly scores of OK and NG parts")
    scores, groups = _groups(scores, labels)
    edges = _edges(scores, bins)
    for name, values in groups.items():
        color = COLORS.get(name.lower(), COLORS["line"])
        sns.histplot(
            x=values,
            bins=edges,
            ax=ax,
            color=color,
            alpha=0.45,
            element="step",
            hatch="///" if name == "NG" else None,
            label=f"{name} ({len(values)})",
        )
    # only now: on a logarithmic axis seaborn would take the edges for logarithms
    ax.set_xscale("log" if _long_tailed(scores) else "linear")
    if len(groups.get("NG", ())):
        sns.rugplot(x=groups["NG"], ax=ax, color=COLORS["ng"], height=-0.03, lw=1, clip_on=False)
    _mark_threshold(ax, threshold)
    tallest = max(np.histogram(values, edges)[0].max() for values in groups.values())
    bottom, top = (0.7, 2 * tallest) if log else (0, 1.08 * tallest)
    ax.set(xlabel="anomaly score", ylabel="parts", yscale="log" if log else "linear")
    ax.set_ylim(bottom, top)  # the rug below would leave no room above
    return finish(ax, legend=True)


def roc(scores: ArrayLike, labels: ArrayLike, *, ax: Axes | None = None) -> Axes:
    """Caught NG against overkill over all thresholds.

    Args:
        scores: Shape (N,).
        labels: True or "NG" for NG, shape (N,).
        ax: Axes to draw on; a new figure if None.
    """
    ax = ax or new_axes(4.2, 4, "Receiver operating characteristic")
    curve = metrics.roc_curve(scores, labels)
    area = metrics.auroc(scores, labels)
    ax.plot([0, 1], [0, 1], color=COLORS["quiet"], lw=1, ls=":", label="chance")
    ax.plot(curve[0], curve[1], color=COLORS["ok"], lw=2, label=f"AUROC {area:.3f}")
    ax.set(xlabel="overkill rate", ylabel="share of NG caught", aspect="equal")
    return finish(ax, legend=True)


def rates(
    scores: ArrayLike,
    labels: ArrayLike,
    threshold: float | None = None,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Miss rate and overkill rate against the threshold: what moving it would cost.

    Args:
        scores: Shape (N,).
        labels: True or "NG" for NG, shape (N,).
        threshold: Drawn as a line where given.
        ax: Axes to draw on; a new figure if None.
    """
    ax = ax or new_axes(7, 3.2, "Miss rate and overkill rate against the threshold")
    scores, groups = _groups(scores, labels)
    at = _edges(scores, 512)
    ax.set_xscale("log" if _long_tailed(scores) else "linear")
    below = {
        name: np.searchsorted(np.sort(v), at) / len(v) for name, v in groups.items() if len(v)
    }
    if "NG" in below:
        ax.plot(at, 100 * below["NG"], color=COLORS["miss"], lw=2, label="miss rate")
    if "OK" in below:
        ax.plot(
            at,
            100 * (1 - below["OK"]),
            color=COLORS["overkill"],
            lw=2,
            ls="--",
            label="overkill rate",
        )
    _mark_threshold(ax, threshold)
    ax.set(xlabel="threshold", ylabel="%", ylim=(-2, 102))
    return finish(ax, legend=True)


def confusion(result: Mapping, *, ax: Axes | None = None) -> Axes:
    """The four counts of `metrics.evaluate`, rows by true label, columns by verdict.

    Args:
        result: Anything with "tp", "fp", "tn" and "fn".
        ax: Axes to draw on; a new figure if None.
    """
    import seaborn as sns

    ax = ax or new_axes(3.8, 3.2, "Confusion table")
    counts = np.array([[result["tn"], result["fp"]], [result["fn"], result["tp"]]])
    words = np.array([["correct", "overkill"], ["missed", "caught"]])
    texts = np.array([f"{n}\n{w}" for n, w in zip(counts.flat, words.flat, strict=True)])
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    sns.heatmap(
        share,
        annot=texts.reshape(2, 2),
        fmt="",
        cbar=False,
        square=True,
        ax=ax,
        vmin=0,
        vmax=1.2,
        cmap="Blues",
        linewidths=2,
        annot_kws={"fontsize": 12},
        xticklabels=["OK", "NG"],
        yticklabels=["OK", "NG"],
    )
    ax.set(xlabel="verdict", ylabel="true label")
    ax.tick_params(length=0, rotation=0)
    return ax


def history(
    history: Sequence[Mapping[str, float]], *, logy: bool = False, ax: Axes | None = None
) -> Axes:
    """Every number of a training history except the time, against the epoch.

    Args:
        history: One mapping an epoch, as in `detector.history`.
        logy: Logarithmic vertical axis.
        ax: Axes to draw on; a new figure if None.

    Raises:
        ValueError: No epoch was trained.
    """
    if not len(history):
        raise ValueError("history must hold at least one epoch, got none; fit the detector first")
    ax = ax or new_axes(6, 3.2, "Training history")
    epochs = [row.get("epoch", i + 1) for i, row in enumerate(history)]
    names = [key for key in history[0] if key not in ("epoch", "seconds")]
    styles = [(COLORS["ok"], "-"), (COLORS["ng"], "--"), (COLORS["line"], ":")]
    for i, name in enumerate(names):
        color, style = styles[i % len(styles)]
        values = [row.get(name, np.nan) for row in history]
        ax.plot(
            epochs,
            values,
            style,
            color=color,
            lw=2,
            label=name.replace("_", " "),
            marker="o" if len(history) == 1 else None,
        )
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set(xlabel="epoch", ylabel="loss", yscale="log" if logy else "linear")
    return finish(ax, legend=True)


def _mark_threshold(ax: Axes, threshold: float | None) -> None:
    if threshold is not None:
        label = f"threshold {float(threshold):.4g}"
        ax.axvline(float(threshold), color=COLORS["threshold"], lw=1.5, ls="--", label=label)


def _long_tailed(scores: NDArray[np.float64]) -> bool:
    """Whether a linear axis would press most parts into a few bins."""
    return bool(scores.min() > 0 and scores.max() > TAIL * np.median(scores))


def _edges(scores: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    if _long_tailed(scores):
        return np.geomspace(scores.min(), scores.max(), bins + 1)
    return np.histogram_bin_edges(scores, bins=bins)


def _groups(
    scores: ArrayLike, labels: ArrayLike | None
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    scores = np.asarray(scores, np.float64)
    ng = None if labels is None else metrics.as_labels(labels)
    if ng is not None and len(ng) != len(scores):
        raise ValueError(f"labels must be as many as scores, {len(scores)}, got {len(ng)}")
    finite = np.isfinite(scores)
    if not finite.any():
        raise ValueError(f"scores must hold a finite number, got {len(scores)} without one")
    if ng is None:
        return scores[finite], {"all": scores[finite]}
    return scores[finite], {"OK": scores[finite & ~ng], "NG": scores[finite & ng]}

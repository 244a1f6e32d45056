"""Checks around a detector: drift of the photos, stress, and where heat gathers."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from workbench.plots.figure import COLORS, Picture, finish, lettered, new_axes, words

_LINES = ((COLORS["line"], "-"), (COLORS["ok"], "--"), (COLORS["ng"], ":"))


def distributions(
    groups: Mapping[str, Mapping[str, ArrayLike]], measures: Sequence[str]
) -> Figure:
    """Cumulative shares of each measure, one panel a measure, one line a group.

    Args:
        groups: Name of the group -> measure -> values, shape (N,).
        measures: Which to show, side by side.
    """
    t = words()
    figure = Picture(figsize=(2.9 * len(measures), 2.9), layout="constrained")
    axes = figure.subplots(1, len(measures), sharey=True, squeeze=False)[0]
    for ax, measure in zip(axes, measures, strict=True):
        for (name, values), (color, style) in zip(groups.items(), _LINES, strict=False):
            x = np.sort(np.asarray(values[measure], float))
            share = 100 * np.arange(1, len(x) + 1) / len(x)
            label = f"{t(name)} ({len(x)})"
            ax.step(x, share, style, where="post", color=color, lw=1.8, label=label)
        ax.set_xlabel(t(measure))
        finish(ax)
    axes[0].set_ylabel(t("% of the photos"))
    figure.legend(
        *axes[0].get_legend_handles_labels(),
        loc="outside upper center", ncols=len(groups), frameon=False, fontsize=9,
    )  # fmt: skip
    lettered(figure)
    figure.alt = f"Cumulative distributions of {', '.join(measures)} for {', '.join(groups)}"
    return figure


def shifts(
    ratio: NDArray[np.float64],
    names: Sequence[str],
    ng: NDArray[np.bool_],
    *,
    ax: Axes | None = None,
) -> Axes:
    """Scores of the same photos under several changes, a row of dots each; 1 is the threshold.

    Args:
        ratio: Score over threshold, shape (N, C).
        names: Of the C changes.
        ng: True for NG, shape (N,).
        ax: Axes to draw on; a new figure if None.
    """
    t = words()
    ax = ax or new_axes(7, 0.9 + 0.42 * len(names), "Scores before and after each change")
    for label, chosen, color, mark, lift in (
        ("OK", ~ng, COLORS["ok"], "o", -0.14),
        ("NG", ng, COLORS["ng"], "^", 0.14),
    ):
        for row in range(len(names)):
            values = ratio[chosen, row]
            if len(values):
                height = np.full(len(values), row + lift)
                title = f"{label} ({len(values)})" if row == 0 else None
                ax.plot(values, height, mark, ms=5, alpha=0.6, mew=0, color=color, label=title)
                ax.plot(np.median(values), row + lift, "|", ms=13, mew=2, color=color)
    ax.axvline(1, color=COLORS["threshold"], lw=1.5, ls="--", label=t("threshold"))
    ax.set_yticks(range(len(names)), list(map(t, names)))
    ax.invert_yaxis()
    if ratio.min() > 0 and ratio.max() > 5 * np.median(ratio):
        ax.set_xscale("log")
    ax.set_xlabel(t("score, in thresholds"))
    ax.grid(axis="y", color=COLORS["quiet"], alpha=0.25)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, frameon=False, fontsize=9)
    return finish(ax)


def mean_maps(groups: Mapping[str, NDArray[np.floating]]) -> Figure:
    """Mean heat maps side by side, each on its own scale beside it.

    Args:
        groups: Title -> map, shape (h, w).
    """
    t = words()
    figure = Picture(figsize=(3.6 * len(groups), 3.1), layout="constrained")
    axes = figure.subplots(1, len(groups), squeeze=False)[0]
    for ax, (title, heat) in zip(axes, groups.items(), strict=True):
        ax.imshow(heat, cmap="inferno", extent=(0, 100, 100, 0), interpolation="nearest")
        ax.set_title(title, fontsize=10)
        ax.set(xlabel=t("% of the width"), ylabel=t("% of the height"))
        scale = ScalarMappable(Normalize(heat.min(), heat.max()), "inferno")
        figure.colorbar(scale, ax=ax, fraction=0.046, pad=0.02).ax.tick_params(labelsize=8)
    lettered(figure)
    figure.alt = f"Mean heat maps: {', '.join(groups)}"
    return figure

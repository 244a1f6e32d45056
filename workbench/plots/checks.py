"""Checks around a detector: drift of the photos, stress, where heat gathers, a second detector."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from workbench.plots.figure import COLORS, finish, lettered, new_axes, panels, words

_LINES = ((COLORS["line"], "-"), (COLORS["ok"], "--"), (COLORS["ng"], ":"))


def distributions(
    groups: Mapping[str, Mapping[str, ArrayLike]], measures: Sequence[str]
) -> Figure:
    """Cumulative shares of each measure, one panel a measure, one line a group.

    Args:
        groups: Name of the group -> measure -> values, shape (N,).
    """
    t = words()
    figure, axes = panels(len(measures), 2.9, 2.9, sharey=True)
    for ax, measure in zip(axes, measures, strict=True):
        for (name, values), (color, style) in zip(groups.items(), _LINES, strict=False):
            x = np.sort(np.asarray(values[measure], float))
            share = 100 * np.arange(1, len(x) + 1) / len(x)
            label = f"{t(name)} ({len(x)})"
            ax.step(x, share, style, where="post", color=color, lw=1.8, label=label)
        ax.set_xlabel(t(measure))
        finish(ax)
    axes[0].set_ylabel(t("% of the photos"))
    lines, said = axes[0].get_legend_handles_labels()
    place = {"loc": "outside upper center", "ncols": len(groups)}
    figure.legend(lines, said, frameon=False, fontsize=9, **place)
    figure.alt = f"Cumulative distributions of {', '.join(measures)} for {', '.join(groups)}"
    return lettered(figure)


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
    """
    t = words()
    ax = ax or new_axes(7, 0.9 + 0.42 * len(names), "Scores before and after each change")
    lift = np.where(ng, 0.14, -0.14)[:, None] + np.arange(len(names))
    _by_class(ax, ratio, lift, ng)
    for row in range(len(names)):
        for color, chosen, off in (("ok", ~ng, -0.14), ("ng", ng, 0.14)):
            if chosen.any():
                middle = np.median(ratio[chosen, row])
                ax.plot(middle, row + off, "|", ms=13, mew=2, color=COLORS[color])
    ax.axvline(1, color=COLORS["threshold"], lw=1.5, ls="--", label=t("threshold"))
    ax.set_yticks(range(len(names)), list(map(t, names)))
    ax.set_ylim(len(names) - 0.5, -0.5)
    if ratio.min() > 0 and ratio.max() > 5 * np.median(ratio):
        ax.set_xscale("log")
    ax.set_xlabel(t("score, in thresholds"))
    ax.grid(axis="y", color=COLORS["quiet"], alpha=0.25)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, frameon=False, fontsize=9)
    return finish(ax)


def agreement(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    labels: NDArray[np.bool_],
    names: tuple[str, str],
    cuts: tuple[float, float],
    *,
    chosen: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Scores by two models, thresholds `cuts`, `chosen` ringed; off the corners they differ."""
    t = words()
    ax = ax or new_axes(5, 4.6, f"Scores of the same parts by {names[0]} and by {names[1]}")
    _by_class(ax, first, second, labels)
    ax.axvline(cuts[0], color=COLORS["threshold"], lw=1.2, ls="--", label=t("thresholds"))
    ax.axhline(cuts[1], color=COLORS["threshold"], lw=1.2, ls="--")
    if chosen is not None:
        ax.plot(first[chosen], second[chosen], "o", ms=13, mfc="none", color=COLORS["line"])
    far = first.max() > 5 * cuts[0] or second.max() > 5 * cuts[1]
    if min(first.min(), second.min()) > 0 and far:
        ax.set(xscale="log", yscale="log")
    ax.set(xlabel=names[0], ylabel=names[1])
    return finish(ax, legend=True)


def mean_maps(groups: Mapping[str, NDArray[np.floating]]) -> Figure:
    """Mean heat maps side by side, each on its own scale beside it."""
    t = words()
    figure, axes = panels(len(groups), 3.6, 3.1)
    for ax, (title, heat) in zip(axes, groups.items(), strict=True):
        ax.imshow(heat, cmap="inferno", extent=(0, 100, 100, 0), interpolation="nearest")
        ax.set_title(title, fontsize=10)
        ax.set(xlabel=t("% of the width"), ylabel=t("% of the height"))
        scale = ScalarMappable(Normalize(heat.min(), heat.max()), "inferno")
        figure.colorbar(scale, ax=ax, fraction=0.046, pad=0.02).ax.tick_params(labelsize=8)
    figure.alt = f"Mean heat maps: {', '.join(groups)}"
    return lettered(figure)


def _by_class(ax: Axes, x: NDArray, y: NDArray, ng: NDArray[np.bool_]) -> None:
    """OK as dots and NG as triangles; x and y of shape (N,) or (N, C)."""
    for word, chosen, mark in (("OK", ~ng, "o"), ("NG", ng, "^")):
        if chosen.any():
            label, color = f"{word} ({int(chosen.sum())})", COLORS[word.lower()]
            style = {"ms": 5, "mew": 0, "alpha": 0.55, "color": color, "label": label}
            ax.plot(x[chosen].ravel(), y[chosen].ravel(), mark, **style)

"""Several reports side by side: rates with their intervals, and two models part by part."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from workbench.plots.figure import COLORS, Picture, finish, lettered, new_axes, words

Rate = tuple[float | None, tuple[float | None, float | None]]


def rate_intervals(names: Sequence[str], panels: dict[str, Sequence[Rate]]) -> Figure:
    """One panel a rate, one row a report: the rate as a dot, its interval as a line.

    Args:
        names: Of the reports.
        panels: Title -> one (rate, (low, high)) a report, shares or None where not defined.
    """
    figure = Picture(figsize=(3.6 * len(panels), 1.1 + 0.34 * len(names)), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    t = words()
    colors = (COLORS["miss"], COLORS["overkill"], COLORS["line"])
    for ax, (title, rates), color in zip(axes, panels.items(), colors, strict=False):
        for row, (rate, ends) in enumerate(rates):
            if rate is not None:
                if None not in ends:
                    ax.plot([100 * end for end in ends], [row, row], color=color, lw=2, alpha=0.5)
                ax.plot(100 * rate, row, "o", ms=7, color=color)
        ax.set(title=t(title), xlabel="%")
        ax.set_xlim(left=min(0, ax.get_xlim()[0]))
        ax.grid(axis="x", color=COLORS["quiet"], alpha=0.25)
        finish(ax)
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    lettered(figure)
    figure.alt = f"{' and '.join(panels)} of {', '.join(names)}, with intervals"
    return figure


def agreement(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    labels: NDArray[np.bool_],
    names: tuple[str, str],
    *,
    ax: Axes | None = None,
) -> Axes:
    """Scores of the same parts by two models, in thresholds; off the corners they disagree.

    Args:
        first: Score over threshold by one model, shape (N,).
        second: By the other.
        labels: True for NG, shape (N,).
        names: Of the models.
        ax: Axes to draw on; a new figure if None.
    """
    t = words()
    ax = ax or new_axes(5, 4.6, f"Scores of the same parts by {names[0]} and by {names[1]}")
    for word, chosen, mark in (("OK", ~labels, "o"), ("NG", labels, "^")):
        label = f"{word} ({int(chosen.sum())})"
        color = COLORS[word.lower()]
        ax.plot(
            first[chosen], second[chosen], mark, ms=5, mew=0, alpha=0.55, color=color, label=label
        )
    ax.axvline(1, color=COLORS["threshold"], lw=1.2, ls="--", label=t("thresholds"))
    ax.axhline(1, color=COLORS["threshold"], lw=1.2, ls="--")
    if min(first.min(), second.min()) > 0 and max(first.max(), second.max()) > 5:
        ax.set(xscale="log", yscale="log")
    ax.set_xlabel(t("{0}, in thresholds", names[0]))
    ax.set_ylabel(t("{0}, in thresholds", names[1]))
    return finish(ax, legend=True)

"""Sensor rows: the readings, the alarms, and which sensor is to blame."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from workbench.plots.figure import COLORS, Picture, finish, lettered, new_axes, words

if TYPE_CHECKING:
    from workbench.data import SensorTable

SENSORS_SHOWN = 12


def sensors(
    table: "SensorTable",
    flags: ArrayLike | None = None,
    *,
    labels: ArrayLike | None = None,
    columns: Sequence[str] | None = None,
) -> Figure:
    """One strip a sensor over time or row number, flagged rows as dots, true faults shaded.

    Args:
        table: The rows, at most 12 sensors of which are shown unless `columns` names them.
        flags: True where the detector raised an alarm, shape (N,).
        labels: True where there was a fault, shape (N,); those of the table if None.
        columns: Names of the sensors to show.
    """
    names = list(columns or table.columns[:SENSORS_SHOWN])
    labels = table.labels if labels is None else np.asarray(labels, bool)
    x = np.arange(len(table)) if table.time is None else np.asarray(table.time)
    figure = Picture(figsize=(9, 0.6 + 0.95 * len(names)), layout="constrained")
    axes = figure.subplots(len(names), sharex=True, squeeze=False)[:, 0]
    for ax, name in zip(axes, names, strict=True):
        _strip(ax, x, table.values[:, table.columns.index(name)], flags, labels)
        ax.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8)
    axes[-1].set_xlabel(words()("row" if table.time is None else "time"))
    if axes[0].get_legend_handles_labels()[0]:
        axes[0].legend(
            loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, fontsize=8
        )
    lettered(figure)
    figure.alt = f"{len(names)} sensors over {len(table)} rows, alarms and faults marked"
    return figure


def timeline(
    table: "SensorTable",
    scores: ArrayLike,
    threshold: float,
    *,
    active: ArrayLike | None = None,
    columns: Sequence[str] | None = None,
) -> Figure:
    """The sensors and below them the score with its threshold, alarms marked in all of them.

    Args:
        table: The rows, at most 12 sensors of which are shown unless `columns` names them.
        scores: Shape (N,).
        threshold: Dashed; a score from there on is NG.
        active: True where an alarm holds, shape (N,); where the score reaches the threshold if
            None.
        columns: Names of the sensors to show.
    """
    scores = np.asarray(scores, float)
    active = scores >= threshold if active is None else np.asarray(active, bool)
    names = list(table.columns[:SENSORS_SHOWN] if columns is None else columns)
    x = np.arange(len(table)) if table.time is None else np.asarray(table.time)
    heights = [1] * len(names) + [2.2]
    figure = Picture(figsize=(9, 0.6 + 0.62 * sum(heights)), layout="constrained")
    axes = figure.subplots(len(heights), sharex=True, height_ratios=heights, squeeze=False)[:, 0]
    for ax, name in zip(axes, names, strict=False):
        _strip(ax, x, table.values[:, table.columns.index(name)], active, table.labels)
        ax.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8)
    _strip(axes[-1], x, scores, active, table.labels)
    axes[-1].axhline(
        threshold, color=COLORS["threshold"], ls="--", lw=1.2, label=words()("threshold")
    )
    # the largest scores would flatten all others
    axes[-1].set_ylim(0, max(1.15 * float(np.quantile(scores, 0.995)), 1.3 * threshold))
    axes[-1].set_ylabel(words()("score"), rotation=0, ha="right", va="center", fontsize=8)
    axes[-1].set_xlabel(words()("row" if table.time is None else "time"))
    handles, said = axes[-1].get_legend_handles_labels()
    axes[0].legend(handles, said, loc="lower right", bbox_to_anchor=(1, 1), ncols=3,
                   frameon=False, fontsize=8)  # fmt: skip
    lettered(figure)
    figure.alt = (
        f"{len(names)} sensors and the score over {len(table)} rows, threshold {threshold:.4g}, "
        "alarms and faults marked"
    )
    return figure


def blame(
    shares: ArrayLike, columns: Sequence[str], *, top: int = 12, ax: Axes | None = None
) -> Axes:
    """Mean share of each sensor in the error, largest first.

    Args:
        shares: Shape (D,) or (N, D), as from `detector.blame`.
        columns: Names of the D sensors.
        top: How many to show.
        ax: Axes to draw on; a new figure if None.

    Raises:
        ValueError: Shares and names differ in number.
    """
    shares = np.atleast_2d(np.asarray(shares, float))
    if shares.shape[1] != len(columns):
        raise ValueError(
            f"shares must have {len(columns)} columns as named, got {shares.shape[1]}"
        )
    mean = shares.mean(axis=0)
    order = np.argsort(-mean, kind="stable")[:top]
    ax = ax or new_axes(6, 0.8 + 0.3 * len(order), "Share of each sensor in the error")
    names = [columns[i] for i in order]
    bars = ax.barh(names, 100 * mean[order], color=COLORS["ng"], alpha=0.8)
    ax.bar_label(bars, fmt="%.0f %%", padding=3, fontsize=8)
    ax.invert_yaxis()
    ax.margins(x=0.12)
    ax.set(xlabel=words()("share of the error, %"))
    return finish(ax)


def sizes(path: Sequence[Mapping[str, float]], bottleneck: int, *, ax: Axes | None = None) -> Axes:
    """The likelihood of rows that were not learned from, for each size of a network.

    Args:
        path: Mappings with `bottleneck` (0: no network) and `likelihood`, as a row model has them
            in `detector.data["size"]["path"]`.
        bottleneck: What was chosen.
        ax: Axes to draw on; a new figure if None.

    Raises:
        ValueError: No size was tried.
    """
    if not len(path):
        raise ValueError("path must hold at least one size, got none: no column varies")
    ax = ax or new_axes(6, 3.2, "Likelihood of other rows by the size of the network")
    t, names = words(), [str(row["bottleneck"] or "-") for row in path]
    ax.plot(names, [row["likelihood"] for row in path], "o-", color=COLORS["ok"], lw=2)
    if str(bottleneck) in names:
        ax.axvline(
            str(bottleneck), color=COLORS["line"], ls="--", label=f"{t('chosen')} {bottleneck}"
        )
    ax.set(xlabel=t("bottleneck (-: no network)"), ylabel=t("likelihood, nats a row"))
    return finish(ax, legend=True)


def _strip(
    ax: Axes, x: ArrayLike, values: ArrayLike, flags: ArrayLike | None, labels: ArrayLike | None
) -> None:
    ax.plot(x, values, color=COLORS["line"], lw=0.8)
    if labels is not None and np.any(labels):
        ax.fill_between(
            x,
            0,
            1,
            where=labels,
            transform=ax.get_xaxis_transform(),
            step="mid",
            color=COLORS["quiet"],
            alpha=0.35,
            lw=0,
            label=words()("true fault"),
        )
    if flags is not None and np.any(flags):
        flags = np.asarray(flags, bool)
        ax.plot(
            np.asarray(x)[flags],
            np.asarray(values)[flags],
            ".",
            ms=4,
            color=COLORS["ng"],
            label=words()("alarm"),
        )
    ax.tick_params(labelsize=7)
    ax.locator_params(axis="y", nbins=3)
    ax.spines[["top", "right"]].set_visible(False)

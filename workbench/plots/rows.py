"""Sensor rows: the readings, the alarms, and which sensor is to blame."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import ConciseDateFormatter
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from workbench.plots.figure import COLORS, Picture, finish, lettered, new_axes, words

if TYPE_CHECKING:
    from workbench.data import SensorTable

SENSORS_SHOWN = 12


def sensors(
    table: "SensorTable",
    flags: ArrayLike | None = None,
    *,
    columns: Sequence[str] | None = None,
) -> Figure:
    """One strip a sensor over time or row number, flagged rows as dots, true faults shaded.

    Args:
        table: The rows, at most 12 sensors of which are shown unless `columns` names them.
        flags: True where the detector raised an alarm, shape (N,).
    """
    strips = _values(table, columns or None)
    figure, axes = _strips(table, strips, 0.95, flags)
    _legend(axes[0], axes[0])
    figure.alt = f"{len(strips)} sensors over {len(table)} rows, alarms and faults marked"
    return lettered(figure)


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
        threshold: Dashed; a score from there on is NG.
        active: True where an alarm holds, shape (N,); where the score reaches the threshold if
            None.
    """
    t, scores = words(), np.asarray(scores, float)
    active = scores >= threshold if active is None else np.asarray(active, bool)
    names = _values(table, columns)
    figure, axes = _strips(table, names | {t("score"): scores}, 0.62, active, last=2.2)
    last = axes[-1]
    last.axhline(threshold, color=COLORS["threshold"], ls="--", lw=1.2, label=t("threshold"))
    # the largest scores would flatten all others
    last.set_ylim(0, max(1.15 * float(np.quantile(scores, 0.995)), 1.3 * threshold))
    _legend(axes[0], last)
    shown = f"{len(names)} sensors and the" if names else "The"
    figure.alt = f"{shown} score over {len(table)} rows, with the threshold, alarms and faults"
    return lettered(figure)


def blame(shares: ArrayLike, columns: Sequence[str], *, ax: Axes | None = None) -> Axes:
    """Mean share of each sensor in the error, the twelve largest.

    Args:
        shares: Shape (D,) or (N, D), as from `detector.blame`.

    Raises:
        ValueError: Shares and names differ in number.
    """
    shares = np.atleast_2d(np.asarray(shares, float))
    if shares.shape[1] != len(columns):
        raise ValueError(
            f"shares must have {len(columns)} columns as named, got {shares.shape[1]}"
        )
    mean = shares.mean(axis=0)
    order = np.argsort(-mean, kind="stable")[:SENSORS_SHOWN]
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
        bottleneck: What was chosen; 0 for none.

    Raises:
        ValueError: No size was tried.
    """
    if not len(path):
        raise ValueError("path must hold at least one size, got none: no column varies")
    ax = ax or new_axes(6, 3.2, "Likelihood of other rows by the size of the network")
    t, names = words(), [str(row["bottleneck"] or "-") for row in path]
    ax.plot(names, [row["likelihood"] for row in path], "o-", color=COLORS["ok"], lw=2)
    if (chosen := str(bottleneck or "-")) in names:
        ax.axvline(chosen, color=COLORS["line"], ls="--", label=f"{t('chosen')} {chosen}")
    ax.set(xlabel=t("bottleneck (-: no network)"), ylabel=t("likelihood, nats a row"))
    return finish(ax, legend=True)


def _values(table: "SensorTable", columns: Sequence[str] | None) -> dict[str, NDArray]:
    """The readings by sensor, of those named or of the first."""
    names = table.columns[:SENSORS_SHOWN] if columns is None else columns
    return {name: table.values[:, table.columns.index(name)] for name in names}


def _strips(
    table: "SensorTable",
    strips: Mapping[str, NDArray],
    height: float,
    flags: ArrayLike | None,
    last: float = 1.0,
) -> tuple[Figure, NDArray]:
    """A figure with one strip below the other, the last one `last` times as high."""
    heights = [1.0] * (len(strips) - 1) + [last]
    figure = Picture(figsize=(9, 0.6 + height * sum(heights)), layout="constrained")
    axes = figure.subplots(len(strips), sharex=True, height_ratios=heights, squeeze=False)[:, 0]
    x = np.arange(len(table)) if table.time is None else np.asarray(table.time)
    for ax, (name, values) in zip(axes, strips.items(), strict=True):
        _strip(ax, x, values, flags, table.labels)
        ax.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8)
    axes[-1].set_xlabel(words()("row" if table.time is None else "time"))
    if x.dtype.kind == "M":
        axis = axes[-1].xaxis
        axis.set_major_formatter(ConciseDateFormatter(axis.get_major_locator()))
        axis.get_offset_text().set_size(7)
    return figure, axes


def _strip(
    ax: Axes, x: NDArray, values: ArrayLike, flags: ArrayLike | None, labels: ArrayLike | None
) -> None:
    t, values = words(), np.asarray(values)
    ax.plot(x, values, color=COLORS["line"], lw=0.8)
    if labels is not None and np.any(labels):
        shade = {"color": COLORS["quiet"], "alpha": 0.35, "lw": 0, "label": t("true fault")}
        whole = {"transform": ax.get_xaxis_transform(), "step": "mid"}
        ax.fill_between(x, 0, 1, where=labels, **whole, **shade)
    if flags is not None and np.any(flags):
        flags = np.asarray(flags, bool)
        ax.plot(x[flags], values[flags], ".", ms=4, color=COLORS["ng"], label=t("alarm"))
    ax.tick_params(labelsize=7)
    ax.locator_params(axis="y", nbins=3)
    ax.spines[["top", "right"]].set_visible(False)


def _legend(top: Axes, of: Axes) -> None:
    lines, said = of.get_legend_handles_labels()
    if lines:
        place = {"loc": "lower right", "bbox_to_anchor": (1, 1), "ncols": len(lines)}
        top.legend(lines, said, frameon=False, fontsize=8, **place)

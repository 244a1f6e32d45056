"""Photos, overlays and their one heat scale."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from workbench.csflow.evaluation import Evaluation
from workbench.csflow.heatmap import colourise
from workbench.data import ImageFolder
from workbench.data.encode import OUTLINE, outline
from workbench.plots.figure import COLORS, Picture, lettered, words

WIDEST = 14  # inches; what a report page shows without scrolling


def overview(
    evaluation: Evaluation, *, title: str | None = None, mask: NDArray[np.bool_] | None = None
) -> Figure:
    """Photo and overlay of one part side by side, with the fixed heat scale.

    Args:
        title: Instead of verdict, score and threshold.
        mask: Ground truth, shape (H, W) of the photo; outlined in both.
    """
    t, score, limit = words(), f"{evaluation.score:.4g}", f"{evaluation.threshold:.4g}"
    said = f"{evaluation.verdict}   {t('score {0}', score)}   {t('threshold {0}', limit)}"
    title = title or said
    figure, axes = _grid(2, 2, 4, evaluation.image)
    for ax, image in zip(axes, (evaluation.image, evaluation.overlay()), strict=True):
        _photo(ax, image, mask)
    low, high = evaluation.heat_range
    ramp = np.linspace(low, high, 256, dtype=np.float32)[None]
    colors = ListedColormap(colourise(ramp, (low, high))[0] / 255)
    bar = figure.colorbar(
        ScalarMappable(Normalize(low, high), colors), ax=axes, fraction=0.03, pad=0.01
    )
    bar.set_label(t("heat, same scale for every part"), fontsize=8)
    bar.ax.tick_params(labelsize=8)
    figure.suptitle(title, color=COLORS["ng" if evaluation.is_anomaly else "ok"])
    figure.alt = f"Photo and heat map overlay: {title}"
    return lettered(figure)


def sample_grid(parts: ImageFolder, *, n: int = 12) -> Figure:
    """At most n photos, always the same draw, half OK and half NG; marked defects outlined.

    Raises:
        ValueError: The folder is empty.
    """
    chosen = _draw(parts, n)
    figure, axes = _grid(len(chosen), min(6, len(chosen)), 1.7, parts.image(chosen[0]))
    for ax, i in zip(axes, chosen, strict=False):
        _photo(ax, parts.image(i), parts.mask(i))
        ng = parts.labels is not None and parts.labels[i]
        word = "" if parts.labels is None else "NG " if ng else "OK "
        title = word + (parts.kinds[i] if ng else "")
        ax.set_title(title, fontsize=9, loc="left", color=COLORS["ng" if ng else "ok"])
    figure.alt = f"{len(chosen)} sample photos from {parts.root.name}"
    return lettered(figure)


def _grid(n: int, columns: int, size: float, like: NDArray) -> tuple[Figure, list[Axes]]:
    """A figure and axes for n photos like this one; those left over are blank."""
    rows, aspect = -(-n // columns), like.shape[1] / like.shape[0]
    width = columns * size * aspect + 0.8
    shrink = min(1, WIDEST / width)
    height = rows * (shrink * size + 0.3) + 0.2
    figure = Picture(figsize=(shrink * width, height), layout="constrained")
    figure.photos = True
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes:
        ax.set_axis_off()
    return figure, list(axes)


def _photo(ax: Axes, image: ArrayLike, mask: NDArray[np.bool_] | None) -> None:
    pixels = np.array(image)
    if mask is not None and mask.any():
        height, width = mask.shape
        rim = outline(mask, (width, height), -(-max(mask.shape) // 200))
        pixels[np.asarray(rim) > 0] = OUTLINE
    ax.imshow(pixels)


def _draw(parts: ImageFolder, n: int) -> list[int]:
    if not len(parts):
        raise ValueError("sample_grid needs at least one image, got an empty folder")
    order = np.random.default_rng(0).permutation(len(parts))
    ng = np.zeros(len(parts), bool) if parts.labels is None else np.asarray(parts.labels)
    ok, bad = [i for i in order if not ng[i]], [i for i in order if ng[i]]
    share = max(n - len(bad), (n + 1) // 2)
    return [int(i) for i in (ok[:share] + bad)[:n]]

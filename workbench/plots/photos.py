"""Photos, overlays and their one heat scale."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from workbench.csflow.evaluation import colourise
from workbench.data.encode import OUTLINE, outline
from workbench.plots.figure import COLORS, Picture, lettered, words

if TYPE_CHECKING:
    from workbench.csflow.evaluation import Evaluation
    from workbench.data import ImageFolder

WIDEST = 14  # inches; what a report page shows without scrolling


def overview(
    evaluation: "Evaluation", *, title: str | None = None, mask: NDArray[np.bool_] | None = None
) -> Figure:
    """Photo and overlay of one part side by side, with the fixed heat scale.

    Args:
        evaluation: What `detector.evaluate_one` returned.
        title: Instead of verdict, score and threshold.
        mask: Ground truth, shape (H, W) of the photo; outlined in both.
    """
    t, score, limit = words(), f"{evaluation.score:.4g}", f"{evaluation.threshold:.4g}"
    said = f"{evaluation.verdict}   {t('score {0}', score)}   {t('threshold {0}', limit)}"
    title = title or said
    figure = gallery([evaluation], titles=[""], masks=[mask], columns=1, size=4)
    figure.suptitle(title, color=COLORS["ng" if evaluation.is_anomaly else "ok"])
    lettered(figure)
    figure.alt = f"Photo and heat map overlay: {title}"
    return figure


def gallery(
    evaluations: Sequence["Evaluation"],
    *,
    titles: Sequence[str] | None = None,
    masks: Sequence[NDArray[np.bool_] | None] | None = None,
    columns: int = 3,
    size: float = 1.9,
) -> Figure:
    """Pairs of photo and overlay, all on one heat scale.

    Args:
        evaluations: What `detector.evaluate_one` returned, of one detector.
        titles: One a pair; verdict and score if None.
        masks: Ground truth or None for each, outlined.
        columns: Pairs in a row.
        size: Height of one photo, in inches.

    Raises:
        ValueError: Nothing to show, or heat maps of different scales.
    """
    heat_range = _one_scale(evaluations)
    titles = titles or [f"{e.verdict}  {e.score:.4g}" for e in evaluations]
    masks = masks or [None] * len(evaluations)
    columns = min(columns, len(evaluations))
    figure, axes = _grid(len(evaluations), columns, 2, size, _aspect(evaluations[0].image))
    for pair, evaluation, title, mask in zip(axes, evaluations, titles, masks, strict=False):
        for ax, image in zip(pair, (evaluation.image, evaluation.overlay()), strict=True):
            _photo(ax, image, mask)
        pair[0].set_title(title, loc="left", fontsize=9)
    scale = ScalarMappable(Normalize(*heat_range), _heat_colors(heat_range))
    bar = figure.colorbar(scale, ax=[ax for pair in axes for ax in pair], fraction=0.03, pad=0.01)
    bar.set_label(words()("heat, same scale for every part"), fontsize=8)
    bar.ax.tick_params(labelsize=8)
    lettered(figure)
    figure.alt = f"Photos and heat map overlays of {len(evaluations)} parts"
    return figure


def sample_grid(
    parts: "ImageFolder", *, n: int = 12, columns: int = 6, seed: int = 0, size: float = 1.7
) -> Figure:
    """A seeded draw of photos, half OK and half NG, defects outlined where there is a mask.

    Args:
        parts: The folder.
        n: How many photos at most.
        columns: Photos in a row.
        seed: Decides the draw.
        size: Height of one photo, in inches.

    Raises:
        ValueError: The folder is empty.
    """
    chosen = _draw(parts, n, seed)
    figure, axes = _grid(
        len(chosen), min(columns, len(chosen)), 1, size, _aspect(parts.image(chosen[0]))
    )
    for (ax,), i in zip(axes, chosen, strict=False):
        _photo(ax, parts.image(i), parts.mask(i))
        ng = parts.labels is not None and parts.labels[i]
        word = "" if parts.labels is None else "NG " if ng else "OK "
        kind = parts.kinds[i] if ng else ""
        ax.set_title(
            word + kind,
            fontsize=9,
            loc="left",
            color=COLORS["ng" if ng else "ok"],
        )
    lettered(figure)
    figure.alt = f"{len(chosen)} sample photos from {parts.root.name}"
    return figure


def _grid(n: int, columns: int, each: int, size: float, aspect: float) -> tuple[Figure, list]:
    """A figure and n groups of `each` axes; those left over are blank."""
    rows = -(-n // columns)
    width = columns * each * size * aspect + 0.8
    shrink = min(1, WIDEST / width)
    height = rows * (shrink * size + 0.3) + 0.2
    figure = Picture(figsize=(shrink * width, height), layout="constrained")
    figure.photos = True
    axes = figure.subplots(rows, columns * each, squeeze=False).reshape(-1, each)
    for ax in axes.flat:
        ax.set_axis_off()
    return figure, [list(group) for group in axes]


def _photo(ax: Axes, image: ArrayLike, mask: NDArray[np.bool_] | None) -> None:
    pixels = np.array(image)
    if mask is not None and mask.any():
        height, width = mask.shape
        rim = outline(mask, (width, height), -(-max(mask.shape) // 200))
        pixels[np.asarray(rim) > 0] = OUTLINE
    ax.imshow(pixels)


def _draw(parts: "ImageFolder", n: int, seed: int) -> list[int]:
    if not len(parts):
        raise ValueError("sample_grid needs at least one image, got an empty folder")
    order = np.random.default_rng(seed).permutation(len(parts))
    ng = np.zeros(len(parts), bool) if parts.labels is None else np.asarray(parts.labels)
    ok, bad = [i for i in order if not ng[i]], [i for i in order if ng[i]]
    share = max(n - len(bad), (n + 1) // 2)
    return [int(i) for i in (ok[:share] + bad)[:n]]


def _one_scale(evaluations: Sequence["Evaluation"]) -> tuple[float, float]:
    scales = {tuple(map(float, evaluation.heat_range)) for evaluation in evaluations}
    if len(scales) != 1:
        raise ValueError(
            f"a gallery needs evaluations on one heat scale, got {len(scales)} scales; show the "
            f"parts of one detector"
        )
    return scales.pop()


def _heat_colors(heat_range: tuple[float, float]) -> ListedColormap:
    ramp = np.linspace(*heat_range, 256, dtype=np.float32)[None]
    return ListedColormap(colourise(ramp, heat_range)[0] / 255)


def _aspect(image: NDArray) -> float:
    return image.shape[1] / image.shape[0]

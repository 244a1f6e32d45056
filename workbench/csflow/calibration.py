"""What is taken from calibration images: threshold, colour scale and typical energy."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.data import read_image
from workbench.data.opening import ImageSource
from workbench.errors import DataError
from workbench.metrics import Threshold, threshold
from workbench.metrics.policies import FEWEST
from workbench.metrics.thresholds import CALIBRATION

from .batches import Images, to_square
from .config import CSFlowConfig
from .scores import Latents
from .split import parts_of
from .typical import Lift, Typical, watched

if TYPE_CHECKING:
    from .detector import CSFlowDetector

CROSSFITTED = "cross-fitted OK"  # each scored by a flow that has not seen it
FOR_A_TAIL = 30  # parts: fewer tell what is usual, but not a tail, and one may be odd
FEW_AIM = 0.05  # share of good parts thrown away that fewer are aimed at
AIM, MOST = 0.01, 0.03  # share of good parts thrown away: aimed at, and surely not exceeded


def calibrate(
    detector: "CSFlowDetector",
    latents: Iterable[Latents],
    part: NDArray[np.intp],
    crossfitted: bool = False,
    altered: Sequence[Iterable[Latents]] = (),
) -> None:
    """Set what a detector takes from calibration images.

    Args:
        latents: Of the images, in batches; taken one at a time.
        part: The part that each image shows, a number.
        crossfitted: Whether they are all good parts, each by a flow that has not seen it. Then
            the detector keeps them, for its own flow has seen most.
        altered: Latents of some of them, and of altered copies, as many of each in turn.
    """
    cells, scores = _measured(detector, latents)
    detector.crossfitted = (cells, part) if crossfitted else None
    lift = Lift.of(*(_measured(detector, some)[0] for some in altered)) if altered else None
    _settle(detector, cells, scores, part, lift)


def _measured(
    detector: "CSFlowDetector", latents: Iterable[Latents]
) -> tuple[Latents, NDArray[np.float64]]:
    """Energy of the cells of all images, and scores where these take more than that.

    Regions are looked at later: the heat map may rest on what is typical of these very cells.
    """
    cells: list[Latents] = []
    scores = [np.empty(0)]
    for zs in latents:
        cells.append(detector.cells_of(zs))
        if detector.config.score != "calibrated":
            scores.append(detector.plain_scores(zs))
    return [np.concatenate(scale) for scale in zip(*cells, strict=True)], np.concatenate(scores)


def _settle(
    detector: "CSFlowDetector",
    cells: Latents,
    scores: NDArray[np.float64],
    part: NDArray[np.intp],
    lift: Lift | None,
) -> None:
    if "calibrated" in (detector.config.score, detector.config.heat):
        detector.typical = Typical.of(cells, lift)
    if detector.config.score == "calibrated":
        scores = Typical.left_out(cells, part, lift)
    scores = detector.by_region(scores, cells)
    detector.calibration_scores = scores
    source = CROSSFITTED if detector.crossfitted else CALIBRATION
    detector.threshold = first_threshold(scores, part, detector.config, source)
    detector.heat_range = colour_scale(detector.heat_of(cells))
    detector.typical_energy = tuple(float(np.median(m.mean((1, 2)))) for m in cells)


def adjust(
    detector: "CSFlowDetector",
    *,
    ignore: ImageSource | None = None,
    smallest: float | None = None,
    regions: int | None = None,
) -> bool:
    """Change what counts without another training; threshold and colours are set again.

    Args:
        detector: Fitted or loaded.
        ignore: As for `CSFlowDetector.fit`, a black picture to ignore nothing more. Cells there
            count for nothing; those beside still see what shows there, until a training.
        smallest: See `CSFlowConfig`, like `regions`; None leaves it as it is.
        regions: Of that size.

    Returns:
        Whether calibration photos were found: without them threshold and colours stay.

    Raises:
        NotFittedError: Neither fitted nor loaded.
        ValueError: No such share or number.
    """
    c = detector.config
    config = replace(
        c,
        smallest=c.smallest if smallest is None else smallest,
        regions=c.regions if regions is None else regions,
    )
    if not detector.crossfitted:  # whose cells are there, so that nothing is computed
        detector.prepare()
    masked = detector.masked if ignore is None else mask_of(ignore, config.size)
    detector.config, detector.masked = config, masked
    lift = detector.typical.lift if detector.typical else None
    if detector.crossfitted:
        cells, part = detector.crossfitted
        _settle(detector, watched(cells, masked), np.empty(0), part, lift)
        return True
    photos: Images = ()
    with suppress(DataError):  # no folder, or it is no longer there
        photos = detector.parts().calibration
    places: list[int] = []

    def found() -> Iterator[Latents]:
        for some, zs, _ in detector.latents(photos, progress=False):
            places.extend(some)
            yield zs

    cells, scores = _measured(detector, found())
    if places:
        _settle(detector, cells, scores, parts_of(photos, places), lift)
    return bool(places)


def mask_of(picture: ImageSource, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Where a picture is not black, at the size that the network sees."""
    return to_square(read_image(picture), size)[0].max(0) > 127


def first_threshold(
    scores: NDArray[np.float64],
    part: NDArray[np.intp],
    config: CSFlowConfig,
    source: str = CALIBRATION,
) -> Threshold:
    """The threshold that a detector begins with, from its calibration parts.

    Args:
        scores: One a photo, shape (N,).
        part: The part that it shows, a number; a part is as bad as the worst photo of it.
        source: What they are of, in words.
    """
    if config.policy == "percentile":
        return threshold(scores, q=config.percentile, source=source)
    worst = np.array([scores[part == number].max() for number in np.unique(part)])
    if len(worst) < len(scores):
        source = f"{source}, the worst of each part"
    if len(worst) < FEWEST:
        few = f"{source}, too few to tell a rate; calibrate on {FEWEST} or more, best 100"
        return threshold(scores, q=config.percentile, source=few)
    if len(worst) < FOR_A_TAIL and worst.min() > 0:
        most = round(min(FEW_AIM + 4 / len(worst), 0.9), 3)  # of 77 real splits, 76 kept it
        return threshold(worst, policy="normal", source=source, aim=FEW_AIM, most=most)
    # fewer than 100 parts carry no 1 %: a limit for it would miss most defects
    aim, most = max(AIM, 1 / len(worst)), max(MOST, 3.5 / len(worst))
    return threshold(
        worst, policy="tail", source=source, aim=round(aim, 3), most=round(min(most, 0.9), 3)
    )


def colour_scale(heat: NDArray[np.float32]) -> tuple[float, float]:
    """Ends of the fixed colour scale, from the maps of calibration images, any shape.

    From what nine in ten cells stay below, to far past their hottest: a good part looks dark,
    and a defect has room to differ from another.
    """
    floor, hot = np.quantile(heat, [0.9, 0.999])
    return float(floor), float(max(floor + 4 * (hot - floor), floor + 1e-6))

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
from .typical import Typical

if TYPE_CHECKING:
    from .detector import CSFlowDetector

AIM, MOST = 0.01, 0.03  # share of good parts thrown away: aimed at, and surely not exceeded


def calibrate(
    detector: "CSFlowDetector", latents: Iterable[Latents], images: Images, places: Sequence[int]
) -> None:
    """Set what a detector takes from calibration images.

    Args:
        latents: Of the images that could be read, in batches; taken one at a time.
        places: Their positions, complete when the latents are through.
    """
    if detector.config.score != "calibrated":
        latents = list(latents)  # they are looked at twice
    each = map(detector.cells_of, latents)
    cells = [np.concatenate(scale) for scale in zip(*each, strict=True)]
    if not cells:
        return
    part = parts_of(images, places)
    if "calibrated" in (detector.config.score, detector.config.heat):
        detector.typical = Typical.of(cells)
    if detector.config.score == "calibrated":
        scores = detector.by_region(Typical.left_out(cells, part), cells)
    else:
        scores = np.concatenate([detector.score_latents(zs) for zs in latents])
    detector.calibration_scores = scores
    detector.threshold = first_threshold(scores, part, detector.config)
    detector.heat_range = colour_scale(detector.heat_of(cells))
    detector.typical_energy = tuple(float(np.median(m.mean((1, 2)))) for m in cells)


def adjust(
    detector: "CSFlowDetector",
    *,
    ignore: ImageSource | None = None,
    smallest: float | None = None,
    regions: int | None = None,
) -> bool:
    """Change what counts without training anew; threshold and colours are set again.

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
    detector.prepare()
    masked = detector.masked if ignore is None else mask_of(ignore, config.size)
    detector.config, detector.masked = config, masked
    photos: Images = ()
    with suppress(DataError):  # no folder, or it is no longer there
        photos = detector.parts().calibration
    places: list[int] = []

    def found() -> Iterator[Latents]:
        for some, zs, _ in detector.latents(photos, progress=False):
            places.extend(some)
            yield zs

    calibrate(detector, found(), photos, places)
    return bool(places)


def mask_of(picture: ImageSource, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Where a picture is not black, at the size that the network sees."""
    return to_square(read_image(picture), size)[0].max(0) > 127


def first_threshold(
    scores: NDArray[np.float64], part: NDArray[np.intp], config: CSFlowConfig
) -> Threshold:
    """The threshold that a detector begins with, from its calibration parts.

    Args:
        scores: One a photo, shape (N,).
        part: The part that it shows, a number; a part is as bad as the worst photo of it.
    """
    if config.policy == "percentile":
        return threshold(scores, q=config.percentile)
    worst = np.array([scores[part == number].max() for number in np.unique(part)])
    source = CALIBRATION if len(worst) == len(scores) else f"{CALIBRATION}, the worst of each part"
    if len(worst) < FEWEST:
        few = f"{CALIBRATION}, too few to tell a rate; calibrate on {FEWEST} or more, best 100"
        return threshold(scores, q=config.percentile, source=few)
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

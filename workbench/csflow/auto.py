"""What a configuration leaves to the photos: size, scales, epochs, and how to alter them.

They follow from the photos alone, never from labels or results, so that a training can be told
beforehand and repeated.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from math import prod, sqrt
from pathlib import Path

import numpy as np

from workbench.data import read_image
from workbench.data.decode import WHITE, image_size
from workbench.data.opening import ImageSource
from workbench.data.photo_check import FEW
from workbench.errors import DataError
from workbench.language import translator

from .batches import Images, sources_of
from .config import FEWEST_SCALES, STRIDE, CSFlowConfig
from .tiles import LARGEST, tiles_each

SIDES = (256, 384, 512)  # a photo takes about 10, 20 and 40 ms on two cores
LONGEST = 4.0  # sides as 4 : 1 at most
MANY = 300  # photos: enough to learn scales whose cells see half of a photo
MOST_SCALES = 5  # of many
EVEN = 0.1  # standard deviation of log brightness: more, and the photos show what light there is
DRAWN = 0.5  # share of pixels equal to the one beside: more, and no camera's noise is in them
LOOKS = 3  # at a photo: each takes the time of one, and five gain little more
COPIES = 4  # altered ones of each of few photos; many differ enough by themselves
STEPS = 700  # of the optimiser: beyond, calibration parts become hardly more likely
ALL_STEPS = 1400  # where another focus and compression are learned as well
LEAST_EPOCHS, MOST_EPOCHS = 8, 100  # the steps are too few for hundreds of photos
FEWEST_FOLDS, FOLDS = 3, 5
PATIENT = 2.0  # budgets that cross-fitting may take in all
BUDGET = 1e9  # pixels seen in training: about 9 minutes of two cores with AMX, 20 without
LOOKED_AT = 200  # photos whose size is read
SHRUNK = 1.9  # pixels to one: small defects are lost, and it is said
FINEST = 8  # pixels a cell of the finest scale
TILE = 512  # pixels a side of the tiles that are proposed
LIT = 40  # photos whose brightness is


def decide(config: CSFlowConfig, images: Images) -> CSFlowConfig:
    """The configuration with numbers in place of "auto".

    Photos are brought to one size: as many pixels as the smallest of 256, 384 and 512 squared
    that is no less than their own, in the shape of the median photo; with tiles, to their own
    size. Many are also looked at at half and a quarter of that size. Scored are three looks at
    each, unless it is larger than those sizes or in tiles. Where they hardly differ in
    brightness, copies in another light are learned from; where they do, such copies would teach
    defects that are a shade. Copies in another focus and compressed ones are, too, unless the
    photos are drawn or brought to two levels: then they would teach thin lines that are missing.
    Of few photos there are several copies each.

    Example:
        >>> photo = np.zeros((300, 420, 3), np.uint8)
        >>> config = decide(CSFlowConfig(), [photo] * 100)
        >>> config.image_size, config.epochs
        ((320, 448), 14)
    """
    many = len(images) >= MANY
    if config.alterations == "auto" and config.altered:
        config = replace(config, alterations=_kinds(sources_of(images), config.white))
    if config.scales == "auto":
        config = replace(config, scales=_most_scales(config) if many else FEWEST_SCALES)
    if config.image_size == "auto":
        height, width = np.median([*map(_sides, _some(sources_of(images), LOOKED_AT))], axis=0)
        config = replace(config, image_size=_size(height, width, config))
    count = len(images) * tiles_each(len(images), config.once.tiling)[0]
    if config.copies == "auto":
        config = replace(config, copies=1 if count >= MANY else COPIES)
    whole = config.epochs == "auto"
    if whole:
        steps = ALL_STEPS if config.altered and "focus" in config.alterations else STEPS
        useful = max(LEAST_EPOCHS, steps * config.batch / count)
        most = BUDGET / (count * prod(config.tiling.window))
        epochs = np.clip(round(min(useful, most)), 1, MOST_EPOCHS)
        config = replace(config, epochs=int(epochs))
    if config.looks == "auto":
        seen = not config.tile and prod(config.size) <= SIDES[-1] ** 2
        config = replace(config, looks=LOOKS if seen else 1)
    if config.folds == "auto":  # who says how long it shall take, gets no further trainings
        config = replace(config, folds=_folds(config, len(images)) if whole else 0)
    return config


def in_words(config: CSFlowConfig, epochs: int, t: Callable[..., str] | None = None) -> str:
    """What was decided, once no "auto" is left.

    Args:
        epochs: That were trained; 0, as of an imported detector, where that is not known.
        t: As from `language.translator`; None says it in English.

    Example:
        >>> in_words(CSFlowConfig(image_size=(320, 448), alterations=("place", "light")), 14)
        '320 x 448 pixels, 3 scales, 14 epochs, 50 % of the photos altered (place, light)'
    """
    t = t or translator("en")
    said = [t("{0} x {1} pixels", *config.size), t("{0} scales", config.depth)]
    if (count := len(config.once.tiling.places)) > 1:
        said.insert(1, t("in {0} tiles of {1} x {2}", count, *config.tiling.window))
    if isinstance(config.looks, int) and config.looks > 1:
        said.insert(1, t("looked at {0} times", config.looks))
    if epochs:
        said.append(t("{0} epoch" if epochs == 1 else "{0} epochs", epochs))
    if epochs and config.altered and config.alterations:
        kinds = ", ".join(map(t, config.alterations))
        said.append(t("{0} % of the photos altered ({1})", f"{100 * config.altered:.0f}", kinds))
    return ", ".join(said)


def lost(config: CSFlowConfig, height: int, width: int) -> str:
    """What is lost of photos of this size because they are shrunk, and the remedy; or "".

    Example:
        >>> lost(CSFlowConfig(), 3000, 4000)
        'photos of 4000 x 3000 pixels are looked at as 576 x 448, 7 pixels to one: defects below \
about 55 pixels are lost; --tile 512 looks at all of it, in 63 tiles, 64 times the computing'
        >>> lost(CSFlowConfig(), 640, 640)
        ''
    """
    size = _size(height, width, config) if config.image_size == "auto" else config.size
    times = sqrt(height * width / prod(size))
    if config.tile or times < SHRUNK:
        return ""
    tiled = replace(config, image_size="auto", tile=TILE)
    tiling = replace(tiled, image_size=_size(height, width, tiled)).tiling
    count = len(tiling.places)
    return (
        f"photos of {width} x {height} pixels are looked at as {size[1]} x {size[0]}, {times:.0f} "
        f"pixels to one: defects below about {5 * round(FINEST * times / 5)} pixels are lost; "
        f"--tile {TILE} looks at all of it, in {count} tiles, "
        f"{count * prod(tiling.window) / prod(size):.0f} times the computing"
    )


def _folds(config: CSFlowConfig, photos: int) -> int:
    """Into how many a few good parts are divided, so that all of them set the threshold."""
    if photos >= FEW or config.score != "calibrated" or config.tile:
        return 0
    trainings = int(PATIENT * BUDGET / (photos * int(config.epochs) * prod(config.size)))
    return 0 if trainings <= FEWEST_FOLDS else min(trainings - 1, FOLDS)


def _most_scales(config: CSFlowConfig) -> int:
    """As many as give whole cells of the size that was asked for."""
    sides = [config.tile, *(() if config.image_size == "auto" else config.size)]
    deeper = range(FEWEST_SCALES + 1, MOST_SCALES + 1)
    cells = {n: STRIDE << max(0, n - config.finer - 1) for n in deeper}
    few = (config.tile or LARGEST) // 4  # of them a tile must have a side, or it is mostly overlap
    whole = [n for n, c in cells.items() if c <= few and not any(side % c for side in sides)]
    return max(whole, default=FEWEST_SCALES)


def _some(sources: Sequence[ImageSource], count: int) -> Iterator[ImageSource]:
    """About so many, spread over all."""
    return islice(sources, 0, None, max(1, len(sources) // count))


def _size(height: float, width: float, config: CSFlowConfig) -> tuple[int, int]:
    """What photos of these sides are brought to, in whole coarsest cells."""
    pixels, shape, step = height * width, sqrt(height / width), config.cell
    if config.tile:
        side = max(SIDES[0], sqrt(pixels))
    else:
        side = next((s for s in SIDES if s * s >= pixels), SIDES[-1])
        shape = float(np.clip(shape, 1 / sqrt(LONGEST), sqrt(LONGEST)))
    cells = (min(max(1, round(x / step)), LARGEST // step) for x in (side * shape, side / shape))
    height, width = (step * n for n in cells)
    return height, width


def _kinds(sources: Sequence[ImageSource], white: int) -> tuple[str, ...]:
    """How copies of these photos may be altered, by how a few of them look."""
    levels, equal = [], []
    for source in _some(sources, LIT):
        with suppress(DataError):  # what cannot be read is named where it is learned from
            image = read_image(source, white or WHITE)
            rows = image[:: len(image) // 128 + 1]
            levels.append(np.log(np.quantile(rows[:, ::4], 0.9) + 1))
            equal.append(float((rows[:, 1:] == rows[:, :-1]).mean()))
    even = not levels or np.std(levels) < EVEN
    by_camera = not levels or np.mean(equal) < DRAWN
    return ("place", *["light"] * bool(even), *["focus", "compression"] * bool(by_camera))


def _sides(source: ImageSource) -> tuple[int, int]:
    if isinstance(source, str | Path):
        return image_size(Path(source))
    return read_image(source).shape[:2]

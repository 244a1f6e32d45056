"""From photos to a trained network, and to what its calibration rests on.

Good parts that are too few to keep many apart are cross-fitted: flows that are not kept learn
from all but a fold of them each, so that every one has an honest score and all set the threshold.
"""

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from .alone import ALONE, Alone
from .altered import Alteration
from .batches import Images
from .config import CSFlowConfig
from .feature_cache import extract, some
from .flow import Pyramid
from .network import CSFlowNetwork
from .resume import Checkpoint
from .scores import Latents
from .split import parts_of
from .training import Trained, train_flow


class Learned(NamedTuple):
    """How a training went, and latents of good parts by flows that have not learned from them."""

    trained: Trained
    latents: Iterable[Latents]  # in batches
    part: NDArray[np.intp]  # that each image shows, a number
    crossfitted: bool  # whether they are all of them, not the calibration parts alone
    altered: Sequence[Iterable[Latents]]  # calibration parts at one look, and copies; or none


def learn(
    network: CSFlowNetwork,
    config: CSFlowConfig,
    train: Images,
    calibration: Images,
    *,
    progress: bool,
    cache: bool,
    checkpoint: Checkpoint | None,
    ranks: Alone = ALONE,
) -> Learned:
    """Train a network's flow on images, watched on others, in place."""
    read = partial(
        extract, network=network, config=config, progress=progress, cache=cache, ranks=ranks
    )
    once = partial(read, config=config.once, drawn=True)
    seen, features = once(train, title="features")
    places, looks = read(calibration, title="features (calibration)")
    watched = _first(looks, config)
    copies = _altered(once, train, config)
    own = _altered(once, calibration, config) if config.lifted or config.folds else []
    if config.standardise:
        network.standardise.fit(features)
    trained = train_flow(
        network.flow, network.standardise, features, some(watched, len(places)), config,
        copies=copies, progress=progress, checkpoint=checkpoint, ranks=ranks,
    )  # fmt: skip
    part = parts_of(calibration, places)
    at_once = partial(network.latents_of, batch=config.together, tiling=config.once.tiling)
    altered = [at_once(watched), at_once(own)] if config.lifted else []
    if config.folds and not trained.interrupted:
        learned = read(train, title="features (moved)")[1]
        every = [torch.cat(pair) for pair in zip(learned, looks, strict=True)]
        copies = [torch.cat(pair) for pair in zip(copies, own, strict=True)]
        parts = np.concatenate([parts_of(train, seen), len(train) + part])
        if found := _crossfitted(network, config, every, copies, parts, progress, ranks):
            return Learned(trained, *found, crossfitted=True, altered=altered)
        trained = replace(trained, interrupted=True)
    latents = network.latents_of(looks, config.together)
    return Learned(trained, latents, part, crossfitted=False, altered=altered)


def folds_of(part: NDArray[np.intp], count: int, seed: int) -> list[NDArray[np.intp]]:
    """Positions of the images of every fold; photos of one part are in one fold.

    Args:
        part: The part that each image shows, a number, shape (N,).
        count: Folds; fewer where there are fewer parts.

    Example:
        >>> [fold.tolist() for fold in folds_of(np.array([0, 0, 1, 2]), 2, seed=0)]
        [[2, 3], [0, 1]]
    """
    numbers = np.random.default_rng(seed).permutation(np.unique(part))
    count = min(count, len(numbers))
    return [np.flatnonzero(np.isin(part, numbers[k::count])) for k in range(count)]


def _altered(read: Callable, images: Images, config: CSFlowConfig) -> Pyramid:
    """Features of altered copies, those of an image in turn, if there are to be any."""
    if not (config.altered and config.alterations):
        return []
    kinds, count = tuple(config.alterations), int(config.copies)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what cannot be read has been named
        each = [
            read(images, title="features (altered)", alter=Alteration(kinds, copy, count > 1))[1]
            for copy in range(count)
        ]
    if len(each) == 1:
        return each[0]  # which may be larger than the memory
    return [torch.stack(xs, 1).flatten(0, 1) for xs in zip(*each, strict=True)]


def _first(looks: Pyramid, config: CSFlowConfig) -> Pyramid:
    """Features of the photos as they are, of all looks at each."""
    return [x[:: config.tiling.looks].contiguous() for x in looks]


def _crossfitted(
    network: CSFlowNetwork,
    config: CSFlowConfig,
    looks: Pyramid,
    copies: Pyramid,
    part: NDArray[np.intp],
    progress: bool,
    ranks: Alone,
) -> tuple[list[Latents], NDArray[np.intp]] | None:
    """Latents of every image by a flow that has not seen its part; None after Ctrl-C."""
    found: list[Latents] = []
    once = _first(looks, config)
    folds = folds_of(part, int(config.folds), config.seed)
    for number, own in enumerate(folds, 1):
        beside = CSFlowNetwork(config, "random").to(network.device)  # its backbone is not asked
        others = np.setdiff1d(np.arange(len(part)), own)
        learned, watched = _of(once, others), _of(once, own)
        altered = _of(copies, others, int(config.copies))
        if config.standardise:
            beside.standardise.fit(learned)
        title = f"train {number} of {len(folds)} for the threshold"
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "training stopped")  # said below
                trained = train_flow(
                    beside.flow, beside.standardise, learned, watched, config,
                    copies=altered, title=title, progress=progress, ranks=ranks,
                )  # fmt: skip
        except KeyboardInterrupt:
            trained = None
        if trained is None or trained.interrupted:
            warnings.warn("stopped: the calibration parts alone set the threshold", stacklevel=4)
            return None
        found += beside.latents_of(_of(looks, own, config.tiling.looks), config.together)
    return found, part[np.concatenate(folds)]


def _of(table: Pyramid, images: NDArray[np.intp], each: int = 1) -> Pyramid:
    """Rows of some images, of which each has so many."""
    rows = torch.from_numpy((images[:, None] * each + np.arange(each)).ravel())
    return [x[rows] for x in table]

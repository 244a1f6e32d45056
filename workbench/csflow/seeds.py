"""The same training from several seeds: how much of a result is luck; and under several settings.

Nothing is chosen by test labels. What a sweep trained is kept in the workspace's cache, so one
that was stopped, or grew, goes on.
"""

import hashlib
import json
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from itertools import product
from math import isnan
from timeit import repeat
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from workbench import metrics, workspace
from workbench.cache import Cache
from workbench.data import ImageFolder
from workbench.data.opening import ImageSource

from .backbones import default_block
from .config import CSFlowConfig
from .detector import CSFlowDetector
from .feature_cache import extract

FORMAT = 1  # to be raised when a training gives something else
LIMIT = 1 << 24  # bytes of results that are kept
Each: TypeAlias = Callable[[Callable, Iterable], Iterator[tuple[Any, Any]]]
"""Does work for every task, yields each with its result: `partial(bulk.in_order, client)`."""


@dataclass(frozen=True)
class SeedResult:
    """What training from one seed gave."""

    seed: int  # of the flow's start and the order of the images; the split is the same for all
    calibration_nll: float  # of the weights that were kept, in nats per dimension
    auroc: float  # on the test images; NaN where they are not labelled, or all alike
    seconds: float = float("nan")  # that the training took, without the features
    photo_ms: float = float("nan")  # that torch takes for a photo, once it is decoded


@dataclass(frozen=True)
class Setting:
    """What was changed in the configuration, and what each seed gave."""

    changes: dict[str, Any]
    trials: tuple[SeedResult, ...]

    def of(self, name: str) -> list[float]:
        """A figure of every seed."""
        return [getattr(trial, name) for trial in self.trials]


def fit_seeds(
    config: CSFlowConfig,
    parts: ImageFolder,
    count: int,
    *,
    ignore: ImageSource | None = None,
    each: Each | None = None,
    **options: Any,  # noqa: ANN401
) -> tuple[CSFlowDetector, list[SeedResult]]:
    """Train `count` detectors on one split, from the configuration's seed and the next ones.

    Features are extracted once where there is a workspace for the cache. Ctrl-C ends the seed
    it falls into, and those after it are left out.

    Args:
        parts: A folder; its test images are scored, and never chosen by.
        ignore: As of `CSFlowDetector.fit`.
        each: What trains them, by default one after the other.

    Returns:
        The detector of the first seed, which is not the best one but the one that would have
        been trained without the others, and one result a seed.
    """
    if count < 1:
        raise ValueError(f"seeds must be at least 1, got {count}")
    detectors, results = [], []
    seeds = range(config.seed, config.seed + count)
    for _, (result, detector, interrupted) in (each or _one_by_one)(
        partial(_of_seed, config, parts, {"ignore": ignore} | options), seeds
    ):
        detectors.append(detector)
        results.append(result)
        if interrupted:
            break
    return detectors[0], results


def sweep(
    config: CSFlowConfig,
    parts: ImageFolder,
    grid: Mapping[str, Sequence[Any]],
    seeds: int = 3,
    *,
    ignore: NDArray[np.bool_] | None = None,
    each: Each | None = None,
) -> list[Setting]:
    """Train every combination of the grid, values by field of the configuration.

    Arguments are those of `fit_seeds`; `ignore` is that of a detector of this configuration.

    Raises:
        ValueError: No such field, a value it cannot have, or nothing to train.
    """
    if unknown := set(grid) - {field.name for field in fields(config)} | {"seed"} & set(grid):
        raise ValueError(f"a sweep sets fields of CSFlowConfig, got {', '.join(sorted(unknown))}")
    combined = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    if seeds < 1 or not grid or not combined:
        raise ValueError("a sweep needs a field with values, and seeds of 1 or more")
    configs = [
        replace(changed(config, changes), seed=config.seed + i)
        for changes in combined
        for i in range(seeds)
    ]
    data = [part.fingerprint() for part in (parts.train, parts.calibration, parts.test)]
    shown = None if ignore is None else np.uint8(255) * ignore
    work = partial(_of_config, parts, data, shown)
    trials = (trial for _, trial in (each or _one_by_one)(work, configs))
    return [Setting(changes, tuple(next(trials) for _ in range(seeds))) for changes in combined]


def changed(config: CSFlowConfig, changes: Mapping[str, Any]) -> CSFlowConfig:
    """A configuration with other fields; another backbone is cut where it usually is."""
    block = {"block": default_block(changes["backbone"])} if "backbone" in changes else {}
    return replace(config, **block | dict(changes))


def most_likely(settings: Sequence[Setting]) -> Setting:
    """The setting under which calibration images are most likely, on the mean of its seeds."""
    return min(settings, key=lambda setting: statistics.fmean(setting.of("calibration_nll")))


def table(settings: Sequence[Setting]) -> list[str]:
    """Lines: what was set, mean and deviation over seeds, cost, and which of several is best."""
    best, names = most_likely(settings), list(settings[0].changes)
    rows = [[*names, "calibration NLL", "AUROC on test", "s to train", "ms a photo", ""]]
    for setting in settings:
        figures = [_spread(setting.of(name)) for name in ("calibration_nll", "auroc")]
        cost = [f"{statistics.fmean(setting.of(name)):.1f}" for name in ("seconds", "photo_ms")]
        changed = [str(setting.changes[name]) for name in names]
        word = "most likely" if setting is best and len(settings) > 1 else ""
        rows.append([*changed, *figures, *cost, word])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    if set(names) & {"backbone", "block", "image_size", "tile", "scales", "downscale", "finer"}:
        lines.append("the settings look at other features, whose likelihoods differ by nature")
    return lines


def _one_by_one(work: Callable, tasks: Iterable) -> Iterator[tuple[Any, Any]]:
    return ((task, work(task)) for task in tasks)  # none is begun before it is asked for


def _of_seed(
    config: CSFlowConfig, parts: ImageFolder, options: dict[str, Any], seed: int
) -> tuple[SeedResult, CSFlowDetector | None, bool]:
    first = seed == config.seed  # of the others no threshold is asked for
    own = replace(config, seed=seed, folds=config.folds if first else 0)
    result, detector = _trained(own, parts, **options)
    return result, detector if first else None, detector.interrupted


def _of_config(
    parts: ImageFolder,
    data: Sequence[str],
    ignore: NDArray[np.uint8] | None,
    config: CSFlowConfig,
) -> SeedResult:
    labels = parts.labels is None or parts.labels.tolist()
    about = json.dumps([FORMAT, config.to_dict(), data, labels], sort_keys=True).encode()
    mask = b"" if ignore is None else ignore.tobytes()
    key, folder = hashlib.sha256(about + mask).hexdigest(), workspace.cache()
    store = Cache(folder / "trials", LIMIT) if folder else None
    if store and (known := store.read(key)):
        return SeedResult(**json.loads(known))
    result, detector = _trained(replace(config, folds=0), parts, ignore)
    if detector.interrupted:
        raise KeyboardInterrupt
    if store:
        store.write(key, json.dumps(asdict(result)).encode())
        store.trim()
    return result


def _trained(
    config: CSFlowConfig,
    parts: ImageFolder,
    ignore: ImageSource | None = None,
    **options: Any,  # noqa: ANN401
) -> tuple[SeedResult, CSFlowDetector]:
    detector = CSFlowDetector(config, **options).fit(parts, ignore=ignore)
    nll = detector.history[detector.epoch - 1]["calibration_nll"]
    seconds = round(sum(epoch["seconds"] for epoch in detector.history), 1)
    network = detector.build_network()
    blank = np.zeros((1, 3, *detector.config.size), np.uint8)
    photo_ms = round(
        1e3 * min(repeat(lambda: detector.look(blank, network), repeat=3, number=1)), 1
    )
    auroc = _auroc(detector, parts)
    return SeedResult(config.seed, nll, auroc, seconds, photo_ms), detector


def _auroc(detector: CSFlowDetector, parts: ImageFolder) -> float:
    test = parts.test
    if test.labels is None or len(set(test.labels.tolist())) < 2:
        return float("nan")
    c, network = detector.config, detector.build_network()
    places, features = extract(test, network, c, "score", True, cache=True)
    latents = network.latents_of(features, c.batch)
    scores = np.concatenate([detector.score_latents(zs) for zs in latents])
    return float(metrics.auroc(scores, test.labels[places]))


def _spread(values: Sequence[float]) -> str:
    mean = statistics.fmean(values)
    if isnan(mean):
        return "-"
    spread = statistics.stdev(values) if len(values) > 1 else float("nan")
    return f"{mean:.3f} +- {spread:.3f}"

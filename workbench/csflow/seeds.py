"""The same training from several seeds: how much of a result is luck."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from workbench import metrics
from workbench.data import ImageFolder

from .config import CSFlowConfig
from .detector import CSFlowDetector
from .feature_cache import extract


@dataclass(frozen=True)
class SeedResult:
    """What training from one seed gave."""

    seed: int  # of the flow's start and the order of the images; the split is the same for all
    calibration_nll: float  # of the weights that were kept, in nats per dimension
    auroc: float  # on the test images; NaN where they are not labelled, or all alike


def fit_seeds(
    config: CSFlowConfig,
    parts: ImageFolder,
    count: int,
    *,
    progress: bool = True,
    **options: Any,  # noqa: ANN401
) -> tuple[CSFlowDetector, list[SeedResult]]:
    """Train `count` detectors on one split, from the configuration's seed and the next ones.

    Features are extracted once where there is a workspace for the cache. Ctrl-C ends the seed
    it falls into, and those after it are left out.

    Args:
        parts: A folder; its test images are scored, and never chosen by.

    Returns:
        The detector of the first seed, which is not the best one but the one that would have
        been trained without the others, and one result a seed.
    """
    if count < 1:
        raise ValueError(f"seeds must be at least 1, got {count}")
    detectors, results = [], []
    for seed in range(config.seed, config.seed + count):
        detector = CSFlowDetector(replace(config, seed=seed), **options)
        detector.fit(parts, progress=progress)
        nll = detector.history[detector.epoch - 1]["calibration_nll"]
        results.append(SeedResult(seed, nll, _auroc(detector, parts, progress)))
        detectors.append(detector)
        if detector.interrupted:
            break
    return detectors[0], results


def describe(results: Sequence[SeedResult]) -> str:
    """Mean and standard deviation over the seeds, in words.

    Example:
        >>> describe([SeedResult(0, -0.7, 0.95), SeedResult(1, -0.5, 0.97)])
        'seeds 0-1: calibration NLL -0.600 +- 0.141, AUROC on test 0.960 +- 0.014'
    """
    seeds = f"seeds {results[0].seed}-{results[-1].seed}"
    nll = _spread([r.calibration_nll for r in results])
    auroc = _spread([r.auroc for r in results])
    measured = f", AUROC on test {auroc}" if results[0].auroc == results[0].auroc else ""
    return f"{seeds}: calibration NLL {nll}{measured}"


def _auroc(detector: CSFlowDetector, parts: ImageFolder, progress: bool) -> float:
    test = parts.test
    if test.labels is None or len(set(test.labels.tolist())) < 2:
        return float("nan")
    c, network = detector.config, detector.build_network()
    places, features = extract(test, network, c, "score", progress, cache=True)
    latents = network.latents_of(features, c.batch)
    scores = np.concatenate([detector.score_latents(zs) for zs in latents])
    return float(metrics.auroc(scores, test.labels[places]))


def _spread(values: Sequence[float]) -> str:
    spread = statistics.stdev(values) if len(values) > 1 else float("nan")
    return f"{statistics.fmean(values):.3f} +- {spread:.3f}"

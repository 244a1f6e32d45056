"""Have the scores moved since the threshold was set? Two distances, and what chance gives."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.metrics.inputs import as_scores

BINS = 10  # by the deciles of the reference
SHIFTING, SHIFTED = 0.1, 0.25  # population stability index, as credit scoring reads it
SMALL = 100  # scores; below that the index says little


@dataclass(frozen=True, kw_only=True)
class Drift:
    """The drift card of two samples of scores."""

    psi: float  # population stability index
    psi_by_chance: float  # what samples of these sizes give on average without any drift
    ks: float  # Kolmogorov-Smirnov: the largest distance of the distribution functions
    p_value: float  # of ks, if all scores were independent; neighbours in time are not
    n_reference: int
    n: int

    @property
    def small(self) -> bool:
        """Whether there are too few scores for the index to be trusted."""
        return min(self.n_reference, self.n) < SMALL or self.psi_by_chance > SHIFTING

    @property
    def verdict(self) -> str:
        """`stable`, `shifting` or `shifted`, by the index less what chance gives."""
        psi = self.psi - self.psi_by_chance
        return "stable" if psi < SHIFTING else "shifting" if psi < SHIFTED else "shifted"

    def describe(self) -> str:
        """One line for a card or a log, with the warning if the samples are small."""
        line = (
            f"{self.verdict}: stability index {self.psi:.2f} ({self.psi_by_chance:.2f} by chance),"
            f" KS {self.ks:.2f} (p {self.p_value:.2g}), {self.n:,} scores against "
            f"{self.n_reference:,}"
        )
        return line + ("; too few scores to rely on" if self.small else "")


def drift(reference: ArrayLike, scores: ArrayLike) -> Drift:
    """Compare scores in use with those that the threshold came from.

    The population stability index sums (p - q) ln(p / q) over the deciles of the reference,
    with half a score added to every bin; Kolmogorov-Smirnov needs no bins, and its p value is
    exact for samples that are not huge.

    Args:
        reference: Scores of calibration OK.

    Example:
        >>> drift(np.arange(1000), np.arange(1000)).verdict
        'stable'
        >>> drift(np.arange(1000), np.arange(1000) + 500).verdict
        'shifted'
    """
    old, new = np.sort(as_scores(reference)), np.sort(as_scores(scores))
    if not len(old) or not len(new):
        raise ValueError(f"drift needs scores on both sides, got {len(old)} and {len(new)}")
    from scipy.stats import ks_2samp  # takes a second to import

    distance = ks_2samp(old, new)
    return Drift(
        psi=_psi(old, new),
        psi_by_chance=(BINS - 1) * (1 / len(old) + 1 / len(new)),
        ks=float(distance.statistic),
        p_value=float(distance.pvalue),
        n_reference=len(old),
        n=len(new),
    )


def _psi(old: NDArray[np.float64], new: NDArray[np.float64]) -> float:
    edges = np.unique(np.quantile(old, np.linspace(0, 1, BINS + 1)[1:-1]))
    shares = []
    for scores in (old, new):
        counts = np.bincount(
            np.searchsorted(edges, scores, side="right"), minlength=len(edges) + 1
        )
        shares.append((counts + 0.5) / (len(scores) + 0.5 * len(counts)))
    p, q = shares
    return float(((q - p) * np.log(q / p)).sum())

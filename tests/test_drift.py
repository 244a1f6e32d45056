"""The drift card: Kolmogorov-Smirnov against scipy, the stability index by hand."""

from itertools import product
from math import comb

import numpy as np
import pytest
from scipy import stats

from workbench import metrics


@pytest.mark.parametrize(("m", "n", "shift"), [(200, 300, 0.0), (500, 80, 0.4), (60, 60, 1.0)])
def test_ks_is_that_of_scipy(m, n, shift):
    random = np.random.default_rng(m)
    old, new = random.normal(size=m), random.normal(shift, size=n).round(1)  # with ties
    card, oracle = metrics.drift(old, new), stats.ks_2samp(old, new)
    assert (card.ks, card.p_value) == pytest.approx((oracle.statistic, oracle.pvalue))


def test_p_of_small_samples_is_exact():
    """Lattice paths of 12 and 10 steps that stay closer than was seen, counted."""
    old, new = np.arange(12) * 2.0, np.arange(10) * 2.0 + 4.5
    seen = metrics.drift(old, new)
    paths = np.zeros((13, 11))
    paths[0, 0] = 1
    for i, j in product(range(13), range(11)):
        if (i or j) and abs(i / 12 - j / 10) < seen.ks - 1e-9:
            paths[i, j] = (i and paths[i - 1, j]) + (j and paths[i, j - 1])
    assert seen.p_value == pytest.approx(1 - paths[-1, -1] / comb(22, 10))


def test_psi_by_hand():
    old, new = np.arange(10.0).repeat(100), np.array([0.0] * 300 + [9.0] * 300)
    p = np.full(10, 100.5 / 1005)
    q = np.array([300.5, *[0.5] * 8, 300.5]) / 605
    assert metrics.drift(old, new).psi == pytest.approx(((q - p) * np.log(q / p)).sum())


def test_no_drift_gives_what_chance_gives():
    random = np.random.default_rng(0)
    cards = [metrics.drift(random.normal(size=400), random.normal(size=200)) for _ in range(200)]
    assert np.mean([card.psi for card in cards]) == pytest.approx(cards[0].psi_by_chance, rel=0.15)
    assert np.mean([card.verdict == "stable" for card in cards]) > 0.95


def test_small_samples_are_said_to_be_small():
    scores = np.random.default_rng(0).normal(size=1000)
    assert metrics.drift(scores, scores[:40]).small
    assert "too few" in metrics.drift(scores, scores[:40]).describe()
    assert not metrics.drift(scores, scores[::2]).small
    with pytest.raises(ValueError, match="got 1000 and 0"):
        metrics.drift(scores, [])

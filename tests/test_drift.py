"""The drift card: Kolmogorov-Smirnov against scipy, the stability index by hand."""

import numpy as np
import pytest
from scipy import stats

from workbench import metrics


@pytest.mark.parametrize(("m", "n", "shift"), [(200, 300, 0.0), (500, 80, 0.4), (60, 60, 1.0)])
def test_ks_is_that_of_scipy(m, n, shift):
    random = np.random.default_rng(m)
    old, new = random.normal(size=m), random.normal(shift, size=n).round(1)  # with ties
    card, oracle = metrics.drift(old, new), stats.ks_2samp(old, new, method="asymp")
    assert card.ks == pytest.approx(oracle.statistic)
    expected = stats.kstwobign.sf(card.ks * (m * n / (m + n)) ** 0.5)
    assert card.p_value == pytest.approx(expected, abs=1e-9)


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

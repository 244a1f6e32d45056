"""Intervals against SciPy and against DeLong's definition, pair by pair."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, norm

from workbench import metrics
from workbench.metrics.auroc_intervals import Placements, delong_variance, percentiles, redrawn
from workbench.metrics.counts import SortedScores


@given(st.integers(1, 500), st.data(), st.sampled_from([0.8, 0.95, 0.999]))
@pytest.mark.parametrize(("ours", "method"), [("wilson", "wilson"), ("clopper_pearson", "exact")])
def test_binomial_intervals_are_those_of_scipy(ours, method, n, data, confidence):
    count = data.draw(st.integers(0, n))
    expected = binomtest(count, n).proportion_ci(confidence, method=method)
    low, high = getattr(metrics, ours)(count, n, confidence)
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= low <= count / n <= high <= 1


@pytest.mark.parametrize("interval", [metrics.wilson, metrics.clopper_pearson])
def test_intervals_of_many_rates_at_once(interval):
    low, high = interval(np.array([0, 3, 9, 0]), np.array([9, 9, 9, 0]))
    single = [interval(count, n) for count, n in ((0, 9), (3, 9), (9, 9), (0, 0))]
    np.testing.assert_array_equal(np.c_[low, high], single)
    assert np.isnan(single[-1]).all()
    with pytest.raises(ValueError, match="count must be in"):
        interval(np.array([1, 3]), np.array([2, 2]))


@given(st.integers(2, 2000), st.sampled_from([0.9, 0.95, 0.99]))
def test_a_claim_takes_so_many_parts_and_one_fewer_does_not_do(claimed, confidence):
    needed = metrics.ng_needed(1 / claimed, confidence)
    for n, proven in ((needed, True), (needed - 1, False)):
        upper = binomtest(0, n).proportion_ci(confidence, method="exact").high if n else 1.0
        assert (upper <= 1 / claimed) == proven


def test_the_rule_of_three():
    assert metrics.ng_needed(0.01, sided=1) == 299  # 3 / 0.01
    with pytest.raises(ValueError, match="sided 1 or 2"):
        metrics.ng_needed(0.01, sided=3)


@st.composite
def samples(draw):
    labels = [True, True, False, False, *draw(st.lists(st.booleans(), max_size=20))]
    scores = draw(
        st.lists(st.integers(0, 6).map(float), min_size=len(labels), max_size=len(labels))
    )
    return np.array(scores), np.array(labels)


def slow_delong(scores, labels):
    """DeLong 1988 as written: the kernel of every pair, O(n m)."""
    ng, ok = scores[labels], scores[~labels]
    kernel = np.array([[1.0 if x > y else 0.5 if x == y else 0.0 for y in ok] for x in ng])
    area, v10, v01 = kernel.mean(), kernel.mean(axis=1), kernel.mean(axis=0)
    s10 = sum((v - area) ** 2 for v in v10) / (len(ng) - 1)
    s01 = sum((v - area) ** 2 for v in v01) / (len(ok) - 1)
    return area, s10 / len(ng) + s01 / len(ok)


@given(samples())
def test_delong_is_its_definition(sample):
    area, variance = slow_delong(*sample)
    assert delong_variance(SortedScores.of(*sample)) == pytest.approx((area, variance), abs=1e-12)
    half = norm.ppf(0.95) * variance**0.5
    expected = max(0, area - half), min(1, area + half)
    found = metrics.auroc_interval(*sample, confidence=0.9)
    assert found == pytest.approx(expected, abs=1e-12)


@settings(max_examples=20)
@given(samples())
def test_the_area_of_a_resampling_is_that_of_the_resampled_scores(sample):
    scores, labels = sample
    placed = Placements(scores, labels)
    for ok, ng in redrawn((~labels).sum(), labels.sum(), 5, seed=3):
        assert (ok.sum(), ng.sum()) == ((~labels).sum(), labels.sum())  # stratified
        drawn = np.repeat(scores[~labels], ok), np.repeat(scores[labels], ng)
        truth = np.repeat([False, True], [ok.sum(), ng.sum()])
        assert placed.area(ok, ng) == pytest.approx(metrics.auroc(np.concatenate(drawn), truth))


def test_delong_agrees_with_the_bootstrap():
    rng = np.random.default_rng(0)
    labels = np.arange(400) < 100
    scores = rng.normal(size=400) + labels
    placed = Placements(scores, labels)
    drawn = [placed.area(ok, ng) for ok, ng in redrawn(300, 100, 2000, seed=1)]
    assert percentiles(drawn, 0.95) == pytest.approx(
        metrics.auroc_interval(scores, labels), abs=0.01
    )


def test_too_few_parts_have_no_interval():
    assert np.isnan(metrics.auroc_interval([1, 2, 3], [0, 0, 1])).all()
    assert metrics.auroc_interval([1, 2, 3, 4], [0, 0, 1, 1]) == (1, 1)
    with pytest.raises(ValueError, match=r"confidence must be in \(0, 1\), got 95"):
        metrics.auroc_interval([1], [0], confidence=95)


def test_delong_covers_the_true_area():
    rng, true, held = np.random.default_rng(1), norm.cdf(1 / 2**0.5), 0
    for _ in range(1000):
        labels = np.arange(120) < 40
        low, high = metrics.auroc_interval(rng.normal(size=120) + labels, labels)
        held += low <= true <= high
    assert held / 1000 == pytest.approx(0.95, abs=0.025)

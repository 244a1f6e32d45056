"""Intervals against SciPy and against DeLong's definition, pair by pair."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, norm

from workbench import metrics
from workbench.metrics.areas import difference_interval


@given(st.integers(1, 500), st.data())
@pytest.mark.parametrize(("ours", "method"), [("wilson", "wilson"), ("clopper_pearson", "exact")])
def test_binomial_intervals_are_those_of_scipy(ours, method, n, data):
    count = data.draw(st.integers(0, n))
    expected = binomtest(count, n).proportion_ci(0.95, method=method)
    low, high = getattr(metrics, ours)(count, n)
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


@given(st.integers(2, 2000))
def test_a_claim_takes_so_many_parts_and_one_fewer_does_not_do(claimed):
    needed = metrics.ng_needed(1 / claimed)
    for n, proven in ((needed, True), (needed - 1, False)):
        upper = binomtest(0, n).proportion_ci(0.95, method="exact").high if n else 1.0
        assert (upper <= 1 / claimed) == proven


def test_a_claim_is_a_share():
    with pytest.raises(ValueError, match=r"must be in \(0, 1\), got miss_rate=0"):
        metrics.ng_needed(0)


@st.composite
def samples(draw):
    labels = [True, True, False, False, *draw(st.lists(st.booleans(), max_size=20))]
    scores = draw(
        st.lists(st.integers(0, 6).map(float), min_size=len(labels), max_size=len(labels))
    )
    return np.array(scores), np.array(labels)


def kernel(scores, labels):
    """DeLong 1988 as written: the kernel of every pair, O(n m)."""
    ng, ok = scores[labels], scores[~labels]
    return np.array([[1.0 if x > y else 0.5 if x == y else 0.0 for y in ok] for x in ng])


def slow_covariance(a, b):
    """Of the areas under two ROC curves, from their kernels."""
    s10 = np.cov(a.mean(axis=1), b.mean(axis=1))[0, 1]
    s01 = np.cov(a.mean(axis=0), b.mean(axis=0))[0, 1]
    return s10 / a.shape[0] + s01 / a.shape[1]


@given(samples())
def test_delong_is_its_definition(sample):
    pairs = kernel(*sample)
    half = norm.ppf(0.975) * slow_covariance(pairs, pairs) ** 0.5
    expected = max(0, pairs.mean() - half), min(1, pairs.mean() + half)
    found = metrics.auroc_interval(*sample)
    assert found == pytest.approx(expected, abs=1e-12)


@given(samples(), st.randoms(use_true_random=False))
def test_delong_of_two_detectors_is_its_definition(sample, random):
    scores, labels = sample
    other = np.array([random.randrange(6) for _ in scores], float)
    a, b = kernel(scores, labels), kernel(other, labels)
    variance = slow_covariance(a, a) + slow_covariance(b, b) - 2 * slow_covariance(a, b)
    centre, half = b.mean() - a.mean(), norm.ppf(0.975) * max(variance, 0) ** 0.5
    found = difference_interval(scores, other, labels)
    assert found == pytest.approx((centre - half, centre + half), abs=1e-7)


def bootstrapped(areas, labels, *scores):
    """Percentiles of a statistic over 2000 stratified resamplings."""
    rng, ok, ng = np.random.default_rng(1), np.flatnonzero(~labels), np.flatnonzero(labels)
    found = []
    for _ in range(2000):
        rows = np.concatenate([rng.choice(ok, ok.size), rng.choice(ng, ng.size)])
        found.append(areas(*(each[rows] for each in scores), labels[rows]))
    return np.quantile(found, [0.025, 0.975])


def test_delong_agrees_with_the_bootstrap():
    rng = np.random.default_rng(0)
    labels = np.arange(400) < 100
    scores = rng.normal(size=400) + labels
    other = scores + rng.normal(size=400) + 0.5 * labels
    assert bootstrapped(metrics.auroc, labels, scores) == pytest.approx(
        metrics.auroc_interval(scores, labels), abs=0.01
    )

    def difference(a, b, of):
        return metrics.auroc(b, of) - metrics.auroc(a, of)

    assert bootstrapped(difference, labels, scores, other) == pytest.approx(
        difference_interval(scores, other, labels), abs=0.01
    )


def test_too_few_parts_have_no_interval():
    assert np.isnan(metrics.auroc_interval([1, 2, 3], [0, 0, 1])).all()
    assert metrics.auroc_interval([1, 2, 3, 4], [0, 0, 1, 1]) == (1, 1)


def test_delong_covers_the_true_area():
    rng, true, held = np.random.default_rng(1), norm.cdf(1 / 2**0.5), 0
    for _ in range(1000):
        labels = np.arange(120) < 40
        low, high = metrics.auroc_interval(rng.normal(size=120) + labels, labels)
        held += low <= true <= high
    assert held / 1000 == pytest.approx(0.95, abs=0.025)

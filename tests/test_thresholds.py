"""Threshold policies: each against brute force over every threshold that can be set."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as reference

from workbench import metrics

TIED = st.sampled_from([-3.0, 0.0, 0.5, 1.0, 1.5, 2.0, 7.0])
SHARE = st.sampled_from([0, 0.01, 0.1, 0.25, 1 / 3, 0.5, 0.9, 1])


@st.composite
def samples(draw):
    labels = [True, False, *draw(st.lists(st.booleans(), max_size=30))]
    scores = draw(st.lists(TIED, min_size=len(labels), max_size=len(labels)))
    return np.array(scores), np.array(labels)


def tried(scores):
    """A threshold at, and just above, every score: all verdicts that are possible."""
    return sorted({*scores, *np.nextafter(scores, np.inf)})


def missed(scores, labels, t):
    return int((scores[labels] < t).sum())


def overkilled(scores, labels, t):
    return int((scores[~labels] >= t).sum())


@given(samples(), SHARE)
def test_max_miss_is_the_highest_threshold_that_keeps_to_it(sample, share):
    scores, labels = sample
    limit = metrics.threshold(scores, labels, policy="max_miss", miss=share)
    allowed = share * labels.sum() + 1e-9
    assert missed(scores, labels, limit) <= allowed
    assert all(missed(scores, labels, t) > allowed for t in tried(scores[labels]) if t > limit)
    assert limit.expected["miss_rate"] == missed(scores, labels, limit) / labels.sum()
    assert limit.expected["overkill_rate"] == overkilled(scores, labels, limit) / (~labels).sum()


@given(samples(), SHARE)
def test_max_overkill_is_the_lowest_threshold_that_keeps_to_it(sample, share):
    scores, labels = sample
    limit = metrics.threshold(scores, labels, policy="max_overkill", overkill=share)
    allowed = share * (~labels).sum() + 1e-9
    assert overkilled(scores, labels, limit) <= allowed
    lower = [t for t in tried(scores[~labels]) if t < limit]
    assert all(overkilled(scores, labels, t) > allowed for t in lower)
    assert limit == metrics.threshold(scores[~labels], policy="max_overkill", overkill=share)


@given(samples(), st.sampled_from([0.001, 0.1, 0.5]), st.sampled_from([1.0, 10.0, 1000.0]))
def test_cost_is_the_cheapest_of_all_thresholds(sample, prevalence, ratio):
    scores, labels = sample
    limit = metrics.threshold(
        scores, labels, policy="cost", prevalence=prevalence, miss_cost=ratio, overkill_cost=2.0
    )

    def cost(t):
        miss = missed(scores, labels, t) / labels.sum()
        overkill = overkilled(scores, labels, t) / (~labels).sum()
        return prevalence * ratio * miss + (1 - prevalence) * 2 * overkill

    assert limit.expected["cost"] == pytest.approx(min(map(cost, tried(scores))))
    assert cost(limit) == pytest.approx(limit.expected["cost"])


def test_cost_moves_along_the_slope_of_the_roc():
    scores, labels = [1, 2, 3, 4], [0, 1, 0, 1]
    # catching the NG at 2 costs one of two OK: worth it while pi c_miss > (1 - pi) c_ok
    chosen = [
        metrics.threshold(scores, labels, policy="cost", prevalence=0.1, miss_cost=c)
        for c in (8.9, 9.1)
    ]
    assert chosen == [4, 2]
    assert chosen[0].expected["cost"] == pytest.approx(0.1 * 8.9 / 2)


@given(samples())
def test_f1_is_the_best_of_scikit_learn(sample):
    scores, labels = sample
    limit = metrics.threshold(scores, labels, policy="f1")
    best = max(reference.f1_score(labels, scores >= t) for t in set(scores))
    assert reference.f1_score(labels, scores >= limit) == pytest.approx(best)
    assert limit.expected["f1"] == pytest.approx(best)


def test_conformal_keeps_its_promise_on_average_and_wastes_little():
    rng, over = np.random.default_rng(0), []
    for _ in range(4000):
        held_out, new = rng.normal(size=39), rng.normal()
        over.append(new >= metrics.threshold(held_out, policy="conformal", alpha=0.1))
    # (allowed + 1) / (n + 1) = 4 / 40; three standard errors of 4000 draws are 0.014
    assert np.mean(over) == pytest.approx(0.1, abs=0.014)
    limit = metrics.threshold(np.arange(39), policy="conformal", alpha=0.1)
    assert limit.expected["overkill_bound"] == 0.1
    assert limit == np.nextafter(35, 36)  # the ceil(40 * 0.9) = 36th smallest does not reach it


@given(st.integers(1, 60), st.sampled_from([0.01, 0.05, 0.1, 0.3]))
def test_conformal_is_the_stated_order_statistic_or_refused(n, alpha):
    rank = math.ceil(round((n + 1) * (1 - alpha), 9))
    if rank > n:
        with pytest.raises(ValueError, match=f"alpha={alpha} needs {math.ceil(1 / alpha) - 1} OK"):
            metrics.threshold(np.arange(n), policy="conformal", alpha=alpha)
        return
    limit = metrics.threshold(np.arange(n), policy="conformal", alpha=alpha)
    assert limit == np.nextafter(float(rank - 1), np.inf)


def test_bounds_of_the_next_part():
    assert metrics.threshold(np.arange(99), q=100).expected["overkill_bound"] == 0.01
    ng = np.arange(19)
    limit = metrics.threshold(ng, np.ones(19), policy="zero_miss")
    assert limit.expected["miss_bound"] == 1 / 20
    assert limit.expected["miss_rate"] == 0 and "overkill_rate" not in limit.expected


@pytest.mark.parametrize(
    ("policy", "params", "value", "verdicts"),
    [
        # OK 1 2 2 3, NG 2 3 4: what lies exactly on the threshold is NG
        ("percentile", {"q": 75}, np.nextafter(2, 3), "OK OK OK NG OK NG NG"),
        ("conformal", {"alpha": 0.4}, np.nextafter(2, 3), "OK OK OK NG OK NG NG"),
        ("max_overkill", {"overkill": 0.25}, np.nextafter(2, 3), "OK OK OK NG OK NG NG"),
        ("max_overkill", {"overkill": 0.5}, np.nextafter(2, 3), "OK OK OK NG OK NG NG"),
        ("zero_miss", {}, 2, "OK NG NG NG NG NG NG"),
        ("max_miss", {"miss": 0.34}, 3, "OK OK OK NG OK NG NG"),
        ("cost", {"prevalence": 0.5, "miss_cost": 1}, 3, "OK OK OK NG OK NG NG"),
        ("f1", {}, 2, "OK NG NG NG NG NG NG"),
        ("manual", {"value": 3}, 3, "OK OK OK NG OK NG NG"),
    ],
)
def test_ties_exactly_on_the_threshold(policy, params, value, verdicts):
    scores, labels = np.array([1, 2, 2, 3, 2, 3, 4.0]), [0, 0, 0, 0, 1, 1, 1]
    limit = metrics.threshold(scores, labels, policy=policy, **params)
    assert limit == value
    assert ["NG" if s >= limit else "OK" for s in scores] == verdicts.split()
    assert limit.policy == policy
    assert policy == "manual" or limit.params.items() >= params.items()
    found = metrics.evaluate(scores, labels, limit)
    assert limit.expected["miss_rate"] == found.miss_rate
    assert limit.expected["overkill_rate"] == found.overkill_rate
    assert tuple(limit.expected["miss_interval"]) == found.miss_interval
    again = metrics.Threshold.from_json(json.loads(json.dumps(limit.to_json())))
    assert vars(again) == vars(limit)


def test_a_threshold_saved_before_rates_were_kept_can_be_read():
    assert metrics.Threshold.from_json({"value": 1.0, "n": 3}).expected == {}


def test_a_source_by_its_former_name_is_read_by_that_of_today():
    old = {"value": 1.0, "policy": "tail", "source": "held-out OK, the worst of each part"}
    assert metrics.Threshold.from_json(old).source == "calibration OK, the worst of each part"


@given(samples(), SHARE, SHARE)
def test_two_thresholds_keep_both_promises_with_the_narrowest_range(sample, miss, overkill):
    scores, labels = sample
    both = metrics.two_thresholds(scores, labels, miss=miss, overkill=overkill)
    verdicts, found = both.verdicts(scores), both.expected
    assert found.miss_rate == np.mean(verdicts[labels] == "OK") <= miss + 1e-12
    assert found.overkill_rate == np.mean(verdicts[~labels] == "NG") <= overkill + 1e-12
    assert found.review_rate == np.mean(verdicts == "re-inspect")
    assert found.review_rate_ng == np.mean(verdicts[labels] == "re-inspect")
    assert found.review_rate_ok == np.mean(verdicts[~labels] == "re-inspect")
    low = metrics.threshold(scores, labels, policy="max_miss", miss=miss)
    high = metrics.threshold(scores, labels, policy="max_overkill", overkill=overkill)
    if low > high:
        assert found.review_rate == 0 and high <= both.low == both.high <= low
    else:
        assert (both.low, both.high) == (low, high)


def test_two_thresholds_on_ties_and_at_the_prevalence_of_a_line():
    scores, labels = [1, 2, 3, 4, 3, 4, 5, 6], [0, 0, 0, 0, 1, 1, 1, 1]
    both = metrics.two_thresholds(scores, labels, overkill=0, prevalence=0.01)
    assert both.low == 3 and both.high == np.nextafter(4, 5)
    assert both.verdicts([2.9, 3, 4, both.high]).tolist() == ["OK", *["re-inspect"] * 2, "NG"]
    assert both.expected.review_rate == pytest.approx(0.01 * 0.5 + 0.99 * 0.5)
    assert both.expected.review_interval == pytest.approx(metrics.wilson(2, 4))
    with pytest.raises(ValueError, match=r"low must be at most high, got 2\.0 and 1\.0"):
        metrics.TwoThresholds(metrics.Threshold(2), metrics.Threshold(1))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.threshold([1], policy="f1"), "f1 needs labels with at least one NG"),
        (lambda: metrics.threshold([1], [1], policy="f1"), "f1 needs at least one OK"),
        (lambda: metrics.threshold([1], policy="max_overkill", overkill=2), r"in \[0, 1\], got 2"),
        (lambda: metrics.threshold([1], policy="conformal", alpha=0), "infinitely many"),
        (
            lambda: metrics.threshold([1, 2], [0, 1], policy="cost", prevalence=1.5),
            "prevalence is a share .* got 1.5",
        ),
        (
            lambda: metrics.threshold([1, 2], [0, 1], policy="cost", prevalence=0, miss_cost=-1),
            "costs must be",
        ),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("n", [10, 24, 100])
@pytest.mark.parametrize("draw", ["normal", "gumbel", "exponential"])
def test_the_tail_keeps_overkill_low_from_few_scores(n, draw):
    rng = np.random.default_rng(0)
    fresh = np.sort(getattr(rng, draw)(size=100_000))
    limits = [metrics.threshold(getattr(rng, draw)(size=n), policy="tail") for _ in range(300)]
    overkill = 1 - np.searchsorted(fresh, limits) / len(fresh)
    assert overkill.mean() < 0.016 and (overkill > 0.03).mean() < 0.1


@pytest.mark.parametrize("n", [5, 14, 24])
def test_the_normal_limit_keeps_overkill_where_it_aims_and_below_what_it_is_sure_of(n):
    rng = np.random.default_rng(0)
    aimed = {"policy": "normal", "aim": 0.05, "most": 0.9}
    limits = [metrics.threshold(rng.lognormal(size=n), **aimed) for _ in range(2000)]
    assert stats.norm.sf(np.log(limits)).mean() == pytest.approx(0.05, abs=0.006)
    strict = {"policy": "normal", "aim": 0.05, "most": 0.051}
    limits = [metrics.threshold(rng.lognormal(size=n), **strict) for _ in range(2000)]
    assert 0.02 < (stats.norm.sf(np.log(limits)) > 0.051).mean() < 0.12


def test_the_normal_limit_is_a_line_on_probability_paper_that_an_odd_part_does_not_move():
    n, logs = 19, np.sort(np.random.default_rng(0).normal(2, 0.3, 19))
    paper = stats.probplot(logs, fit=False)[0]  # Filliben's positions, near Blom's
    line = stats.linregress(paper[: n - 2], logs[: n - 2])
    reach = np.sqrt(1 + 1 / n) * stats.t.ppf(0.95, n - 3)
    found = metrics.threshold(np.exp(logs), policy="normal", most=0.9)
    assert np.log(found) == pytest.approx(line.intercept + reach * line.slope, abs=0.02)
    logs[-2:] += [1, 5]
    assert metrics.threshold(np.exp(logs), policy="normal", most=0.9) == found


@pytest.mark.parametrize("draw", ["gumbel", "t", "uniform", "outliers"])
@pytest.mark.parametrize("n", [10, 14, 24])
def test_the_normal_limit_bears_other_scores(n, draw):
    rng = np.random.default_rng(0)
    drawn = {
        "gumbel": lambda n: rng.gumbel(size=n),
        "t": lambda n: rng.standard_t(5, size=n),
        "uniform": lambda n: rng.uniform(-2, 2, size=n),
        "outliers": lambda n: rng.normal(size=n) + 3 * (rng.random(n) < 0.05),
    }[draw]
    fresh = np.sort(np.exp(0.2 * drawn(100_000)))
    many = {"policy": "normal", "most": 0.05 + 3 / n}
    limits = [metrics.threshold(np.exp(0.2 * drawn(n)), **many) for _ in range(300)]
    overkill = 1 - np.searchsorted(fresh, limits) / len(fresh)
    assert 0.02 < overkill.mean() < 0.11 and (overkill > many["most"]).mean() < 0.1


def test_the_normal_limit_refuses_scores_without_logarithm_and_too_few():
    for scores in ([1, 2, 3], [0, 1, 2, 3, 4]):
        with pytest.raises(ValueError, match="normal needs at least 4 OK scores above 0"):
            metrics.threshold(scores, policy="normal")
    assert metrics.threshold([2.0] * 9, policy="normal") > 2


def test_the_tail_refuses_too_few_scores_and_rates_out_of_order():
    with pytest.raises(ValueError, match="tail needs at least 4 OK scores, got 3; calibrate"):
        metrics.threshold([1, 2, 3], policy="tail")
    with pytest.raises(ValueError, match="0 < aim <= most < 1"):
        metrics.threshold(range(9), policy="tail", aim=0.1, most=0.01)
    assert metrics.threshold([2.0] * 9, policy="tail") > 2

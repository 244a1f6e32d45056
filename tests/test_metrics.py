"""Metrics against scikit-learn and SciPy, with few distinct scores so that ties are common."""

import copy
import json
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn import metrics as reference

from workbench import metrics

TIED = st.sampled_from([-1e6, -1.0, 0.0, 0.25, 0.5, 1e-9, 3.0, 1e9])


@st.composite
def samples(draw, both=True):
    labels = draw(st.lists(st.booleans(), min_size=1, max_size=40))
    labels = [True, False, *labels] if both else labels
    scores = draw(st.lists(TIED, min_size=len(labels), max_size=len(labels)))
    return np.array(scores), np.array(labels)


@given(samples())
def test_auroc_is_that_of_scikit_learn(sample):
    scores, labels = sample
    assert metrics.auroc(scores, labels) == pytest.approx(
        reference.roc_auc_score(labels, scores), abs=1e-12
    )


@given(samples())
def test_average_precision_is_that_of_scikit_learn(sample):
    scores, labels = sample
    assert metrics.average_precision(scores, labels) == pytest.approx(
        reference.average_precision_score(labels, scores), abs=1e-12
    )


@given(samples())
def test_roc_curve_is_that_of_scikit_learn(sample):
    scores, labels = sample
    curve = metrics.roc_curve(scores, labels)
    expected = reference.roc_curve(labels, scores, drop_intermediate=False)
    for ours, theirs in zip(curve, expected, strict=True):
        np.testing.assert_allclose(ours, theirs)


@given(samples(), st.sampled_from([1e-3, 0.1, 0.25, 1 / 3, 0.5, 1.0]))
def test_partial_auroc_is_that_of_scikit_learn(sample, limit):
    scores, labels = sample
    found = metrics.partial_auroc(scores, labels, limit)
    expected = reference.roc_auc_score(labels, scores, max_fpr=limit)
    if limit < 1:  # scikit-learn scales it, so that chance is 0.5, and leaves the whole area
        expected = limit / 2 + (2 * expected - 1) * (1 - limit / 2)
    assert found == pytest.approx(expected, abs=1e-12)
    assert found * limit == pytest.approx(_area_by_rectangles(scores, labels, limit), abs=1e-9)


def _area_by_rectangles(scores, labels, limit):
    curve = metrics.roc_curve(scores, labels)
    corners = np.unique(np.append(curve.fpr[curve.fpr < limit], limit))
    # the curve is straight between corners, so the middle of each piece is its mean
    middles = (corners[1:] + corners[:-1]) / 2
    return float(np.diff(corners) @ np.interp(middles, curve.fpr, curve.tpr))


@given(samples())
def test_pr_curve_is_that_of_scikit_learn(sample):
    scores, labels = sample
    precision, recall, at = reference.precision_recall_curve(labels, scores)
    curve = metrics.pr_curve(scores, labels)
    np.testing.assert_allclose(curve.precision[::-1], precision[:-1], atol=1e-12)
    np.testing.assert_allclose(curve.recall[::-1], recall[:-1], atol=1e-12)
    np.testing.assert_array_equal(curve.thresholds[::-1], at)


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_identical_scores_and_single_images_are_defined(score):
    scores, labels = np.full(6, score), [0, 0, 1, 0, 1, 0]
    assert metrics.auroc(scores, labels) == 0.5
    assert metrics.average_precision(scores, labels) == pytest.approx(2 / 6)
    assert metrics.partial_auroc(scores, labels, 0.1) == pytest.approx(0.05)
    assert metrics.threshold(scores, labels, policy="f1") == score
    alone = metrics.evaluate([score], ["NG"], score)
    assert (alone.miss_rate, alone.tp) == (0, 1) and math.isnan(alone.overkill_rate)
    assert math.isnan(metrics.partial_auroc([], []))
    assert metrics.pr_curve([], []).recall.size == 0


def test_kinds_of_defect_are_rated_by_themselves():
    scores, labels = [1, 2, 3, 4, 9, 9], [0, 0, 1, 1, 1, 1]
    rows = metrics.by_kind(scores, labels, ["good", "", "b", "a", "a", "c"], 4)
    assert [(r.kind, r.n, r.missed, r.miss_rate) for r in rows] == [
        ("b", 1, 1, 1), ("a", 2, 0, 0), ("c", 1, 0, 0)
    ]  # fmt: skip
    assert rows[1][4:] == (metrics.clopper_pearson(0, 2), 4, 6.5, 1)
    assert sum(r.missed for r in rows) == metrics.evaluate(scores, labels, 4).fn
    assert metrics.by_kind([1], [0], ["good"], 1) == []
    with pytest.raises(ValueError, match="one per score, got 1 for 2"):
        metrics.by_kind([1, 2], [0, 0], ["good"], 1)


@given(samples())
def test_auroc_does_not_change_under_a_monotone_map_and_flips_with_the_sign(sample):
    scores, labels = sample
    value = metrics.auroc(scores, labels)
    assert metrics.auroc(np.arctan(scores / 1e3), labels) == pytest.approx(value)
    assert metrics.auroc(-scores, labels) == pytest.approx(1 - value)


@given(samples(), TIED)
def test_rates_are_those_of_scikit_learn(sample, threshold):
    scores, labels = sample
    found = metrics.evaluate(scores, labels, threshold)
    called = scores >= threshold
    tn, fp, fn, tp = reference.confusion_matrix(labels, called, labels=[False, True]).ravel()
    assert (found.tn, found.fp, found.fn, found.tp) == (tn, fp, fn, tp)
    assert found.miss_rate == pytest.approx(1 - reference.recall_score(labels, called))
    assert found.overkill_rate == pytest.approx(fp / (fp + tn))
    assert found.recall == pytest.approx(1 - found.miss_rate)
    assert found.f1 == pytest.approx(reference.f1_score(labels, called, zero_division=np.nan))
    assert found.precision == pytest.approx(
        reference.precision_score(labels, called, zero_division=np.nan), nan_ok=True
    )


def test_by_hand():
    scores, labels = [1, 2, 2, 3, 5], ["OK", "OK", "NG", "OK", "NG"]
    assert metrics.auroc(scores, labels) == 4.5 / 6  # (1 + 0.5 + 0) + (1 + 1 + 1) of 2 * 3
    found = metrics.evaluate(scores, labels, 3)
    assert (found.tp, found.fp, found.tn, found.fn) == (1, 1, 2, 1)
    assert (found.miss_rate, found.overkill_rate) == (1 / 2, 1 / 3)
    assert (found.n, found.n_ok, found.n_ng) == (5, 3, 2)


def test_a_score_at_the_threshold_is_ng():
    assert metrics.confusion([2.0], ["NG"], 2.0) == (1, 0, 0, 0)
    assert metrics.confusion([2.0], ["NG"], np.nextafter(2.0, 3)) == (0, 0, 0, 1)


def test_one_class_gives_nan_without_a_warning():
    found = metrics.evaluate([1.0, 2.0], ["OK", "OK"], 2.0)
    assert all(
        math.isnan(getattr(found, key)) for key in ("miss_rate", "auroc", "average_precision")
    )
    assert np.isnan(found.miss_interval).all()
    assert found.overkill_rate == 0.5
    assert math.isnan(metrics.auroc([1.0], ["NG"]))
    assert math.isnan(metrics.average_precision([1.0], ["NG"]))
    assert np.isnan(metrics.roc_curve([1.0], ["NG"]).fpr).all()
    assert metrics.evaluate([], [], 1.0).n == 0


def test_what_is_undefined_has_a_reason_and_nothing_else_has():
    for scores, labels, threshold in (
        ([1.0], ["OK"], 2.0),
        ([1.0], ["NG"], 2.0),
        ([1.0], ["NG"], 0.0),
        ([1.0, 1.0], ["NG", "OK"], 1.0),
        ([], [], 1.0),
        ([1.0, 2.0], ["OK", "NG"], 2.0),
        ([1.0, 2.0], ["OK", "NG"], 9.0),
    ):
        found = metrics.evaluate(scores, labels, threshold)
        known = vars(found).items()
        undefined = {key for key, value in known if key != "reasons" and _is_nan(value)}
        assert undefined == set(found.reasons)
    assert found.reasons["precision"] == "no part was called NG"


def _is_nan(value):
    return not isinstance(value, str) and bool(np.isnan(value).any())


def test_escapes_per_million_parts_made():
    scores = [1, 1, 1, 9, 1, 9, 9, 9]
    found = metrics.evaluate(scores, [0, 0, 0, 0, 1, 1, 1, 1], 5)
    # of a million parts 4000 are NG and 1000 of those pass
    assert metrics.escape(found.miss_rate, 0.004) == pytest.approx(1000)
    with pytest.raises(ValueError, match="prevalence is a share"):
        metrics.escape(found.miss_rate, 4)


@given(samples(), TIED)
def test_intervals_belong_to_their_rates(sample, threshold):
    found = metrics.evaluate(*sample, threshold)
    of = {
        "miss_interval": (found.fn, found.n_ng, "wilson"),
        "miss_exact": (found.fn, found.n_ng, "exact"),
        "overkill_interval": (found.fp, found.n_ok, "wilson"),
        "overkill_exact": (found.fp, found.n_ok, "exact"),
    }
    for name, (count, n, method) in of.items():
        expected = binomtest(count, n).proportion_ci(method=method)
        assert getattr(found, name) == pytest.approx((expected.low, expected.high), abs=1e-12)
    for rate, (low, high) in (
        (found.precision, found.precision_interval),
        (found.f1, found.f1_interval),
    ):
        assert low <= rate <= high or math.isnan(rate)


def test_metrics_become_what_json_takes():
    limit = metrics.threshold([1.0, 2.0], policy="percentile", q=50)
    found = metrics.evaluate([1.0, 2.0], [0, 0], limit)
    assert found.to_dict()["fp"] == found.fp == 1
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain["miss_interval"] == [None, None]
    assert plain["threshold"] == limit
    assert plain["threshold_source"] == "percentile (q=50) of 2 scores, calibration OK"


@given(st.lists(TIED, min_size=1, max_size=60), st.sampled_from([0, 5, 50, 90, 99, 99.9, 100]))
def test_percentile_calls_at_most_its_share_ng_and_no_lower_threshold_does(scores, q):
    limit = metrics.threshold(scores, q=q)
    scores = np.array(scores)
    allowed = (100 - q) / 100 * len(scores) + 1e-9
    assert (scores >= limit).sum() <= allowed
    assert (scores >= np.nextafter(limit, -np.inf)).sum() > allowed or limit == scores.min()


def test_percentile_keeps_to_decimal_digits():
    # in floats (100 - 99.9) / 100 * 1000 is 0.99999999999994
    assert (np.arange(1000) >= metrics.threshold(np.arange(1000), q=99.9)).sum() == 1


def test_percentile_with_labels_uses_ok_only():
    limit = metrics.threshold([1, 2, 99, 100], [0, 0, 1, 1], q=100)
    assert limit == np.nextafter(2, 3)
    assert limit.n == 2


@given(samples())
def test_zero_miss_misses_none_and_no_higher_threshold_does(sample):
    scores, labels = sample
    limit = metrics.threshold(scores, labels, policy="zero_miss")
    assert metrics.confusion(scores, labels, limit).fn == 0
    assert metrics.confusion(scores, labels, np.nextafter(limit, np.inf)).fn > 0


def test_threshold_survives_json_pickle_and_copy():
    limit = metrics.threshold([0.1, 0.2], q=90, source="line 3")
    through_json = metrics.Threshold.from_json(json.loads(json.dumps(limit.to_json())))
    for twin in (through_json, pickle.loads(pickle.dumps(limit)), copy.deepcopy(limit)):
        assert twin == limit
        assert vars(twin) == vars(limit)
    assert limit.describe() == "0.2: percentile (q=90) of 2 scores, line 3"
    assert metrics.threshold(policy="manual", value=3).describe() == "3: set by hand"


def test_labels_in_every_form():
    expected = [False, True]
    for labels in (
        [False, True],
        [0, 1],
        [0.0, 1.0],
        ["ok", "NG"],
        ["good", "Bent"],
        np.array(expected, object),
    ):
        found = metrics.as_labels(labels)
        assert found.dtype == bool
        assert found.tolist() == expected


@pytest.mark.parametrize(
    "labels", [[0, 2], [0, np.nan], ["OK", "good"], ["pass", "fail"], [None, 1], [[0, 1]]]
)
def test_labels_refused(labels):
    with pytest.raises(ValueError, match="labels must"):
        metrics.as_labels(labels)


@pytest.mark.parametrize("function", [metrics.auroc, metrics.average_precision, metrics.roc_curve])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_must_be_finite(function, bad):
    with pytest.raises(ValueError, match="finite, got .* at position 1"):
        function([1.0, bad], [0, 1])


def test_scores_that_are_not_finite_are_named():
    with pytest.raises(ValueError, match=r"got nan for b\.png, c\.png \(2 of 3 are not\)"):
        metrics.evaluate([1, np.nan, np.inf], [0, 0, 1], 1, names=["a.png", "b.png", "c.png"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.auroc([1, 2, 3], [0, 1]), "one per score, got 2 for 3"),
        (lambda: metrics.auroc([[1, 2]], [0, 1]), r"shape \(N,\), got \(1, 2\)"),
        (lambda: metrics.evaluate([1], [0], math.nan), "threshold must be a number"),
        (lambda: metrics.Threshold(math.inf), "must be a finite number"),
        (
            lambda: metrics.threshold([1], policy="luck"),
            "percentile, conformal, .*, got",
        ),
        (lambda: metrics.threshold([1], q=101), r"q must be in \[0, 100\], got 101"),
        (lambda: metrics.threshold([]), "at least one OK score"),
        (lambda: metrics.threshold([1], [1]), "at least one OK score"),
        (lambda: metrics.threshold([1], policy="zero_miss"), "needs labels"),
        (lambda: metrics.threshold([1], [0], policy="zero_miss"), "at least one NG score"),
        (lambda: metrics.partial_auroc([1], [0], 0), r"in \(0, 1\], got 0"),
        (lambda: metrics.wilson(3, 2), "count must be in"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_parameter_the_policy_lacks_is_refused():
    with pytest.raises(TypeError, match="quantile"):
        metrics.threshold([1], quantile=0.99)


@given(samples())
def test_pixel_auroc_is_auroc_over_all_pixels(sample):
    scores, labels = sample
    cut = len(scores) // 2
    maps = [scores[None, :cut], scores[cut:, None], np.ones((2, 2))]
    masks = [labels[None, :cut], labels[cut:, None], None]
    whole = metrics.auroc(scores, labels)
    assert metrics.pixel_auroc(maps, masks) == pytest.approx(whole, abs=1e-12, nan_ok=True)


def test_pixel_auroc_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match=r"mask 0 must have its map's size \(2, 2\)"):
        metrics.pixel_auroc([np.ones((2, 2))], [np.ones((2, 3))])
    with pytest.raises(ValueError, match="one per map, got 0 for 1"):
        metrics.pixel_auroc([np.ones((2, 2))], [])
    with pytest.raises(ValueError, match="NaN or inf in map 0"):
        metrics.pixel_auroc([np.full((2, 2), np.nan)], [np.ones((2, 2))])
    assert math.isnan(metrics.pixel_auroc([], []))

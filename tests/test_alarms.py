"""Alarm rules by brute force, streams against batches, and time to detection by hand."""

import numpy as np
import pandas as pd
import pytest

from workbench.autoencoder.alarms import AlarmRule, detections
from workbench.metrics.events import stretches

RULES = [
    AlarmRule(),
    AlarmRule(smoothing=4),
    AlarmRule(k=3, n=5),
    AlarmRule(k=2, n=3, hold_off=12),
    AlarmRule(smoothing=3, k=2, n=4, hold_off=5),
]


@pytest.fixture(scope="module")
def scores():
    random = np.random.default_rng(0)
    return random.normal(size=400) + 2 * (np.arange(400) % 100 > 70)


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_active_is_what_brute_force_counts(rule, scores):
    smoothed = [scores[max(0, i + 1 - rule.smoothing) : i + 1].mean() for i in range(len(scores))]
    over = np.array(smoothed) >= 1.5
    expected = [over[max(0, i + 1 - rule.n) : i + 1].sum() >= rule.k for i in range(len(scores))]
    np.testing.assert_allclose(rule.smoothed(scores), smoothed)
    np.testing.assert_array_equal(rule.active(scores, 1.5), expected)


def test_hold_off_counts_from_the_last_alarm_that_was_raised():
    over = [1, 0, 1, 0, 1, 0, 1, 0]
    assert AlarmRule(hold_off=3).raised(over, 1).tolist() == [0, 4]
    assert AlarmRule().raised(over, 1).tolist() == [0, 2, 4, 6]


def test_time_to_detection():
    alarms = [1, 0, 0, 0, 1, 1, 0, 0, 0]
    labels = [0, 0, 1, 1, 1, 0, 0, 1, 1]
    time = pd.date_range("2024-01-01", periods=9, freq="10s")
    found = detections(alarms, labels, time)
    assert [tuple(d) for d in found] == [(2, 5, 2, 20.0), (7, 9, None, None)]
    assert detections(alarms, labels)[0].seconds is None
    assert detections(alarms, labels, np.arange(9) * 0.5)[0].seconds == 1.0


def test_stretches_join_what_is_near():
    flags = [0, 1, 1, 0, 0, 1, 0, 1]
    assert stretches(flags) == [(1, 3), (5, 6), (7, 8)]
    assert stretches(flags, gap=1) == [(1, 3), (5, 8)]
    assert stretches(flags, gap=2) == [(1, 8)]
    assert stretches([0, 0]) == []


@pytest.mark.parametrize("wrong", [{"k": 2}, {"k": 0}, {"smoothing": 0}, {"hold_off": -1}])
def test_a_rule_that_cannot_be(wrong):
    with pytest.raises(ValueError, match="alarm rule needs"):
        AlarmRule(**wrong)

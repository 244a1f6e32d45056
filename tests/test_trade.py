"""Acceptance, p-charts and agreement against textbooks and statsmodels."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score

from workbench import metrics, plots
from workbench.errors import DataError
from workbench.session import result_tables

# Montgomery, Introduction to statistical quality control, 6th ed., table 7.1: nonconforming
# cans in 30 samples of 50; centre 0.2313, limits 0.0524 and 0.4102, samples 15 and 23 out
CANS = [12, 15, 8, 10, 4, 7, 16, 9, 14, 10, 5, 6, 17, 12, 22, 8, 10, 5, 13, 11, 20, 18, 24, 15,
        9, 12, 7, 13, 9, 6]  # fmt: skip


def test_the_p_chart_is_that_of_the_textbook():
    chart = metrics.p_chart(CANS, [50] * 30)
    assert chart.centre == pytest.approx(0.2313, abs=5e-5)
    assert chart.low == pytest.approx(0.0524, abs=1e-4)
    assert chart.high == pytest.approx(0.4102, abs=1e-4)
    assert (np.flatnonzero(chart.out) + 1).tolist() == [15, 23]


def test_limits_widen_for_small_groups_and_an_empty_one_is_never_out():
    chart = metrics.p_chart([5, 50, 0], [10, 1000, 0])
    assert chart.high[0] - chart.low[0] > chart.high[1] - chart.low[1]
    assert chart.out.tolist() == [True, False, False] and math.isnan(chart.shares[2])
    with pytest.raises(ValueError, match=r"must be in \[0, n\]"):
        metrics.p_chart([3], [2])


def test_three_in_a_thousand_groups_leave_the_limits_by_chance():
    counts = np.random.default_rng(0).binomial(400, 0.3, 20_000)
    assert metrics.p_chart(counts, [400] * 20_000).out.mean() == pytest.approx(0.0027, abs=0.001)


def test_groups_add_up_to_the_whole():
    rng = np.random.default_rng(1)
    called, groups = rng.random(200) < 0.3, rng.choice(["b", "a", "c"], 200)
    labels = rng.choice(["OK", "NG", ""], 200)
    rows = metrics.by_group(called, labels, groups)
    assert [row.group for row in rows] == list(dict.fromkeys(groups))
    assert sum(row.flagged for row in rows) == called.sum()
    assert sum(row.missed for row in rows) == (~called & (labels == "NG")).sum()
    assert sum(row.overkill for row in rows) == (called & (labels == "OK")).sum()
    row = rows[0]
    exact = binomtest(row.missed, row.n_ng).proportion_ci(method="wilson")
    assert row.miss_interval == pytest.approx((exact.low, exact.high))
    with pytest.raises(ValueError, match="one per verdict, got 1 and 2 for 1"):
        metrics.by_group([1], ["OK"], ["a", "b"])
    with pytest.raises(ValueError, match="got 'good'"):
        metrics.by_group([1], ["good"], ["a"])


# statsmodels 0.14: cohens_kappa(table).kappa, .kappa_low, .kappa_upp
STATSMODELS = [
    ([[40, 5], [3, 12]], (0.6595744680851066, 0.44377576085441495, 0.8753731753157982)),
    ([[90, 2], [1, 0]], (-0.01454545454545127, -0.034776164422155725, 0.005685255331253181)),
    ([[10, 0], [0, 10]], (1.0, 1.0, 1.0)),
    ([[5, 9], [7, 4]], (-0.2738853503184715, -0.6476402923275921, 0.09986959169064918)),
]


@pytest.mark.parametrize(("table", "expected"), STATSMODELS)
def test_kappa_and_its_interval_are_those_of_statsmodels(table, expected):
    (oo, on), (no, nn) = table
    first, second = [0] * (oo + on) + [1] * (no + nn), [0] * oo + [1] * on + [0] * no + [1] * nn
    found = metrics.agreement(first, second)
    assert (found.kappa, *found.interval) == pytest.approx(expected)
    assert (found.both_ok, found.only_second_ng, found.only_first_ng, found.both_ng) == (
        oo, on, no, nn
    )  # fmt: skip
    differ = np.flatnonzero(np.array(first) != np.array(second))
    assert found.disagreed == tuple(differ)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_kappa_is_that_of_scikit_learn(pairs):
    first, second = map(list, zip(*pairs, strict=True))
    found = metrics.agreement(first, second)
    if len({*first, *second}) > 1:
        assert found.kappa == pytest.approx(cohen_kappa_score(first, second))
    else:
        assert math.isnan(found.kappa)


def test_two_inspectors_must_judge_the_same_parts():
    with pytest.raises(ValueError, match="same parts, got 1 and 2"):
        metrics.agreement([1], [1, 0])
    with pytest.raises(ValueError, match="same parts, got 0 and 0"):
        metrics.agreement([], [])


def sample(n_ok, fp, n_ng, fn):
    scores = [9.0] * fp + [1.0] * (n_ok - fp) + [1.0] * fn + [9.0] * (n_ng - fn)
    return scores, [False] * n_ok + [True] * n_ng, 5.0


def test_acceptance_asks_that_the_exact_interval_ends_below_the_limit():
    for n, upper in ((359, 0.01997857), (358, 0.02003397)):  # of 2, by scipy's binomtest
        found = metrics.accept(*sample(n, 2, 10, 0), overkill=0.02)
        assert found.claims[0].interval[1] == pytest.approx(upper)
        assert found.met == (upper <= 0.02)


def test_no_misses_are_asked_and_one_is_too_many():
    ok = metrics.accept(*sample(10, 0, 50, 0), misses=0)
    assert ok.met and ok.claims[0].interval[1] == pytest.approx(0.0711, abs=1e-4)
    bad = metrics.accept(*sample(10, 0, 50, 1), misses=0, overkill=0.5)
    assert not bad.met and [claim.met for claim in bad.claims] == [False, True]
    assert bad.claims[0].needed is None
    assert not metrics.accept(*sample(10, 0, 0, 0), misses=0).met  # nothing was tested


@given(st.integers(0, 5), st.integers(20, 400), st.sampled_from([0.01, 0.05, 0.1]))
def test_the_parts_it_would_take_do_and_one_fewer_does_not(found, n, limit):
    needed = metrics.parts_needed(found, n, limit)
    if needed is None:
        assert found / n >= limit * 0.9
        return

    def upper(size):
        return metrics.clopper_pearson(math.ceil(size * (found / n)), size)[1]

    assert upper(needed) <= limit
    if needed > n:
        assert upper(needed - 1) > limit


def test_an_acceptance_needs_a_limit_that_is_a_share():
    with pytest.raises(ValueError, match="needs a limit"):
        metrics.accept(*sample(5, 0, 5, 0))
    with pytest.raises(ValueError, match=r"must be in \[0, 1\), got 2 for overkill"):
        metrics.accept(*sample(5, 0, 5, 0), overkill=2)


PHOTOS = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0, 2.0, 3.0]), st.sampled_from("abcd"), st.booleans()),
    min_size=1, max_size=30,
)  # fmt: skip


@given(PHOTOS, st.sampled_from(["any", "mean", "1 of n", "2 of n", "5 of n"]))
def test_a_part_is_judged_by_the_rule_in_words(photos, rule):
    scores, names, labels = zip(*photos, strict=True)
    found = metrics.join_photos(scores, names, labels=labels, rule=rule)
    assert found.names == tuple(dict.fromkeys(names)) and found.photos.sum() == len(photos)
    assert [found.names[part] for part in found.of] == list(names)
    for name, score, ng, n in zip(*found[:4], strict=True):
        own = [value for value, part, _ in photos if part == name]
        assert n == len(own) and ng == any(bad for _, part, bad in photos if part == name)
        for limit in (0.5, 1.0, 1.5, 2.5):
            called = sum(value >= limit for value in own)
            k = 1 if rule == "any" else int(rule[0]) if rule != "mean" else 0
            expected = called >= min(k, len(own)) if k else np.mean(own) >= limit
            assert (score >= limit) == expected


def test_any_one_photo_is_the_same_rule_and_parts_of_one_photo_change_nothing():
    scores, labels = [3.0, 1.0, 2.0], [True, False, False]
    for rule in metrics.RULES:
        alone = metrics.join_photos(scores, ["x", "y", "z"], labels=labels, rule=rule)
        assert alone.scores.tolist() == scores and alone.labels.tolist() == labels


@pytest.mark.parametrize("rule", ["all", "0 of n", "2 of 3", ""])
def test_another_rule_is_refused(rule):
    with pytest.raises(ValueError, match="rule must be any, mean, or such as 2 of n"):
        metrics.join_photos([1.0], ["a"], rule=rule)
    with pytest.raises(ValueError, match="one per score, 1"):
        metrics.join_photos([1.0], ["a", "b"])


def results(path, rows, header="file name,label,prediction,anomaly score"):
    path.write_text("\n".join([header, *rows]) + "\n", "utf-8")
    return path


@pytest.fixture
def scored(tmp_path):
    """Three lots of 100; the last one has a bad camera."""
    rows, details = [], ["file name,lot,taken"]
    for i in range(300):
        verdict = "NG" if i % 100 < (4 if i < 200 else 30) else "OK"
        label = "NG" if i % 50 == 0 else "OK"
        rows.append(f"{label}/{i}.png,{label},{verdict},1.0")
        details.append(f"{label}/{i}.png,부품 {i // 100},2026-11-{i // 100 + 1:02} 0{i % 9}:00")
    (tmp_path / "lots.csv").write_text("\n".join(details), "utf-8-sig")
    return results(tmp_path / "scores.csv", [*rows, "OK/torn.png,OK,,"])


def test_rates_by_lot_from_a_second_file(scored):
    table = result_tables.read_results(scored)
    assert len(table) == 300  # the unreadable one has no verdict
    rows = result_tables.rates_by(table, "lot", details=scored.with_name("lots.csv"))
    assert [(row.group, row.n, row.flagged) for row in rows] == [
        ("부품 0", 100, 4), ("부품 1", 100, 4), ("부품 2", 100, 30)
    ]  # fmt: skip
    assert rows[2].n_ng == 2 and rows[2].missed == 1 and rows[2].overkill == 29
    days = result_tables.rates_by(table, "taken", details=scored.with_name("lots.csv"), every="1D")
    assert [row.group for row in days] == ["2026-11-01", "2026-11-02", "2026-11-03"]
    assert {row.group for row in result_tables.rates_by(table, "folder")} == {"OK", "NG"}


@pytest.mark.parametrize(
    ("column", "more", "words"),
    [
        ("shift", {}, "rates need a column, got 'shift'; there are file name, label"),
        ("lot", {"details": "gone.csv"}, "gone.csv must be a CSV file; there is none"),
        ("prediction", {"every": "1D"}, "prediction must hold times such as"),
    ],
)
def test_what_rates_need(scored, column, more, words):
    with pytest.raises(DataError, match=words):
        result_tables.rates_by(result_tables.read_results(scored), column, **more)


def test_inspectors_are_compared_by_their_own_words(tmp_path):
    header = "file name,label,prediction,anomaly score,relabel,note"
    first = ["a,OK,NG,1,,", "b,OK,NG,1,NG,", "c,NG,NG,1,,", "d,,OK,1,,", "e,OK,OK,1,,"]
    second = ["b,OK,OK,1,,", "a,OK,OK,1,,", "c,NG,NG,1,,", "d,OK,OK,1,,", "f,OK,OK,1,,"]
    both = result_tables.compare_inspectors(
        results(tmp_path / "1.csv", first, header), results(tmp_path / "2.csv", second, header)
    )
    assert both.found.n == 3 and both.disagreed == (("b", "NG", "OK"),)
    assert (both.only_first, both.only_second) == (1, 2)  # e; d and f
    results(tmp_path / "3.csv", ["z,OK,OK,1"])
    with pytest.raises(DataError, match="no judged part in common"):
        result_tables.compare_inspectors(tmp_path / "1.csv", tmp_path / "3.csv")
    (tmp_path / "4.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="must be a result file with the columns file name"):
        result_tables.read_results(tmp_path / "4.csv")


def test_the_p_chart_marks_what_is_more_than_chance(scored):
    rows = result_tables.rates_by(
        result_tables.read_results(scored), "lot", details=scored.with_name("lots.csv")
    )
    chart = metrics.p_chart([row.flagged for row in rows], [row.n for row in rows])
    ax = plots.p_chart([row.group for row in rows], chart)
    (marked,) = [line for line in ax.lines if line.get_label() == "more than chance"]
    assert chart.out.tolist() == [False, False, True]
    assert marked.get_xydata().tolist() == [[2, 30]]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["부품 0", "부품 1", "부품 2"]

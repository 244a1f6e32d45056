import csv

import numpy as np
import pandas as pd
import pytest

from workbench.data import load_images
from workbench.errors import DataError
from workbench.session import COLUMNS, InspectionSession, Verdict

from .doubles import DarkSpotDetector, write_parts

HEADER = "file name,label,prediction,anomaly score"


@pytest.fixture
def parts(tmp_path):
    return load_images(write_parts(tmp_path / "부품"))  # OK 10 20 120, NG 90 200


@pytest.fixture
def results(tmp_path):
    return tmp_path / "deep" / "lens_result.csv"


def open_session(parts, results=None, order="name", **options):
    detector = options.pop("detector", None) or DarkSpotDetector()
    return InspectionSession(detector, parts, order, results=results, **options)


def judge_all(session):
    for position in range(len(session)):
        _ = session.go(position).current
    return session


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_orders_by_name_score_and_distance(parts):
    def scores(order):
        session = open_session(parts, order=order)
        return [session.go(i).current.score for i in range(len(session))]

    assert list(parts.names) == sorted(parts.names)
    assert scores("name") == [90, 200, 10, 20, 120]  # NG/ng_0, NG/ng_1, OK/ok_0 ...
    assert scores("worst") == [200, 120, 90, 20, 10]
    assert scores("closest") == [90, 120, 20, 10, 200]  # distances to 100: 10 20 80 90 100


def test_random_order_is_seeded_and_complete(parts):
    def names(seed):
        session = open_session(parts, order="random", seed=seed)
        return [session.go(i).name for i in range(len(session))]

    assert names(1) == names(1) and sorted(names(1)) == sorted(parts.names)
    assert len({tuple(names(seed)) for seed in range(8)}) > 1


def test_an_image_is_judged_when_shown_and_counts_once(parts, results):
    session = open_session(parts, results)
    assert not results.exists() and session.verdicts.empty
    for _ in range(3):
        _ = session.current
    _ = session.next().previous().current
    assert rows(results) == [list(COLUMNS), ["NG/ng_0.png", "NG", "OK", "90.0"]]
    assert results.read_text(encoding="utf-8").splitlines()[0] == HEADER
    assert len(session.verdicts) == 1


def test_the_position_stays_within_the_folder(parts):
    session = open_session(parts)
    assert session.previous().position == 0
    assert session.go(99).position == session.next().position == 4


def test_rates_count_judged_and_labelled_images(parts):
    session = open_session(parts)
    assert session.rates().n == 0 and np.isnan(session.rates().miss_rate)
    rates = judge_all(session).rates()
    assert (rates.n, rates.fn, rates.n_ng, rates.fp, rates.n_ok) == (5, 1, 2, 1, 3)
    assert rates.miss_rate == 1 / 2 and rates.overkill_rate == 1 / 3


def test_outcomes_in_words():
    cases = {
        ("NG", "OK"): "missed",
        ("OK", "NG"): "overkill",
        ("", "NG"): "",
        ("NG", "NG"): "correct",
    }
    for (label, prediction), word in cases.items():
        assert Verdict("a", label, prediction, 1.0).outcome == word


def test_unlabelled_images_have_an_empty_label(tmp_path, results):
    flat = tmp_path / "flat"
    write_parts(tmp_path / "x")
    (tmp_path / "x" / "OK").rename(flat)
    session = judge_all(open_session(load_images(flat), results))
    assert [row[1] for row in rows(results)[1:]] == ["", "", ""]
    assert session.rates().n == 0 and session.verdict.outcome == ""


def test_the_file_reads_back_with_full_precision(parts, results):
    session = judge_all(open_session(parts, results))
    table = pd.read_csv(results)
    assert list(table.columns) == list(COLUMNS)
    assert table["anomaly score"].tolist() == session.verdicts["anomaly score"].tolist()


def test_resumes_at_the_first_unjudged_image_with_nothing_twice(parts, results):
    first = open_session(parts, results, order="random", seed=3)
    _ = first.current, first.next().current
    second = open_session(parts, results, order="random", seed=3)
    assert second.position == 2 and len(second.verdicts) == 2
    judge_all(second)
    names = [row[0] for row in rows(results)[1:]]
    assert sorted(names) == sorted(parts.names)
    assert open_session(parts, results).position == 4


def test_rows_of_other_images_stay_in_the_file_and_are_not_counted(parts, results):
    judge_all(open_session(parts, results))
    session = open_session(parts[1:], results)
    assert len(session.verdicts) == 4 and session.rates().n == 4
    assert len(rows(results)) == 6


def test_half_a_row_of_a_killed_run_is_judged_again(parts, results):
    judge_all(open_session(parts, results))
    results.write_bytes(results.read_bytes()[:-9])  # within "OK/ok_2.png,OK,NG,120.0"
    session = open_session(parts, results)
    assert len(session.verdicts) == 4 and session.name == "OK/ok_2.png"
    _ = session.current
    assert rows(results)[-1] == ["OK/ok_2.png", "OK", "NG", "120.0"]


def test_reset_keeps_every_former_file(parts, results):
    session = open_session(parts, results)
    assert session.reset() is None
    kept = []
    for _ in range(2):
        _ = session.next().current
        kept.append(session.reset())
    assert [path.name for path in kept] == ["lens_result-1.csv", "lens_result-2.csv"]
    assert all(len(rows(path)) == 2 for path in kept)
    assert session.position == 0 and session.verdicts.empty and not results.exists()


def test_a_moved_threshold_judges_anew_and_keeps_the_old_file(parts, results):
    session = judge_all(open_session(parts, results))
    assert session.go(0).current.verdict == "OK"
    session.detector.threshold = 90.0
    assert session.rates().fn == 0
    assert session.current.verdict == session.verdict.prediction == "NG"
    assert rows(results)[1] == ["NG/ng_0.png", "NG", "NG", "90.0"]
    assert rows(results.with_name("lens_result-1.csv"))[1][2] == "OK"
    assert "lens_result-1.csv" in session.note


def test_a_threshold_that_changes_no_verdict_leaves_the_file_alone(parts, results):
    session = judge_all(open_session(parts, results))
    session.detector.threshold = 101.0
    _ = session.rates()
    assert not results.with_name("lens_result-1.csv").exists()


def test_results_of_another_detector_are_not_continued(parts, results):
    judge_all(open_session(parts, results))
    results.write_text(results.read_text().replace("90.0", "91.5"))
    session = open_session(parts, results)
    assert session.verdicts.empty and "another detector" in session.note
    assert len(rows(results.with_name("lens_result-1.csv"))) == 6


def test_evaluations_are_kept_for_a_step_back_but_not_all(parts):
    session = judge_all(open_session(parts))
    assert session.detector.calls == 5
    _ = session.previous().current
    assert session.detector.calls == 5
    _ = session.go(0).current
    assert session.detector.calls == 6


def test_scores_of_all_parts_are_computed_once(parts):
    session = open_session(parts)
    assert session.scores().tolist() == [90, 200, 10, 20, 120]
    _ = session.scores()
    assert session.detector.calls == 5


def test_an_unreadable_image_is_never_judged(parts, results):
    session = open_session(parts, results)
    session.parts.paths[0].write_bytes(b"broken")
    with pytest.raises(OSError):
        _ = session.current
    assert session.verdicts.empty and session.next().current.score == 200


def test_what_is_refused(parts, results):
    with pytest.raises(ValueError, match="random, name, worst, closest, got 'best'"):
        open_session(parts, order="best")
    with pytest.raises(DataError, match="at least one image"):
        open_session(parts[np.zeros(5, bool)])
    results.parent.mkdir()
    results.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="must start with the columns .* got a,b; choose another"):
        open_session(parts, results)
    results.write_text(f"{HEADER}\nNG/ng_0.png,NG,OK,high\n")
    with pytest.raises(DataError, match="number as the fourth"):
        open_session(parts, results)

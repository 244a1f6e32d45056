import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from threading import Event, RLock, Thread

import numpy as np
import pandas as pd
import pytest

from workbench.data import load_images
from workbench.data.relabels import read_relabels, relabels_path
from workbench.errors import DataError
from workbench.session import COLUMNS, OWN_COLUMNS, InspectionSession, Selection, Verdict
from workbench.session.background import MOST, Prefetcher

from .doubles import DarkSpotDetector, write_parts

HEADER = "file name,label,prediction,anomaly score,relabel,note"


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
        session.go(position).judge()
    return session


def rows(path):
    """The four columns of the simulator, header included."""
    return [row[:4] for row in full_rows(path)]


def full_rows(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
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


def test_looking_writes_nothing_and_judging_writes_once(parts, results):
    session = open_session(parts, results)
    assert session.current.score == session.verdict.score == 90
    assert not results.exists() and session.verdicts.empty
    for _ in range(3):
        assert session.judge().score == 90
    session.next().previous().judge()
    assert rows(results) == [list(COLUMNS), ["NG/ng_0.png", "NG", "OK", "90.0"]]
    assert results.read_text(encoding="utf-8-sig").splitlines()[0] == HEADER
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
    assert list(table.columns) == [*COLUMNS, *OWN_COLUMNS]
    assert table["anomaly score"].tolist() == session.verdicts["anomaly score"].tolist()


def test_resumes_where_it_stood_with_nothing_twice(parts, results):
    first = open_session(parts, results, order="random", seed=3)
    first.judge(), first.next().judge()
    first.next().previous()
    second = open_session(parts, results, order="random", seed=3)
    assert second.position == 1 and second.name == first.name and second.judged == 2
    judge_all(second)
    names = [row[0] for row in rows(results)[1:]]
    assert sorted(names) == sorted(parts.names)
    assert open_session(parts, results).judged == 5


def test_without_a_place_it_resumes_at_the_first_open_image(parts, results):
    session = open_session(parts, results)
    session.judge(), session.next().judge()
    (results.parent / ".lens_result.csv.place").unlink()
    assert open_session(parts, results).position == 2


def test_rows_of_other_images_stay_in_the_file_and_are_not_counted(parts, results):
    judge_all(open_session(parts, results))
    session = open_session(parts[1:], results)
    assert len(session.verdicts) == 4 and session.rates().n == 4
    assert len(rows(results)) == 6


def test_half_a_row_of_a_killed_run_is_judged_again(parts, results):
    judge_all(open_session(parts, results))
    results.write_bytes(results.read_bytes()[:-11])  # within "OK/ok_2.png,OK,NG,120.0"
    session = open_session(parts, results)
    assert len(session.verdicts) == 4
    session.go(4).judge()
    assert rows(results)[-1] == ["OK/ok_2.png", "OK", "NG", "120.0"]


def test_reset_keeps_every_former_file(parts, results):
    session = open_session(parts, results)
    assert session.reset() is None
    kept = []
    for _ in range(2):
        session.next().judge()
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


def test_rates_over_all_parts_need_no_stepping(parts, results):
    session, told = open_session(parts, results), []
    assert session.overall() is None
    session.score_in_background(lambda: told.append(session.all_scores.done))
    session.all_scores.wait()
    rates = session.overall()
    assert told == [4, 5] and session.judged == 0 and not results.exists()
    assert (rates.fn, rates.n_ng, rates.fp, rates.n_ok) == (1, 2, 1, 3)
    assert [session.outcome(i) for i in range(5)] == [
        "missed", "correct", "correct", "correct", "overkill",
    ]  # fmt: skip
    session.go(0).relabel("OK")
    assert session.overall().fn == 0 and session.overall().n_ok == 4


def test_evaluations_are_kept_for_a_step_back(parts):
    session = judge_all(open_session(parts))
    for position in (3, 0, 4):
        _ = session.go(position).current
    assert session.detector.calls == 5


def test_scores_of_all_parts_are_computed_once(parts):
    session = open_session(parts)
    assert session.scores().tolist() == [90, 200, 10, 20, 120]
    _ = session.scores()
    assert session.detector.calls == 5


def test_an_unreadable_image_is_never_judged(parts, results):
    session = open_session(parts, results)
    session.parts.paths[0].write_bytes(b"broken")
    with pytest.raises(OSError):
        session.judge()
    assert session.verdicts.empty and session.next().judge().score == 200


def test_what_is_refused(parts, results):
    with pytest.raises(ValueError, match="random, name, worst, closest, got 'best'"):
        open_session(parts, order="best")
    with pytest.raises(DataError, match="at least one image"):
        open_session(parts[np.zeros(5, bool)])
    results.parent.mkdir()
    results.write_text("a,b\n1,2\n")
    with pytest.raises(
        DataError, match="must start with the columns .* got 'a,b'; choose another"
    ):
        open_session(parts, results)


def names_shown(session):
    return [session.go(i).name for i in range(len(session))]


def test_filters_by_label_verdict_and_outcome(parts):
    session = open_session(parts)  # threshold 100; by name: NG 90 200, OK 10 20 120
    assert names_shown(session.show(label="OK")) == ["OK/ok_0.png", "OK/ok_1.png", "OK/ok_2.png"]
    assert names_shown(session.show(label="", verdict="NG")) == ["NG/ng_1.png", "OK/ok_2.png"]
    assert names_shown(session.show(verdict="", outcome="missed")) == ["NG/ng_0.png"]
    assert names_shown(session.show(outcome="overkill")) == ["OK/ok_2.png"]
    correct = session.show(outcome="correct", order="worst")
    assert names_shown(correct) == ["NG/ng_1.png", "OK/ok_1.png", "OK/ok_0.png"]
    assert len(session.show(outcome="")) == 5 and session.judged == 0


def test_a_filter_follows_the_threshold_and_the_corrections(parts):
    session = open_session(parts)
    session.detector.threshold = 50.0
    assert names_shown(session.show(outcome="overkill")) == ["OK/ok_2.png"]
    session.relabel("NG")
    with pytest.raises(ValueError, match="no image passes"):
        session.show(outcome="overkill")
    assert len(session) == 1 and session.selection.outcome == "overkill"
    assert session.show(outcome="correct").labels().tolist() == [True, True, False, False, True]


def test_the_current_image_stays_when_the_filter_lets_it_through(parts):
    session = open_session(parts).go(3)
    assert session.show(label="OK").name == "OK/ok_1.png" and session.position == 1
    assert session.show(order="worst").name == "OK/ok_1.png"
    assert session.show(label="NG").position == 0


def test_opening_an_image_by_name_lifts_a_filter_that_hides_it(parts):
    session = open_session(parts).show(label="NG")
    assert session.open("NG/ng_1.png").position == 1 and len(session) == 2
    assert session.open("OK/ok_2.png").name == "OK/ok_2.png" and len(session) == 5
    with pytest.raises(ValueError, match="no image 'x.png'.*look like 'OK/ok_2.png'"):
        session.open("x.png")


def test_a_list_of_names_can_be_shown(parts):
    session = open_session(parts).arrange(["OK/ok_2.png", "NG/ng_0.png"])
    assert names_shown(session) == ["OK/ok_2.png", "NG/ng_0.png"]
    with pytest.raises(ValueError, match="images of this session, got x.png"):
        session.arrange(["x.png"])
    with pytest.raises(ValueError, match="got none"):
        session.arrange([])


@pytest.mark.parametrize(
    ("word", "value"), [("order", "best"), ("label", "ok"), ("verdict", "?"), ("outcome", "fine")]
)
def test_unknown_words_of_a_choice_are_refused(word, value):
    with pytest.raises(ValueError, match=f"{word} must be .*got {value!r}".replace("?", "[?]")):
        Selection(**{word: value})


def test_a_relabel_counts_at_once_and_is_kept_with_the_data(parts, results):
    session = judge_all(open_session(parts, results)).go(0)
    assert session.rates().fn == 1
    assert session.relabel("OK").outcome == "correct"
    assert session.rates().fn == 0 and session.rates().n_ok == 4
    assert full_rows(results)[1] == ["NG/ng_0.png", "NG", "OK", "90.0", "OK", ""]
    assert read_relabels(relabels_path(parts.root)) == {"NG/ng_0.png": False}
    assert open_session(parts, results).go(0).verdict.truth == "OK"
    session = open_session(parts, results).go(0)
    confirmed = session.relabel("NG")  # the folder's own
    assert not confirmed.relabelled and session.rates().fn == 1
    assert read_relabels(relabels_path(parts.root)) == {}
    session = open_session(parts, results).go(0)
    assert session.verdict.relabel == "NG" and session.settled == {"NG/ng_0.png"}
    assert session.relabel(None).relabel == "" and session.settled == set()
    with pytest.raises(ValueError, match="got 'ng'"):
        session.relabel("ng")


def test_a_relabel_made_elsewhere_is_taken_up(parts, results):
    judge_all(open_session(parts, results))
    open_session(parts).go(0).relabel("OK")  # a session without a file
    session = open_session(parts, results)
    assert session.rates().fn == 0 and full_rows(results)[1][4] == "OK"


def test_notes_are_one_line_and_survive(parts, results):
    session = open_session(parts, results)
    session.annotate('scratch,\n "deep"\tat the rim ')
    assert full_rows(results)[1][5] == 'scratch, "deep" at the rim'
    session.next().judge()
    assert open_session(parts, results).go(0).verdict.note == 'scratch, "deep" at the rim'


def test_undo_takes_back_the_latest_change_and_returns_to_its_image(parts, results):
    session = open_session(parts, results)
    session.relabel("OK")
    session.next().annotate("rim")
    session.go(4)
    assert session.undo().note == "" and session.name == "NG/ng_1.png"
    assert session.undo().relabel == "" and session.name == "NG/ng_0.png"
    assert session.undo() is None
    assert [row[4:] for row in full_rows(results)[1:]] == [["", ""], ["", ""]]
    assert read_relabels(relabels_path(parts.root)) == {}


def test_a_change_leaves_rows_of_other_images_alone(parts, results):
    judge_all(open_session(parts, results))
    open_session(parts[1:], results).go(0).annotate("here")
    assert [row[0] for row in rows(results)[1:]].count("NG/ng_0.png") == 1
    assert len(rows(results)) == 6


def test_a_file_of_four_columns_and_with_doubles_is_mended(parts, results):
    results.parent.mkdir()
    row = "NG/ng_0.png,NG,OK,90.0\n"
    results.write_text(",".join(COLUMNS) + "\n" + row + row, encoding="utf-8")
    session = open_session(parts, results)
    assert session.judged == 1 and session.rates().n == 1
    session.next().judge()
    assert [len(row) for row in full_rows(results)] == [6, 6, 6]


def test_a_newer_session_of_this_process_takes_the_file_over(parts, results):
    first = open_session(parts, results)
    first.judge()
    second = open_session(parts, results)
    second.go(1).judge()
    assert first.read_only and not second.read_only
    with pytest.raises(DataError, match=r"written by another session .* session.take_over\(\)"):
        first.go(4).judge()
    assert first.judged == 1 and first.current.score == 120  # it can look; unwritten counts not
    second.close()
    assert not lock_file(results).exists()
    assert first.take_over().judged == 2 and first.name == "NG/ng_1.png"
    first.next().judge()
    assert len(rows(results)) == 4


def lock_file(results):
    return results.with_name(results.name + ".lock")


JUDGE = """
import sys, time
from tests.doubles import DarkSpotDetector
from workbench.data import load_images
from workbench.session import InspectionSession
session = InspectionSession(
    DarkSpotDetector(), load_images(sys.argv[1]), "name", results=sys.argv[2]
)
for position in range(session.position, len(session)):
    session.go(position).judge()
    print(session.name, flush=True)
time.sleep(60)
"""


@pytest.fixture
def other(parts, results):
    """A session on the same file in another process, which judges all it can."""
    command = [sys.executable, "-c", JUDGE, str(parts.root), str(results)]
    repository = Path(__file__).parents[1]
    process = subprocess.Popen(command, cwd=repository, stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


@pytest.mark.slow
def test_a_killed_session_loses_nothing_and_its_lock_is_recovered(parts, results, other):
    assert other.stdout.readline() == "NG/ng_0.png\n"
    session = open_session(parts, results)
    assert session.read_only and session.current.score > 0
    for change in (lambda: session.relabel("OK"), lambda: session.annotate("x")):
        with pytest.raises(DataError, match=f"written by another session .process {other.pid}"):
            change()
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    assert lock_file(results).exists()
    session = open_session(parts, results)
    assert session.judged >= 1 and not session.read_only
    judge_all(session)
    assert Counter(row[0] for row in rows(results)[1:]) == Counter(parts.names)


@pytest.mark.slow
def test_a_live_session_can_be_taken_over(parts, results, other):
    other.stdout.readline()
    session = open_session(parts, results).take_over()
    session.annotate("mine")
    assert session.judged >= 1


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}'])
def test_a_broken_lock_holds_nobody_up(parts, results, content):
    results.parent.mkdir()
    lock_file(results).write_text(content)
    assert open_session(parts, results).judge().score == 90


def test_a_number_given_to_another_process_since_holds_nothing(parts, results):
    session = open_session(parts, results)
    holder = json.loads(lock_file(results).read_text())
    holder |= {"pid": os.getppid(), "session": "gone"}
    lock_file(results).write_text(json.dumps(holder | {"born": holder["born"] - 3600}))
    assert open_session(parts, results).judge().score == 90
    session.close()


def test_what_is_wanted_is_computed_ahead_in_order_and_once():
    computed = []
    ahead = Prefetcher(lambda key: computed.append(key) or key**2, lambda value: 1, RLock())
    ahead.request([3, 1, 2])
    ahead.wait()
    assert computed == [3, 1, 2] and ahead.get(1) == 1 and computed == [3, 1, 2]


@pytest.mark.parametrize("size", [1, 3])
def test_stepping_through_computes_each_once_and_always_ahead(size):
    computed = []
    ahead = Prefetcher(
        lambda key: computed.append(key) or key, lambda value: size, RLock(), budget=15
    )
    for key in range(100):
        assert key in ahead or key == 0
        ahead.get(key)
        ahead.request(
            [key + 1, key + 2, key - 1, *range(key + 3, key + 16)] if key else range(1, 16)
        )
        ahead.wait()
    assert computed[:100] == list(range(100))


def test_memory_ahead_is_bounded_by_number_and_by_bytes():
    many = Prefetcher(lambda key: key, lambda value: 1, RLock())
    large = Prefetcher(lambda key: key, lambda value: 10, RLock(), budget=45)
    for key in range(300):
        for ahead, most in ((many, MOST), (large, 4)):
            ahead.get(key)
            ahead.request(range(key + 1, key + 9))
            assert len(ahead) <= most
    for ahead in (many, large):
        ahead.wait()
        assert 299 in ahead


def test_one_error_ahead_does_not_stop_the_rest_and_is_raised_when_asked():
    def compute(key):
        if key == 1:
            raise OSError("broken photo")
        return key

    ahead = Prefetcher(compute, lambda value: 1, RLock())
    ahead.request([1, 2])
    ahead.wait()
    assert 2 in ahead and 1 not in ahead
    with pytest.raises(OSError, match="broken photo"):
        ahead.get(1)


def test_who_waits_is_served_before_what_is_wanted():
    computed, began = [], Event()

    def compute(key):
        computed.append(key)
        began.set()
        deadline = time.monotonic() + 10
        while key == 0 and not ahead.asked and time.monotonic() < deadline:
            time.sleep(0.001)  # until the other stands in line
        return key

    ahead = Prefetcher(compute, lambda value: 1, RLock())
    ahead.request(range(10))
    began.wait(10)
    ahead.get(99)
    ahead.wait()
    assert computed[:2] == [0, 99]


def test_a_detector_computes_for_one_at_a_time(parts):
    """Two sessions and their threads share one network."""
    detector, inside, most = DarkSpotDetector(), [], []
    evaluate = detector.evaluate_one

    def watched(source):
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.002)
        inside.pop()
        return evaluate(source)

    detector.evaluate_one = watched
    sessions = [open_session(parts, detector=detector) for _ in range(3)]
    sessions[2].look_ahead()
    threads = [Thread(target=judge_all, args=[session]) for session in sessions[:2]]
    threads += [Thread(target=sessions[2].scores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sessions[2].prefetcher.wait()
    assert max(most) == 1 and len(most) > 10


def test_looking_ahead_judges_nothing(parts, results):
    session = open_session(parts, results)
    session.judge()
    session.look_ahead()
    session.prefetcher.wait()
    assert session.detector.calls == 5 and session.judged == 1
    judge_all(session)
    assert session.detector.calls == 5 and len(rows(results)) == 6

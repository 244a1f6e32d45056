"""Files of ours that grow: a torn row, a full disk, a second writer, a wrong name lose nothing."""

import csv
import os
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import psutil
import pytest

from workbench.data import load_images, relabels_path, write_relabels
from workbench.data.table_file import TableFile
from workbench.errors import DataError
from workbench.session import InspectionSession

from .doubles import DarkSpotDetector, write_parts

REPOSITORY = Path(__file__).parents[1]
COLUMNS = ("name", "score")


@pytest.fixture
def parts(tmp_path):
    return load_images(write_parts(tmp_path / "부품"))  # by name: NG 90 200, OK 10 20 120


@pytest.fixture
def results(tmp_path):
    return tmp_path / "result.csv"


def judged(parts, results):
    """A session in which every part was judged, closed."""
    session = InspectionSession(DarkSpotDetector(), parts, "name", results=results)
    for position in range(len(session)):
        session.go(position).judge()
    session.close()
    return session


def reopened(parts, results, **options):
    return InspectionSession(DarkSpotDetector(), parts, "name", results=results, **options)


def rows(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize(
    "content", [b"a diary,of mine\nno line end", b"\x89PNG\r\n\x1a\n\0\0\nxx"]
)
def test_a_file_of_another_kind_is_refused_and_stays_as_it_is(parts, results, content):
    results.write_bytes(content)
    with pytest.raises(DataError, match="must start with the columns file name"):
        reopened(parts, results)
    assert results.read_bytes() == content
    assert sorted(path.name for path in results.parent.glob("result*")) == ["result.csv"]


@pytest.mark.parametrize("length", [1, 3, 8, 20, len("file name,label,prediction,anomaly score")])
def test_half_a_header_is_begun_again(parts, results, length):
    judged(parts, results)
    results.write_bytes(results.read_bytes()[:length])
    session = reopened(parts, results)
    assert session.judged == 0
    session.judge()
    assert len(rows(results)) == 2 and rows(results)[0][0] == "file name"


def test_a_row_cut_within_a_letter_is_judged_again_and_kept(tmp_path, parts, results):
    judged(parts, results)
    (parts.root / "OK" / "ok_2.png").rename(parts.root / "OK" / "흠.png")
    parts = load_images(parts.root)
    judged(parts, results)
    whole = results.read_bytes()
    results.write_bytes(whole[: whole.rindex("흠".encode()) + 2])
    session = reopened(parts, results)
    assert session.judged == 4 and "1 rows of result.csv could not be used" in session.note
    assert results.with_name("result.csv.cut").read_text("utf-8").startswith("OK/")
    session.go(4).judge()
    assert rows(results)[-1][0] == "OK/흠.png"


def test_rows_that_say_nothing_are_named_and_the_rest_is_used(parts, results):
    judged(parts, results)
    text = results.read_text("utf-8")
    results.write_text(text.replace(",200.0,", ",nan,").replace("10.0,,", "10.0,OK/ok_1.png,,"))
    session = reopened(parts, results)
    assert session.judged == 3 and "2 rows" in session.note and ".cut" in session.note
    assert "nan" in results.with_name("result.csv.cut").read_text("utf-8")
    judged(parts, results)
    assert [row[3] for row in rows(results)[1:]].count("200.0") == 1


def test_a_photo_damaged_after_it_was_judged_stops_nothing(parts, results):
    judged(parts, results)
    parts.paths[0].write_bytes(b"\x89PNG damaged")
    assert reopened(parts, results).judged == 5
    parts.paths[1].unlink()
    assert reopened(parts, results).judged == 5


FULL = """
import resource, sys
from workbench.data.table_file import TableFile
table = TableFile(__import__("pathlib").Path(sys.argv[1]), ("name", "score"), tuple)
known = len(table.open())
for number in range(known, 400):
    if number == 150 != known:
        resource.setrlimit(resource.RLIMIT_FSIZE, (table.path.stat().st_size + 5, -1))
    try:
        table.append((f"part {number}", number / 7))
    except OSError as error:
        print(error.strerror)
        break
print(known)
table.lock.release()
"""


@pytest.mark.slow
def test_a_disk_that_is_full_in_the_middle_of_a_row_loses_that_row_only(tmp_path):
    path = tmp_path / "scores.csv"
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", FULL, path], cwd=REPOSITORY, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    assert done.stdout == "150\n"
    assert [row[0] for row in rows(path)] == ["name", *(f"part {i}" for i in range(400))]


def test_the_row_after_half_a_row_is_not_glued_to_it(tmp_path):
    path = tmp_path / "scores.csv"
    table = TableFile(path, COLUMNS, tuple)
    table.open()
    table.append(("a", 1))
    with path.open("ab") as file:  # what a full disk leaves
        file.write(b"b,0.12345")
    table.append(("c", 2))
    assert rows(path)[1:] == [["a", "1"], ["c", "2"]]
    assert path.with_name("scores.csv.cut").read_text() == "b,0.12345\n"


def test_what_somebody_else_changed_is_kept_before_it_is_replaced(tmp_path):
    table = TableFile(tmp_path / "a.csv", COLUMNS, tuple)
    table.open()
    table.append(("a", 1))
    table.path.write_text("name,score,remark\na,1,by hand\n")
    assert table.write([("a", 2)]).name == "a-1.csv"
    assert rows(tmp_path / "a-1.csv")[1] == ["a", "1", "by hand"] and rows(table.path)[1][1] == "2"


def test_a_column_that_somebody_added_is_kept_in_a_copy(parts, results):
    judged(parts, results)
    lines = results.read_text("utf-8-sig").splitlines()
    with_remarks = "\r\n".join(f"{line};seen" for line in lines).replace(",", ";") + "\r\n"
    results.write_bytes(with_remarks.encode("cp949"))
    assert reopened(parts, results).judged == 5
    assert rows(results)[1][0] == "NG/ng_0.png" and len(rows(results)[1]) == 6
    assert results.with_name("result-1.csv").read_bytes() == with_remarks.encode("cp949")


def test_moving_the_threshold_never_leaves_no_file(parts, results):
    session = judged(parts, results).take_over()
    seen = []

    def watch():
        while session.detector.threshold != 0:
            seen.append(results.exists())

    watcher = Thread(target=watch)
    watcher.start()
    for threshold in [50.0, 100.0] * 50 + [0.0]:
        session.detector.threshold = threshold
        _ = session.rates()
    watcher.join()
    assert all(seen) and results.with_name("result-100.csv").exists()
    session.close()


def test_a_threshold_that_the_file_cannot_follow_is_tried_again(parts, results, monkeypatch):
    session = judged(parts, results).take_over()
    session.detector.threshold = 50.0
    monkeypatch.setattr("workbench.workspace.os.fsync", full)
    with pytest.raises(OSError, match="full"):
        session.rates()
    monkeypatch.undo()
    assert session.rates().fn == 0 and rows(results)[1][2] == "NG"
    session.close()


def full(_):
    raise OSError("disk full")


RELABEL = """
import sys
from workbench.data import write_relabels
for number in range(150):
    write_relabels(sys.argv[1], {f"{sys.argv[2]} {number}": True})
"""


@pytest.mark.slow
def test_two_writers_of_relabels_lose_none(tmp_path):
    path = tmp_path / "lens.relabels.csv"
    writers = [
        subprocess.Popen([sys.executable, "-c", RELABEL, path, who], cwd=REPOSITORY)
        for who in ("first", "second")
    ]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert len(rows(path)) == 301
    assert [path.name for path in tmp_path.iterdir()] == ["lens.relabels.csv"]


def test_relabels_that_were_lost_come_back_from_the_results(parts, results):
    session = judged(parts, results).take_over()
    session.go(0).relabel("OK")
    session.close()
    relabels_path(parts.root).unlink()
    session = reopened(parts, results)
    assert session.go(0).verdict.relabel == "OK" and rows(results)[1][4] == "OK"
    assert load_images(parts.root).labels.tolist() == [False, True, False, False, False]
    session.close()
    write_relabels(relabels_path(parts.root), {"NG/ng_0.png": None})  # taken back: not lost
    assert reopened(parts, results).go(0).verdict.relabel == ""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no such processes")
@pytest.mark.slow
def test_a_writer_that_ended_and_was_not_waited_for_holds_nothing(tmp_path):
    table = TableFile(tmp_path / "a.csv", COLUMNS, tuple)
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDS, table.path], cwd=REPOSITORY, stdout=subprocess.PIPE
    )
    child.stdout.readline()
    table.open()
    assert not table.lock.is_ours
    child.kill()
    deadline = time.monotonic() + 60
    while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:  # until wait() is called
        assert time.monotonic() < deadline
        time.sleep(0.01)
    table.open()
    assert table.lock.is_ours
    child.communicate()


HOLDS = """
import sys, time
from pathlib import Path
from workbench.data.table_file import TableFile
TableFile(Path(sys.argv[1]), ("name", "score"), tuple).open()
print(flush=True)
time.sleep(60)
"""


def test_another_writer_is_not_forgotten_when_it_has_gone(parts, results):
    first = reopened(parts, results)
    first.judge()
    second = reopened(parts, results)
    second.go(1).judge()
    second.close()
    first.go(2).judge()
    first.annotate("mine")
    kept = {row[0] for path in results.parent.glob("result*.csv") for row in rows(path)[1:]}
    assert kept == {"NG/ng_0.png", "NG/ng_1.png", "OK/ok_0.png"}
    first.close()

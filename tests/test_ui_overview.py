"""All parts at a glance, and new parts checked without a terminal."""

import csv
import io
from datetime import UTC, datetime

import pytest

from workbench.data import load_images
from workbench.session import InspectionSession
from workbench.ui import CheckView, Overview

from .doubles import DarkSpotDetector, write_parts
from .test_ui import HOSTILE, markup, text


@pytest.fixture
def session(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    return InspectionSession(
        DarkSpotDetector(), load_images(write_parts(tmp_path / "lens")), "name"
    )


def names(view):
    return [view.session.parts.names[i] for i in view.shown()]


def test_chips_and_cells_filter_and_a_click_opens(session):
    opened = []
    view = Overview(session, opened=lambda: opened.append(session.name))
    assert names(view)[0] == "NG/ng_1.png" and len(names(view)) == 5  # the highest score first
    assert "missed 1" in text(view) and "overkill 1" in text(view) and session.judged == 0
    view.on_message({"open": "chip missed"})
    assert names(view) == ["NG/ng_0.png"] and 'aria-pressed="true">missed 1' in markup(view)
    view.on_message({"open": "chip OK>NG"})
    assert names(view) == ["OK/ok_2.png"]
    view.on_message({"open": f"part {view.shown()[0]}"})
    assert opened == ["OK/ok_2.png"]
    view.on_message({"open": "chip all"})
    view.search.value = "ok_1"
    assert names(view) == ["OK/ok_1.png"]
    view.close()


def test_that_nothing_is_missed_is_good_news_and_no_error(session):
    session.detector.threshold = 50.0
    view = Overview(session)
    view.on_message({"open": "chip missed"})
    assert "no defect is missed" in view.message and "wb-error" not in view.message
    view.close()


@pytest.fixture
def lots(tmp_path, monkeypatch):
    """Sixty parts of three lots and two cameras; lot C is bad."""
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    write_parts(tmp_path / "line", ok=[20] * 52 + [150] * 8, ng=[])
    names = sorted(path.relative_to(tmp_path / "line").as_posix()
                   for path in (tmp_path / "line").rglob("*.png"))  # fmt: skip
    rows = [f"{name},OK,{'C' if int(name[6:-4]) >= 40 else 'AB'[int(name[6:-4]) % 2]},"
            f"{HOSTILE if int(name[6:-4]) % 2 else 'left'}\n" for name in names]  # fmt: skip
    (tmp_path / "line" / "labels.csv").write_text("file name,label,lot,camera\n" + "".join(rows))
    parts = load_images(tmp_path / "line", layout="labels.csv")
    return InspectionSession(DarkSpotDetector(), parts, "name", results="r/line.csv")


def test_lots_and_cameras_are_filters_and_a_chart_says_which_differ(lots):
    view = Overview(lots)
    assert "lot C 20" in text(view) and "camera left 30" in text(view)
    assert "<img src=x" not in markup(view)
    view.by.value = "lot"
    assert "1 of 3 differ by more than chance" in text(view)
    view.on_message({"open": "chip kind:lot C"})
    assert len(names(view)) == 20 and markup(view).count('r="8"') == 1
    view.close()


def test_parts_that_another_inspector_judges_otherwise_are_listed(lots, tmp_path):
    lots.judge()
    lots.next().judge()
    lots.relabel("NG")
    other = tmp_path / "other.csv"
    other.write_text((tmp_path / "r" / "line.csv").read_text("utf-8-sig").replace(",NG,", ",OK,"))
    view = Overview(lots)
    view.other.value = str(other)
    assert "you differ on 1 of 2 parts" in view.message and "disagreed 1" in text(view)
    assert names(view) == [lots.name]
    view.close()


@pytest.fixture
def check(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    view = CheckView(DarkSpotDetector(), "lens")
    yield view
    view.close()


def uploaded(name, content):
    return {
        "name": name, "type": "image/png", "size": len(content), "content": memoryview(content),
        "last_modified": datetime(2026, 1, 1, tzinfo=UTC),
    }  # fmt: skip


def test_dropped_photos_are_scored_and_the_worst_come_first(check, tmp_path):
    photos = sorted(write_parts(tmp_path / "new").rglob("*.png"))
    check.upload.value = [uploaded(f"../{p.name}", p.read_bytes()) for p in photos] + [
        uploaded(f"{HOSTILE.replace('/', '')}.png", b"broken")
    ]
    check.worker.join()
    assert "6 checked: 2 NG, 1 could not be read" in check.message
    shown = markup(check)
    assert "<img src=x" not in shown and shown.index("ng_1.png") < shown.index("ok_0.png")
    table = list(csv.DictReader(io.StringIO(check.table_text())))
    assert [r["prediction"] for r in table] == ["OK", "NG", "OK", "OK", "NG", ""]
    assert table[-1]["error"] and table[-1]["anomaly score"] == ""
    assert not list(tmp_path.glob("*.png"))  # a browser's path is not followed

    check.on_message({"open": "part 1"})
    assert "ng_1.png: NG, score 200" in check.message
    check.pdf.click()
    pdf = (tmp_path / "reports" / "lens" / "check" / "check.pdf").read_bytes()
    assert pdf.startswith(b"%PDF") and pdf.count(b"/Type /Page\n") == 2
    check.review.click()
    assert len(list((tmp_path / "reports" / "lens" / "review").iterdir())) == 3


def test_a_folder_of_the_server_is_scored_and_can_be_stopped(check, tmp_path):
    check.start.click()
    assert "name a folder of photos" in check.message
    write_parts(tmp_path / "new")
    check.path.value = "new"
    check.start.click()
    check.worker.join()
    assert len(check.found) == 5 and "5 checked: 2 NG" in text(check)
    check.path.value = "nowhere"
    check.start.click()
    assert "wb-error" in check.message

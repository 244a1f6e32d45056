import csv
import os
import re
import shutil
import time
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright needed: pip install 'workbench[test]'")
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
# where the kernel runs widget callbacks: in a thread of their own, as by default, or in turn
in_thread = pytest.mark.parametrize("lab", ["perCommTarget"], indirect=True)
both_ways = pytest.mark.parametrize("lab", ["perCommTarget", "disabled"], indirect=True)
SHOTS = os.environ.get("WB_SHOTS")  # a folder for screenshots


def open_notebook(page, lab, name):
    """The notebook's panel, after all cells were run without earlier results."""
    shutil.rmtree(lab.workspace / "reports", ignore_errors=True)
    page.goto(f"{lab.url}/lab?token={lab.token}&reset")
    page.wait_for_function("() => window.jupyterapp !== undefined", timeout=60_000)
    page.evaluate("() => window.jupyterapp.restored")
    page.evaluate(
        "path => window.jupyterapp.commands.execute('docmanager:open',"
        "{path, factory: 'Notebook', kernel: {name: 'python3'}})",
        f"{name}.ipynb",
    )
    panel = page.locator(".jp-NotebookPanel-notebook:visible")
    page.locator("#jp-main-statusbar >> text=Idle").wait_for(timeout=60_000)
    run_all(page)
    expect(panel.locator(".wb-view")).to_be_visible(timeout=60_000)
    return panel


def run_all(page):
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")


def shot(panel, name):
    if SHOTS:
        panel.page.mouse.move(0, 0)
        panel.locator(".wb-view").screenshot(path=Path(SHOTS) / f"{name}.png")


def source(panel, name):
    return panel.locator(f"img.{name}").get_attribute("src")


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@both_ways
def test_simulator_steps_by_button_key_and_play(page, lab):
    panel = open_notebook(page, lab, "simulator")
    position, next_button = panel.locator(".wb-position"), panel.get_by_role("button", name="Next")
    expect(position).to_have_text("1 / 16")
    for name in ("wb-photo", "wb-overlay"):
        assert panel.locator(f"img.{name}").evaluate("image => image.naturalWidth > 0")

    milliseconds = []
    for step in range(2, 7):
        before, start = source(panel, "wb-overlay"), time.perf_counter()
        next_button.click()
        expect(panel.locator("img.wb-overlay")).not_to_have_attribute("src", before, timeout=5000)
        milliseconds.append(round(1000 * (time.perf_counter() - start)))
        expect(position).to_have_text(f"{step} / 16")
    print(f"click to picture: {sorted(milliseconds)} ms")  # noqa: T201
    shot(panel, "simulator_ng")

    panel.get_by_role("button", name="Previous").click()
    expect(position).to_have_text("5 / 16")
    panel.locator(".wb-jump .noUi-handle").press("ArrowRight")
    expect(position).to_have_text("6 / 16")

    panel.get_by_role("button", name="Play").click()
    expect(position).to_have_text("16 / 16", timeout=20_000)
    expect(panel.locator(".wb-totals")).to_contain_text("16 of 16")
    shot(panel, "simulator_ok")
    table = rows(lab.results)
    assert len({row["file name"] for row in table}) == len(table) == 16
    assert list(table[0])[:4] == ["file name", "label", "prediction", "anomaly score"]
    expect(panel.get_by_role("status")).to_contain_text("reports/lens/lens_result.csv")


@in_thread
def test_the_notebook_that_users_open_steps_through_the_test_parts(page, lab):
    panel = open_notebook(page, lab, "40_simulator")
    expect(panel.locator(".wb-position")).to_have_text("1 / 9")  # 8 NG and 1 of 8 OK
    for step in range(2, 10):
        panel.get_by_role("button", name="Next").click()
        expect(panel.locator(".wb-position")).to_have_text(f"{step} / 9")
    expect(panel.locator(".wb-totals")).to_contain_text("9 of 9")
    assert len(rows(lab.results)) == 9
    shot(panel, "shipped")


@in_thread
def test_simulator_survives_rerun_reset_and_a_broken_photo(page, lab):
    panel = open_notebook(page, lab, "simulator")
    next_button, totals = panel.get_by_role("button", name="Next"), panel.locator(".wb-totals")
    for judged in (2, 3):
        next_button.click()
        expect(totals).to_contain_text(f"{judged} of 16")
    run_all(page)
    expect(totals).to_contain_text("4 of 16")  # resumed at the first that was not judged
    expect(panel.locator(".wb-view")).to_have_count(1)

    panel.get_by_role("button", name="Reset").click()
    expect(panel.locator(".wb-position")).to_have_text("1 / 16")
    expect(panel.get_by_role("status")).to_contain_text("lens_result-1.csv")
    expect(totals).to_contain_text("1 of 16")

    photo = lab.workspace / "data" / "lens" / "NG" / "ng_1.png"
    content = photo.read_bytes()
    photo.write_bytes(content[:50])
    try:
        next_button.click()
        expect(panel.locator(".wb-status .wb-error")).to_contain_text("ng_1.png")
        expect(panel.locator(".wb-word")).to_contain_text("not judged")
        shot(panel, "simulator_error")
    finally:
        photo.write_bytes(content)
    next_button.click()
    expect(panel.locator(".wb-position")).to_have_text("3 / 16")
    expect(panel.locator(".wb-error")).to_have_count(0)


@in_thread
def test_histogram_follows_the_threshold(page, lab):
    panel = open_notebook(page, lab, "histogram")
    counts, place = panel.locator(".wb-counts"), panel.locator(".wb-position")
    panel.get_by_role("button", name="Zero miss").click()
    expect(counts).to_contain_text("0 missed")
    shot(panel, "histogram")
    page.wait_for_timeout(500)  # a browser answers with a rounded value, which is no move
    expect(panel.get_by_role("status")).to_contain_text("zero_miss of 8 scores")
    expect(counts).to_contain_text("0 missed")
    before = place.inner_text()
    for _ in range(5):
        panel.locator(".wb-threshold .noUi-handle").press("ArrowRight")
    expect(place).not_to_have_text(before)
    expect(panel.get_by_role("status")).to_contain_text("set by hand in the histogram")
    expect(counts).to_contain_text(re.compile(r"[1-8] missed"))

    panel.get_by_role("button", name="Save to detector").click()
    expect(panel.get_by_role("status")).to_contain_text("the detector now cuts at")

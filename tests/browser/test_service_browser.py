"""The page of the service: photos are dropped, rows are typed, verdicts appear."""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from playwright.sync_api import expect

import workbench as wb
from tests.browser.conftest import REPOSITORY, answers, free_port

LONG = 120_000  # ms; generous, for a busy machine


@pytest.fixture(scope="module")
def served(inspected, tmp_path_factory):
    """`workbench serve` over a model of photos and one of rows."""
    home, port = tmp_path_factory.mktemp("served"), free_port()
    shutil.copytree(inspected / "models" / "lens", home / "models" / "lens")
    rows = np.random.default_rng(0).normal(25, 1, (200, 3))
    config = wb.AutoEncoderConfig(epochs=5)
    wb.save(wb.AutoEncoderDetector(config).fit(rows, progress=False), home / "models" / "press")
    command = [sys.executable, "-m", "workbench.cli", "serve", f"--port={port}"]
    env = {"WORKBENCH_HOME": str(home), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
    with (home / "log.txt").open("wb") as log:
        server = subprocess.Popen(command, env=os.environ | env, stdout=log, stderr=log)
        deadline = time.monotonic() + 600
        while not answers(port):
            assert server.poll() is None and time.monotonic() < deadline, "it did not start"
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
        server.send_signal(signal.SIGTERM)
        server.wait(60)


def test_photos_get_verdict_heat_map_and_rates(page, served, inspected):
    page.goto(served)
    page.locator("#model").select_option("lens")
    parts = [
        inspected / "data" / "lens" / name for name in ("OK/ok_4.png", "NG/ng_0.png")
    ]  # ok_0 is at the threshold
    page.locator("#file").set_input_files(parts)
    expect(page.locator("#rates")).to_contain_text("judged2", timeout=LONG)
    expect(page.locator("#verdict")).to_contain_text("NG")
    expect(page.locator("#reason")).to_contain_text("ng_0.png")
    page.wait_for_function("() => document.getElementById('overlay').naturalWidth > 0")
    page.locator("[data-truth=NG]").click()
    expect(page.locator("#rates")).to_contain_text("0.0 % (0 of 1)")
    for verdict in ("ok", "ng"):  # each bar has the colour of its verdicts
        bars = page.locator(f"rect[fill='var(--{verdict})']:not([height='0'])")
        expect(bars).to_have_count(1)


def test_a_file_that_is_no_photo_is_an_error_in_words(page, served, tmp_path):
    page.goto(served)
    page.locator("#model").select_option("lens")
    (tmp_path / "notes.png").write_text("not a picture")
    page.locator("#file").set_input_files(tmp_path / "notes.png")
    expect(page.locator("#error")).to_contain_text("must be a readable picture", timeout=LONG)


def test_a_row_gets_its_verdict_and_the_sensor_to_blame(page, served):
    page.goto(served)
    page.locator("#model").select_option("press")
    expect(page.locator("input.value")).to_have_count(3)
    for field, value in zip(page.locator("input.value").all(), ("25", "60", "25"), strict=True):
        field.fill(value)
    page.locator("#rows button").click()
    expect(page.locator("#verdict")).to_contain_text("NG", timeout=LONG)
    expect(page.locator("#reason")).to_contain_text("of the deviation")


DROP = """(form, text) => {
  const data = new DataTransfer();
  data.items.add(new File([text], "rows.csv"));
  form.dispatchEvent(new DragEvent("drop", {dataTransfer: data, cancelable: true}));
}"""


def test_a_dropped_file_gets_the_verdict_of_its_last_line(page, served):
    page.goto(served)
    page.locator("#model").select_option("press")
    page.locator("#rows").evaluate(DROP, "a,b,c\n25,60,25\n")
    expect(page.locator("#verdict")).to_contain_text("NG", timeout=LONG)
    page.locator("#rows").evaluate(DROP, "25,25\n")
    expect(page.locator("#error")).to_contain_text("3 numbers are needed, got 2")

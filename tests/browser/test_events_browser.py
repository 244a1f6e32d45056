"""Events of a recording in JupyterLab: picked, acknowledged with a note, closed, and kept."""

import re

import pytest

pytest.importorskip("playwright", reason="playwright needed: pip install 'workbench[test]'")
from playwright.sync_api import expect

from workbench.autoencoder import events

from .test_simulator_browser import LIMIT, in_thread, open_notebook, run_all, shot

pytestmark = pytest.mark.browser
expect.set_options(timeout=LIMIT)


@in_thread
def test_an_event_is_acknowledged_and_closed_and_its_file_says_so(page, lab):
    kept = lab.workspace / "reports" / "press" / "press_events.csv"
    panel = open_notebook(page, lab, "events", ready=".wb-event-table")
    rows = panel.locator(".wb-event-table tr[class]")
    expect(rows).to_have_count(2)
    expect(panel.locator(".wb-event-new")).to_have_count(2)
    expect(panel.locator(".wb-blame")).to_contain_text("sensor_3")
    rows.nth(1).locator("button").click()
    expect(rows.nth(1)).to_have_attribute("aria-current", "true")
    panel.locator(".wb-event-note input").fill("Lager, bestellt")
    panel.locator(".wb-acknowledge").click()
    expect(rows.nth(1)).to_contain_text("acknowledged")
    expect(rows.nth(1)).to_contain_text("Lager, bestellt")
    expect(panel.locator(".wb-say")).to_contain_text("saved in press_events.csv")
    shot(panel, "events")
    assert [event.note for event in events.load(kept)] == ["", "Lager, bestellt"]
    panel.locator(".wb-close-event").click()
    expect(rows.nth(1)).to_contain_text("closed")
    expect(panel.locator(".wb-close-event")).to_be_disabled()
    assert [event.state for event in events.load(kept)] == ["new", "closed"]
    run_all(page)  # the view is made anew, from the file
    expect(panel.locator(".wb-event-table .wb-event-closed")).to_have_count(1)
    expect(panel.locator(".wb-caption").first).to_contain_text("new 1, acknowledged 0, closed 1")


@in_thread
def test_an_event_is_shown_in_the_recording_though_that_is_out_of_sight(page, lab):
    panel = open_notebook(page, lab, "shown", ready=".wb-event-table")
    panel.locator(".wb-event-table tr[class]").first.locator("button").click()
    expect(panel.locator(".wb-strips")).not_to_be_in_viewport()
    panel.locator(".wb-show-event").click()
    expect(panel.locator(".wb-strips")).to_be_in_viewport()
    expect(panel.locator(".wb-header")).to_contain_text(re.compile(r"row [678]\d"))

import io
import re
import time

import ipywidgets as widgets
import numpy as np
import pytest
from ipywidgets.widgets.widget import _instances
from PIL import Image

from workbench import metrics
from workbench.data import load_images
from workbench.session import InspectionSession
from workbench.ui import HistogramExplorer, Simulator

from .doubles import DarkSpotDetector, write_parts


@pytest.fixture
def parts(tmp_path):
    return load_images(write_parts(tmp_path / "lens"))  # by name: NG 90 200, OK 10 20 120


@pytest.fixture
def session(parts, tmp_path):
    results = tmp_path / "lens_result.csv"
    return InspectionSession(DarkSpotDetector(), parts, "name", results=results)


@pytest.fixture
def simulator(session):
    view = Simulator(session)
    yield view
    view.close()


def text(view):
    """What a reader sees, without markup and style sheet."""
    values = [w.value for w in walk(view) if isinstance(w, widgets.HTML)]
    return " ".join(
        re.sub(r"<style>.*?</style>|<[^>]*>", " ", " ".join(values), flags=re.S).split()
    )


def walk(box):
    for child in getattr(box, "children", ()):
        yield child
        yield from walk(child)


def picture(widget):
    return np.asarray(Image.open(io.BytesIO(widget.value)))


def alive():
    return len(_instances)


def test_the_first_part_is_shown_with_truth_verdict_and_place(simulator):
    shown = text(simulator)
    for words in ("lens", "NG/ng_0.png", "1 / 5", "True label NG", "Outcome missed", "90 / 100"):
        assert words in shown
    assert (
        "wb-word" in simulator.panel.verdict._dom_classes
        and ">OK<" in simulator.panel.verdict.value
    )


def test_photo_and_overlay_have_the_same_size_and_differ_where_it_is_hot(simulator):
    photo, overlay = picture(simulator.panel.photo), picture(simulator.panel.overlay)
    assert photo.shape == overlay.shape == (480, 640, 3)  # each pixel of 24 x 32 grown to 20
    calm, hot = np.s_[:, 400:], np.s_[100:140, 100:140]  # calm is left as it is
    assert abs(photo[calm].astype(int) - overlay[calm]).max() < 10
    assert abs(photo[hot].astype(int) - overlay[hot]).max() > 30


def test_large_photos_travel_small(tmp_path):
    write_parts(tmp_path / "big")
    for path in (tmp_path / "big").rglob("*.png"):
        Image.open(path).resize((2000, 1000)).save(path)
    view = Simulator(InspectionSession(DarkSpotDetector(), load_images(tmp_path / "big")))
    assert picture(view.panel.photo).shape == picture(view.panel.overlay).shape == (320, 640, 3)
    view.close()


def test_the_name_never_runs_ahead_of_its_photo(simulator, session, monkeypatch):
    """While a part is scored, what is seen is still the former part, whole."""
    evaluate, seen = session.detector.evaluate_one, []

    def slow(source):
        seen.append(text(simulator))
        return evaluate(source)

    former = text(simulator)
    monkeypatch.setattr(session.detector, "evaluate_one", slow)
    simulator.next.click()
    assert seen and all(now == former for now in seen)
    assert "2 / 5" in text(simulator)


def test_buttons_and_slider_step_through_and_stop_at_the_ends(simulator, session):
    simulator.next.click()
    assert "NG/ng_1.png" in text(simulator) and "Outcome correct" in text(simulator)
    simulator.previous.click()
    simulator.previous.click()
    assert session.position == 0
    simulator.jump.value = 5
    simulator.next.click()
    assert session.position == 4 and "Outcome overkill" in text(simulator)


def test_totals_run_with_the_judged(simulator):
    low, high = metrics.wilson(1, 1)
    shown = (
        f"Miss rate 미검율 1 of 1 = 100.0 % 95 % interval {100 * low:.1f} to {100 * high:.1f} %"
    )
    assert f"{shown} Overkill rate 과검율 -" in text(simulator)
    for _ in range(4):
        simulator.next.click()
    shown = text(simulator)
    assert "Judged 5 of 5" in shown
    assert "1 of 2 = 50.0 %" in shown and "1 of 3 = 33.3 %" in shown


def test_a_session_is_resumed_where_it_was(session, parts):
    _ = session.current, session.next().current
    resumed = InspectionSession(DarkSpotDetector(), parts, "name", results=session.results)
    view = Simulator(resumed)
    assert view.jump.value == 3 and "3 / 5" in text(view) and "Judged 3 of 5" in text(view)
    view.close()


def test_reset_starts_anew_and_says_where_the_old_file_is(simulator, session):
    simulator.jump.value = 3
    simulator.reset.click()
    assert simulator.jump.value == 1 and "Judged 1 of 5" in text(simulator)
    assert "lens_result-1.csv" in simulator.message
    assert session.results.with_name("lens_result-1.csv").exists()


def test_an_error_is_seen_and_no_foreign_photo_stays(simulator, session):
    before = simulator.panel.photo.value
    session.parts.paths[1].write_bytes(b"broken")
    simulator.next.click()
    assert 'role="status"' in simulator.message and "UnidentifiedImageError" in simulator.message
    assert "wb-error" in simulator.message and "not judged" in text(simulator)
    assert simulator.panel.photo.value != before and "NG/ng_1.png" in text(simulator)
    simulator.next.click()
    assert "wb-error" not in simulator.message and "Outcome correct" in text(simulator)


def test_names_and_notes_are_escaped(tmp_path):
    write_parts(tmp_path / "a<b>&c")
    view = Simulator(InspectionSession(DarkSpotDetector(), load_images(tmp_path / "a<b>&c")))
    assert "a&lt;b&gt;&amp;c" in view.panel.head.value
    view.close()


def test_the_image_is_shown_even_without_labels(tmp_path):
    (write_parts(tmp_path / "x") / "OK").rename(tmp_path / "flat")
    view = Simulator(InspectionSession(DarkSpotDetector(), load_images(tmp_path / "flat")))
    assert "True label - Outcome no label" in text(view) and "미검율 -" in text(view)
    view.close()


def test_a_second_view_closes_the_first_and_nothing_is_left(session):
    start = alive()
    first = Simulator(session)
    opened = alive() - start
    second = Simulator(session)
    assert alive() - start == opened and first.comm is None
    second.close()
    assert alive() == start


def test_play_steps_to_the_last_part_and_stops(session):
    with pytest.raises(ValueError, match="play_ms must be at least 300, got 100"):
        Simulator(session, play_ms=100)
    view = Simulator(session, play_ms=300)
    view.jump.value = 3
    view.play.value = True
    assert view.play.description == "Pause"
    deadline = time.monotonic() + 20
    while view.play.value and time.monotonic() < deadline:
        time.sleep(0.02)
    assert view.play.description == "Play" and session.position == 4 and session.judged == 4
    view.close()


def test_pause_holds_where_it_is(session):
    view = Simulator(session, play_ms=300)
    view.play.value = True
    view.play.value = False
    time.sleep(0.5)
    assert session.position == 0
    view.close()


def test_a_view_says_in_one_line_what_it_is(simulator):
    assert repr(simulator) == "Simulator(lens, 1 / 5)"


@pytest.fixture
def explorer(session):
    view = HistogramExplorer(session)
    yield view
    view.close()


def test_the_slider_moves_line_counts_and_rates(explorer):
    assert "1 of 2 = 50.0 %" in text(explorer)
    explorer.slider.value = 85.0
    shown = text(explorer)
    assert explorer.counts == (2, 1, 2, 0) and "0 of 2 = 0.0 %" in shown
    assert "NG from 85" in shown and "1 overkill" in shown and "0 missed" in shown
    low, high = metrics.wilson(1, 3)
    assert f"{100 * low:.1f} to {100 * high:.1f} %" in shown


def test_the_line_stands_where_the_axis_says(explorer):
    def x():
        return float(re.search(r'wb-mark" d="M([\d.]+) 22', explorer._plot.value)[1])

    explorer.slider.value = explorer.slider.min
    assert x() == 50
    explorer.slider.value = (explorer.slider.min + explorer.slider.max) / 2
    assert x() == pytest.approx(515)


def test_policies_keep_their_provenance_until_moved_by_hand(explorer):
    explorer.policies.buttons["zero_miss"].click()
    assert explorer.threshold == 90 and explorer.threshold.policy == "zero_miss"
    assert explorer.slider.value == 90
    explorer.policies.buttons["percentile"].click()
    assert explorer.threshold == metrics.threshold([10, 20, 60], q=99)
    assert explorer.threshold.policy == "percentile" and explorer.threshold.n == 3
    explorer.slider.value = 70
    assert explorer.threshold.policy == "manual" and "histogram" in explorer.threshold.source
    explorer.own.click()
    assert explorer.threshold == 100


def test_there_is_a_button_for_every_policy_and_it_asks_its_fields(explorer):
    assert {"manual", *explorer.policies.buttons} == set(metrics.POLICIES)
    scores, labels = explorer.session.scores(), explorer.session.labels()
    fields = explorer.policies.fields
    fields["miss"].value, fields["overkill"].value, fields["alpha"].value = 50, 40, 50
    fields["prevalence"].value, fields["miss_cost"].value = 10, 3
    given = {
        "max_miss": {"miss": 0.5},
        "cost": {"prevalence": 0.1, "miss_cost": 3, "overkill_cost": 1},
        "f1": {},
    }
    for policy, params in given.items():
        explorer.policies.buttons[policy].click()
        assert explorer.threshold == metrics.threshold(scores, labels, policy=policy, **params)
        assert explorer.threshold.params == params
    for policy, params in {"max_overkill": {"overkill": 0.4}, "conformal": {"alpha": 0.5}}.items():
        explorer.policies.buttons[policy].click()  # of the held-out parts, not of those shown
        assert explorer.threshold == metrics.threshold([10, 20, 60], policy=policy, **params)
        assert explorer.threshold.source == "held-out OK"


def test_a_policy_that_the_data_cannot_serve_says_so(explorer):
    explorer.policies.fields["alpha"].value = 1
    explorer.policies.buttons["conformal"].click()
    assert "wb-error" in explorer.message and "needs 99 OK scores, got 3" in explorer.message
    assert explorer.threshold == 100


def test_cost_and_escapes_follow_threshold_and_fields(explorer):
    fields = explorer.policies.fields
    fields["prevalence"].value, fields["miss_cost"].value = 2, 50
    # 1 of 2 NG missed and 1 of 3 OK overkilled at 100
    cost = 1000 * (0.02 * 0.5 * 50 + 0.98 / 3)
    assert f"Escapes per million made 10,000 Cost per 1000 parts {cost:.4g}" in text(explorer)
    explorer.slider.value = 85
    assert "Escapes per million made 0 " in text(explorer)


def test_a_policy_beyond_the_slider_keeps_its_value(session):
    session.detector.held_out = np.array([500.0])
    view = HistogramExplorer(session)
    view.policies.buttons["percentile"].click()
    assert view.threshold > 500 and view.threshold.policy == "percentile"
    view.close()


def test_saving_hands_threshold_and_provenance_to_the_detector(explorer, session):
    explorer.policies.buttons["zero_miss"].click()
    assert session.detector.threshold == 100
    explorer.save.click()
    assert session.detector.threshold == 90
    assert session.detector.threshold.policy == "zero_miss"
    assert "90: zero_miss" in explorer.message and "memory only" in explorer.message


def test_plain_scores_have_no_detector_to_save_to():
    view = HistogramExplorer([1.0, np.nan, 3.0], ["OK", "OK", "NG"], 2.0)
    assert view.save.layout.display == "none" and "1 without a score left out" in text(view)
    assert view.own.description == "As given" and "f1" in view.policies.buttons
    assert view.counts == (1, 0, 1, 0)
    view.close()


def test_unlabelled_scores_show_the_share_called_ng():
    view = HistogramExplorer([1.0, 2.0, 3.0, 4.0], threshold=4.0)
    assert "Share called NG 1 of 4 = 25.0 %" in text(view) and not view.policies.buttons
    view.close()


def test_log_counts_raise_the_low_bars():
    scores = np.r_[np.zeros(1000), 1.0]
    view = HistogramExplorer(scores, scores > 0, 0.5, bins=2)

    def ng_height():  # the second outline; the floor is 256 and the top 46
        outline = re.findall(r'<path d="M[\d.]+ 256 ([VH\d. ]+)Z', view._plot.value)[1]
        return 256 - min(float(y) for y in re.findall(r"V([\d.]+)", outline))

    assert ng_height() == pytest.approx(210 / 1000, abs=0.1)
    view.log_counts.value = True
    assert ng_height() == pytest.approx(210 * np.log10(2) / np.log10(1001), abs=0.1)
    view.close()


@pytest.mark.parametrize("scores", [[2.0], [2.0, 2.0, 2.0]])
def test_equal_scores_are_drawn(scores):
    view = HistogramExplorer(scores, [False] * len(scores), 2.0)
    assert view.counts.fp == len(scores) and "nan" not in view._plot.value
    view.close()


def test_a_hundred_thousand_scores_stay_fluent():
    rng = np.random.default_rng(0)
    view = HistogramExplorer(rng.normal(size=100_000), rng.random(100_000) < 0.1, 0.0)
    times = []
    for value in np.linspace(-2, 2, 20):
        start = time.perf_counter()
        view.slider.value = value
        times.append(time.perf_counter() - start)
    assert np.median(times) < 0.03, f"{1000 * np.median(times):.1f} ms an update"
    view.close()


def test_scores_that_cannot_be_drawn_are_refused():
    with pytest.raises(ValueError, match="as many as scores, 2, got 1"):
        HistogramExplorer([1.0, 2.0], [True])
    with pytest.raises(ValueError, match="finite number, got 1 without one"):
        HistogramExplorer([np.nan])


def test_the_rounding_of_a_browser_is_no_move(explorer):
    explorer.policies.buttons["zero_miss"].click()
    step = explorer.slider.step
    explorer.slider.value = round(90 / step) * step + 1e-9
    assert explorer.threshold == 90 and explorer.threshold.policy == "zero_miss"
    explorer.slider.value += step
    assert explorer.threshold.policy == "manual" and explorer.threshold > 90

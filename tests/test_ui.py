import gc
import io
import json
import re
import time
from dataclasses import replace

import ipywidgets as widgets
import numpy as np
import pandas as pd
import pytest
from ipywidgets.widgets.widget import _instances
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from workbench import load, metrics, save
from workbench.data import load_images
from workbench.data.ignored import read_regions
from workbench.session import InspectionSession
from workbench.session.background import MOST, Prefetcher
from workbench.ui import AuditView, Compare, HistogramExplorer, Simulator
from workbench.ui.charts import Chart
from workbench.ui.view import CSS

from .doubles import DarkSpotDetector, ScoredSession, write_parts


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


def text_of(view, name):
    """The markup of the one HTML widget of this class."""
    (found,) = [w for w in walk(view) if name in getattr(w, "_dom_classes", ())]
    return found.value


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
    for words in (
        "lens",
        "NG/ng_0.png",
        "1 / 5",
        "True label NG",
        "MISSED defect passed as OK",
        "90 / 100",
    ):
        assert words in shown
    assert "wb-missed" in simulator.panel.sign.value and "Verdict OK" in shown


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

    session.prefetcher.wait()
    session.all_scores.wait()
    monkeypatch.setattr(session, "look_ahead", lambda: None)
    session.prefetcher = Prefetcher(session._evaluate, lambda _: 1, session.lock)  # nothing ahead
    former = text(simulator)
    monkeypatch.setattr(session.detector, "evaluate_one", slow)
    simulator.next.click()
    assert seen and all(now == former for now in seen)
    assert "2 / 5" in text(simulator)


def test_buttons_and_slider_step_through_and_stop_at_the_ends(simulator, session):
    simulator.next.click()
    assert "NG/ng_1.png" in text(simulator) and "NG defect caught" in text(simulator)
    simulator.previous.click()
    simulator.previous.click()
    assert session.position == 0
    simulator.jump.value = 5
    simulator.next.click()
    assert session.position == 4 and "OVERKILL good part called NG" in text(simulator)


def test_rates_of_all_parts_stand_beside_those_of_the_steps(simulator, session):
    session.all_scores.wait()
    shown = text(simulator)
    assert "missed 1 of 2 = 50.0 %, overkill 1 of 3 = 33.3 %" in shown and session.judged == 0
    low, high = metrics.wilson(1, 2)
    assert f"All 5 parts 1 / 2 = 50.0 % {100 * low:.1f} to" in shown
    assert f"{100 * high:.1f} %" in shown and "Stepped through: 0 - -" in shown
    simulator.next.click()
    assert session.judged == 2 and "Stepped through: 2 1 / 2 = 50.0 %" in text(simulator)
    simulator.ng.click()
    assert "1 confirmed or relabelled by a person" in text(simulator)
    assert "NG confirmed" in text(simulator) and "is confirmed as NG" in simulator.message


def test_next_missed_steps_over_what_was_caught(simulator, session):
    session.all_scores.wait()
    simulator.on_message({"action": "last"})
    simulator.on_message({"action": "previous_missed"})
    assert session.name == "NG/ng_0.png"
    simulator.on_message({"action": "next_missed"})
    assert session.name == "NG/ng_0.png" and "no further missed" in simulator.message


def test_a_key_can_be_changed_and_is_listed(session, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    view = Simulator(session)
    view.on_message({"action": "help"})
    assert "→ next part" in text(view) and "next missed defect" in text(view)
    view.action.value, view.key.value = "undo", "z"
    assert "z take back" in text(view) and view.key.value == ""
    view.key.value = "o"
    assert "is that of" in view.message and view.undo.description.endswith("u")
    view.on_message({"action": "back"})
    assert not view.help.value
    view.close()
    again = Simulator(session)
    assert again.undo.description.endswith("z")
    again.close()


def test_a_session_is_resumed_where_it_was(session, parts):
    session.judge(), session.next().judge()
    resumed = InspectionSession(DarkSpotDetector(), parts, "name", results=session.results)
    view = Simulator(resumed)
    assert view.jump.value == 2 and "2 / 5" in text(view) and "Stepped through: 2" in text(view)
    view.close()


def test_reset_starts_anew_and_says_where_the_old_file_is(simulator, session):
    simulator.jump.value = 3
    simulator.reset.click()
    assert simulator.jump.value == 1 and "Stepped through: 0" in text(simulator)
    assert "lens_result-1.csv" in simulator.message
    assert session.results.with_name("lens_result-1.csv").exists()


def test_an_error_is_seen_and_no_foreign_photo_stays(session):
    session.parts.paths[1].write_bytes(b"broken")
    simulator = Simulator(session)
    before = bytes(simulator.panel.photo.value)
    simulator.next.click()
    assert 'role="status"' in simulator.message and "UnidentifiedImageError" in simulator.message
    assert "wb-error" in simulator.message and "not judged" in text(simulator)
    assert simulator.panel.photo.value != before and "NG/ng_1.png" in text(simulator)
    simulator.next.click()
    assert "wb-error" not in simulator.message and "OK good part passed" in text(simulator)
    simulator.close()


def test_names_and_notes_are_escaped(tmp_path):
    write_parts(tmp_path / "a<b>&c")
    view = Simulator(InspectionSession(DarkSpotDetector(), load_images(tmp_path / "a<b>&c")))
    assert "a&lt;b&gt;&amp;c" in view.panel.head.value
    view.close()


def test_the_image_is_shown_even_without_labels(tmp_path):
    (write_parts(tmp_path / "x") / "OK").rename(tmp_path / "flat")
    view = Simulator(InspectionSession(DarkSpotDetector(), load_images(tmp_path / "flat")))
    assert "NG no label True label - Verdict NG" in text(view)
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
    view = Simulator(session)
    view.jump.value = 3
    view.play.value = True
    assert view.play.description == "Pause ␣"
    deadline = time.monotonic() + 60
    while view.play.description != "Play ␣" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not view.play.value and session.position == 4 and session.judged == 4
    view.close()


def test_pause_holds_where_it_is(session):
    view = Simulator(session)
    view.play.value = True
    view.play.value = False
    time.sleep(0.5)
    assert session.position == 0
    view.close()


def test_a_view_says_in_one_line_what_it_is(simulator):
    assert repr(simulator) == "Simulator(lens, 1 / 5)"


def filtered(view, name):
    view.filter.value = name
    if view.chosen.worker:
        view.chosen.worker.join()


def test_keys_step_play_and_relabel(simulator, session):
    for action, position in (("next", 1), ("next", 2), ("last", 4), ("first", 0), ("next", 1)):
        simulator.on_message({"action": action})
        assert session.position == position and simulator.jump.value == position + 1
    simulator.on_message({"action": "ok"})
    assert "relabelled, NG" in text(simulator) and "OVERKILL" in text(simulator)
    assert "NG/ng_1.png is now labelled OK" in simulator.message
    simulator.on_message({"action": "undo"})
    assert "taken back: NG/ng_1.png" in simulator.message and "caught" in text(simulator)
    simulator.on_message({"action": "undo"})
    assert "nothing to undo" in simulator.message
    simulator.on_message({"action": "play"})
    assert simulator.play.value
    simulator.on_message({"action": "play"})
    assert not simulator.play.value


def test_without_anywidget_everything_else_is_there(session, monkeypatch):
    monkeypatch.setattr("workbench.ui.gestures.anywidget", None)
    view = Simulator(session)
    view.ng.click()
    view.next.click()
    assert "2 / 5" in text(view) and not [w for w in walk(view) if hasattr(w, "_esm")]
    view.close()
    explorer = HistogramExplorer(session)
    explorer.slider.value = 85
    assert explorer.counts.fn == 0
    explorer.close()


def test_a_filter_shows_only_what_passes_and_says_how_many(simulator, session):
    filtered(simulator, "labelled OK")
    assert "1 / 3" in text(simulator) and simulator.jump.max == 3
    filtered(simulator, "missed")
    assert "1 / 1" in text(simulator) and "NG/ng_0.png" in text(simulator)
    simulator.ok.click()
    filtered(simulator, "called NG")
    filtered(simulator, "missed")
    assert "no defect is missed" in simulator.message and simulator.filter.value == "called NG"
    simulator.order.value = "worst"
    assert session.name == "NG/ng_1.png" and len(session) == 2


def test_a_note_is_written_and_read_again(simulator, session):
    simulator.remark.value = "rim"
    simulator.next.click()
    assert simulator.remark.value == ""
    simulator.previous.click()
    assert simulator.remark.value == "rim" and session.verdict.note == "rim"


def test_opacity_zoom_and_scale_change_the_overlay_and_stay_for_the_next(simulator):
    seen = {bytes(simulator.panel.overlay.value)}
    for change in (
        lambda: simulator.on_message({"zoom": 2, "at": [0.2, 0.25]}),  # the dark spot
        lambda: setattr(simulator.opacity, "value", 0.2),
        lambda: setattr(simulator.scale, "value", False),
        lambda: setattr(simulator.zoom, "value", 3),
        lambda: simulator.on_message({"pan": [0.1, 0]}),
    ):
        change()
        assert bytes(simulator.panel.overlay.value) not in seen
        seen.add(bytes(simulator.panel.overlay.value))
    look = simulator.panel.settings
    assert look.zoom == simulator.zoom.value == 3 and "this part" in text(simulator)
    simulator.next.click()
    assert simulator.panel.settings == look


def test_why_names_regions_and_scales_of_what_was_called_ng(simulator):
    assert "no place stands out" in text(simulator)  # called OK
    simulator.next.click()
    shown = text(simulator)
    assert "region 1: upper left, 4 x 4 px, 2.0 times the threshold" in shown
    assert "1 finest 75 % 2 coarsest 25 %" in shown
    assert [word for word, _ in simulator.region.options] == ["whole photo", "region 1"]
    simulator.region.value = 1
    box = simulator.panel.settings.box(32, 24)
    assert box[0] <= 4 and box[2] >= 8 and simulator.zoom.value > 1
    simulator.region.value = 0
    assert simulator.panel.settings.zoom == 1


def test_export_writes_what_is_seen_and_offers_it(simulator, session):
    simulator.export.click()
    path = session.results.parent / "export" / "NG_ng_0.png"
    with Image.open(path) as page:
        assert page.width > 1280
    assert 'download="NG_ng_0.png"' in simulator.message and "wb-error" not in simulator.message


def test_the_next_parts_are_scored_and_drawn_while_one_is_looked_at(simulator, session):
    session.prefetcher.wait()
    assert session.detector.calls == 5 and session.judged == 0
    for _ in range(4):
        simulator.next.click()
    assert session.detector.calls == 5 and session.judged == 5


@pytest.mark.slow
def test_two_thousand_parts_leave_no_more_behind_than_twenty(tmp_path, monkeypatch):
    """Kept are the rows of the verdicts, a few evaluations and frames, and no widgets."""
    monkeypatch.setattr("workbench.ui.pictures.SIDE", 32)  # to draw them quickly
    root = write_parts(tmp_path / "many", ok=range(1, 40), ng=())
    parts = load_images(root)
    parts = parts[np.arange(2000) % len(parts)]  # 2000 positions, names differ below
    parts = replace(parts, names=tuple(f"{i:04}.png" for i in range(2000)))
    source, paths = parts.root, load_images(root).paths
    detector = DarkSpotDetector()
    evaluate = detector.evaluate_one
    detector.evaluate_one = lambda path: evaluate(paths[int(path.stem) % len(paths)])
    session = InspectionSession(detector, parts, "name")
    view = Simulator(session)
    for _ in range(20):
        view.next.click()
    gc.collect()
    before, objects = alive(), len(gc.get_objects())
    for _ in range(1979):
        view.next.click()
    session.prefetcher.wait()
    gc.collect()
    assert session.position == 1999 and session.judged == 2000 and source
    assert alive() == before and len(session.prefetcher) <= MOST
    assert len(view.panel.frames) <= 16
    # a verdict is a tuple of which each member but the score is shared or text
    assert len(gc.get_objects()) - objects < 2 * 1979
    view.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_stand_out_from_what_they_are_written_on(theme):
    """WCAG 2.2 AA: 4.5 to 1 for text, 3 to 1 for what must be seen to be used."""
    page, soft, ink, dim = {  # JupyterLab's variables, their opacity reckoned in
        "light": ("#ffffff", "#eeeeee", "#212121", "#757575"),
        "dark": ("#212121", "#424242", "#e2e2e2", "#999999"),
    }[theme]
    dark = "" if theme == "light" else "-line"
    ok, ng, ok_line, ng_line = (
        re.findall(rf"--wb-{name}: (#\w+)", CSS)[0]
        for name in ("ok", "ng", f"ok{dark}", f"ng{dark}")
    )
    assert contrast("#ffffff", ok) >= 4.5 and contrast("#ffffff", ng) >= 4.5  # on the verdicts
    assert contrast(ink, page) >= 4.5 and contrast(dim, page) >= 4.5
    assert contrast(ink, soft) >= 4.5 and contrast(dim, soft) >= 3  # "not judged", large
    assert contrast(ok, page) >= 3 and contrast(ng, page) >= 3  # bars, focus ring
    assert contrast(ok_line, page) >= 4.5 and contrast(ng_line, page) >= 4.5  # words and lines


def contrast(one, other):
    """Contrast ratio of two sRGB colours by WCAG 2.2."""

    def luminance(colour):
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def test_the_contrast_formula_agrees_with_the_examples_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_every_control_has_a_name(simulator, explorer):
    controls = (widgets.Button, widgets.ToggleButton, widgets.Dropdown, widgets.Text)
    controls += (widgets.IntSlider, widgets.FloatSlider, widgets.Select, widgets.BoundedFloatText)
    found = [w for view in (simulator, explorer) for w in walk(view) if isinstance(w, controls)]
    assert len(found) > 30 and all(control.description for control in found)


def test_korean_labels(session, monkeypatch):
    monkeypatch.setenv("WORKBENCH_LANG", "ko")
    view = Simulator(session)
    shown = text(view)
    assert view.next.description == "다음 →" and "미검율" in shown and "양품" in shown
    assert "Miss rate" not in shown and "점수 90, 임계값 100 미만" in view.message
    view.close()


def test_label_audit_goes_through_suspects_and_settles_them(session):
    view = AuditView(session, n=1)
    assert [s.name for s in view.suspects] == ["OK/ok_2.png", "NG/ng_0.png"]
    assert "Further out than 50 % of the parts labelled NG" in text(view)
    assert "1 of 3 = 33.3 %, at first 1 of 3" in text(view)
    view.turn.click()
    assert session.name == "NG/ng_0.png" and session.settled == {"OK/ok_2.png"}
    assert "0 of 2 = 0.0 %, at first 1 of 3 = 33.3 %" in text(view)
    view.keep.click()
    assert "last suspicious label" in view.message and session.verdict.relabel == "NG"
    view.close()
    again = AuditView(session, n=1)
    assert [s.name for s in again.suspects] == ["OK/ok_1.png", "NG/ng_1.png"]
    again.close()


def test_label_audit_needs_labels(tmp_path):
    (write_parts(tmp_path / "x") / "OK").rename(tmp_path / "flat")
    flat = InspectionSession(DarkSpotDetector(), load_images(tmp_path / "flat"))
    with pytest.raises(ValueError, match="needs labelled parts"):
        AuditView(flat)


class Brighter(DarkSpotDetector):
    """Another scale: twice the score and ten more."""

    def evaluate_one(self, source):
        seen = super().evaluate_one(source)
        seen.score = 2 * seen.score + 10
        return seen


def test_compare_lists_changes_and_opens_a_part_under_both(session, parts):
    view = Compare(session, InspectionSession(Brighter(180.0), parts, "name"), names=("x", "<y>"))
    assert [row for _, row in view.parts.options] == [0]  # 90 is OK at 100, 190 is NG at 180
    assert "put right, made wrong 1, 0" in text(view) and "&lt;y&gt;" in text_of(view, "wb-header")
    assert "NG/ng_0.png  NG: OK 90 / NG 190" in view.message
    assert all(picture.value for picture in view.pictures)
    view.shown.value = False
    view.parts.value = 4
    assert "OK/ok_2.png" in view.message and session.judged == 0
    view.close()


def test_compare_takes_the_same_parts_only(session, parts):
    with pytest.raises(ValueError, match="same parts, got 5 and 4 images"):
        Compare(session, InspectionSession(Brighter(), parts[1:], "name"))


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
        return float(re.search(r'data-lines="([\d.]+)"', text_of(explorer, "wb-histogram"))[1])

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
        assert explorer.threshold.source == "calibration OK"


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
    session.detector.calibration_scores = np.array([500.0])
    view = HistogramExplorer(session)
    view.policies.buttons["percentile"].click()
    assert view.threshold > 500 and view.threshold.policy == "percentile"
    view.close()


def test_saving_hands_threshold_and_provenance_to_the_detector(explorer, session):
    explorer.policies.buttons["zero_miss"].click()
    assert session.detector.threshold == 100
    explorer.saving.save.click()
    explorer.saving.confirm.click()
    assert session.detector.threshold == 90
    assert session.detector.threshold.policy == "zero_miss"
    assert "90: zero_miss" in explorer.message and "memory only" in explorer.message


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:the ONNX graph was compared with torch on two drawn images")
def test_saving_writes_the_threshold_into_the_model_on_disk(fitted, photos, tmp_path):
    folder = save(fitted, tmp_path / "models" / "disc")
    weights, detector = (folder / "weights.safetensors").read_bytes(), load(folder)
    for label, images in zip(("OK", "NG"), photos, strict=True):
        (tmp_path / "disc" / label).mkdir(parents=True)
        for i, image in enumerate(images[:3]):
            Image.fromarray(image).save(tmp_path / "disc" / label / f"{i}.png")
    session = InspectionSession(detector, load_images(tmp_path / "disc"), "name")
    view = HistogramExplorer(session, model=folder)
    view.policies.buttons["zero_miss"].click()
    view.saving.save.click()
    view.saving.confirm.click()
    assert "wb-error" not in view.message
    saved = load(folder).threshold
    assert saved == view.threshold and saved.policy == "zero_miss"
    assert saved.source == "the labelled parts shown" and saved.expected["miss_rate"] == 0
    assert (folder / "weights.safetensors").read_bytes() == weights

    view.slider.value = (view.slider.min + view.slider.max) / 2
    view.saving.save.click()
    view.saving.confirm.click()
    assert load(folder).threshold.expected.keys() >= {"miss_rate", "overkill_rate"}

    before = (folder / "detector.json").read_bytes()
    detector.calibration_scores = detector.calibration_scores + 1  # as if trained anew since
    view.saving.save.click()
    view.saving.confirm.click()
    assert "wb-error" in view.message and "load it again" in view.message
    assert (folder / "detector.json").read_bytes() == before
    view.close()


def test_export_writes_the_threshold_with_what_it_costs(explorer, session):
    explorer.policies.buttons["zero_miss"].click()
    explorer.export.click()
    facts = json.loads((session.results.parent / "lens_threshold.json").read_text("utf-8"))
    assert metrics.Threshold.from_json(facts["threshold"]) == 90
    assert facts["counts"] == {"tp": 2, "fp": 1, "tn": 2, "fn": 0} and facts["prevalence"] == 0.01


def test_the_chart_can_be_dragged_and_a_bar_opened(explorer, session):
    chart = explorer.chart
    explorer.on_message({"line": float(chart.x_of(85.0))})
    assert explorer.threshold == pytest.approx(85) and explorer.counts.fn == 0
    assert explorer.threshold.source == "set by hand in the histogram"
    explorer.on_message({"bar": float(chart.x_of(120.0))})
    assert [word.split() for word, _ in explorer.opener.names.options] == [
        ["OK/ok_2.png", "OK", "120"]
    ]
    assert "wb-chosen" in text_of(explorer, "wb-histogram")
    explorer.opener.names.index = 0
    explorer.opener.button.click()
    assert session.name == "OK/ok_2.png"
    (shown,) = explorer.opener.stage.children
    assert "OK/ok_2.png" in text(shown)
    explorer.on_message({"bar": 0})  # beside the bars
    assert not explorer.opener.names.options and "wb-chosen" not in text_of(
        explorer, "wb-histogram"
    )


def test_a_bar_opens_in_the_simulator_that_is_there(session):
    simulator, view = Simulator(session), HistogramExplorer(session)
    view.bars.value = view.bars.options[-1][1]
    view.opener.names.index = 0
    view.opener.button.click()
    assert "NG/ng_1.png" in text(simulator) and not view.opener.stage.children
    view.close()
    simulator.close()


def test_every_score_is_in_exactly_one_bar():
    rng = np.random.default_rng(0)
    scores = np.r_[rng.lognormal(0, 1, 999), 46.0]
    for log_x in (False, True):
        chart = Chart({"all": scores}, 30, 1.0, log_x=log_x)
        found = [chart.inside(bar, scores) for bar in range(30)]
        assert [len(rows) for rows in found] == chart.counts["all"].tolist()
        assert sorted(np.concatenate(found)) == list(range(1000))


def test_long_tails_get_a_log_axis_that_can_be_switched():
    scores = np.r_[np.linspace(0.5, 1.5, 99), 46.0]
    view = HistogramExplorer(ScoredSession(scores, scores > 40, 1.2))
    assert view.log_scores.value and "score, log" in text_of(view, "wb-histogram")
    x = view.chart.x_of(np.array(1.2))
    assert x > 200  # on a linear axis it would stand at 65
    assert view.chart.score_at(float(x)) == pytest.approx(1.2)
    view.log_scores.value = False
    assert "score, log" not in text_of(view, "wb-histogram") and view.chart.x_of(1.2) < 100
    view.close()
    plain = HistogramExplorer(ScoredSession([-1.0, 2.0]))
    assert plain.log_scores.layout.display == "none" and not plain.chart.log_x
    plain.close()


def test_parts_without_a_score_are_left_out_and_counted():
    view = HistogramExplorer(ScoredSession([1.0, np.nan, 3.0], [False, False, True], 2.0))
    assert "1 without a score left out" in text(view) and "f1" in view.policies.buttons
    assert view.counts == (1, 0, 1, 0)
    view.close()


def test_unlabelled_scores_show_the_share_called_ng():
    view = HistogramExplorer(ScoredSession([1.0, 2.0, 3.0, 4.0], threshold=4.0))
    assert "Share called NG 1 of 4 = 25.0 %" in text(view) and not view.policies.buttons
    view.close()


def test_log_counts_raise_the_low_bars():
    scores = np.r_[np.zeros(1000), 1.0]
    view = HistogramExplorer(ScoredSession(scores, scores > 0, 0.5))

    def ng_height():  # the second outline; the floor is 256 and the top 46
        drawn = text_of(view, "wb-histogram")
        outline = re.search(r'wb-bars-ng" d="M[\d.]+ 256 ([VH\d. ]+)Z', drawn)[1]
        return 256 - min(float(y) for y in re.findall(r"V([\d.]+)", outline))

    assert ng_height() == pytest.approx(210 / 1000, abs=0.1)
    view.log_counts.value = True
    assert ng_height() == pytest.approx(210 * np.log10(2) / np.log10(1001), abs=0.1)
    view.close()


@pytest.mark.parametrize("scores", [[2.0], [2.0, 2.0, 2.0]])
def test_equal_scores_are_drawn(scores):
    view = HistogramExplorer(ScoredSession(scores, [False] * len(scores), 2.0))
    assert view.counts.fp == len(scores) and "nan" not in text_of(view, "wb-histogram")
    view.close()


def test_a_hundred_thousand_scores_stay_fluent():
    rng = np.random.default_rng(0)
    view = HistogramExplorer(ScoredSession(rng.normal(size=100_000), rng.random(100_000) < 0.1))
    times = []
    for value in np.linspace(-2, 2, 20):
        start = time.perf_counter()
        view.slider.value = value
        times.append(time.perf_counter() - start)
    assert np.median(times) < 0.03, f"{1000 * np.median(times):.1f} ms an update"
    view.close()


def test_scores_that_cannot_be_drawn_are_refused():
    with pytest.raises(ValueError, match="as many as scores, 2, got 1"):
        HistogramExplorer(ScoredSession([1.0, 2.0], [True]))
    with pytest.raises(ValueError, match="finite number, got 1 without one"):
        HistogramExplorer(ScoredSession([np.nan]))


def test_the_rounding_of_a_browser_is_no_move(explorer):
    explorer.policies.buttons["zero_miss"].click()
    step = explorer.slider.step
    explorer.slider.value = round(90 / step) * step + 1e-9
    assert explorer.threshold == 90 and explorer.threshold.policy == "zero_miss"
    explorer.slider.value += step
    assert explorer.threshold.policy == "manual" and explorer.threshold > 90


def test_a_late_answer_of_a_browser_takes_no_drag_back(explorer):
    explorer.on_message({"line": 300})
    before = explorer.slider.value
    explorer.on_message({"line": 700})
    dragged = float(explorer.threshold)
    explorer.slider.value = before + explorer.slider.step / 3  # of the line's first place
    assert float(explorer.threshold) == dragged
    explorer.slider.value = before + 2 * explorer.slider.step
    assert float(explorer.threshold) == explorer.slider.value


HOSTILE = "<img src=x onerror=alert(1)>&\"'"


@pytest.fixture
def hostile(tmp_path):
    """A session whose folder, files, defect kinds and notes try to become markup."""
    name = HOSTILE.replace("/", "")
    root = write_parts(tmp_path / name)
    for path in sorted((root / "NG").iterdir()):
        path.rename(path.with_name(f"{name}{path.name}"))
    parts = replace(load_images(root), note=HOSTILE)
    session = InspectionSession(DarkSpotDetector(), parts, "name", results=tmp_path / "r.csv")
    session.annotate(HOSTILE)
    return session


def open_everything(view):
    """Press every button and choose every option once, so that all is drawn."""
    for widget in list(walk(view)):
        if isinstance(widget, widgets.ToggleButton):
            widget.value = not widget.value
        elif isinstance(widget, widgets.Button):
            widget.click()
        elif isinstance(widget, (widgets.Dropdown, widgets.Select)) and len(widget.options) > 1:
            widget.index = 1
            widget.index = 0


@pytest.mark.parametrize("kind", ["simulator", "histogram", "audit", "compare", "sensors"])
def test_no_name_becomes_markup_in_any_view(hostile, kind, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    if kind == "sensors":
        view = sensors_of_hostile_names()
    else:
        other = InspectionSession(Brighter(180.0), hostile.parts, "name")
        view = {
            "simulator": lambda: Simulator(hostile),
            "histogram": lambda: HistogramExplorer(hostile),
            "audit": lambda: AuditView(hostile, n=1),
            "compare": lambda: Compare(hostile, other, names=(HOSTILE, "b")),
        }[kind]()
    seen = [markup(view)]
    open_everything(view)
    seen.append(markup(view))
    view.close()
    assert not [text for text in seen if "<img src=x" in text]
    assert any("&lt;img src=x" in text for text in seen)  # it was shown, as text


def markup(view):
    return "\n".join(w.value for w in walk(view) if isinstance(w, widgets.HTML))


def sensors_of_hostile_names():
    from workbench import AutoEncoderConfig, AutoEncoderDetector
    from workbench.ui import SensorExplorer

    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(60, 2)), columns=[HOSTILE, "b"])
    detector = AutoEncoderDetector(AutoEncoderConfig(epochs=2)).fit(rows, progress=False)
    return SensorExplorer(detector, rows)


BOX = ((0.0, 0.0), (0.5, 0.0), (0.5, 0.5), (0.0, 0.5))


def test_boxes_to_ignore_are_drawn_saved_and_trained_with(simulator, session, tmp_path):
    plain = bytes(simulator.panel.photo.value)
    simulator.on_message({"corner": [0.5, 0.5], "done": 1})  # nobody draws yet
    simulator.ignore.toggle.value = True
    simulator.on_message({"box": [0.1, 0.1, 0.4, 0.5]})
    assert bytes(simulator.panel.photo.value) != plain and simulator.ignore.regions == ()
    simulator.on_message({"box": [0, 0, 0.5, 0.5], "done": 1})
    simulator.on_message({"box": [0.5, 0.5, 0.5, 0.5], "done": 1})  # it has no inside
    assert simulator.ignore.regions == (BOX,)
    simulator.on_message({"zoom": 2, "at": [1, 1]})
    simulator.on_message({"box": [1.5, 1, 0, 0], "done": 1})
    left, *_ = corners = simulator.ignore.regions[1]
    assert left == (1.0, 1.0) and corners[2] == (0.5, 0.5)
    simulator.ignore.remove.click()
    simulator.ignore.save.click()
    for way in ("adjust NAME", r"train \S*lens"):
        assert re.search(rf"workbench {way} --blank \S*lens.blank.png", simulator.message)
    mask = np.asarray(Image.open(tmp_path / "lens.blank.png")) > 127
    height, width = session.current.heatmap.shape
    assert mask.shape == (height, width) and mask[: height // 2, : width // 2].all()
    assert mask.mean() == pytest.approx(0.25, abs=0.03)

    simulator.ignore.toggle.value = False
    simulator.on_message({"action": "back"})
    assert bytes(simulator.panel.photo.value) == plain
    again = Simulator(session)
    assert again.ignore.regions == (BOX,)
    assert again.ignore.use.layout.display == "none"  # whose model it is, nobody knows here


def test_a_polygon_is_clicked_corner_by_corner(simulator, session, tmp_path):
    simulator.ignore.toggle.value = True
    shown = [bytes(simulator.panel.photo.value)]
    for x, y in ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.9, 0.9)):  # the last by a double click
        simulator.on_message({"corner": [x, y], "done": 1})
        shown.append(bytes(simulator.panel.photo.value))
    assert len(set(shown)) == 4 and simulator.ignore.regions == ()
    simulator.ignore.remove.click()
    simulator.on_message({"close": 1, "done": 1})
    assert simulator.ignore.regions == (((0.1, 0.1), (0.9, 0.1), (0.9, 0.9)),)
    for x, y in ((0.1, 0.1), (0.9, 0.1)):  # two corners enclose nothing
        simulator.on_message({"corner": [x, y], "done": 1})
    simulator.ignore.save.click()
    mask = np.asarray(Image.open(tmp_path / "lens.blank.png")) > 127
    assert mask.mean() == pytest.approx(0.32, abs=0.08)  # and its edges, of so small a photo
    assert not mask[len(mask) // 2, 0] and mask[len(mask) // 2, int(0.8 * mask.shape[1])]
    assert read_regions(tmp_path / "lens.blank.png") == simulator.ignore.regions


def test_boxes_of_a_former_program_are_read(tmp_path):
    facts = PngInfo()
    facts.add_text("boxes", "[[0.0, 0.0, 0.5, 0.5]]")
    Image.new("L", (4, 4)).save(tmp_path / "a.png", pnginfo=facts)
    assert read_regions(tmp_path / "a.png") == (BOX,)

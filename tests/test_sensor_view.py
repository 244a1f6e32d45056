"""The view of sensors over time, and the figure beside it: what is shown is what was computed."""

import re

import ipywidgets as widgets
import numpy as np
import pandas as pd
import pytest

from workbench import plots
from workbench.autoencoder import AutoEncoderConfig, events
from workbench.autoencoder.alarms import AlarmRule
from workbench.autoencoder.detector import AutoEncoderDetector
from workbench.data import SensorTable
from workbench.ui import EventList, SensorExplorer


@pytest.fixture(scope="module")
def recording():
    """300 rows of three sensors; in rows 200 to 239 the second no longer follows the others."""
    random = np.random.default_rng(0)
    load = random.normal(size=300)
    values = np.stack([load, load, -load], axis=1) + 0.1 * random.normal(size=(300, 3))
    labels = (np.arange(300) >= 200) & (np.arange(300) < 240)
    values[labels, 1] += 3
    return SensorTable(values, ("speed", "<flow>", "heat"), labels)


@pytest.fixture(scope="module")
def detector(recording):
    config = AutoEncoderConfig(layers=(8,), epochs=40)
    return AutoEncoderDetector(config).fit(recording.values[:200], progress=False)


@pytest.fixture
def view(detector, recording):
    detector.columns = recording.columns
    view = SensorExplorer(detector, recording, AlarmRule(k=2, n=3))
    yield view
    view.close()


def text(view):
    parts = [w.value for w in _inside(view) if isinstance(w, widgets.HTML)]
    return " ".join(
        re.sub(r"<style>.*?</style>|<[^>]*>", " ", " ".join(parts), flags=re.S).split()
    )


def _inside(box):
    for child in getattr(box, "children", ()):
        yield child
        yield from _inside(child)


def test_it_opens_at_the_worst_row_with_its_blame(view, detector, recording):
    worst = int(detector.score(recording).argmax())
    assert view.moment.value == worst and 200 <= worst < 240
    one = detector.evaluate_one(recording.values[worst])
    shown = text(view)
    assert "labelled NG" in shown and "Faults found 1 of 1" in shown
    share = f"&lt;flow&gt; {100 * one.blame['<flow>']:.0f} %"
    assert f"{share} {one.seen['<flow>']:.4g} {one.reconstruction['<flow>']:.4g}" in shown


def test_columns_in_another_order_are_shown_under_their_own_names(view, detector, recording):
    frame = pd.DataFrame(recording.values, columns=recording.columns)[["heat", "speed", "<flow>"]]
    one = detector.evaluate_one(recording.values[int(detector.score(recording).argmax())])
    shown = f"&lt;flow&gt; {100 * one.blame['<flow>']:.0f} % {one.seen['<flow>']:.4g}"
    assert shown in text(view)
    other, listed = SensorExplorer(detector, frame, view.rule), EventList(detector, frame)
    listed.open_event(str(int(np.argmax([event.score for event in listed.events]))))
    for swapped in (other, listed):
        assert shown in text(swapped)
        swapped.close()


def test_the_threshold_moves_the_alarms(view, detector):
    before = view.raised
    view.slider.value = float(np.quantile(view.scores[:200], 0.8))
    assert view.raised == view.rule.raised(view.scores, view.slider.value).tolist()
    assert len(view.raised) > len(before)
    assert f"Alarms raised {len(view.raised)}" in text(view)
    assert view.threshold.source.startswith("set by hand")
    assert detector.threshold != view.threshold  # until it is saved
    kept = detector.threshold
    view.saving.save.click()
    assert detector.threshold == kept and "normal rows would be called NG" in text(view)
    view.saving.confirm.click()
    assert float(detector.threshold) == float(view.threshold)
    assert "saved to memory only" in view.message
    detector.threshold = kept


def test_next_goes_from_alarm_to_alarm(view):
    view.moment.value = 0
    seen = []
    for _ in view.raised:
        view.next.click()
        seen.append(view.moment.value)
    assert seen == view.raised != []


def test_a_table_without_labels_or_a_single_alarm(detector, recording):
    quiet = SensorTable(recording.values[:100], recording.columns)
    detector.columns = recording.columns
    view = SensorExplorer(detector, quiet, AlarmRule(k=5, n=5))
    assert "Alarms raised 0 Rows in alarm 0 of 100" in text(view)
    view.next.click()
    assert "no alarm" in view.message
    view.close()


def test_the_figure_has_the_score_the_threshold_and_the_alarms(detector, recording):
    detector.columns = recording.columns
    scores = detector.score(recording)
    figure = plots.timeline(recording, scores, detector.threshold)
    assert len(figure.axes) == 4
    lines = figure.axes[-1].lines
    np.testing.assert_array_equal(lines[0].get_ydata(), scores)
    assert len(lines[1].get_ydata()) == (scores >= detector.threshold).sum()
    assert lines[2].get_ydata() == [detector.threshold] * 2
    assert len(plots.timeline(recording, scores, 1.0, columns=()).axes) == 1


def test_a_histogram_of_unlabelled_scores_without_a_long_tail_can_be_logarithmic():
    scores = np.random.default_rng(0).gamma(2, 0.1, 500)
    ax = plots.histogram(scores, None, 1.0, log=True)
    assert ax.get_yscale() == "log" and ax.get_ylim()[0] == 0.7


@pytest.fixture
def listed(detector, recording, tmp_path):
    """A list of the events of a recording, with a file, and the rows it was asked to show."""
    detector.columns, shown = recording.columns, []
    view = EventList(detector, recording, AlarmRule(k=4, n=5, hold_off=5),
                     path=tmp_path / "new" / "events.csv", opened=shown.append)  # fmt: skip
    yield view, shown
    view.close()


def test_an_event_is_picked_acknowledged_closed_and_kept(listed, detector, recording):
    view, shown = listed
    (event,) = view.events
    assert 200 <= event.start < 206 and event.sensor == "<flow>"
    assert "1 events: new 1, acknowledged 0, closed 0" in text(view)
    assert "&lt;flow&gt;" in text(view)  # in the list, and with what was seen and expected
    view.open_event("0")
    view.show.click()
    assert shown == [event.worst]
    view.note.value = "valve, exchanged"
    view.seen.click()
    assert events.load(view.path) == view.events == [event.acknowledge("valve, exchanged")]
    assert view.seen.disabled and "saved in events.csv" in view.message
    again = EventList(detector, recording, AlarmRule(k=4, n=5, hold_off=5), path=view.path)
    assert again.events == view.events
    again.closing.click()
    assert events.load(view.path)[0] == event.close("valve, exchanged")
    again.reopen.click()
    assert events.load(view.path)[0].state == "new" and not again.seen.disabled


def test_what_another_said_meanwhile_stays(detector, recording, tmp_path):
    detector.columns, path = recording.columns, tmp_path / "events.csv"
    view = EventList(detector, recording, path=path)
    assert len(view.events) > 1
    first, last = view.events[0], view.events[-1]
    events.save([last.close("elsewhere")], path)
    view.open_event("0")
    view.seen.click()
    kept = events.load(path)
    assert kept[0] == first.acknowledge("") and kept[-1] == last.close("elsewhere")
    assert view.events == kept


def test_a_recording_without_an_event_has_nothing_to_press(detector, recording):
    detector.columns = recording.columns
    view = EventList(detector, recording.values[:100], AlarmRule(k=5, n=5))
    assert "no event" in text(view) and view.seen.disabled and view.closing.disabled
    view.close()

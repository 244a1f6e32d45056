"""Alarms as events: metrics by brute force, streams against batches, files that grow."""

import json
import os
from dataclasses import replace

import numpy as np
import pandas as pd
import psutil
import pytest

from workbench import metrics
from workbench.autoencoder import AlarmRule, AutoEncoderConfig, AutoEncoderDetector, events
from workbench.autoencoder.watching import follow
from workbench.data import load_rows
from workbench.errors import DataError
from workbench.lock import FileLock
from workbench.metrics import events as event_metrics


def brute(scores, labels, length):
    """Range-based areas by the definition, one threshold after the other."""
    n = len(scores)
    soft = labels.astype(float)
    segments = event_metrics.stretches(labels)
    for i in range(n):
        for start, stop in segments:
            if i < start and start - i <= length // 2:
                soft[i] += np.sqrt(1 - (start - i) / length)
            if i >= stop and i - stop + 1 <= length // 2:
                soft[i] += np.sqrt(1 - (i - stop + 1) / length)
    soft = np.minimum(soft, 1)
    positives = (labels.sum() + soft.sum()) / 2
    ranges = event_metrics.stretches(soft > 0)
    points = [(0.0, 0.0, 1.0)]
    for limit in sorted(set(scores), reverse=True):
        called = scores >= limit
        hits = (soft * called).sum()
        existing = np.mean([(called[a:b]).any() for a, b in ranges])
        points.append(
            ((called.sum() - hits) / (n - positives), min(hits / positives, 1) * existing,
             hits / called.sum())
        )  # fmt: skip
    roc = pr = 0.0
    for (x0, y0, p0), (x1, y1, p1) in zip(points, points[1:], strict=False):
        roc += (x1 - x0) * (y0 + y1) / 2
        pr += (y1 - y0) * (p0 + p1) / 2
    x, y, _ = points[-1]
    return roc + (1 - x) * (y + 1) / 2, pr


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("buffer", [0, 1, 6])
def test_volumes_by_brute_force(seed, buffer):
    random = np.random.default_rng(seed)
    labels = np.zeros(60, bool)
    for start in random.choice(50, 3, replace=False):
        labels[start : start + random.integers(1, 8)] = True
    scores = np.round(random.normal(size=60) + 1.5 * labels, 1)  # with ties
    expected = np.mean([brute(scores, labels, length) for length in range(buffer + 1)], axis=0)
    np.testing.assert_allclose(metrics.vus(scores, labels, buffer), expected, rtol=1e-12)


def test_without_a_buffer_and_with_one_fault_the_volume_is_the_auroc():
    random = np.random.default_rng(0)
    labels = np.arange(80) // 20 == 2
    scores = random.normal(size=80) + labels
    scores[np.argmax(labels)] = 9  # the fault exists at every threshold
    assert metrics.vus(scores, labels, 0).roc == pytest.approx(metrics.auroc(scores, labels))


def test_a_score_that_is_a_little_early_loses_less_with_a_buffer():
    labels = np.arange(100) // 10 == 5
    early = np.roll(labels, -3).astype(float)
    assert metrics.vus(early, labels, 10).pr > metrics.vus(early, labels, 0).pr + 0.05


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 2], [0], 1), "one per score, got 1 for 2"),
        (([1, 2], [0, 0], 1), "both kinds"),
        (([1, 2], [0, 1], -1), "buffer must be at least 0"),
    ],
)
def test_volumes_refuse(arguments, message):
    with pytest.raises(ValueError, match=message):
        metrics.vus(*arguments)


def test_false_alarms_by_hand():
    alarms = [1, 1, 0, 0, 0, 1, 0, 1, 0, 0]
    labels = [0, 0, 0, 1, 1, 1, 0, 0, 1, 1]
    # two runs of alarms on 5 normal rows of an hour each
    assert metrics.false_alarms_a_day(alarms, labels, 3600) == pytest.approx(2 / (5 / 24))
    assert np.isnan(metrics.false_alarms_a_day([1], [1], 60))


def test_point_adjustment_says_what_it_inflates():
    with pytest.warns(UserWarning, match="random scores come out well"):
        found = metrics.point_adjusted([0, 1, 0, 0, 0], [1, 1, 1, 0, 1])
    assert found.tolist() == [True, True, True, False, False]


# events


NAMES = ("flow", "heat", "load")
RULE = AlarmRule(k=2, n=3, hold_off=5)


def recording(n=200, seed=0):
    """Three sensors that follow one cause; heat is off in rows 60 to 79 and 150 to 154."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(n, 1)) * [1, 2, -1] + 0.05 * random.normal(size=(n, 3))
    rows[60:80, 1] += 2
    rows[150:155, 1] -= 3
    return rows


@pytest.fixture(scope="module", params=[1, 3])
def detector(request):
    random = np.random.default_rng(9)
    normal = random.normal(size=(400, 1)) * [1, 2, -1] + 0.05 * random.normal(size=(400, 3))
    frame = pd.DataFrame(normal, columns=NAMES)
    config = AutoEncoderConfig(window=request.param)
    return AutoEncoderDetector(config).fit(frame, progress=False)


def test_events_have_a_start_an_end_and_a_sensor_to_blame(detector):
    found = events.events(detector, pd.DataFrame(recording(), columns=NAMES), RULE)
    assert len(found) == 2
    first, second = found
    assert 60 <= first.start <= 62 and 78 <= first.end <= 84
    assert 150 <= second.start <= 152 and first.start <= first.worst <= first.end
    assert (first.sensor, first.state) == ("heat", "new") and first.share > 0.5
    scores = detector.score(recording())
    assert first.score == pytest.approx(scores[first.start : first.end + 1].max())


def test_a_stream_tells_the_events_of_the_batch(detector):
    rows = recording()
    batch = events.events(detector, pd.DataFrame(rows, columns=NAMES), RULE)
    told = list(detector.watch(rows, RULE))
    assert [event.end is None for event in told] == [True, False] * 2
    for event, expected in zip(told[1::2], batch, strict=True):
        assert (event.start, event.end, event.worst) == (
            expected.start, expected.end, expected.worst
        )  # fmt: skip
        assert event.sensor == expected.sensor and event.score == pytest.approx(expected.score)
    by_name = (
        {"time": str(i), **dict(zip(NAMES, row, strict=True))} for i, row in enumerate(rows)
    )
    assert [e.start_time for e in detector.watch(by_name, RULE)][::2] == [
        str(e.start) for e in batch
    ]


def test_a_watcher_goes_on_from_its_state(detector):
    rows = recording()
    whole = list(detector.watch(rows, RULE))
    for cut in (30, 62, 70, 82, 160):
        one = events.Watcher(detector, RULE)
        told = [one.push(row) for row in rows[:cut]]
        two = events.Watcher(detector, RULE, one.state())
        told += [two.push(row) for row in rows[cut:]]
        assert [event for event in told if event] == whole, cut


def test_an_event_is_acknowledged_and_closed_and_survives_a_file(detector, tmp_path):
    found = events.events(detector, pd.DataFrame(recording(), columns=NAMES), RULE)
    found[0] = found[0].acknowledge("valve, exchanged")
    found[1] = found[1].close()
    path = events.save(found, tmp_path / "events.csv")
    assert events.load(path) == found
    assert found[0].close().note == "valve, exchanged"
    with pytest.raises(ValueError, match="state must be one of new"):
        events.Event(start=0, end=1, worst=0, score=1, sensor="a", share=1, state="lost")
    path.write_text("start,end\n1,2\n")
    with pytest.raises(ValueError, match="must start with the columns start,end"):
        events.load(path)


def test_events_of_a_table_have_times(detector, tmp_path):
    frame = pd.DataFrame(recording(), columns=NAMES)
    frame.insert(0, "time", pd.Timestamp("2024-01-01") + pd.to_timedelta(range(200), unit="s"))
    frame.to_csv(tmp_path / "rows.csv", index=False)
    table = load_rows(tmp_path / "rows.csv")
    first = events.events(detector, table, RULE)[0]
    assert first.start_time == str(table.time[first.start])


# files that grow


def lines(rows, start=0):
    return "".join(
        f"{start + i},{','.join(f'{x:.17g}' for x in row)}\n" for i, row in enumerate(rows)
    )


HEAD = "when," + ",".join(NAMES) + "\n"


def look(detector, source):
    return [
        event for _, event in follow(
            detector, source, RULE, every=0, time_column="when", until=lambda: True
        )
    ]  # fmt: skip


def test_a_growing_file_is_followed_over_restarts_and_half_lines(detector, tmp_path):
    rows, path = recording(), tmp_path / "line.csv"
    whole, told = list(detector.watch(rows, RULE)), []
    text = HEAD + lines(rows)
    path.write_text("")
    for start, stop in ((0, 900), (900, 5003), (5003, 5100), (5100, len(text))):
        with path.open("a") as file:
            file.write(text[start:stop])
        told += look(detector, path)  # a new follower each time, as after a restart
    assert [(e.start, e.end, e.worst) for e in told] == [(e.start, e.end, e.worst) for e in whole]
    assert [e.start_time for e in told] == [str(e.start) for e in whole]
    kept = events.load(tmp_path / "line.events.csv")
    assert [(e.start, e.end) for e in kept] == [(e.start, e.end) for e in whole[1::2]]
    assert look(detector, path) == []


def test_a_note_is_kept_when_an_event_ends(detector, tmp_path):
    rows, path = recording(), tmp_path / "line.csv"
    path.write_text(HEAD + lines(rows[:70]))
    assert len(look(detector, path)) == 1
    kept = events.load(tmp_path / "line.events.csv")
    events.save([kept[0].acknowledge("seen")], tmp_path / "line.events.csv")
    with path.open("a") as file:
        file.write(lines(rows[70:100], 70))
    look(detector, path)
    (over,) = events.load(tmp_path / "line.events.csv")
    assert (over.state, over.note, over.end is None) == ("acknowledged", "seen", False)


def test_an_event_that_was_told_before_a_kill_is_not_told_twice(detector, tmp_path):
    rows, path = recording(), tmp_path / "line.csv"
    kept, place = tmp_path / "line.events.csv", tmp_path / "line.watch.json"
    path.write_text(HEAD + lines(rows[:70]))
    look(detector, path)
    before = place.read_bytes()
    with path.open("a") as file:
        file.write(lines(rows[70:100], 70))
    look(detector, path)
    table = pd.read_csv(kept, dtype=str, keep_default_na=False)
    table["note"] = "'=pump"  # in a spreadsheet, whose semicolons and mark come back with it
    table.to_csv(kept, index=False, sep=";", encoding="utf-8-sig")
    place.write_bytes(before)  # killed before it kept its place
    look(detector, path)
    (event,) = events.load(kept)
    assert event.end is not None and event.note == "=pump"


def test_a_file_is_followed_by_one_process_only(detector, tmp_path):
    (tmp_path / "line.csv").write_text(HEAD + lines(recording()[:40]))
    lock = FileLock(tmp_path / "line.events.csv")
    lock.take()
    parent = psutil.Process(os.getppid())
    about = {"pid": parent.pid, "born": parent.create_time(), "session": "other"}
    lock.path.write_text(json.dumps(json.loads(lock.path.read_text()) | about))
    with pytest.raises(DataError, match=f"process {parent.pid}"):
        look(detector, tmp_path / "line.csv")


def test_a_rotated_file_is_read_from_its_start(detector, tmp_path):
    rows, path = recording(), tmp_path / "line.csv"
    path.write_text(HEAD + lines(rows[:50]))
    assert look(detector, tmp_path) == []  # a folder
    with path.open("a") as file:
        file.write(lines(rows[50:70], 50))  # after the last look
    path.rename(tmp_path / "line.1.old")
    told = look(detector, path)  # nothing has taken its place so far
    path.write_text(HEAD + lines(rows[70:100], 70))
    told += look(detector, tmp_path)
    whole = list(detector.watch(rows[:100], RULE))
    assert [(e.start, e.start_time) for e in told] == [(e.start, str(e.start)) for e in whole]


def test_a_renamed_file_is_not_read_again(detector, tmp_path):
    rows, path = recording(), tmp_path / "line.csv"
    path.write_text(HEAD + lines(rows[:70]))
    told = look(detector, tmp_path)
    path.rename(tmp_path / "a.csv")  # nothing has taken its place
    with (tmp_path / "a.csv").open("a") as file:
        file.write(lines(rows[70:75], 70))
    told += look(detector, tmp_path)
    path.write_text(HEAD + lines(rows[75:100], 75))
    told += look(detector, tmp_path)
    (tmp_path / "a.csv").rename(tmp_path / "b.csv")
    path.rename(tmp_path / "a.csv")
    path.write_text(HEAD + lines(rows[100:], 100))
    told += look(detector, tmp_path) + look(detector, tmp_path)
    whole = list(detector.watch(rows, RULE))
    assert [(e.start, e.start_time) for e in told] == [(e.start, str(e.start)) for e in whole]
    assert [p.name for p in tmp_path.glob("*.events.csv")] == ["line.events.csv"]


def test_a_file_is_watched_as_it_would_be_read(tmp_path):
    """Comments above the header, semicolons and decimal commas, as `load_rows` takes them."""
    rows, path = recording(), tmp_path / "line.csv"
    text = f"# press 3\n\n{HEAD}{lines(rows)}".replace(",", ";").replace(".", ",")
    path.write_text(text)
    table = load_rows(path, ignore=["when"])
    detector = AutoEncoderDetector().fit(table[80:150], progress=False)
    detector.data["reading"] = {"found": table.reading.found}
    told, whole = look(detector, path), list(detector.watch(table.values, RULE))
    assert told and [(e.start, e.worst) for e in told] == [(e.start, e.worst) for e in whole]


def test_many_events_are_kept_at_once(detector, tmp_path, monkeypatch):
    rows, synced = np.tile(recording()[50:90], (20, 1)), []
    (tmp_path / "line.csv").write_text(HEAD + lines(rows))
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (synced.append(file), fsync(file)))
    assert len(look(detector, tmp_path)) == 40
    assert len(synced) == 2  # the events, and how far the file has been read
    assert len(events.load(tmp_path / "line.events.csv")) == 20
    with (tmp_path / "line.csv").open("a") as file:
        file.write(lines(recording()[:5], 800))
    assert look(detector, tmp_path) == [] and len(synced) == 2  # rows without an event


def test_another_file_under_the_same_number_is_read_from_its_start(detector, tmp_path):
    rows, path = recording(), tmp_path / "line.csv"
    path.write_text(HEAD + lines(rows[:20]))
    assert look(detector, path) == []
    path.write_text(HEAD + lines(rows[20:100], 20))  # in place: longer, and begins otherwise
    told, whole = look(detector, path), detector.watch(rows[:100], RULE)
    assert [e.start_time for e in told] == [str(e.start) for e in whole]


def test_a_file_without_a_sensor_is_refused(detector, tmp_path):
    (tmp_path / "line.csv").write_text("flow,heat\n1,2\n")
    with pytest.raises(DataError, match="lacks load"):
        look(detector, tmp_path / "line.csv")


def test_states_and_notes_are_remembered_by_the_event_they_are_of():
    first = events.Event(start=3, end=5, worst=4, score=9.0, sensor="flow", share=0.8)
    other = replace(first, start=30, end=35, worst=31)
    assert events.remembered([first], []) == [first]
    said = [first.acknowledge("seen")]
    again = replace(first, start=5, end=7, score=10.0)  # the threshold was moved a little
    kept = replace(again, state="acknowledged", note="seen")
    assert events.remembered([again, other], said) == [kept, other]
    assert events.remembered([other], said) == [*said, other]  # no longer found
    assert events.remembered([other], [first]) == [other]  # and nobody spoke of it
    timed = replace(first, start_time="2024-01-01 10:00:30", end_time="2024-01-01 10:00:50")
    later = replace(timed, start_time="2024-01-01 10:01:00", end_time="2024-01-01 10:02:00")
    assert events.remembered([later], [timed.close()])[1] == later  # rows of another part of it


def test_a_row_that_lacks_too_much_does_not_end_the_watch_and_another_rate_is_said(tmp_path):
    random, path = np.random.default_rng(9), tmp_path / "line.csv"
    normal = random.normal(size=(400, 1)) * [1, 2, -1, 1] + 0.05 * random.normal(size=(400, 4))

    def text(values, step):
        at = pd.Timestamp("2024-01-01") + pd.to_timedelta(step * np.arange(len(values)), "s")
        return pd.DataFrame(values, columns=list("abcd")).assign(when=at).to_csv(index=False)

    path.write_text(text(normal, 1))
    detector = AutoEncoderDetector().fit(load_rows(path), progress=False)
    rows = normal[:60].copy()
    rows[30:40, 1] += 3
    rows[5, 0], rows[10, 1:] = np.nan, np.nan
    path.write_text(text(rows, 5))
    with pytest.warns(UserWarning) as said:
        (begun, over) = look(detector, path)
    assert (begun.start_time, over.end_time) == ("2024-01-01 00:02:35", "2024-01-01 00:03:20")
    texts = " ".join(str(each.message) for each in said)
    assert "line.csv: a row is left out: rows must be finite" in texts
    assert "values missing in 1 rows (1 of a) are left out" in texts
    assert "rows come every 5 s, in training every 1 s" in texts

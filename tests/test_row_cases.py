"""Sensor files in the shapes that people complain about, each read to its right value.

The files under `data/cases` are made up; each stands for a kind of fault.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench.autoencoder import AutoEncoderConfig, AutoEncoderDetector
from workbench.autoencoder.alarms import detections
from workbench.data import load_rows
from workbench.data.rows import load_like
from workbench.errors import DataError
from workbench.metrics import evaluate

CASES = Path(__file__).parent / "data" / "cases"
SENSORS = ("temp", "rpm", "vib")


pytestmark = pytest.mark.usefixtures("quiet")


def case(name, **options):
    return load_rows(CASES / name, **options)


def fitted(rows):
    return AutoEncoderDetector(AutoEncoderConfig(epochs=60)).fit(rows, progress=False)


def caught(rows):
    detector = fitted(rows)
    result = evaluate(detector.score(rows.test), rows.test.labels, detector.threshold)
    return result.tp


def test_names_of_columns_may_be_numbers():
    rows = case("01-integer-header/secom.csv")
    assert rows.columns == ("0", "1", "2")
    assert (int(rows.labels.sum()), len(rows)) == (30, 400)
    assert rows.reading.label == "Pass/Fail: 1 = NG, -1 = OK"
    assert rows.time[0] == pd.Timestamp("2008-07-19 11:55")
    assert rows.values[0].tolist() == [70.053, 1102.798, 0.1195]
    assert caught(rows) == 30


def test_days_come_first_where_a_day_is_beyond_twelve():
    rows, iso = case("02-german-dates/labelled.csv"), case("02-german-dates/labelled_iso.csv")
    pd.testing.assert_index_equal(rows.time, iso.time)
    np.testing.assert_array_equal(rows.values, iso.values)
    assert rows.values[0].tolist() == [69.68, 1097.43, 0.1240]
    assert rows.time.is_monotonic_increasing
    assert rows.splits.tolist() == iso.splits.tolist()
    detector = fitted(rows)
    assert float(detector.threshold) == float(fitted(iso).threshold)
    (found,) = detections(detector.score(rows) >= detector.threshold, rows.labels, rows.time)
    assert found.seconds is not None and found.seconds <= 4 * 3600 * 30
    time = case("02-german-dates/time.csv").time
    assert [str(t) for t in time[[0, -1]]] == ["2024-01-25 00:00:00", "2024-03-04 23:00:00"]


def test_a_date_and_a_time_of_day_are_one_time():
    rows = case("03-date-and-time-columns/logger.csv")
    assert rows.columns == SENSORS
    ends = [str(t) for t in rows.time[[0, -1]]]
    assert ends == ["2024-03-01 18:00:00", "2024-03-07 17:50:00"]
    assert rows.reading.left_out == {"record index": "it counts rows"}
    assert len(rows.breaks) == 0


def test_offsets_that_change_with_summer_time():
    rows = case("04-mixed-utc-offsets/offset.csv")
    assert rows.time.is_monotonic_increasing and len(rows) == 288
    assert rows.time[0] == pd.Timestamp("2024-10-26T20:00:00+02:00")
    assert rows.time[-1] == pd.Timestamp("2024-10-27T18:55:00+01:00")
    assert rows.summary()["clock"]["step_seconds"] == 300
    assert any("+02:00" in line for line in rows.reading.assumed)


def test_commas_between_thousands():
    rows = case("05-thousands/us.csv")
    assert rows.values[:, 1].mean() == pytest.approx(1113.5, abs=0.05)
    assert rows.values[0].tolist() == [70.6, 1102, 0.1264]


@pytest.mark.parametrize("name", ["preamble", "excel_padded", "units"])
def test_a_header_below_other_lines(name):
    rows = case(f"06-header-rows/{name}.csv")
    assert rows.columns == SENSORS and len(rows) == 200
    assert rows.values[0].tolist() == [70.79, 1105.39, 0.1207]
    assert rows.reading.left_out == {"RECORD": "it counts rows"}
    assert str(rows.time[0]) == "2024-05-01 00:00:00"
    if name == "units":
        assert rows.reading.units["vib"] == "mm/s" and rows.lines[0] == 3
    else:
        assert len(rows.reading.skipped) == 2 and "Press 3" in rows.reading.skipped[0]
        assert rows.lines[0] == {"preamble": 5, "excel_padded": 4}[name]


def test_a_line_that_names_the_separator():
    rows = case("07-sep-line/excel.csv")
    assert rows.columns == SENSORS and len(rows) == 200
    assert rows.values[0].tolist() == [69.87, 1116.25, 0.1290]


def test_a_long_table_becomes_wide():
    rows = case("08-long-format/good.csv")
    assert rows.columns == ("P3.TEMP", "P3.RPM", "P3.VIB") and len(rows) == 200
    assert rows.values[0].tolist() == [69.6643, 1096.2687, 0.1239]
    assert rows.lines[:2].tolist() == [2, 5]


def test_readings_of_another_quality_are_missing(tmp_path):
    text = (CASES / "08-long-format/good.csv").read_text()
    (tmp_path / "bad.csv").write_text(text.replace("1109.6428,Good", "9999,Bad"))
    rows = load_rows(tmp_path / "bad.csv")
    assert [(bad.line, bad.reason) for bad in rows.bad] == [(5, "P3.RPM is missing")]
    assert "1 reading of a quality other than good taken for missing" in rows.reading.assumed


def test_a_label_by_a_known_word_and_nothing_that_gives_it_away():
    rows = case("10-label-names/ai4i.csv")
    assert rows.columns == SENSORS and int(rows.labels.sum()) == 30
    assert set(rows.reading.left_out) == {"UDI", "Product ID", "Type", "TWF"}
    assert caught(rows) == 30
    with pytest.raises(DataError, match="must have a column Failure"):
        case("10-label-names/ai4i.csv", label="Failure")


def test_a_counter_is_no_sensor():
    rows = case("12-row-counter/counter.csv")
    assert rows.columns == SENSORS
    assert rows.reading.left_out == {"No.": "it counts rows"}
    detector = fitted(rows)
    after = load_like(CASES / "12-row-counter/next.csv", detector.data, detector.columns)
    # with the counter all 500 rows are NG; a threshold from 150 rows in a row is no exact 1 %
    assert (detector.score(after) >= detector.threshold).mean() < 0.1
    kept = case("12-row-counter/counter.csv", columns=["No.", *SENSORS])
    assert kept.columns == ("No.", *SENSORS)
    assert any(line.startswith("No. drifts from the first row") for line in kept.doubts())


def test_milliseconds_since_1970():
    rows, iso = case("13-epoch-ms/late_ms.csv"), case("13-epoch-ms/late_iso.csv")
    assert (rows.time == iso.time).all()
    np.testing.assert_array_equal(rows.values, iso.values)
    detector = fitted(rows)
    flags = detector.score(rows) >= detector.threshold
    assert detections(flags, rows.labels, rows.time) == detections(flags, iso.labels, iso.time)


def test_rows_are_named_by_the_lines_of_their_file():
    detector = fitted(case("14-which-row/train.csv"))
    rows = load_like(CASES / "14-which-row/test.csv", detector.data, detector.columns)
    worst = int(detector.score(rows).argmax())
    assert (rows.where(worst), str(rows.time[worst])) == ("line 59", "2024-05-01 00:00:57")
    assert rows.reading.missing == {"temp": {"---": 20}}

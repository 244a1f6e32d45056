"""Sensor tables: what is a number, a label, a time, and which rows may be learnt from."""

import json

import numpy as np
import pandas as pd
import pytest

from workbench.data import load_rows
from workbench.errors import DataError


def write(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "rows.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_separators_and_line_ends(tmp_path, separator, end):
    lines = ["temp,vibration", "25.1,0.1", "26,-2e-1"]
    rows = load_rows(write(tmp_path, end.join(lines).replace(",", separator) + end))
    assert rows.columns == ("temp", "vibration")
    np.testing.assert_array_equal(rows.values, [[25.1, 0.1], [26, -0.2]])
    assert rows.values.dtype == np.float64
    assert rows.labels is None
    assert rows.time is None


def test_plain_numbers_without_header(tmp_path):
    path = write(tmp_path, "25.1,0.1,1.0\n26,0.2,1.1\n")
    assert load_rows(path).columns == ("sensor_1", "sensor_2", "sensor_3")
    assert len(load_rows(path)) == 2
    assert load_rows(path, columns=["temp", "vib", "p"]).columns == ("temp", "vib", "p")
    with pytest.raises(DataError, match="3 columns, got 2 names"):
        load_rows(path, columns=["temp", "vib"])


def test_dates_without_header(tmp_path):
    rows = load_rows(write(tmp_path, "2024-01-02 03:04:05,1,2\n2024-01-02 03:04:06,3,4\n"))
    assert rows.columns == ("sensor_1", "sensor_2")
    assert rows.time[1] == pd.Timestamp("2024-01-02 03:04:06")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp949", "utf-16"])
def test_encodings(tmp_path, encoding):
    assert load_rows(write(tmp_path, "온도,압력\n1,2\n", encoding)).columns == ("온도", "압력")


def test_decimal_commas_beside_semicolons(tmp_path):
    rows = load_rows(write(tmp_path, "a;b\n1,5;2,25\n3,0;4,5\n"))
    np.testing.assert_array_equal(rows.values, [[1.5, 2.25], [3.0, 4.5]])


def test_quoted_header_and_blank_lines(tmp_path):
    rows = load_rows(write(tmp_path, '"flow, total";b\n\n1;2\n\n3;4\n'))
    assert rows.columns == ("flow, total", "b")
    assert len(rows) == 2


@pytest.mark.parametrize("name", ["anomaly", "Label", "NG", "is_anomaly", "target"])
@pytest.mark.parametrize("words", [("0", "1"), ("0.0", "1.0"), ("OK", "NG"), ("False", "True")])
def test_labels_are_found(tmp_path, name, words):
    text = f"a,{name}\n1,{words[0]}\n2,{words[1]}\n3,{words[0]}\n"
    rows = load_rows(write(tmp_path, text))
    assert rows.columns == ("a",)
    assert rows.labels.tolist() == [False, True, False]
    assert rows.ok.values.ravel().tolist() == [1, 3]
    assert rows.ng.values.ravel().tolist() == [2]


def test_a_sensor_called_target_stays_a_sensor(tmp_path):
    rows = load_rows(write(tmp_path, "target,a\n85.5,1\n86.5,2\n"))
    assert rows.labels is None
    assert rows.columns == ("target", "a")


def test_named_columns(tmp_path):
    path = write(tmp_path, "when,a,b,c,bad\n3,1,2,3,0\n4,4,5,6,1\n")
    rows = load_rows(path, label="bad", time="when", ignore=["b"])
    assert rows.columns == ("a", "c")
    assert rows.labels.tolist() == [False, True]
    assert rows.time.tolist() == [3, 4]
    assert load_rows(path, columns=["c", "a"]).columns == ("c", "a")
    for wrong in ({"label": "x"}, {"time": "x"}, {"columns": ["x"]}, {"ignore": ["x"]}):
        with pytest.raises(DataError, match="must have a column x; it has when, a, b, c, bad"):
            load_rows(path, **wrong)
    with pytest.raises(DataError, match="label column b must hold 0 and 1"):
        load_rows(path, label="b")


def test_annotations_and_row_counters_are_no_sensors(tmp_path):
    rows = load_rows(write(tmp_path, ",a,anomaly,changepoint\n0,1,0,0\n1,2,1,1\n"))
    assert rows.columns == ("a",)


def test_bad_rows_are_named_by_line_and_left_out(tmp_path):
    text = "a,b,label\n1,2,0\nx,2,0\n,2,0\n1,nan,0\n1,inf,0\n1,2,?\n1,2\n7,8,1\n"
    with pytest.warns(UserWarning, match="left out 6 of 8 rows: line 3: a is 'x'"):
        rows = load_rows(write(tmp_path, text))
    assert rows.values.tolist() == [[1, 2], [7, 8]]
    assert rows.labels.tolist() == [False, True]
    assert [line for line, _ in rows.bad] == [3, 4, 5, 6, 7, 8]
    reasons = dict(rows.bad)
    assert reasons[4] == "a is missing"
    assert reasons[7] == "label is '?'"
    assert reasons[8] == "2 cells instead of 3"


def test_a_column_of_words_is_left_out_with_a_warning(tmp_path):
    with pytest.warns(UserWarning, match=r"not used as sensors: machine \(it holds no numbers\)"):
        rows = load_rows(write(tmp_path, "machine,a\nP1,1\nP1,2\n"))
    assert rows.columns == ("a",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty"),
        ("a,b\n", "column of numbers"),
        ("a,b\nx,y\n", "column of numbers"),
        ("a,b\n1,\n,2\n", "at least one whole row of numbers; line 2: b is missing"),
        ("\0\1\2", "binary file"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*left out")
def test_files_without_rows(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        load_rows(write(tmp_path, text))


def test_missing_file(tmp_path):
    with pytest.raises(DataError, match="gone.csv must be a CSV file; there is no such file"):
        load_rows(tmp_path / "gone.csv")


def recording(tmp_path, n=100, faulty=range(60, 70), backwards=False):
    """`a` counts the seconds."""
    order = range(n)[::-1] if backwards else range(n)
    lines = [f"2024-01-01 00:{i // 60:02d}:{i % 60:02d},{i},{int(i in faulty)}" for i in order]
    return write(tmp_path, "\n".join(["time,a,anomaly", *lines]))


@pytest.mark.parametrize("backwards", [False, True])
def test_a_recording_is_cut_into_blocks_of_time(tmp_path, backwards):
    rows = load_rows(recording(tmp_path, backwards=backwards))
    train, calibration, test = (
        set(part.values.ravel()) for part in (rows.train, rows.calibration, rows.test)
    )
    # 60 rows before the first fault: 60 * 0.15 / 0.85 = 10.6, so 49 + 11; the rest is test
    assert train == set(range(49))
    assert calibration == set(range(49, 60))
    assert test == set(range(60, 100))
    assert not rows.train.labels.any()
    assert not rows.calibration.labels.any()


@pytest.mark.parametrize("faulty", [range(10, 20), ()])
def test_without_a_healthy_start_all_normal_rows_are_cut(tmp_path, faulty):
    rows = load_rows(recording(tmp_path, faulty=faulty))
    n = 100 - len(faulty)
    held = round(0.15 * n)  # 13.5 and 15
    sizes = [len(part) for part in (rows.train, rows.calibration, rows.test)]
    assert sizes == [n - 2 * held, held, held + len(faulty)]
    assert rows.train.values.max() < rows.calibration.values.min()


def test_rows_without_order_are_drawn_by_seed(tmp_path):
    path = write(tmp_path, "\n".join(f"{i},{i}" for i in range(100)))
    train = load_rows(path).train.values[:, 0]
    assert len(train) == 70
    assert train.max() > 80  # no block
    np.testing.assert_array_equal(train, load_rows(path).train.values[:, 0])
    assert not np.array_equal(train, load_rows(path, seed=1).train.values[:, 0])


def test_shares_out_of_range(tmp_path):
    with pytest.raises(ValueError, match="share"):
        load_rows(recording(tmp_path), test=1.5)


def test_table_is_cut_like_an_array(tmp_path):
    rows = load_rows(recording(tmp_path))
    assert rows[3] == {"a": 3.0}
    assert [row["a"] for row in rows[:2]] == [0, 1]
    assert rows[rows.labels].values.ravel().tolist() == list(range(60, 70))
    assert rows[[5, 1]].time[0] == pd.Timestamp("2024-01-01 00:00:05")
    assert len(rows[rows.values[:, 0] > 1000]) == 0


def test_fingerprint_frame_summary(tmp_path):
    rows = load_rows(recording(tmp_path))
    assert rows.fingerprint() == load_rows(recording(tmp_path)).fingerprint()
    assert rows.fingerprint() != rows[1:].fingerprint()
    summary = json.loads(json.dumps(rows.summary()))
    assert summary["labels"] == {"OK": 90, "NG": 10}
    assert summary["splits"] == {"train": 49, "calibration": 11, "test": 40}
    assert summary["ranges"]["a"] == {"min": 0.0, "mean": 49.5, "max": 99.0}
    assert summary["time"] == ["2024-01-01 00:00:00", "2024-01-01 00:01:39"]


def test_steps_need_a_column_of_time(tmp_path):
    with pytest.raises(DataError, match="every needs a column of time"):
        load_rows(write(tmp_path, "temp,vib\n25.1,0.1\n26,0.2\n"), every=5)


def test_real_runs(real_data):
    paths = sorted((real_data / "skab").rglob("*.csv"))
    assert len(paths) == 19
    for path in paths:
        rows = load_rows(path)
        lines = path.read_text().count("\n")
        assert len(rows) == lines - 1
        assert rows.values.shape[1] == 8
        assert not rows.bad
        assert (rows.labels is None) == (path.stem == "anomaly-free")
        assert len(rows.time) == len(rows)

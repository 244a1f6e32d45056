"""Every kind of sensor file gives the values that it holds."""

from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench.autoencoder import AutoEncoderDetector
from workbench.data import load_rows
from workbench.data.rows import is_rows, load_like
from workbench.errors import DataError

from .file_kinds import KINDS

DATA = Path(__file__).parent / "data"
TABLE = pd.DataFrame({"time": pd.date_range("2024-05-01", periods=5, freq="min"),
                      "온도 [°C]": [25.1, 25.2, np.nan, 25.4, 25.5], "rpm": range(1100, 1105),
                      "판정": ["OK", "OK", "OK", "NG", "OK"]})  # fmt: skip


pytestmark = pytest.mark.usefixtures("quiet")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.title)
def test_every_kind_gives_its_values(tmp_path, kind):
    path = tmp_path / kind.name
    path.write_bytes(kind.text.encode(kind.encoding))
    rows = load_rows(path, **kind.options)
    assert rows[0] == pytest.approx(kind.first, rel=1e-12)
    assert (str(rows.time[0]) if kind.time else rows.time) == (kind.time or None)
    assert (None if rows.labels is None else int(rows.labels.sum())) == kind.ng


def check_table(rows):
    assert rows.columns == ("온도 [°C]", "rpm")
    assert rows.values[:, 0].tolist() == [25.1, 25.2, 25.4, 25.5]
    assert rows.labels.tolist() == [False, False, True, False]
    assert str(rows.time[2]) == "2024-05-01 00:03:00"
    assert rows.reading.units["온도 [°C]"] == "°C"
    (bad,) = rows.bad
    assert bad.reason == "온도 [°C] is missing"
    return bad.line


def test_workbooks(tmp_path):
    with pd.ExcelWriter(tmp_path / "rows.xlsx") as book:
        pd.DataFrame({"about": ["a press"]}).to_excel(book, sheet_name="Info", index=False)
        TABLE.to_excel(book, sheet_name="Log", index=False)
    rows = load_rows(tmp_path / "rows.xlsx")
    assert check_table(rows) == 4
    assert "worksheets not read: Info (--sheet)" in rows.reading.assumed
    with pytest.raises(DataError, match="must have a worksheet Lug; it has Info, Log"):
        load_rows(tmp_path / "rows.xlsx", sheet="Lug")
    (tmp_path / "broken.xlsx").write_bytes(b"PK\3\4 no workbook")
    with pytest.raises(DataError, match="must be a workbook that can be read"):
        load_rows(tmp_path / "broken.xlsx")


def test_an_old_workbook():
    """`old.xls` was written in the format of 1997: two sensors, times, a line above the header."""
    rows = load_rows(DATA / "old.xls")
    assert rows.columns == ("temp", "rpm") and rows.lines.tolist() == [3, 4, 5]
    np.testing.assert_allclose(rows.values, [[25.1, 1100], [25.2, 1101], [25.3, 1102]])
    assert str(rows.time[0]) == "2024-05-01 07:00:00"


def test_parquet(tmp_path):
    TABLE.to_parquet(tmp_path / "rows.parquet")
    assert check_table(load_rows(tmp_path / "rows.parquet")) == 3
    TABLE.set_index("time").to_parquet(tmp_path / "rows.parquet")
    assert check_table(load_rows(tmp_path / "rows.parquet")) == 3
    (tmp_path / "rows.parquet").write_bytes(b"none")
    with pytest.raises(DataError, match="must be a Parquet file that can be read"):
        load_rows(tmp_path / "rows.parquet")


def day(folder, name, start, n=30, header="time;temp;rpm"):
    time = pd.date_range(start, periods=n, freq="h")
    lines = [f"{t:%d.%m.%Y %H:%M};{20 + i % 7},5;{1000 + i * 7 % 90}" for i, t in enumerate(time)]
    (folder / name).write_text("\n".join([header, *lines]))


def test_files_of_a_folder_are_one_recording_in_order_of_time(tmp_path):
    day(tmp_path, "a.csv", "2024-06-02 06:00")
    day(tmp_path, "b.csv", "2024-06-01 00:00")
    (tmp_path / "readme.md").write_text("notes")
    assert is_rows(tmp_path)
    rows = load_rows(tmp_path, dates="dmy")
    assert len(rows) == 60 and rows.time.is_monotonic_increasing
    assert rows.where(0) == "b.csv line 2" and rows.where(31) == "a.csv line 3"
    assert rows.reading.skipped == ("not read in the folder: readme.md",)
    again = load_rows([tmp_path / "a.csv", tmp_path / "b.csv"], dates="dmy")
    np.testing.assert_array_equal(again.values, rows.values)
    day(tmp_path, "c.csv", "2024-06-04", header="time;temp;flow")
    with pytest.raises(DataError, match=r"c.csv must have the columns of a.csv"):
        load_rows(tmp_path, dates="dmy")


def test_the_days_of_a_recording_decide_its_dates_together(tmp_path):
    for month in range(1, 4):
        day(tmp_path, f"{month}.csv", f"2024-0{month}-12 20:00", n=12)
    assert load_rows(tmp_path).time[-1] == pd.Timestamp("2024-03-13 07:00")


def test_a_value_holds_for_a_stated_time_and_no_longer(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("time,temp,oil\n0,1,5\n1,2,\n2,3,\n3,4,\n4,5,6\n")
    rows = load_rows(path, hold=2)
    assert rows.values.tolist() == [[1, 5], [2, 5], [3, 5], [5, 6]]
    assert (rows.filled, rows.options) == ({"oil": 2}, {"hold": 2})
    data = {"options": rows.options, "reading": asdict(rows.reading)}
    assert len(load_like(path, data, ("temp", "oil"))) == 4
    with pytest.raises(ValueError, match="hold must be seconds above 0"):
        load_rows(path, hold=-1)


def test_another_unit_than_in_training_is_said(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("temp,force\n21.5 °C,1 N\n21.7 °C,2 N\n", encoding="utf-8")
    rows = load_rows(path)
    data = {"options": {}, "reading": asdict(rows.reading)}
    path.write_text("temp,force\n21.5 ℃,1 N\n21.7 ℃,2 N\n", encoding="utf-8")
    assert load_like(path, data, rows.columns).values.tolist() == rows.values.tolist()
    path.write_text("temp,force\n°C,kN\n21.5,1\n21.7,2\n", encoding="utf-8")
    with pytest.warns(UserWarning, match="force is in kN, in training it was in N"):
        load_like(path, data, rows.columns)


def test_tags_that_never_meet_are_refused_with_the_remedy(tmp_path):
    path = tmp_path / "long.csv"
    lines = [f"{('a', 'b')[i % 2]},{i},{i / 4}" for i in range(10)]
    path.write_text("\n".join(["tag,time,value", *lines]))
    with pytest.raises(DataError, match=r"pass hold=SECONDS \(--hold\)"):
        load_rows(path)
    assert load_rows(path, hold=1).columns == ("a", "b")


def test_the_next_file_is_read_as_the_first(tmp_path):
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    body = "\n".join(f"{d}.01.2024 00:00;{d % 7},5;1" for d in range(10, 29))
    first.write_text(f"Datum;temp;Zustand\n{body}\n29.01.2024 00:00;9,5;2")
    rows = load_rows(first, label="Zustand=2")
    assert rows.reading.found == {"label": "Zustand=2", "time": "Datum", "dates": "dmy",
                                  "decimal": ","}  # fmt: skip
    second.write_text("Datum;temp\n01.02.2024 00:00;1.234,5\n02.02.2024 00:00;1,5")
    data = {"options": rows.options, "reading": asdict(rows.reading)}
    after = load_like(second, data, rows.columns)
    assert after.values.ravel().tolist() == [1234.5, 1.5] and after.labels is None
    assert str(after.time[0]) == "2024-02-01 00:00:00"
    with pytest.raises(DataError, match="must have a column temp"):
        second.write_text("Datum;druck\n01.02.2024 00:00;1,5")
        load_like(second, data, rows.columns)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("t;a\n1,102;1\n1,105;2", {}, "which may be 1102 or 1.102; pass decimal"),
        ("time,a\n05.06.2024,1\n06.06.2024,2", {}, r"more than one order .*--dates"),
        ("a;b\n1.5;2,5\n2.5;3,5", {}, "decimal points and decimal commas"),
        ("a,state\n1,shut\n2,open", {"label": "state"}, r"pass label='state=VALUE'"),
        ("a,label\n1,1\n2,1\n3,-1", {}, "label='label=1' or label='label=-1'"),
        ("a,b\n1,2", {"layout": "long"}, "to be read as long"),
        ("time,a\n45413,1\n45414,2", {}, "dates='days' or dates='number'"),
    ],
)
def test_what_is_ambiguous_is_refused_with_the_option(tmp_path, text, options, message):
    (tmp_path / "rows.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        load_rows(tmp_path / "rows.csv", **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"decimal": ";"}, "decimal must be"), ({"dates": "yes"}, "dates must be one of"),
     ({"encoding": "klingon"}, "encoding must be"), ({"every": 0.0}, "every must be"),
     ({"layout": "tall"}, "layout must be")],
)  # fmt: skip
def test_options_that_are_not(tmp_path, options, message):
    (tmp_path / "rows.csv").write_text("time,a\n2024-05-01,1\n")
    with pytest.raises(ValueError, match=message):
        load_rows(tmp_path / "rows.csv", **options)


def test_a_quoted_cell_may_span_lines(tmp_path):
    (tmp_path / "rows.csv").write_text('a,note,b\n1,"two\nlines",2\n3,one,4\nx,,5\n')
    rows = load_rows(tmp_path / "rows.csv")
    assert rows.lines.tolist() == [2, 4] and rows.values.tolist() == [[1, 2], [3, 4]]
    assert rows.bad[0].line == 5


def test_a_quote_that_is_never_closed_takes_no_rows_away(tmp_path):
    (tmp_path / "rows.csv").write_text('a,b,note\n1,2,x\n2,3,"open\n3,4,y\n4,5,z\n')
    rows = load_rows(tmp_path / "rows.csv")
    assert rows.lines.tolist() == [2, 3, 4, 5] and rows.values[:, 0].tolist() == [1, 2, 3, 4]


def test_rows_beyond_the_first_block_keep_their_lines(tmp_path):
    n = 160_000
    lines = [f"{i},{i % 100}.25,{i % 7}.5,word {i % 3}" for i in range(n)]
    lines[5], lines[n - 9] = "5,1", f'{n - 9},1.25,2.5,"a, b"'
    lines[n - 5], lines[n - 3] = f"{n - 5},broken,2.5,c", f"{n - 3},---,2.5,c,1,2"
    (tmp_path / "rows.csv").write_text("\n".join(["time,a,b,note", *lines]))
    rows = load_rows(tmp_path / "rows.csv", ignore=["note"])
    kept = np.delete(np.arange(n), [5, n - 5, n - 3])
    np.testing.assert_array_equal(rows.lines, kept + 2)
    np.testing.assert_array_equal(rows.values[:, 0], np.where(kept == n - 9, 1, kept % 100) + 0.25)
    assert [(row.line, row.reason) for row in rows.bad] == [
        (7, "2 cells instead of 4"),
        (n - 3, "a is 'broken'"),
        (n - 1, "6 cells instead of 4"),
    ]


def test_two_values_are_named_and_not_guessed(tmp_path):
    lines = [f"{i % 9},{int(i % 10 == 0)}" for i in range(60)]
    (tmp_path / "rows.csv").write_text("\n".join(["a,QC", *lines]))
    rows = load_rows(tmp_path / "rows.csv")
    assert rows.labels is None and rows.columns == ("a", "QC")
    assert any("QC holds two values" in doubt and "--label QC" in doubt for doubt in rows.doubts())


def test_steps_need_a_clock(tmp_path):
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n3,4\n")
    with pytest.raises(DataError, match="every needs a column of time"):
        load_rows(tmp_path / "rows.csv", every=2)


def test_a_detector_judges_rows_of_a_file_without_the_sensors_that_are_silent(tmp_path):
    random, path = np.random.default_rng(0), tmp_path / "rows.csv"
    values = random.normal(size=(200, 1)) * [1, -1, 2, 1] + 0.1 * random.normal(size=(200, 4))
    frame = pd.DataFrame(values, columns=["temp", "oil", "flow", "load"])
    frame.to_csv(path, index=False)
    detector = AutoEncoderDetector().fit(load_rows(path), progress=False)
    lost = frame.assign(oil="", flow=frame.flow.astype(object))
    lost.loc[3, "flow"] = "ERR"  # a second one
    lost.to_csv(path, index=False)
    read = partial(load_like, path, detector.data, detector.columns)
    with pytest.raises(DataError, match="column oil must hold numbers; it holds no value"):
        read()
    with pytest.warns(UserWarning, match="left out 1 of 200 rows: line 5: oil is missing"):
        rows = read(1)
    assert len(rows) == 199 and np.isnan(rows.values).all(axis=0).tolist() == [0, 1, 0, 0]
    assert "oil" not in rows.reading.left_out
    gone = np.delete(values, 3, axis=0)
    gone[:, 1] = np.nan
    with pytest.warns(UserWarning, match=r"199 of oil\) are left out of the score"):
        np.testing.assert_allclose(detector.score(rows), detector.score(gone))

"""Gaps, clocks and odd columns of a sensor file: each has a behaviour, and the summary says so."""

import json

import numpy as np
import pandas as pd
import pytest

from workbench.data import load_rows
from workbench.errors import DataError

GAPS = "a;b;label\n1;10;0\n2;;0\n3;;0\n4;40;0\n;50;0\n;60;0\n;70;0\n8;80;0\n9;90;x\n"


@pytest.fixture
def write(tmp_path):
    def save(text):
        (tmp_path / "rows.csv").write_text(text)
        return tmp_path / "rows.csv"

    return save


def clocked(seconds):
    time = pd.Timestamp("2024-01-01") + pd.to_timedelta(seconds, unit="s")
    return "time,a,b\n" + "".join(f"{t},{i},{i % 3}\n" for i, t in enumerate(time))


def test_rows_with_a_gap_are_dropped(write):
    with pytest.warns(UserWarning, match="left out 6 of 9 rows: line 3: b is missing"):
        rows = load_rows(write(GAPS))
    np.testing.assert_array_equal(rows.values, [[1, 10], [4, 40], [8, 80]])
    assert rows.filled == {} and rows.options == {}


def test_or_refused(write):
    with pytest.raises(DataError, match=r"line 3: b is missing \(6 such rows\); mend it, or pass"):
        load_rows(write(GAPS), missing="refuse")
    assert len(load_rows(write("a,b\n1,2\n3,4\n"), missing="refuse")) == 2


def test_or_bridged_up_to_so_many_cells(write):
    with pytest.warns(UserWarning) as warned:
        rows = load_rows(write(GAPS), missing="interpolate", most=2)
    np.testing.assert_allclose(rows.values, [[1, 10], [2, 20], [3, 30], [4, 40], [8, 80]])
    assert [bad.line for bad in rows.bad] == [6, 7, 8, 10]  # three in a row; and a bad label
    assert rows.summary()["filled"] == {"b": 2}
    assert "filled in cells: 2 of b" in str(warned[0].message)
    with pytest.warns(UserWarning):
        assert len(load_rows(write(GAPS), missing="interpolate", most=3)) == 8


def test_a_gap_at_either_end_is_never_bridged(write):
    with pytest.warns(UserWarning, match="left out 2 of 4 rows"):
        rows = load_rows(write("a,b\n,1\n2,2\n3,3\n4,\n"), missing="interpolate")
    np.testing.assert_array_equal(rows.values, [[2, 2], [3, 3]])


@pytest.mark.parametrize(
    ("wrong", "message"), [({"missing": "mean"}, "missing must be one of"), ({"most": 0}, "most")]
)
def test_policies_that_are_not(write, wrong, message):
    with pytest.raises(ValueError, match=message):
        load_rows(write("a,b\n1,2\n"), **wrong)


def test_the_options_are_kept_as_far_as_they_were_chosen(write):
    rows = load_rows(write("a,b,c\n1,2,3\n4,5,6\n"), columns=("c", "a"), seed=3, ignore=["b"])
    assert rows.options == {"columns": ["c", "a"], "seed": 3, "ignore": ["b"]}
    assert json.loads(json.dumps(rows.options)) == rows.options
    again = load_rows(write("a,b,c\n1,2,3\n4,5,6\n"), **rows.options)
    np.testing.assert_array_equal(again.values, rows.values)


def test_a_clock_that_stands_jumps_and_runs_back(write):
    rows = load_rows(write(clocked([0, 1, 2, 2, 3, 4, 60, 61, 30, 31])))
    assert rows.summary()["clock"] == {
        "step_seconds": 1.0,
        "duplicates": 1,
        "backwards": 1,
        "gaps": 1,
        "longest_seconds": 56.0,
    }
    assert rows.breaks.tolist() == [6, 8]
    assert rows[2:].breaks.tolist() == [4, 6]
    np.testing.assert_array_equal(rows.values[:, 0], np.arange(10))  # in the order of the file


def test_no_clock_no_breaks(write):
    rows = load_rows(write("a,b\n1,2\n3,4\n5,6\n"))
    assert rows.breaks.tolist() == [] and rows.summary()["clock"] == {}


def test_odd_columns_are_named(write):
    rows = load_rows(write("a,b,c,d\n1,5,1,7\n2,5,2,8\n4,5,4,8\n"))
    summary = rows.summary()
    assert (summary["constant"], summary["duplicated"]) == (["b"], {"c": "a"})
    json.dumps(summary, allow_nan=False)

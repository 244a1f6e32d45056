"""`workbench data check`: what a dataset was taken for."""

import json
from dataclasses import asdict

import pytest

from workbench.data.check import check


def test_rows_are_described(tmp_path):
    (tmp_path / "rows.csv").write_text("time,a,b,label\n0,1,5,OK\n1,2,5,OK\n2,9,5,NG\n3,1,,OK\n")
    with pytest.warns(UserWarning, match="left out 1 of 4 rows"):
        found = check(tmp_path / "rows.csv")
    assert found.kind == "rows"
    assert found.understood[0] == "3 rows of 2 sensors: 2 OK, 1 NG"
    assert found.understood[1:] == (
        "text in UTF-8, separated by comma, data from line 2",
        "time time: numbers, taken for seconds; 0.0 to 2.0, a row every 1 s",
        "label label: ng = NG, ok = OK",
        "sensor a: 1 to 9",
        "sensor b: 5 to 5",
    )
    assert "b is constant (--ignore b)" in found.looks_wrong
    assert found.left_alone == (
        "b has no reading in 1 row (empty: 1)",
        "line 5: b is missing",
    )
    assert json.loads(json.dumps(asdict(found)))["facts"]["rows"] == 3

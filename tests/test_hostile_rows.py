"""Sensor files made to be misread: each gives its right values, or is refused with the remedy."""

from typing import Any, NamedTuple

import numpy as np
import pytest

from workbench.data import load_rows
from workbench.data.check import check
from workbench.data.times import read_times
from workbench.errors import DataError

pytestmark = pytest.mark.usefixtures("quiet")


class Case(NamedTuple):
    """A file whose lines are made of `line`, and what its first row, time and labels must be."""

    title: str
    header: str
    line: Any  # a function of the number of the row
    first: dict[str, float] | str  # or words of the refusal
    time: str = ""
    ng: int | None = None
    encoding: str = "utf-8"


def verdict(good, bad):
    return lambda i: f"{i % 7}.5,{bad if i % 9 == 0 else good}"


DAY = "2024-05-{:02d} 08:00".format
CASES = [
    Case(
        "points group thousands",
        "Zeit;Druck;Menge",
        lambda i: f"{i + 5:02d}.05.2024 08:00;1.{100 + i};{i},5",
        {"Druck": 1110, "Menge": 10.5},
        "2024-05-15 08:00:00",
    ),
    Case(
        "a narrow space groups thousands, hours with h",
        "Horodatage;Débit;Pression",
        lambda i: f"{i + 5:02d}/05/2024 08h05;1\u202f{100 + i},5;{i},25",
        {"Débit": 1110.5, "Pression": 10.25},
        "2024-05-15 08:05:00",
        encoding="utf-8-sig",
    ),
    Case(
        "an apostrophe groups thousands",
        "time;flow",
        lambda i: f"{DAY(i)};1'{100 + i}.5",
        {"flow": 1110.5},
        "2024-05-10 08:00:00",
    ),
    Case(
        "days first with dashes",
        "date,temp",
        lambda i: f"{i + 5:02d}-05-2024,{i}.5",
        {"temp": 10.5},
        "2024-05-15 00:00:00",
    ),
    Case(
        "a year of two digits",
        "일시,온도",
        lambda i: f"24/05/{i:02d} 08:00,{i}.5",
        "--dates",
        encoding="cp949",
    ),
    Case(
        "Excel in Korean",
        "측정일시,온도(℃),판정",
        lambda i: f"2024. 5. {i}. 오후 3:05:00,{i}.5,{'불량' if i == 20 else '양품'}",
        {"온도(℃)": 10.5},
        "2024-05-10 15:05:00",
        1,
        "cp949",
    ),
    Case(
        "halves of the day in Japanese",
        "日時,温度,判定",
        lambda i: f"2024/5/{i} 午後 3:05,{i}.5,{'不良' if i == 20 else '良'}",
        {"温度": 10.5},
        "2024-05-10 15:05:00",
        1,
        "cp932",
    ),
    Case(
        "midnight and noon",
        "time,temp",
        lambda i: f"5/{i}/2024 12:05 AM,{i}.5",
        {"temp": 10.5},
        "2024-05-10 00:05:00",
    ),
    Case(
        "a month in words and a zone",
        "time,temp",
        lambda i: f"{i:02d}/May/2024:08:00:00 +0900,{i}.5",
        {"temp": 10.5},
        "2024-05-10 08:00:00+09:00",
    ),
    Case(
        "weekdays",
        "time;temp",
        lambda i: f"Mi {i + 5:02d}.05.2024 08:00;{i},5",
        {"temp": 10.5},
        "2024-05-15 08:00:00",
    ),
    Case("P and F", "temp,Judgement", verdict("P", "F"), {"temp": 3.5}, ng=2),
    Case(
        "Normal and Attack", "temp,Normal/Attack", verdict("Normal", "Attack"), {"temp": 3.5}, ng=2
    ),
    Case("합격여부", "온도,합격여부", verdict("Y", "N"), {"온도": 3.5}, ng=2),
    Case("불량여부", "온도,불량여부", verdict("N", "Y"), {"온도": 3.5}, ng=2),
    Case("is_good", "temp,is_good", verdict(1, 0), {"temp": 3.5}, ng=2),
    Case("1 may be pass", "temp,Pass/Fail", verdict(1, 0), "label='Pass/Fail=0'"),
    Case("판정 of 1 and 0", "온도,판정", verdict(1, 0), "label='판정=0'"),
    Case(
        "several faults by number",
        "temp,fault",
        lambda i: f"{i % 7}.5,{i % 4 * (i % 2)}",
        "label='fault!=VALUE'",
    ),
    Case(
        "letters that nobody knows",
        "temp,label",
        lambda i: f"{i},{'A' if i % 4 == 0 else 'N'}",
        "label='label=a'",
    ),
    Case("O and X", "온도,판정", verdict("O", "X"), "label='판정=x'"),
    Case(
        "parts to look at again",
        "온도,판정",
        lambda i: f"{i},{'재검' if i % 5 == 0 else 'NG' if i % 7 == 0 else 'OK'}",
        "재검 .4 rows",
    ),
    Case(
        "seconds with a decimal comma",
        "ts;temp",
        lambda i: f"{1714546800 + i},5;{i},5",
        {"temp": 10.5},
        "2024-05-01 07:00:10.500000",
    ),
    Case(
        "a second sum line",
        "time;temp;rpm;",
        lambda i: f"{DAY(i)};{i},5;{i * 7 % 5};",
        {"temp": 10.5, "rpm": 0},
        "2024-05-10 08:00:00",
    ),
    Case(
        "two lines of names",
        "Motor,Motor,Pump\ntemp,rpm,flow",
        lambda i: f"{i}.5,{i * 7 % 13},1.{i}",
        {"temp": 10.5, "rpm": 5, "flow": 1.1},
    ),
    Case("thousands or decimals", "a\tb", lambda i: f"1.{100 + i}\t{i}", "1.110 or 1110"),
    Case(
        "dates of two forms",
        "time,temp",
        lambda i: f"{f'2024/05/{i:02d}' if i % 2 else f'{i + 5}/05/2024'},{i}",
        "make two files",
    ),
    Case(
        "nines where nothing was read",
        "time,temp",
        lambda i: f"{DAY(i)},{-9999 if i % 5 == 1 else i + 0.5}",
        {"temp": 10.5},
        "2024-05-10 08:00:00",
    ),
    Case(
        "an average below",
        "time,temp",
        lambda i: f"{DAY(i)},{i}.5" if i < 27 else f"Average,{i}",
        {"temp": 10.5},
        "2024-05-10 08:00:00",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_no_file_is_misread_in_silence(tmp_path, case):
    text = "\n".join([case.header, *map(case.line, range(10, 28))])
    path = tmp_path / "rows.csv"
    path.write_bytes(text.encode(case.encoding))
    if isinstance(case.first, str):
        with pytest.raises(DataError, match=case.first):
            load_rows(path)
        return
    rows = load_rows(path)
    assert rows[0] == pytest.approx(case.first, rel=1e-12)
    assert (str(rows.time[0]) if case.time else rows.time) == (case.time or None)
    assert (None if rows.labels is None else int(rows.labels.sum())) == case.ng


@pytest.mark.parametrize(
    ("cell", "time"),
    [
        ("20240501070000", "2024-05-01 07:00:00"),
        ("20240501T070000Z", "2024-05-01 07:00:00+00:00"),
        ("2024-05-01 07:00:01:250", "2024-05-01 07:00:01.250000"),
        ("1. Mai 2024", "2024-05-01 00:00:00"),
        ("2024/5/1 (수) 07:00", "2024-05-01 07:00:00"),
        ("2024年5月1日 7時05分", "2024-05-01 07:05:00"),
        ("May 1, 2024 7:00 PM", "2024-05-01 19:00:00"),
        ("2024-05-01 07:00 KST", "2024-05-01 07:00:00+09:00"),
        ("01MAY2024", "2024-05-01 00:00:00"),
        ("2024-05-01 3:00 p.m.", "2024-05-01 15:00:00"),
        ("31.05.24 07.30", "2024-05-31 07:30:00"),
    ],
)
def test_forms_of_times(cell, time):
    assert str(read_times(np.array([cell, cell], object), "t", "dmy").values[0]) == time


@pytest.mark.parametrize("cell", ["1.5", "1 234 567", "192.168.0.1", "Q1 2024", "2024", "12-34-56",
                                  "99/99/2024", "1.2.3 beta", "7 pieces"])  # fmt: skip
def test_what_is_no_time(cell):
    times = read_times(np.array([cell, cell], object), "t", "dmy")
    assert times is None or times.bad.all()


def test_files_of_one_name_in_two_folders_stay_apart(tmp_path):
    for day in (2, 1):
        (tmp_path / str(day)).mkdir()
        lines = [f"2024-05-{day:02d} 0{i}:00,{day}{i}" for i in range(3)]
        (tmp_path / str(day) / "log.csv").write_text("\n".join(["time,a", *lines]))
    rows = load_rows([tmp_path / "2" / "log.csv", tmp_path / "1" / "log.csv"])
    assert rows.values.ravel().tolist() == [10, 11, 12, 20, 21, 22]
    assert rows.where(0).endswith("1/log.csv line 2")


def test_a_value_that_no_row_holds_is_said(tmp_path):
    (tmp_path / "rows.csv").write_text("a,판정\n1,OK\n2,NG\n3,OK\n")
    rows = load_rows(tmp_path / "rows.csv", label="판정=불량")
    assert "no row is NG: 판정 never holds 불량" in rows.reading.assumed
    assert load_rows(tmp_path / "rows.csv", label="판정=NG").labels.tolist() == [
        False,
        True,
        False,
    ]


def test_a_check_shows_all_else_where_something_is_open(tmp_path):
    lines = [f"0{i}.05.2024 08:00;1.10{i};{'A' if i % 3 else 'B'}" for i in range(1, 9)]
    (tmp_path / "rows.csv").write_text("\n".join(["time;a;label", *lines]))
    found = check(tmp_path / "rows.csv")
    assert len(found.undecided) == 3
    for option, said in zip(("dates", "label", "decimal"), found.undecided, strict=True):
        assert f"below it is shown with --{option} " in said
    assert found.understood[0].startswith("8 rows of 1 sensor")
    assert found.sections()[0][0] == "must be decided"

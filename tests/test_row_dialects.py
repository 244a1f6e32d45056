"""Random tables in random dialects: read back as they were, or refused, never otherwise.

`WORKBENCH_EXAMPLES=2000` tries as many; the number of each outcome is printed.
"""

import os
import warnings
from collections import Counter
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.data import load_rows
from workbench.errors import DataError

EXAMPLES = int(os.environ.get("WORKBENCH_EXAMPLES", "150"))
NAMES = {
    "ascii": ["temp", "flow rate", "Motor_I", "p [bar]", "25"],
    "korean": ["온도", "압력 (bar)", "진동", "전류[A]"],
    "japanese": ["温度", "圧力", "振動", "電流 (A)"],
    "western": ["Temp °C", "Größe", "Débit", "Schwingung [µm]"],
}
ENCODINGS = {
    "ascii": ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"],
    "korean": ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp949"],
    "japanese": ["utf-8", "utf-8-sig", "utf-16", "cp932"],
    "western": ["utf-8", "utf-8-sig", "utf-16-le", "cp1252"],
}
TIME_NAMES = {"ascii": "timestamp", "korean": "일시", "japanese": "日時", "western": "Zeitstempel"}
ABOVE = ["Machine: Press 3", "Exported: 2024-05-01 08:00", "", "Line;A;B", "Shift,B"]
MARKS = ["", "---", "NaN", "#N/A", "NULL", "Bad", "-"]


def _half(t):
    return ("오전", "오후")[t.hour >= 12], (t.hour % 12) or 12


CLOCKS = {
    "iso": lambda t: [t.isoformat(" ")],
    "iso T": lambda t: [t.isoformat()],
    "dmy.": lambda t: [t.strftime("%d.%m.%Y %H:%M:%S")],
    "dmy/": lambda t: [t.strftime("%d/%m/%Y %H:%M")],
    "mdy/": lambda t: [t.strftime("%m/%d/%Y %H:%M:%S")],
    "mdy pm": lambda t: [f"{t.month}/{t.day}/{t.year} {t:%I:%M:%S %p}"],
    "ymd/": lambda t: [t.strftime("%Y/%m/%d %H:%M:%S")],
    "dmy two digits": lambda t: [t.strftime("%d.%m.%y %H:%M:%S")],
    "month in words": lambda t: [t.strftime("%d-%b-%Y %H:%M:%S")],
    "compact": lambda t: [t.strftime("%Y%m%d%H%M%S")],
    "korean": lambda t: [f"{t:%Y-%m-%d} {_half(t)[0]} {_half(t)[1]}:{t:%M:%S}"],
    "s": lambda t: [str(round((t - datetime(1970, 1, 1)).total_seconds()))],
    "ms": lambda t: [str(1000 * round((t - datetime(1970, 1, 1)).total_seconds()))],
    "us": lambda t: [str(1000000 * round((t - datetime(1970, 1, 1)).total_seconds()))],
    "days": lambda t: [f"{(t - datetime(1899, 12, 30)) / timedelta(days=1):.9f}"],
    "date, time": lambda t: [t.strftime("%Y-%m-%d"), t.strftime("%H:%M:%S")],
    "dmy, time": lambda t: [t.strftime("%d.%m.%Y"), t.strftime("%H:%M:%S")],
    "compact date, time": lambda t: [t.strftime("%Y%m%d"), t.strftime("%H%M%S")],
    "year, month, ...": lambda t: [str(x) for x in t.timetuple()[:6]],
    "none": lambda t: [],
}


@st.composite
def tables(draw):
    """Text, its encoding, and what must come back: names, and values and time by line."""
    script = draw(st.sampled_from(sorted(NAMES)))
    n, names = draw(st.integers(3, 30)), NAMES[script]
    names = names[: draw(st.integers(1, len(names)))]
    separator = draw(st.sampled_from([",", ";", "\t", "|"]))
    decimal = draw(st.sampled_from(".,"))
    # no country separates by commas and groups by points: there 1.000 is one
    other = "" if (separator, decimal) == (",", ",") else {".": ",", ",": "."}[decimal]
    thousands = draw(st.sampled_from(["", "", other, " ", "'"]))
    digits = [draw(st.integers(0, 4)) for _ in names]
    sizes = [draw(st.sampled_from([2, 300, 20_000, 3_000_000])) for _ in names]
    numbers = [
        [round(draw(st.integers(-s * 10**d, s * 10**d)) / 10**d, d) for s, d in
         zip(sizes, digits, strict=True)] for _ in range(n)
    ]  # fmt: skip
    behind = [draw(st.sampled_from(["", "", "", " bar", "%"])) for _ in names]
    clock = draw(st.sampled_from(sorted(CLOCKS)))
    start = draw(st.datetimes(datetime(2001, 1, 1), datetime(2030, 1, 1)))
    step = draw(st.sampled_from([1, 60, 3600, 86_400]))
    start = start.replace(microsecond=0, second=0 if clock == "dmy/" else start.second)
    step = 60 * step if clock == "dmy/" and step == 1 else step
    times = [start + timedelta(seconds=step * i) for i in range(n)]
    header = [*_clock_names(clock, script), *names]
    lines = ["sep=" + separator] if draw(st.booleans()) and draw(st.booleans()) else []
    if draw(st.booleans()) and draw(st.booleans()):
        lines += [line for line in draw(st.lists(st.sampled_from(ABOVE), max_size=3))]
    lines.append(_line(header, separator))
    if draw(st.booleans()) and draw(st.booleans()):
        units = [""] * (len(header) - len(names)) + ["bar", "1/min", "mm/s", "K", "A"][
            : len(names)
        ]
        lines.append(_line(units, separator))
    mark, expected = draw(st.sampled_from(MARKS)), {}
    for row, time in zip(numbers, times, strict=True):
        cells = [_number(x, d, decimal, thousands) + unit
                 for x, d, unit in zip(row, digits, behind, strict=True)]  # fmt: skip
        if len(names) > 1 and draw(st.integers(0, 9)) == 0:
            cells[draw(st.integers(0, len(cells) - 1))] = mark
        else:
            expected[len(lines) + 1] = (row, time)
        lines.append(_line([*CLOCKS[clock](time), *cells], separator))
    text = draw(st.sampled_from(["\n", "\r\n"])).join(lines) + draw(st.sampled_from(["", "\n"]))
    encoding = draw(st.sampled_from(ENCODINGS[script]))
    if clock == "korean" and encoding in ("cp1252", "cp932"):
        encoding = "utf-8"
    return text, encoding, names, expected, clock


def _clock_names(clock, script):
    parts = ["Year", "Month", "Day", "Hour", "Minute", "Second"]
    names = {0: [], 1: [TIME_NAMES[script]], 2: ["Date", "Time"], 6: parts}
    return names[len(CLOCKS[clock](datetime.now()))]


def _number(x, digits, decimal, thousands):
    text = f"{x:,.{digits}f}"
    return text.replace(",", "\0").replace(".", decimal).replace("\0", thousands)


def _line(cells, separator):
    return separator.join(
        f'"{cell}"' if separator in cell or '"' in cell else cell for cell in cells
    )


@pytest.fixture(scope="module")
def outcomes():
    counts = Counter()
    yield counts
    print(f"\ntables in random dialects: {dict(counts)}")  # noqa: T201


@pytest.mark.slow
def test_random_dialects_are_read_back_or_refused(tmp_path_factory, outcomes, capsys):
    path = tmp_path_factory.mktemp("dialects") / "rows.csv"

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(tables())
    def check(table):
        text, encoding, names, expected, clock = table
        path.write_bytes(text.encode(encoding))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                rows = load_rows(path)
            except DataError as error:
                outcomes["refused"] += 1
                outcomes[f"refused for {_kind(error)}"] += 1
                return
        outcomes["read"] += 1
        assert {*rows.columns, *rows.reading.left_out} >= set(names)
        if set(rows.columns) == set(names):
            assert rows.lines.tolist() == sorted(expected)
        for at, line in enumerate(rows.lines.tolist()):
            if line in expected:
                row, time = expected[line]
                truth = dict(zip(names, row, strict=True))
                assert rows[at] == {name: truth[name] for name in rows.columns}
                if clock != "none":
                    assert rows.time[at] == time

    check()
    with capsys.disabled():
        print(f"\ntables in random dialects: {dict(outcomes)}")  # noqa: T201
    assert outcomes["read"] > 2 * outcomes["refused"]


def _kind(error):
    words = ("--dates", "--decimal", "no numbers", "whole row", "column of numbers", "empty")
    return next((word for word in words if word in str(error)), str(error)[-60:])

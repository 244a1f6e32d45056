"""Every kind of sensor file, with a small case: tests read them, docs/files.md shows them."""

from typing import Any, NamedTuple


class Kind(NamedTuple):
    """A kind: its text, and the first row that it must give (by column, or its time)."""

    title: str
    text: str
    first: dict[str, float]
    time: str = ""
    encoding: str = "utf-8"
    options: dict[str, Any] = {}  # noqa: RUF012 - never changed
    ng: int | None = None
    name: str = "rows.csv"


KINDS = [
    Kind("comma, header", "temp,rpm\n25.1,1100\n25.3,1101", {"temp": 25.1, "rpm": 1100}),
    Kind("semicolon, decimal comma", "temp;rpm\n25,1;1100,5\n25,3;1101,5",
         {"temp": 25.1, "rpm": 1100.5}),
    Kind("tab", "temp\trpm\n25.1\t1100\n25.3\t1101", {"temp": 25.1, "rpm": 1100}),
    Kind("bar", "temp|rpm\n25.1|1100\n25.3|1101", {"temp": 25.1, "rpm": 1100}),
    Kind("spaces", "temp  rpm\n25.1  1100\n25.3  1101", {"temp": 25.1, "rpm": 1100}),
    Kind("no header", "25.1,1100\n25.3,1101", {"sensor_1": 25.1, "sensor_2": 1100}),
    Kind("line `sep=`", "sep=;\ntemp;rpm\n25,1;1100,5", {"temp": 25.1, "rpm": 1100.5}),
    Kind("lines above the header", "Machine: Press 3\ntemp,rpm\n25.1,1100\n25.3,1101",
         {"temp": 25.1, "rpm": 1100}),
    Kind("line of units", "temp,rpm\n°C,1/min\n25.1,1100\n25.3,1101",
         {"temp": 25.1, "rpm": 1100}),
    Kind("TOA5 of a data logger",
         '"TOA5","CR1000","1","2"\n"TIMESTAMP","RECORD","temp","rpm"\n"TS","RN","C","1/min"\n'
         '"","","Avg","Avg"\n"2024-05-01 00:00:00",1,25.1,1100\n"2024-05-01 00:00:01",2,"NAN",1101'
         '\n"2024-05-01 00:00:02",3,25.1,1100',
         {"temp": 25.1, "rpm": 1100}, "2024-05-01 00:00:00"),
    Kind("a unit in each cell", "temp,load\n25.1 °C,5 %\n25.3 °C,6 %", {"temp": 25.1, "load": 5}),
    Kind("thousands", 'temp,rpm\n25.1,"1,100"\n25.3,"1,101"', {"temp": 25.1, "rpm": 1100}),
    Kind("thousands and decimal comma", "temp;flow\n25,1;1.100,5\n25,3;1.101,5",
         {"temp": 25.1, "flow": 1100.5}),
    Kind("day first", "time;temp\n31.01.2024 07:00;25,1\n01.02.2024 07:00;25,3",
         {"temp": 25.1}, "2024-01-31 07:00:00"),
    Kind("month first", "time,temp\n1/31/2024 7:00 PM,25.1\n2/1/2024 7:00 PM,25.3",
         {"temp": 25.1}, "2024-01-31 19:00:00"),
    Kind("either order, said by `--dates dmy`", "time;temp\n05.06.2024 07:00;25,1",
         {"temp": 25.1}, "2024-06-05 07:00:00", options={"dates": "dmy"}),
    Kind("date and time in two columns", "date,time,temp\n2024-05-01,07:00:00,25.1",
         {"temp": 25.1}, "2024-05-01 07:00:00"),
    Kind("the same as numbers", "date,time,temp\n20240501,070000,25.1\n20240501,070001,25.2",
         {"temp": 25.1}, "2024-05-01 07:00:00"),
    Kind("a column each for year, month, day ...",
         "Year,Month,Day,Hour,temp\n2024,5,1,7,25.1\n2024,5,1,8,25.2",
         {"temp": 25.1}, "2024-05-01 07:00:00"),
    Kind("offset from UTC", "time,temp\n2024-05-01T07:00:00+02:00,25.1",
         {"temp": 25.1}, "2024-05-01 07:00:00+02:00"),
    Kind("seconds since 1970", "time,temp\n1714546800,25.1", {"temp": 25.1},
         "2024-05-01 07:00:00"),
    Kind("milliseconds since 1970", "time,temp\n1714546800000,25.1", {"temp": 25.1},
         "2024-05-01 07:00:00"),
    Kind("days of a spreadsheet", "time,temp\n45413.291666667,25.1", {"temp": 25.1},
         "2024-05-01 07:00:00"),
    Kind("Korean, cp949", "일시,온도(℃),판정\n2024-05-01 오후 7:00:00,25.1,양품\n"
         "2024-05-01 오후 7:00:01,29.9,불량",
         {"온도(℃)": 25.1}, "2024-05-01 19:00:00", encoding="cp949", ng=1),
    Kind("Japanese, Shift-JIS", "日時,温度\n2024年5月1日 7時00分,25.1\n2024年5月1日 7時01分,25.3",
         {"温度": 25.1}, "2024-05-01 07:00:00", encoding="cp932"),
    Kind("German, cp1252", "Datum;Uhrzeit;Temp °C;Größe\n31.01.2024;07:00:00;25,1;0,5",
         {"Temp °C": 25.1, "Größe": 0.5}, "2024-01-31 07:00:00", encoding="cp1252"),
    Kind("UTF-16", "temp\trpm\n25,1\t1100,5\n25,3\t1101,5", {"temp": 25.1, "rpm": 1100.5},
         encoding="utf-16"),
    Kind("labels in words", "temp,Pass/Fail\n25.1,Pass\n29.9,Fail", {"temp": 25.1}, ng=1),
    Kind("labels -1 and 1", "temp,Pass/Fail\n25.1,-1\n25.2,-1\n29.9,1", {"temp": 25.1}, ng=1),
    Kind("a label that is said by `--label state=2`", "temp,state\n25.1,1\n29.9,2",
         {"temp": 25.1}, options={"label": "state=2"}, ng=1),
    Kind("words for no reading", "temp,rpm\n25.1,1100\n---,1101\n#N/A,1102\n25.2,1103",
         {"temp": 25.1, "rpm": 1100}),
    Kind("long: a tag, a time and a value a row",
         "tag,time,value\ntemp,2024-05-01 07:00:00,25.1\nrpm,2024-05-01 07:00:00,1100",
         {"temp": 25.1, "rpm": 1100}, "2024-05-01 07:00:00"),
    Kind("seldom recorded, `--hold 5`", "time,temp,oil\n0,25.1,3.5\n1,25.2,\n2,25.3,",
         {"temp": 25.1, "oil": 3.5}, "0.0", options={"hold": 5}),
    Kind("too often recorded, `--every 2`", "time,temp\n0,25.0\n1,25.2\n2,25.4\n3,25.6",
         {"temp": 25.1}, "0.0", options={"every": 2}),
]  # fmt: skip


def table():
    """The Markdown table of all kinds, two lines of each."""
    rows = ["| kind | two lines of it |", "| --- | --- |"]
    for kind in KINDS:
        lines = [line.replace("|", "&#124;").replace("\t", "→") for line in kind.text.split("\n")]
        rows.append(f"| {kind.title} | <code>{'<br>'.join(lines[:2])}</code> |")
    return "\n".join(rows)

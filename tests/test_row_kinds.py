"""Files of the kinds that machines write, each with its right answer decided beforehand."""

import warnings
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import openpyxl
import pandas as pd
import pytest

from workbench.data import load_rows
from workbench.data.check import check
from workbench.errors import DataError

N = 60
random = np.random.default_rng(5)
TEMP, VIB = np.round(25 + random.normal(0, 1, N), 1), np.round(2 + random.uniform(0, 1, N), 2)
FLOW = np.round(random.uniform(1e6, 3e6, N))
START = datetime(2024, 3, 1, 23, 55)
NG = np.arange(N) % 20 == 19


def every(seconds, start=START):
    return [start + timedelta(seconds=seconds * i) for i in range(N)]


MORNING = every(10, datetime(2024, 3, 1, 8))
TIMES, HOURS = every(10), every(3600, datetime(2024, 1, 25))


@dataclass
class Case:
    """A file, and what must come of it: sensors, time and labels, or a refusal; what is said."""

    text: str
    sensors: dict = field(default_factory=dict)
    time: list | None = None
    ng: object = None
    said: tuple[str, ...] = ()
    refused: str = ""
    encoding: str = "utf-8"
    name: str = "rows.csv"
    options: dict = field(default_factory=dict)
    units: dict = field(default_factory=dict)


def rows(header, *columns):
    sign = next(sign for sign in "\t;,|" if sign in header)
    cells = zip(*columns, strict=True)
    lines = [sign.join(f'"{c}"' if sign in c else c for c in row) for row in cells]
    return "\n".join([header, *lines]) + "\n"


def stamps(form, times=TIMES):
    return [t.strftime(form) for t in times]


ISO = stamps("%Y-%m-%d %H:%M:%S")


def points(values, digits=1, unit=""):
    return [f"{x:.{digits}f}{unit}" for x in values]


def german(values, digits=1, unit=""):
    return [f"{x:,.{digits}f}{unit}".translate(str.maketrans(",.", ".,")) for x in values]


def words(good, bad, ng=NG):
    return [bad if is_ng else good for is_ng in ng]


def but(cells, **others):
    return [others.get(f"at_{i}", cell) for i, cell in enumerate(cells)]


def halves(am, pm, form="%Y-%m-%d {} %I:%M:%S"):
    return [t.strftime(form.format(am if t.hour < 12 else pm)) for t in TIMES]


def since_1970(factor=1):
    return [str(round(t.replace(tzinfo=UTC).timestamp() * factor)) for t in TIMES]


def summer(form):
    change = datetime(2024, 3, 31, 1, tzinfo=UTC)
    local = [(t, t.astimezone(timezone(timedelta(hours=1 + (t >= change))))) for t in OVER_SUMMER]
    return [form(here) for _, here in local]


OVER_SUMMER = every(300, datetime(2024, 3, 31, tzinfo=UTC))
T, TV = points(TEMP), (points(TEMP), points(VIB, 2))
BOTH = {"temp": TEMP, "vib": VIB}
FRACTIONS = [t + timedelta(milliseconds=100 + i) for i, t in enumerate(TIMES)]
TOA5 = (
    '"TOA5","CR6","CR6","1234","CR6.Std","CPU:x.CR6","4567","T"\n'
    '"TIMESTAMP","RECORD","temp","vib"\n"TS","RN","Deg C","mm/s"\n"","","Avg","Smp"\n'
)

READ = {
    # encodings
    "UTF-16 without a mark": Case(
        rows("Zeit;Temp °C;Weg µm", stamps("%d.%m.%Y %H:%M", HOURS), german(TEMP), german(VIB, 2)),
        {"Temp °C": TEMP, "Weg µm": VIB}, HOURS, encoding="utf-16-le"),
    "UTF-16, upper byte first": Case(rows("일시\t온도(℃)\t진동", ISO, *TV),
        {"온도(℃)": TEMP, "진동": VIB}, TIMES, encoding="utf-16-be", units={"온도(℃)": "℃"}),
    "cp949 with halves of the day and 판정": Case(
        rows("일시,온도(℃),판정", halves("오전", "오후"), T, words("양품", "불량")),
        {"온도(℃)": TEMP}, TIMES, NG, ("cp949",), encoding="cp949"),
    "Shift-JIS with halves of the day": Case(
        rows("日時,温度(℃),判定", halves("午前", "午後", "%Y/%m/%d {}%I:%M:%S"), T,
             words("良", "不良")),
        {"温度(℃)": TEMP}, TIMES, NG, encoding="cp932"),
    "EUC-JP": Case(rows("日時,温度,圧力", ISO, *TV), {"温度": TEMP, "圧力": VIB}, TIMES,
        said=("taken for euc_jp",), encoding="euc_jp"),
    "Shift-JIS in half width": Case(rows("ｼﾞｺｸ,ｵﾝﾄﾞ,ｱﾂﾘｮｸ", ISO, *TV),
        {"ｵﾝﾄﾞ": TEMP, "ｱﾂﾘｮｸ": VIB}, TIMES, said=("taken for cp932",), encoding="cp932"),
    "GB 18030": Case(rows("时间,温度,压力", ISO, *TV), {"温度": TEMP, "压力": VIB}, TIMES,
        said=("taken for gb18030",), encoding="gb18030"),
    "cp1252, French": Case(
        rows("Horodatage;Température (°C);Conformité", stamps("%d/%m/%Y %H:%M:%S", HOURS),
             german(TEMP), words("conforme", "non conforme")),
        {"Température (°C)": TEMP}, HOURS, NG, encoding="cp1252"),
    "one sign that is not ASCII, cp1252": Case(rows("time,temp °C", ISO, T), {"temp °C": TEMP},
        TIMES, encoding="cp1252"),
    "one sign that is not ASCII, cp949": Case(rows("time,temp(℃)", ISO, T), {"temp(℃)": TEMP},
        TIMES, encoding="cp949"),
    "a sign late in the file, cp1252": Case(
        rows("time,temp,note", ISO, T, but([""] * N, at_50="5 µm")), {"temp": TEMP}, TIMES,
        said=("note",), encoding="cp1252"),
    # what stands above the data
    "TOA5": Case(TOA5 + rows("ignored,a,b,c", [f"{t}" for t in ISO], map(str, range(N)), *TV)
        .partition("\n")[2], BOTH, TIMES, said=("RECORD",), name="logger.dat",
        units={"temp": "Deg C", "vib": "mm/s"}),
    "an Excel report with a date above the header": Case(
        "Report;;;\nMachine;Press 3;;\nExported;01.03.2024 08:00;;\nPrinted;02.03.2024 09:00;;\n"
        ";;;\n" + rows("Datum;Uhrzeit;temp;vib", stamps("%d.%m.%Y"), stamps("%H:%M:%S"),
                       german(TEMP), german(VIB, 2)),
        BOTH, TIMES, said=("Exported", "Printed"), options={"dates": "dmy"}),
    "sep= a tab": Case("sep=\t\n" + rows("time\ttemp\tvib", ISO, german(TEMP), german(VIB, 2)),
        BOTH, TIMES),
    "sep= in UTF-16": Case("sep=;\r\n" + rows("time;temp;vib", ISO, *TV), BOTH, TIMES,
        encoding="utf-16"),
    "units in brackets": Case("time,temp,vib\n[s],[°C],[mm/s]\n"
        + rows("-,-,-", map(str, range(N)), *TV).partition("\n")[2], BOTH, list(range(N)),
        units={"temp": "°C", "vib": "mm/s"}),
    "years as names": Case(rows("line,2021,2022,2023", ["A"] * N, *TV, T),
        {"2021": TEMP, "2022": VIB, "2023": TEMP}),
    "two lines of names": Case("Press,Press,Motor\n" + rows("temp,force,temp", *TV, T),
        {"temp": TEMP, "force": VIB, "temp (2)": TEMP}),
    "a name over two lines": Case(rows('time,temp,"vib\n(mm/s)"', ISO, *TV),
        {"temp": TEMP, "vib\n(mm/s)": VIB}, TIMES),
    "a separator at the end of each line": Case(
        rows("time;temp;vib;", ISO, german(TEMP), german(VIB, 2), [""] * N), BOTH, TIMES),
    "lines below the data": Case(rows("time,temp,vib", ISO, *TV) + "End of file\nMean,25.0,2.0\n",
        BOTH, TIMES, said=("line 62", "line 63")),
    "the header again": Case(2 * rows("time,temp,vib", ISO, *TV), {
        name: np.tile(x, 2) for name, x in BOTH.items()}, TIMES * 2, said=("line 62",)),
    "carriage returns alone": Case(rows("time,temp,vib", ISO, *TV).replace("\n", "\r"), BOTH,
        TIMES),
    "columns set apart by spaces": Case(
        "date       time     temp   vib\n" + "".join(
            f"{t}  {a:>5}  {b:>5}\n" for t, a, b in zip(ISO, *TV, strict=True)),
        BOTH, TIMES, name="rows.txt"),
    # programs
    "WinCC, long, with its count below": Case(
        '"VarName";"TimeString";"VarValue";"Validity";"Time_ms"\n' + "".join(
            f'"{tag}";"{t:%d.%m.%Y %H:%M:%S}";{x};1;45426333,333\n'
            for t, *xs in zip(TIMES, german(TEMP), german(VIB, 2), strict=True)
            for tag, x in zip(BOTH, xs, strict=True)) + '"$RT_COUNT$";240;;;\n', BOTH, TIMES),
    "Graphtec, signs apart from numbers": Case(
        "Model,GL840\nCH,Signal name,Input,Range,Filter,Span\nCH1,CH1,TEMP,TC_K,Off,2000.0\nData\n"
        "Number,Date&Time,ms,temp,vib,Alarm\nNO.,Time,ms,degC,V,A1\n" + rows("1,2,3,4,5,6",
            map(str, range(1, N + 1)), ISO, [str(i % 10) for i in range(N)],
            [f"+ {x}" for x in T], [f"- {x}" for x in TV[1]], ["L"] * N).partition("\n")[2],
        {"temp": TEMP, "vib": -VIB},
        [t + timedelta(milliseconds=i % 10) for i, t in enumerate(TIMES)],
        said=("ms (another column of time)",)),
    "LabVIEW, a name for remarks": Case(
        "LabVIEW Measurement\t\nDate\t2024/05/14\nTime\t08:00:00\n***End_of_Header***\t\n\t\n"
        "Channels\t2\t\t\nDate\t2024/05/14\t2024/05/14\t\nTime\t08:00:00\t08:00:00\t\n"
        "Y_Unit_Label\tC\tbar\nX_Dimension\tTime\tTime\t\n***End_of_Header***\t\t\t\n"
        + rows("X_Value\ttemp\tvib\tComment", map(str, range(N)), *TV),
        BOTH, list(range(N)), said=("Comment (names without cells)",), name="rows.lvm"),
    "Ignition, with a line of types": Case('"#NAMES"\n"t_stamp","temp","vib"\n"#TYPES"\n'
        '"date","F","D"\n"#ROWS","60"\n' + rows("1,2,3", ISO, *TV).partition("\n")[2],
        BOTH, TIMES),
    "InfluxDB, annotated": Case(
        "#group,false,false,true,false,true,true\n#datatype,string,long,dateTime:RFC3339,double,"
        "string,string\n#default,_result,,,,,\n,result,table,_time,_value,_field,_measurement\n"
        + "".join(f",,{i},{t.replace(' ', 'T')},{x},{tag},press\n"
                  for i, (tag, xs) in enumerate(zip(BOTH, TV, strict=True))
                  for t, x in zip(ISO, xs, strict=True)), BOTH, TIMES),
    "a long table without a known word": Case("entity_id,state,last_changed\n" + "".join(
        f"temp,{x},{t}\nvib,{'gone' if i == 9 else y},{t}\n"
        for i, (t, x, y) in enumerate(zip(ISO, *TV, strict=True))),
        {name: np.delete(x, 9) for name, x in BOTH.items()}, [*TIMES[:9], *TIMES[10:]],
        said=("a long table",)),
    "R, rows with names": Case('"zeit" "temp" "vib"\n' + "".join(
        f'"{i}" "{t}" {x} {y}\n' for i, (t, x, y) in enumerate(zip(ISO, *TV, strict=True), 1)),
        BOTH, TIMES, name="rows.txt"),
    "names of groups, each with gaps below": Case(
        "3호기 기록,,,\n일시,온도,,압력\n,상부(℃),하부(℃),(bar)\n"
        + rows("1,2,3,4", ISO, *TV, T).partition("\n")[2],
        {"상부(℃)": TEMP, "하부(℃)": VIB, "압력": TEMP}, TIMES,
        encoding="cp949", units={"압력": "bar"}),
    "types below the names": Case("[LOGGING]\n인덱스,날짜,시간,D100,D102\n"
        "INDEX,DATE,TIME,UNSIGNED,FLOAT\n" + rows("1,2,3,4,5", map(str, range(1, N + 1)),
            stamps("%Y/%m/%d"), stamps("%H:%M:%S"), *TV).partition("\n")[2],
        {"D100": TEMP, "D102": VIB}, TIMES),
    "Kibana": Case(rows("@timestamp per 10 seconds;temp;vib",
        stamps("%b %d, %Y @ %H:%M:%S.000"), *TV), BOTH, TIMES),
    "catman, a time that equal steps could be taken for a counter": Case(
        "HBM_CATMAN_DATAFILE\nKanäle\t3\n\n" + rows("Zeit  1 - Standardrate [s]\ttemp\tvib",
            [f"{10 * i},000" for i in range(N)], german(TEMP), german(VIB, 2)),
        BOTH, [10 * i for i in range(N)], encoding="cp1252"),
    "CloudWatch, a number above the dates": Case(
        "Id,m1,m2\nLabel,temp,vib\nStat,Average,Average\nPeriod,10,10\n"
        + rows("1,2,3", ISO, *TV).partition("\n")[2], BOTH, TIMES, said=("Period 10 10",)),
    "a word among numbers that are none": Case(
        rows("time,remark,temp", ISO, but(["ok"] * N, at_7="5"), T), {"temp": TEMP}, TIMES,
        said=("remark",)),
    # numbers
    "thousands in quotes": Case(rows("time,flow,temp", ISO, [f"{x:,.0f}" for x in FLOW], T),
        {"flow": FLOW, "temp": TEMP}, TIMES),
    "thousands and a decimal comma": Case(
        rows("Zeit;flow;temp", ISO, german(FLOW + 0.5, 2), german(TEMP)),
        {"flow": FLOW + 0.5, "temp": TEMP}, TIMES),
    "apostrophes": Case(
        rows("Zeit;flow;temp", ISO, [f"{x:,.0f}".replace(",", "'") for x in FLOW], T),
        {"flow": FLOW, "temp": TEMP}, TIMES),
    "spaces that do not break": Case(
        rows("Temps;flow;débit", ISO, [f"{x:,.0f}".replace(",", "\u00a0") for x in FLOW],
             german(TEMP)), {"flow": FLOW, "débit": TEMP}, TIMES, encoding="cp1252"),
    "decimal commas in quotes": Case(rows("time,temp,vib", ISO, german(TEMP), german(VIB, 2)),
        BOTH, TIMES),
    "a unit in each cell": Case(
        rows("time,temp,load,vib", ISO, points(TEMP, 1, " °C"), points(TEMP, 1, "%"),
             points(VIB, 2)),
        {"temp": TEMP, "load": TEMP, "vib": VIB}, TIMES, units={"temp": "°C", "load": "%"}),
    "units alone": Case(rows("temp,vib", points(TEMP, 1, " °C"), points(VIB, 2, " mm/s")), BOTH,
        units={"vib": "mm/s"}),
    "a unit and a decimal comma": Case(
        rows("Zeit;flow;vib", ISO, german(FLOW, 0, " l/h"), german(VIB, 2, " bar")),
        {"flow": FLOW, "vib": VIB}, TIMES, units={"flow": "l/h", "vib": "bar"}),
    "a unit that is not the header's": Case(
        rows("time,load (V),temp", ISO, points(VIB, 2, " mV"), T),
        {"load (V)": VIB, "temp": TEMP}, TIMES, units={"load (V)": "mV"}),
    "several units": Case(
        rows("time,load,temp", ISO, [f"{x} {'mV' if i % 4 else 'V'}" for i, x in enumerate(VIB)],
             T), {"temp": TEMP}, TIMES, said=("load", "several units: V, mV")),
    "names of lots": Case(rows("time,lot,temp", ISO, [f"L{i // 10}A" for i in range(N)], T),
        {"temp": TEMP}, TIMES, said=("lot",)),
    # missing
    "words for no reading": Case(
        rows("time,temp,vib", ISO, but(T, at_1="x", at_2="---", at_3="Bad", at_4="#N/A",
             at_5="NULL", at_6="", at_7="I/O Timeout"), points(VIB, 2)),
        {name: np.delete(x, range(1, 8)) for name, x in BOTH.items()},
        said=("---: 1", "Bad: 1", "#N/A: 1", "temp is 'x'")),
    "nines": Case(rows("time,temp,vib", ISO, but(T, at_4="-999.9", at_9="-999.9"), TV[1]),
        {"temp": np.delete(TEMP, [4, 9]), "vib": np.delete(VIB, [4, 9])}, said=("-999.9",)),
    # time
    "month first, twelve hours": Case(
        rows("Date/Time,temp", stamps("%m/%d/%Y %I:%M %p", HOURS), T), {"temp": TEMP}, HOURS),
    "two digits of the year": Case(
        rows("Zeit;temp", stamps("%d-%m-%y %H:%M", HOURS), german(TEMP)), {"temp": TEMP}, HOURS),
    "YYYYMMDD and HHMMSS": Case(rows("date,time,temp", stamps("%Y%m%d"), stamps("%H%M%S"), T),
        {"temp": TEMP}, TIMES),
    "YYYYMMDD and HHMMSS without zeros": Case(
        rows("일자,시각,temp", stamps("%Y%m%d"), [str(int(t)) for t in stamps("%H%M%S")], T),
        {"temp": TEMP}, TIMES, encoding="cp949"),
    "HHMMSS of the first minutes of a day": Case(
        rows("date,time,temp", ["20240301"] * N, [f"{i:06d}" for i in range(N)], T),
        {"temp": TEMP}, every(1, datetime(2024, 3, 1))),
    "YYYYMMDD and HHMM": Case(
        rows("date,time,temp", stamps("%Y%m%d", every(60)), stamps("%H%M", every(60)), T),
        {"temp": TEMP}, every(60), said=("HHMM",)),
    "YYMMDD and HHMMSS, by --dates ymd": Case(
        rows("date,time,temp", stamps("%y%m%d"), stamps("%H%M%S"), T), {"temp": TEMP}, TIMES,
        options={"dates": "ymd"}),
    "YYYYMMDDhhmm": Case(rows("time,temp", stamps("%Y%m%d%H%M", every(60)), T), {"temp": TEMP},
        every(60)),
    "a date and a half of the day": Case(
        rows("날짜,시간,온도", stamps("%Y.%m.%d"), halves("오전", "오후", "{} %I:%M:%S"), T),
        {"온도": TEMP}, TIMES, encoding="cp949"),
    "a date, and a time with a decimal comma": Case(
        rows("Date;Time;temp", stamps("%Y/%m/%d"), [f"{t:%H:%M:%S},{t.microsecond // 1000}"
             for t in FRACTIONS], german(TEMP)), {"temp": TEMP}, FRACTIONS),
    "columns of year, month, day ...": Case(
        rows("Year,Month,Day,Hour,Minute,Second,temp",
             *(stamps(f"%{c}") for c in "YmdHMS"), T), {"temp": TEMP}, TIMES),
    "columns of 년, 월, 일, 시, 분": Case(
        rows("년,월,일,시,분,temp", *(stamps(f"%{c}", every(60)) for c in "YmdHM"), T),
        {"temp": TEMP}, every(60), encoding="cp949"),
    "seconds since 1970": Case(rows("ts,temp", since_1970(), T), {"temp": TEMP}, TIMES),
    "microseconds since 1970": Case(rows("timestamp,temp", since_1970(10**6), T), {"temp": TEMP},
        TIMES),
    "milliseconds since 1970 under another name": Case(rows("zzz,temp", since_1970(1000), T),
        {"temp": TEMP}, TIMES, said=("zzz is taken for the time",)),
    "day numbers with a decimal comma": Case(
        rows("Zeit;temp", german([(t - datetime(1899, 12, 30)) / timedelta(days=1) for t in TIMES],
             8), german(TEMP)), {"temp": TEMP}, TIMES),
    "offsets over summer time": Case(rows("time,temp", summer(datetime.isoformat), T),
        {"temp": TEMP}, OVER_SUMMER, said=("first of 2 offsets",)),
    "names of zones over summer time": Case(
        rows("time,temp", summer(lambda t: f"{t:%Y-%m-%d %H:%M} "
             + ("CEST" if t.utcoffset() == timedelta(hours=2) else "CET")), T),
        {"temp": TEMP}, OVER_SUMMER),
    "an American zone": Case(rows("time,temp", stamps("%Y-%m-%d %H:%M:%S EST"), T),
        {"temp": TEMP}, [t.replace(tzinfo=timezone(timedelta(hours=-5))) for t in TIMES]),
    "milliseconds and Z": Case(
        rows("time,temp", [t.isoformat(timespec="milliseconds") + "Z" for t in FRACTIONS], T),
        {"temp": TEMP}, [t.replace(tzinfo=UTC) for t in FRACTIONS]),
    "milliseconds behind a colon": Case(
        rows("time,temp", [f"{t:%Y-%m-%d %H:%M:%S}:{t.microsecond // 1000}" for t in FRACTIONS],
             T), {"temp": TEMP}, FRACTIONS),
    "weekday, month, day, time, year": Case(rows("time,temp", stamps("%a %b %d %H:%M:%S %Y"), T),
        {"temp": TEMP}, TIMES),
    "년 월 일 시 분 초": Case(rows("측정일시,temp", stamps("%Y년 %m월 %d일 %H시 %M분 %S초"), T),
        {"temp": TEMP}, TIMES, encoding="cp949"),
    "midnight without its time": Case(
        rows("time,temp", [f"{t:%Y-%m-%d}" + f"{t: %H:%M}" * bool(t.hour) for t in HOURS], T),
        {"temp": TEMP}, HOURS),
    "times of day alone": Case(rows("Uhrzeit;temp", stamps("%H:%M:%S"), german(TEMP)),
        {"temp": TEMP}, [86_100 + 10 * i for i in range(N)], said=("without a date",)),
    "milliseconds from the start": Case(rows("Time (ms),temp", map(str, range(0, 6000, 100)), T),
        {"temp": TEMP}, [round(0.1 * i, 1) for i in range(N)]),
    "minutes from the start, by the line of units": Case(
        "Zeit;temp\nmin;°C\n" + rows("a;b", german(np.arange(N) / 2), german(TEMP))[4:],
        {"temp": TEMP}, [30 * i for i in range(N)]),
    "hours from the start, by the name": Case(rows("elapsed_h,temp", map(str, range(N)), T),
        {"temp": TEMP}, [3600 * i for i in range(N)]),
    "seconds with their unit": Case(rows("elapsed,temp", [f"{i} s" for i in range(N)], T),
        {"temp": TEMP}, list(range(N))),
    "repeated times": Case(rows("time,temp", [ISO[i // 2] for i in range(N)], T), {"temp": TEMP},
        [TIMES[i // 2] for i in range(N)], said=("the time of the row before recurs in 30 rows",)),
    "a clock that runs back": Case(rows("time,temp", [*ISO[30:], *ISO[:30]], T), {"temp": TEMP},
        [*TIMES[30:], *TIMES[:30]], said=("runs back before 1 row",)),
    # rates, long tables
    "a value that is held": Case(
        rows("time,fast,slow", map(str, range(N)), T, [f"{VIB[i]}" * (i % 10 == 0)
             for i in range(N)]),
        {"fast": TEMP, "slow": np.repeat(VIB[::10], 10)}, options={"hold": 9}),
    "means of ten seconds": Case(
        rows("time,fast,slow", map(str, range(N)), T, [f"{VIB[i]}" * (i % 10 == 0)
             for i in range(N)]),
        {"fast": TEMP.reshape(6, 10).mean(1), "slow": VIB[::10]}, options={"every": 10}),
    "long, with a unit": Case(
        rows("timestamp,sensor,value,unit", [ISO[i // 2] for i in range(N)], ["temp", "vib"] * 30,
             [str((TEMP, VIB)[i % 2][i]) for i in range(N)], ["°C", "mm/s"] * 30),
        {"temp": TEMP[::2], "vib": VIB[1::2]}, TIMES[:30]),
    "long, of Korea": Case(
        rows("측정일시\t설비명\t항목명\t측정값", [ISO[i // 2] for i in range(N)], ["프레스3"] * N,
             ["온도", "진동"] * 30, [str((TEMP, VIB)[i % 2][i]) for i in range(N)]),
        {"온도": TEMP[::2], "진동": VIB[1::2]}, TIMES[:30], encoding="cp949"),
    "long, with numbers for tags": Case(
        rows("timestamp,sensor_id,value", [ISO[i // 2] for i in range(N)], ["101", "102"] * 30,
             [str((TEMP, VIB)[i % 2][i]) for i in range(N)]),
        {"101": TEMP[::2], "102": VIB[1::2]}, TIMES[:30]),
    "long, quality in words": Case(
        rows("TagName;Timestamp;Value;Quality", ["T", "P"] * 30, [ISO[i // 2] for i in range(N)],
             german([(TEMP, VIB)[i % 2][i] for i in range(N)], 2), but(["Good"] * N, at_6="Bad")),
        {"T": np.delete(TEMP[::2], 3), "P": np.delete(VIB[1::2], 3)}, said=("1 reading ",)),
    "long, quality 192": Case(
        rows("tag,time,value,quality", ["T", "P"] * 30, [ISO[i // 2] for i in range(N)],
             [str((TEMP, VIB)[i % 2][i]) for i in range(N)], but(["192"] * N, at_6="0")),
        {"T": np.delete(TEMP[::2], 3), "P": np.delete(VIB[1::2], 3)}, said=("1 reading ",)),
    # labels and columns that are no sensors
    "Machine failure": Case(
        rows("UDI,Torque [Nm],Machine failure", [str(i + 1) for i in range(N)], TV[1],
             words("0", "1")), {"Torque [Nm]": VIB}, ng=NG, said=("UDI",)),
    "Pass/Fail in words": Case(rows("temp,Pass/Fail", T, words("Pass", "Fail")), {"temp": TEMP},
        ng=NG),
    "판정": Case(rows("temp,판정", T, words("양", "부")), {"temp": TEMP}, ng=NG, encoding="cp949"),
    "合否": Case(rows("temp,合否", T, words("○", "×")), {"temp": TEMP}, ng=NG, encoding="cp932"),
    "正常, 异常": Case(rows("temp,状态", T, words("正常", "异常")), {"temp": TEMP}, ng=NG,
        said=("状态 is taken for the label",)),
    "i.O., n.i.O.": Case(rows("Kraft;Bewertung", german(TEMP), words("i.O.", "n.i.O.")),
        {"Kraft": TEMP}, ng=NG, said=("Bewertung is taken for the label",)),
    "states of a machine": Case(
        rows("temp,machine_status", T, but(words("NORMAL", "BROKEN"), at_30="RECOVERING")),
        {"temp": TEMP}, said=("machine_status",)),
    "a counter in steps of two": Case(rows("cycle,temp", map(str, range(1000, 1120, 2)), T),
        {"temp": TEMP}, said=("cycle", "it counts rows")),
    "a total": Case(rows("total,temp", points(3 * np.arange(N) + VIB, 2), T),
        {"total": 3 * np.arange(N) + VIB, "temp": TEMP}, said=("total drifts",)),
    "two values": Case(rows("temp,xx", T, words("0", "1")), {"temp": TEMP, "xx": NG},
        said=("xx holds two values",)),
}  # fmt: skip

REFUSED = {
    "day or month first": (rows("Zeit;temp", stamps("%d.%m.%Y %H:%M", MORNING), german(TEMP)),
                           "--dates"),
    "dates in two forms": (
        rows("time,temp", [(f"{t:%d.%m.%Y %H:%M}", f"{t:%Y-%m-%d %H:%M}")[i % 2]
             for i, t in enumerate(TIMES)], T), "one form"),
    "days or seconds": (rows("Date,temp", map(str, range(45_350, 45_350 + N)), T), "dates='days'"),
    "YYMMDD and HHMMSS": (rows("date,time,temp", stamps("%y%m%d", MORNING),
                               stamps("%H%M%S", MORNING), T), "--dates"),
    "HHMM or HHMMSS": (
        rows("date,time,temp", ["20240301"] * N, map(str, range(N)), T), "with all zeros"),
    "an era": (rows("日時,temp", stamps("令和6年3月1日 %H:%M:%S"), T), "form that is known"),
    "a zone that nobody knows": (rows("time,temp", stamps("%Y-%m-%d %H:%M:%S XYZ"), T),
                                 "form that is known"),
    "minutes and seconds, as Excel saves them": (
        rows("time,temp", [f"{i // 6:02d}:{i % 6}0.{i % 10}" for i in range(N)], T),
        "form that is known"),
    "thousands or decimals, points": (
        rows("Zeit;flow;n", ISO, [f"{x:.3f}" for x in TEMP], map(str, range(N))), "--decimal"),
    "thousands or decimals, commas": (
        rows("Zeit\tflow\tn", ISO, [f"{x:.3f}".replace(".", ",") for x in TEMP],
             map(str, range(N))), "--decimal"),
    "which of 0 and 1 is good": (rows("temp,Pass/Fail", T, words("1", "0")), "--label"),
    "which of 1 and 2 is good": (rows("temp,label", T, words("1", "2")), "--label"),
    "a verdict that nobody knows": (rows("temp,판정", T, words("OK", "재검")), "--label"),
}  # fmt: skip


def load(path, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = load_rows(path, **options)
    return table, "\n".join([*(str(c.message) for c in caught), *table.remarks()])


def compare(table, told, case):
    assert table.columns == tuple(case.sensors)
    for name, values in case.sensors.items():
        found = table.values[:, table.columns.index(name)]
        np.testing.assert_allclose(found, values, rtol=0, atol=1e-9, err_msg=name)
    if case.time is not None:
        assert table.time is not None
        same = [round(t, 9) == w if isinstance(t, float) else t == w
                for t, w in zip(table.time, case.time, strict=True)]  # fmt: skip
        assert all(same), table.time
    assert (table.labels is None) == (case.ng is None)
    if case.ng is not None:
        assert table.labels.tolist() == list(case.ng)
    assert {name: table.reading.units.get(name) for name in case.units} == case.units
    assert [said for said in case.said if said not in told] == []


@pytest.mark.parametrize("name", READ)
def test_a_file_gives_its_values(tmp_path, name):
    case = READ[name]
    path = tmp_path / case.name
    path.write_bytes(case.text.encode(case.encoding))
    compare(*load(path, **case.options), case)


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_is_ambiguous_is_refused_and_shown(tmp_path, name):
    path = tmp_path / "rows.csv"
    text, said = REFUSED[name]
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=said):
        load_rows(path)
    if "two forms" not in name:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert said in " ".join(check(path).undecided)


def test_the_same_file_is_read_the_same_way_by_what_was_found(tmp_path):
    for i, case in enumerate(READ.values()):
        path = tmp_path / f"{i}{case.name}"
        path.write_bytes(case.text.encode(case.encoding))
        first, _ = load(path, **case.options)
        again, _ = load(path, **{**first.reading.found, **case.options})
        assert again.columns == first.columns
        assert np.array_equal(again.values, first.values)
        assert again.time is None or again.time.equals(first.time)


# workbooks

MOMENTS = [pd.Timestamp(t).to_pydatetime() for t in TIMES]


BOOKS = {
    "a title in merged cells, a date, and an empty row": (
        [["Report of press 3"], ["printed", datetime(2024, 3, 2)], [None],
         ["일시", "온도", "판정"]],
        [MOMENTS, TEMP, words("OK", "NG")], Case("", {"온도": TEMP}, TIMES, NG)),
    "names of groups in merged cells": (
        [["Zeit", "Ofen 1", None], [None, "Temp", "Druck"]], [MOMENTS, TEMP, VIB],
        Case("", {"Temp": TEMP, "Druck": VIB}, TIMES)),
    "a row of units": ([["time", "temp", "vib"], [None, "°C", "mm/s"]], [MOMENTS, TEMP, VIB],
        Case("", BOTH, TIMES, units={"temp": "°C"})),
    "date and time in two columns": ([["date", "time", "temp"]],
        [[t.date() for t in MOMENTS], [t.time() for t in MOMENTS], TEMP],
        Case("", {"temp": TEMP}, TIMES)),
    "numbers as German text beside numbers": ([["time", "temp", "vib"]],
        [MOMENTS, german(TEMP), VIB], Case("", BOTH, TIMES)),
    "units in cells": ([["time", "load", "temp"]], [MOMENTS, points(TEMP, 1, " %"), TEMP],
        Case("", {"load": TEMP, "temp": TEMP}, TIMES, units={"load": "%"})),
    "day numbers": ([["time", "temp"]],
        [[(t - datetime(1899, 12, 30)) / timedelta(days=1) for t in TIMES], TEMP],
        Case("", {"temp": TEMP}, TIMES)),
    "true and false": ([["time", "temp", "ok"]], [MOMENTS, TEMP, [not ng for ng in NG.tolist()]],
        Case("", {"temp": TEMP}, TIMES, NG)),
    "times from the start": ([["elapsed", "temp"]],
        [[(datetime(2024, 1, 1) + timedelta(seconds=i)).time() for i in range(N)], TEMP],
        Case("", {"temp": TEMP}, list(range(N)), said=("without a date",))),
}  # fmt: skip


@pytest.mark.filterwarnings("error::DeprecationWarning")
@pytest.mark.parametrize("name", BOOKS)
def test_a_workbook_gives_its_values(tmp_path, name):
    above, columns, case = BOOKS[name]
    book = openpyxl.Workbook()
    book.active.append(["Info"])
    sheet = book.create_sheet("Daten")
    for row in [*above, *zip(*columns, strict=True)]:
        sheet.append([x.item() if isinstance(x, np.generic) else x for x in row])
    if len(above) > 1 and "merged" in name:
        sheet.merge_cells("B1:C1")
    book.create_sheet("Diagramm").append(["x"])
    book.save(tmp_path / "rows.xlsx")
    table, told = load(tmp_path / "rows.xlsx")
    compare(table, told, case)
    assert "Sheet, Diagramm" in told
    assert table.lines[0] == len(above) + 1


def test_all_that_is_open_is_shown_at_once(tmp_path):
    path = tmp_path / "rows.csv"
    header = ";".join([*(f"Zeit ({i})" for i in range(8)), "flow", "판정"])
    unknown = [["令和6年3月1日 08:00"] * N] * 8
    three = [f"{x:.3f}" for x in TEMP]
    path.write_text(rows(header, *unknown, three, words("1", "2")), encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        undecided = check(path).undecided
    assert len(undecided) == 10
    assert sum("--ignore" in said for said in undecided) >= 8

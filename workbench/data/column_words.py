"""Words by which machines and their people name columns and verdicts."""

import re
from collections.abc import Sequence


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TIMES = _words("""
    datetime time timestamp date dateandtime datetimelocal datetimeutc localtime utc
    utctime ts epoch epochms unixtime unix unixtimestamp recordedat createdat
    datumuhrzeit datumzeit datum uhrzeit zeit zeitstempel zeitpunkt horodatage horodate
    dateheure dateetheure heure 일시 시간 날짜 일자 시각 측정일시 측정시간
    측정시각 측정일 수집일시 수집시간 기록일시 등록일시 생산일시 발생일시 日時 時刻 時間
    日付 年月日 測定日時 測定時刻 計測日時 記録日時 収集日時 発生日時
""")
"""Columns of time, see `folded`."""
LABELS = _words("""
    anomaly label labels ng isanomaly target passfail failpass oknok okng nok isng
    machinefailure failure isfailure fault faulty isfault isfaulty defect defective
    isdefect isdefective verdict judgement judgment outlier isoutlier attack groundtruth
    fehler störung ausschuss defaut défaut anomalie 판정 판정결과 합부 합부판정 양불
    양불판정 불량 불량여부 이상 이상여부 라벨 정상여부 양품여부 합격여부 判定 判定結果
    合否 合否判定 良否 良否判定 不良 異常 異常有無
""")
"""Columns of labels."""
GOOD = _words("""
    ok isok pass passed good isgood normal isnormal healthy 정상여부 양품여부 합격여부
    양품 합격 良品
""")
"""Columns in which 1 says that all is well."""
COUNTERS = _words("""
    index idx id uid udi no nr lfdnr number record recordindex recordnumber recordno
    recnum recno rn row rownumber rowid rowno line lineno seq sequence sample sampleno
    samplenumber counter count scan scanno unnamed0 번호 순번 연번 일련번호 行番号 番号
    連番 項番
""")
"""Columns that count rows."""
NOTES = frozenset(["changepoint", "index", "unnamed0"])
"""Columns that a person or a program has added and that are no sensors."""
TAGS = _words("""
    tag tagname tagid pointname point pointid sensor sensorname sensorid signal
    signalname channel channelname variable variablename parameter parametername item
    itemname measurement metric messstelle messgröße kanal 태그 태그명 항목 항목명 센서
    센서명 タグ タグ名 項目 項目名 信号 信号名
""")
"""Columns of sensors' names in a long table."""
VALUES = _words("""
    value values reading val wert messwert valeur 값 측정값 値 測定値 計測値
""")
"""Columns of readings in a long table."""
QUALITIES = _words("""
    quality dataquality qualitycode opcquality statuscode valuestatus qualität qualite
    qualité 품질 품질코드 상태 品質
""")
"""Columns that say whether a reading of a long table can be used."""

OK_WORDS = _words("""
    0 0.0 false f ok normal no n pass passed p good healthy io i.o. 양품 정상 합격 양 합
    良 良品 正常 合格 ○
""")
NG_WORDS = _words("""
    1 1.0 true t ng anomaly yes y fail failed failure bad defect defective faulty fault
    nok nio n.i.o. ko reject rejected abnormal anomalous 불량 이상 비정상 불합격 불 부
    不良 不良品 異常 不合格 否 ×
""")
GOOD_QUALITY = _words("""
    good ok 192 0 0x0 gut 양호 정상 良 良好 正常
""")


UNITS = _words("""
    c k f °c °f degc degf deg bar mbar pa kpa mpa hpa psi mm cm m km µm μm um nm m/s mm/s cm/s
    m/s² m/s2 g kg t n kn nm v mv kv a ma ka w kw mw kwh wh j hz khz mhz 1/min min-1 u/min r/min
    1/s % %rh ppm l/min l/h m3/h m³/h s ms min h rad ω ohm lx db ph ℃ ㎛ ㎜ ㎜/s
    ts rn avg smp max std tot
""")
"""Units, and what loggers write in their place, in lower case."""


def folded(name: str) -> str:
    """A column's name without case, units and signs.

    Example:
        >>> folded("Pass/Fail"), folded("TIME_STAMP (UTC)"), folded("온도 [°C]")
        ('passfail', 'timestamp', '온도')
    """
    bare = re.sub(r"[\[(（].*?[\])）]", "", name).casefold() or name.casefold()
    return re.sub(r"[\W_]+", "", bare)


def known(name: str) -> int:
    """How well a cell is known as the name of a column: 2 as time or label, 1 as others, or 0."""
    word = folded(name)
    if word in TIMES or word in LABELS:
        return 2
    return int(word in COUNTERS or word in TAGS or word in VALUES)


def are_units(cells: Sequence[str]) -> bool:
    """Whether at least half of the cells of a row that hold anything are units.

    Example:
        >>> are_units(["TS", "RN", "C", "1/min", "mm/s"]), are_units(["temp", "rpm", "vib"])
        (True, False)
    """
    held = [cell.strip("[]() ").casefold() for cell in cells if cell]
    return bool(held) and 2 * sum(cell in UNITS for cell in held) >= len(held)


def unit_of(name: str) -> str:
    """The unit that a name ends with in brackets, or "".

    Example:
        >>> unit_of("temp [°C]"), unit_of("rpm (1/min)"), unit_of("temp (2)")
        ('°C', '1/min', '')
    """
    found = re.search(r"[\[(（]([^\])）]+)[\])）]\s*$", name)
    return found[1] if found and not found[1].isdigit() else ""

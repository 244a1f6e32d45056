"""CSV files of our own: they open right in a spreadsheet, and come back after it saved them."""

import csv
import os
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.data import load_rows
from workbench.data.csv import BOM, csv_bytes, encoding_of, read_table
from workbench.data.relabels import read_relabels, write_relabels
from workbench.errors import AmbiguousError
from workbench.session.results import COLUMNS, Verdict, result_table

NAMES = ["양품_0.png", "=1+1.png", "+cmd|' /C calc'!A0.png", "@x.png", "-1.png", "'quoted.png",
         "a;b,c.png", 'say "no".png']  # fmt: skip
VERDICTS = [Verdict(name, "OK", "NG", 0.1234567 * i - 0.2) for i, name in enumerate(NAMES)]


def written(path):
    results = result_table(path)
    results.open()
    for verdict in VERDICTS:
        results.append(verdict)
    results.lock.release()
    return path


def test_a_spreadsheet_knows_the_encoding_and_runs_no_formula(tmp_path):
    content = written(tmp_path / "result.csv").read_bytes()
    assert content.startswith(BOM) and content.count(BOM) == 1
    lines = content.decode("utf-8-sig").splitlines()
    assert lines[0].startswith(",".join(COLUMNS))
    assert not any(line.startswith(("=", "+", "@", "-1.png")) for line in lines)
    assert lines[1].split(",")[3] == "-0.2"  # a number is no formula


def as_saved(rows, encoding, separator):
    """What a spreadsheet makes of the rows: a decimal comma beside semicolons."""
    lines = []
    for row in rows:
        cells = [f'"{c}"' if separator in c or '"' in c else c for c in row]
        if separator == ";" and row is not rows[0]:
            cells[3] = cells[3].replace(".", ",")
        lines.append(separator.join(cells).replace('say "no"', 'say ""no""'))
    return ("\r\n".join(lines) + "\r\n").encode(encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_results_are_resumed_after_a_spreadsheet_saved_them(tmp_path, encoding, separator):
    path = written(tmp_path / "result.csv")
    rows = csv_rows(path)
    path.write_bytes(as_saved(rows, encoding, separator))
    results = result_table(path)
    assert results.open() == VERDICTS
    assert path.read_bytes().startswith(BOM + b"file name,label")  # as we write it again
    results.append(Verdict("more.png", "", "OK", 0.5))
    results.lock.release()
    assert [v.name for v in result_table(path).open()] == [*NAMES, "more.png"]


def csv_rows(path):
    """The cells as the file holds them, guards and all."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


@given(st.lists(st.lists(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"),
                                 min_size=1), min_size=3, max_size=3), min_size=1))  # fmt: skip
def test_any_text_comes_back(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("text") / "any.csv"
    path.write_bytes(csv_bytes([["name", "b", "c"], *rows]))
    assert list(read_table(path)[0]) == [["name", "b", "c"], *rows]


def test_relabels_come_back_from_another_encoding(tmp_path):
    path = tmp_path / "in.relabels.csv"
    write_relabels(path, {"OK/양품_0.png": True})
    assert path.read_bytes().startswith(BOM)
    path.write_bytes(path.read_bytes().decode("utf-8-sig").encode("cp949"))
    assert read_relabels(path) == {"OK/양품_0.png": True}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "cp949",
                                      "cp932", "cp1252", "euc_jp", "gb18030"])  # fmt: skip
def test_encodings_are_told_apart(tmp_path, encoding):
    text = {"cp949": "온도 (℃),압력\n", "cp932": "温度,圧力 (℃)\n", "euc_jp": "温度,圧力 (℃)\n",
            "gb18030": "温度,转速\n"}.get(encoding, "°C,µm/s²\n")  # fmt: skip
    path = tmp_path / "rows.csv"
    path.write_bytes((text + "1.5,2.5\n" * 30).encode(encoding))
    with path.open(encoding=encoding_of(path)) as file:
        assert file.readline() == text


@pytest.mark.parametrize(("word", "encoding", "other"), [
    ("湿度", "euc_jp", "센텐"), ("ｶｲﾃﾝ", "cp932", "떤쵸"),
    ("电流", "gb18030", "든직")])  # fmt: skip
def test_words_of_two_languages_are_refused_with_the_choice(tmp_path, word, encoding, other):
    path = tmp_path / "rows.csv"
    path.write_bytes((f"{word},temp\n" + "1.5,2.5\n2.5,1.5\n" * 30).encode(encoding))
    said = f"'{other}' (cp949) or '{word}' ({encoding}); pass encoding='cp949' or enc"
    with pytest.raises(AmbiguousError, match=re.escape(said)):
        load_rows(path)
    assert load_rows(path, encoding=encoding).columns == (word, "temp")


def test_a_known_word_tells_the_encoding_of_unknown_ones(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes("꽹꿱,temp\n".encode("cp949"))
    with pytest.raises(AmbiguousError):
        encoding_of(path)
    path.write_bytes("일시,꽹꿱,temp\n".encode("cp949"))
    assert encoding_of(path) == "cp949"


@pytest.mark.slow
@pytest.mark.parametrize("console", ["ascii", "cp949"])
def test_a_console_of_another_encoding_ends_no_command(tmp_path, console):
    path = tmp_path / "😀 온도.csv"
    path.write_text("온도,😀\n" + "1,2\n3,5\n" * 9, "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "workbench.cli", "data", "check", path],
        env={**os.environ, "PYTHONIOENCODING": console, "PYTHONUTF8": "0"},
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert console == "ascii" or b"\\U0001f600" in done.stdout  # typer writes UTF-8 for ASCII

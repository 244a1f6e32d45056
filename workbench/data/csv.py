"""Text as machines and spreadsheets save it: which encoding, and tables of our own that come back.

A program for tables may save our CSV files in another encoding or with another separator, and
takes a cell that starts like a formula for one. Both are undone on reading.
"""

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from workbench.errors import DataError

from .row_options import ambiguous
from .words import LETTERS, known

BOM = codecs.BOM_UTF8
"""What tells Excel that a file is UTF-8; the first bytes of the files that we write."""
LEGACY = ("cp949", "cp932", "cp1252", "euc_jp", "gb18030")
"""Encodings without a mark: Korean, Japanese, western and Chinese machines."""
_SURE, _APART = 0.5, 0.25  # mark of a text that people write, and from any other reading
_BLOCK = 1 << 20
_SAMPLE = 1 << 16  # bytes from which a legacy encoding is told
_CELL_ENDS = re.compile(r"[,;|\t\r\n]+")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_QUOTED_FORMULA = re.compile(r"'+[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|nan|[+-]?inf")
_WESTERN = set("°µ²³±×·€–’\u00a0Ø½¼") | set("ÄÖÜäöüßÀÂÇÈÉÊËÎÏÔÙÛàâçèéêëîïôùûœŒÆæÅåñÑ")
_SYMBOLS = set("℃℉㎛㎜㎝㎞㎏㎎㎍㎡㎥㎐㎑㎒㎾㎸㎃㎄㎲㎳㎷㎽Ω℧Å°±×÷′″μ")


def encoding_of(path: Path) -> str:
    """The encoding of a text file by its mark, else UTF-8 if it is that, else a legacy one.

    Raises:
        AmbiguousError: Several give words that people may have written.
    """
    try:
        with path.open("rb") as file:
            start = file.read(4096)
            if found := _marked(start):
                return found
            if b"\0" in start:
                raise DataError(f"{path} must be text with separated cells; it is a binary file")
            file.seek(0)
            sample = _not_utf8(file)
    except OSError as error:
        raise DataError(f"{path} must be a CSV file: {error.strerror}") from None
    if sample is None:
        return "utf-8"
    readings = legacy_readings(sample)
    if len(readings) > 1:
        ways = " or ".join(f"{_NOT_ASCII.findall(text)[0]!r} ({name})" for text, name in readings)
        said = f"{path}: its first word that is not ASCII may be {ways}"
        raise ambiguous(said, "encoding", [name for _, name in readings])
    return readings[0][1]


def legacy_readings(sample: bytes) -> list[tuple[str, str]]:
    """Text and encoding of what a sample may be, the likeliest first; one where it is clear.

    Example:
        >>> [legacy_readings(word.encode(code))[0] for word, code in
        ...  [("온도", "cp949"), ("温度", "cp932"), ("°C", "cp1252"), ("温度", "euc_jp")]]
        [('온도', 'cp949'), ('温度', 'cp932'), ('°C', 'cp1252'), ('温度', 'euc_jp')]
    """
    marks = {name: _plausibility(sample, name) for name in LEGACY}
    first, *others = sorted(marks, key=marks.__getitem__, reverse=True)
    best = marks[first]
    texts = {sample.decode(first, "replace"): first}
    for name in others:
        if marks[name] > (best - _APART if best >= _SURE else -1):
            texts.setdefault(sample.decode(name, "replace"), name)
    readings = list(texts.items())
    known_by_words = [r for r in readings if any(map(known, _CELL_ENDS.split(r[0])))]
    return known_by_words if len(known_by_words) == 1 else readings


def decoded(content: bytes) -> str:
    """The text of a small file in any of the encodings; it never fails."""
    if found := _marked(content[:4096]):
        return content.decode(found, errors="replace")
    sample = _not_utf8(io.BytesIO(content))
    return content.decode("utf-8" if sample is None else legacy_readings(sample)[0][1], "replace")


def read_table(source: Path | bytes) -> tuple[Iterator[list[str]], bool]:
    """The rows of a CSV of ours without formula guards, and whether it is as we left it.

    A file, or its content, that a spreadsheet has saved since gives the numbers and names it had.
    """
    content = source if isinstance(source, bytes) else source.read_bytes()
    text = decoded(content)
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(",;\t", key=first.count)
    cells = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    # where a semicolon separates, a comma may be the decimal sign
    clean = _unguarded if separator == "," else lambda cell: _with_point(_unguarded(cell))
    rows = ([clean(cell) for cell in row] for row in cells if any(row))
    return rows, separator == "," and content.startswith(BOM) and b"\r" not in content


def csv_bytes(rows: Iterable[Sequence[object]]) -> bytes:
    """Rows as a file of our own: CSV that opens right in a spreadsheet, see `read_table`."""
    return BOM + csv_text(rows).encode()


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    r"""Rows as CSV; text that a spreadsheet would take for a formula is guarded by a quote.

    Example:
        >>> csv_text([("=1+1.png", -0.5)])
        "'=1+1.png,-0.5\n"
    """
    text = io.StringIO()
    minimal = csv.writer(text, lineterminator="\n")
    quoted = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in rows:
        cells = [_guarded(cell) for cell in row]
        # a bare carriage return would end the row
        (quoted if any("\r" in cell for cell in cells) else minimal).writerow(cells)
    return text.getvalue()


def _guarded(cell: object) -> str:
    text = str(cell)
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def _unguarded(cell: str) -> str:
    return cell[1:] if _QUOTED_FORMULA.match(cell) else cell


def _with_point(cell: str) -> str:
    return cell.replace(",", ".") if re.fullmatch(r"-?\d+,\d+(E[+-]?\d+)?", cell) else cell


def _marked(start: bytes) -> str | None:
    """By the byte order mark, or by the zero bytes that ASCII has in UTF-16."""
    if start.startswith(BOM):
        return "utf-8-sig"
    if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    for name, zeros, others in (("utf-16-le", start[1::2], start[::2]),
                                ("utf-16-be", start[::2], start[1::2])):  # fmt: skip
        if len(start) > 7 and zeros.count(0) > len(zeros) / 2 and not others.count(0):
            return name
    return None


def _not_utf8(file: io.BufferedIOBase) -> bytes | None:
    """None for UTF-8 (which may be cut off in its last character), else lines not in ASCII."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    sample, valid = bytearray(), True
    while (block := file.read(_BLOCK)) and (valid or len(sample) <= _SAMPLE):
        if block.isascii() and not decoder.getstate()[0]:
            continue
        try:
            decoder.decode(block)
        except UnicodeDecodeError:
            valid = False
        for line in block.split(b"\n") if len(sample) <= _SAMPLE else ():
            sample += b"" if line.isascii() else line + b"\n"
    return None if valid else bytes(sample[: 2 * _SAMPLE])


def _plausibility(sample: bytes, encoding: str) -> float:
    """Mean mark of the bytes that are not ASCII, from -1 to 1; -2 where they cannot be decoded."""
    try:
        text = sample.decode(encoding)
    except UnicodeDecodeError as error:
        if error.start < len(sample) - 2 or len(sample) < _SAMPLE:  # else it may be cut off
            return -2.0
        text = sample.decode(encoding, "ignore")
    marks = [(_mark(char, encoding, run), len(char.encode(encoding, "ignore")))
             for run in _NOT_ASCII.findall(text) for char in run]  # fmt: skip
    return sum(mark * size for mark, size in marks) / max(1, sum(size for _, size in marks))


def _mark(char: str, encoding: str, run: str) -> float:
    if encoding == "cp1252":  # whose letters and signs stand alone among ASCII, or two as in "öß"
        alone = len(run) == 1 or (len(run) == 2 and run.islower())
        return 1.0 if alone and char in _WESTERN else -1.0
    name = unicodedata.name(char, "")
    if char in _SYMBOLS or char in LETTERS:
        return 1.0
    if name.startswith(("HIRAGANA", "KATAKANA", "FULLWIDTH")) and encoding != "cp949":
        return 1.0
    if name.startswith("HALFWIDTH"):
        return 0.6
    return 0.2 if name.startswith(("HANGUL SYLLABLE", "CJK")) else -1.0

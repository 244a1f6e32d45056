"""The words of `words.toml`, and what a name of a folder, a column or a cell says by them."""

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

WORDS: dict[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


def listed(section: str, name: str = "") -> frozenset[str]:
    """A list of words; "|" and line ends set apart words with spaces inside."""
    text = WORDS[section][name] if name else WORDS[section]
    if "|" in text:
        return frozenset(word for word in map(str.strip, re.split(r"[|\n]", text)) if word)
    return frozenset(text.split())


MISSING = listed("missing")
_COLUMNS = {name: listed("columns", name) for name in WORDS["columns"]}
TIMES, LABELS, TWO_SIDED, GOOD = (_COLUMNS[n] for n in ("times", "labels", "two_sided", "good"))
COUNTERS, NOTES, UNITS, TYPES = (_COLUMNS[n] for n in ("counters", "notes", "units", "types"))
TAGS, VALUES, QUALITIES = (_COLUMNS[n] for n in ("tags", "values", "qualities"))
OK_CELLS, NG_CELLS, BARE, GOOD_QUALITY = (
    listed("cells", name) for name in ("ok", "ng", "bare", "good_quality")
)
SECONDS: dict[str, float] = WORDS["times"]["seconds"]
CALENDAR = {w: part for part, said in WORDS["times"]["calendar"].items() for w in said.split()}
_FOLDERS = {name: listed("folders", name) for name in WORDS["folders"]}
PLAIN, DERIVED = _FOLDERS["plain"], _FOLDERS["derived"]
MASKS, MASK_LABELS = _FOLDERS["masks"], _FOLDERS["mask_labels"]
SPLIT_WORDS = {w: split for split in ("train", "calibration", "test") for w in _FOLDERS[split]}
LETTERS = frozenset("".join(WORDS["letters"].values())) - {"\n"}
_LONGEST = max(map(len, MISSING))


class Word(NamedTuple):
    """What a folder name says: `ng` is None where it says nothing; `kind` of defect, or ""."""

    ng: bool | None
    kind: str = ""


def is_missing(cell: str) -> bool:
    """Whether a cell is empty or one of the words for no reading.

    Example:
        >>> is_missing("---"), is_missing("#N/A"), is_missing("0")
        (True, True, False)
    """
    return not cell or (len(cell) <= _LONGEST and cell.lower() in MISSING)


def bare(name: str) -> str:
    """A column's name without case, units and signs.

    Example:
        >>> bare("Pass/Fail"), bare("TIME_STAMP (UTC)"), bare("온도 [°C]")
        ('passfail', 'timestamp', '온도')
    """
    name = unicodedata.normalize("NFKC", name)
    short = re.sub(r"[\[(].*?[\])]", "", name).casefold() or name.casefold()
    return re.sub(r"[\W_]+", "", short)


def known(name: str) -> int:
    """How well a cell is known as the name of a column: 2 as time or label, 1 as others, or 0."""
    word = bare(name)
    if word in TIMES or word in LABELS:
        return 2
    return int(word in COUNTERS or word in TAGS or word in VALUES)


def is_time_name(name: str) -> bool:
    """Whether a column's name says that it holds times."""
    word, *parts = bare(name), *tokens(name)
    if len(parts) > 1 and parts[-1] in SECONDS and "".join(parts[:-1]) in TIMES:
        return True
    if parts and parts[0] in TIMES and unit_of(name).casefold() in SECONDS:
        return True
    return word in TIMES or word.endswith(("timestamp", "datetime", "epochms", "unixtime"))


def seconds_of(name: str, unit: str) -> float:
    """How long the unit of a column of times is, 1 where it has none.

    Example:
        >>> seconds_of("Time", "[min]"), seconds_of("time_ms", ""), seconds_of("time", "")
        (60, 0.001, 1.0)
    """
    last = (tokens(name) or [""])[-1] if is_time_name(name) else ""
    return SECONDS.get(unit.strip("[]() ").casefold(), SECONDS.get(last, 1.0))


def are_units(cells: Sequence[str]) -> bool:
    """Whether at least half of the cells of a row that hold anything are units.

    Example:
        >>> are_units(["TS", "RN", "C", "1/min", "mm/s"]), are_units(["temp", "rpm", "vib"])
        (True, False)
    """
    held = [cell for cell in cells if cell]
    return bool(held) and 2 * sum(map(is_unit, held)) >= len(held)


def are_types(cells: Sequence[str]) -> bool:
    """Whether the cells of a row are names of data types, beside those of times and counters.

    Example:
        >>> are_types(["date", "F", "REAL"]), are_types(["time", "temp", "real"])
        (True, False)
    """
    said = [cell.casefold() for cell in cells if cell]
    named = sum(cell in TYPES for cell in said)
    return named > 0 and named + sum(known(cell) > 0 for cell in cells) >= len(said)


def is_unit(cell: str) -> bool:
    """Whether a cell is the sign of a unit, in brackets or not."""
    return cell.strip("[]() ").casefold() in UNITS


def unit_of(name: str) -> str:
    """The unit that a name ends with in brackets, or "".

    Example:
        >>> unit_of("temp [°C]"), unit_of("rpm (1/min)"), unit_of("temp (2)")
        ('°C', '1/min', '')
    """
    found = re.search(r"[\[(（]([^\])）]+)[\])）]\s*$", name)
    return found[1] if found and not found[1].isdigit() else ""


def tokens(name: str) -> list[str]:
    """Words of a name in lower case, without separators; digits stand by themselves.

    Example:
        >>> tokens("OK_2호기"), tokens("GoodParts")
        (['ok', '2', '호기'], ['good', 'parts'])
    """
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", unicodedata.normalize("NFC", name))
    return re.findall(r"[^\W\d_]+|\d+", name.casefold())


def amount(count: float, noun: str) -> str:
    """A number of things, for people.

    Example:
        >>> amount(1, "file"), amount(1200, "photo")
        ('1 file', '1,200 photos')
    """
    return f"{count:,.0f} {noun}{'' if count == 1 else 's'}"


def phrase(name: str) -> str:
    """The tokens with single spaces, to be looked up."""
    return " ".join(tokens(name))


def folded(name: str) -> str:
    """A name as it is compared: composed letters, lower case."""
    return unicodedata.normalize("NFC", name).casefold()


def word(name: str, own: Mapping[str, bool | None] | None = None) -> Word:
    """Whether a folder name or cell says good or NG, by a user's `own` words first.

    Example:
        >>> word("양품").ng, word("NG").ng, word("OK_2호기").ng, word("NG_scratch")
        (False, True, False, Word(ng=True, kind='scratch'))
        >>> word("NG_rework").ng is word("monday").ng is None
        True
    """
    if own and (key := folded(name)) in own:
        return Word(own[key])
    every = tokens(name)
    for length in range(len(every), 0, -1):
        for start in (0, len(every) - length):
            said = " ".join(every[start : start + length])
            if said in _FOLDERS["good"] | _FOLDERS["bad"]:
                return _with_rest(
                    said in _FOLDERS["bad"], [*every[:start], *every[start + length :]]
                )
    return Word(None)


def may_be_kind(name: str) -> bool:
    """Whether a name may be that of a kind of defect.

    It is none if it means a machine, a number, photos yet to be sorted or made by a program, or
    holds a word for good, or nearly one.

    Example:
        >>> [may_be_kind(n) for n in ("broken_large", "cam 2", "새 폴더", "OK_old", "nomral")]
        [True, False, False, False, False]
    """
    every, good = tokens(name), [one for one in _FOLDERS["good"] if " " not in one]
    clear = all(token.isdigit() or token in _FOLDERS["clear"] for token in every)
    if clear or phrase(name) in DERIVED or not _FOLDERS["unsorted"].isdisjoint(every):
        return False
    sides = {token: word(token).ng for token in every}
    return not any(
        ng is False or (ng is None and get_close_matches(token, good, 1, cutoff=0.75))
        for token, ng in sides.items()
    )


def _with_rest(ng: bool, rest: list[str]) -> Word:
    kinds = [token for token in rest if ng and token in _FOLDERS["defects"]]
    clear = all(token.isdigit() or token in _FOLDERS["clear"] or token in kinds for token in rest)
    return Word(ng, " ".join(kinds)) if clear else Word(None)

"""Which rows are NG: a column by its name, or by the verdicts that it holds."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.errors import AmbiguousError, DataError

from .cells import Cells
from .columns import Column, require
from .row_options import column_of
from .words import BARE, GOOD, LABELS, NG_CELLS, OK_CELLS, TWO_SIDED, amount, bare, is_missing

_VERDICTS = OK_CELLS | NG_CELLS
_MOST = 10  # different words of a label


class Label(NamedTuple):
    """Which rows are NG, how that was told, and how to tell it again."""

    column: Column
    rule: str
    again: str
    assumed: str = ""


def find_label(cells: Mapping[str, Cells], name: str | None, path: object) -> Label | None:
    """The labels by name, by a known word, or by what the only column of verdicts holds.

    "NAME=VALUE" says which value of a column is NG, "NAME!=VALUE" which is not.
    """
    if name is not None:
        name, sign, value = _rule(name, cells)
        require(cells, [name], path)
        if label := _label(cells[name], name, sign, value, path, asked=True):
            return label
        held = ", ".join(filter(None, _words(cells[name])[0][:6]))
        raise DataError(
            f"{path}: the label column {name} must hold 0 and 1, or OK and NG, got {held}; "
            f"pass label='{name}=VALUE' with the value that is NG (--label)"
        )
    for words in (LABELS, GOOD):
        for known in (n for n in cells if bare(n) in words):
            if label := _label(cells[known], known, "", "", path):
                return label
    verdicts = [n for n in cells if cells[n].is_text() and _is_verdict(cells[n], n)]
    if len(verdicts) == 1 and (label := _label(cells[verdicts[0]], verdicts[0], "", "", path)):
        return label._replace(assumed=f"{verdicts[0]} is taken for the label (--label)")
    return None


def _rule(name: str, cells: Mapping[str, Cells]) -> tuple[str, str, str]:
    """Column, sign and value of "NAME=VALUE", where the whole is no column's name."""
    if name in cells:
        return name, "", ""
    for sign in ("!=", "="):
        column, found, value = name.rpartition(sign)
        if found and column in cells:
            return column, sign, value.strip()
    return column_of(name), "", ""


def _words(cells: Cells) -> tuple[list[str], NDArray[np.int64]]:
    """The different words of a column, in lower case, and the number of the word of each row."""
    if cells.is_text():
        codes, words = pd.factorize(pd.Series(cells.values, dtype=object))
        return [str(word).strip().lower() for word in words], codes
    codes, words = pd.factorize(cells.values, use_na_sentinel=True)
    return [f"{word:g}" for word in words] + [""], np.where(codes < 0, len(words), codes)


def _label(
    cells: Cells, name: str, sign: str, value: str, path: object, *, asked: bool = False
) -> Label | None:
    if cells.are_dates():
        return None
    words, codes = _words(cells)
    if len(words) > 1000:
        return None
    counts = np.bincount(codes, minlength=len(words)).tolist()
    held = {word: n for word, n in zip(words, counts, strict=True) if n}
    assumed, again = "", f"{name}{sign}{value}"
    if sign:
        verdicts = _by_value(held, sign, value)
        rule = f"NG where it {'is' if sign == '=' else 'is not'} {value}"
        if len(set(verdicts.values())) < 2:
            assumed = f"no row is {'NG' if sign == '=' else 'OK'}: {name} never holds {value}"
    else:
        verdicts = _by_word(held, name, path, asked=asked)
        ordered = sorted(verdicts, key=lambda word: (not verdicts[word], word))
        rule = ", ".join(f"{word} = {'NG' if verdicts[word] else 'OK'}" for word in ordered)
        again = f"{name}=1" if set(verdicts) == {"1", "-1"} else name
    if 2 * sum(held.get(w, 0) for w in verdicts) < sum(counts) or not verdicts:
        return None
    ng = np.array([verdicts.get(word, False) for word in words], bool)
    known = np.array([word in verdicts for word in words], bool)
    return Label(Column(name, cells, ng[codes], ~known[codes]), rule, again, assumed)


def _by_value(held: Mapping[str, int], sign: str, value: str) -> dict[str, bool]:
    named = value.lower()
    if named not in held and any(map(_is_same_number, held, [named] * len(held))):
        named = next(word for word in held if _is_same_number(word, named))
    return {word: (word == named) == (sign == "=") for word in held
            if word == named or not is_missing(word)}  # fmt: skip


def _is_same_number(word: str, other: str) -> bool:
    try:
        return float(word) == float(other)
    except ValueError:
        return False


def _by_word(held: Mapping[str, int], name: str, path: object, *, asked: bool) -> dict[str, bool]:
    """True for words that say NG; {} where the words are no verdicts."""
    sides = {word for word in held if word in _VERDICTS or not is_missing(word)}
    if not sides:
        return {}
    if sides in ({"-1", "1"}, {"-1"}):
        verdicts = {"-1": False, "1": True}
    elif sides <= {"p", "f"}:
        verdicts = {"p": False, "f": True}
    else:
        flipped = bare(name) in GOOD and sides <= BARE
        verdicts = {w: (w in NG_CELLS) != flipped for w in sides if w in _VERDICTS}
    n_ng, n_ok = (sum(held.get(w, 0) for w, ng in verdicts.items() if ng is side)
                  for side in (True, False))  # fmt: skip
    common = 2 * (n_ng + n_ok) >= sum(held.values())
    bad_code = n_ng >= n_ok and sides <= BARE and ("-1" in sides or bare(name) in TWO_SIDED)
    unknown = any(held[word] > 2 for word in sides - set(verdicts)) and len(sides) <= _MOST
    words = not any(map(_is_same_number, sides, sides)) and 2 <= len(sides) <= _MOST
    if (bad_code or unknown) if common else words:
        if not (asked and common) and bare(name) not in LABELS | GOOD:
            return {}
        ordered = sorted(sides, key=lambda word: -held[word])
        choice = " or ".join(f"label='{name}={word}'" for word in ordered[:4])
        counts = ", ".join(f"{word} ({amount(held[word], 'row')})" for word in ordered)
        raise AmbiguousError(
            f"{path}: which values of the label column {name} are NG is not known, it holds "
            f"{counts}; pass {choice} with "
            f"the one that is NG, label='{name}!=VALUE' with the one that is OK (--label), or "
            "leave the column out (--ignore)", {"label": f"{name}={ordered[-1]}"},
        )  # fmt: skip
    return verdicts if common else {}


def _is_verdict(cells: Cells, name: str) -> bool:
    """Whether a column of text holds two words of a verdict, one for each side."""
    words = set(_words(cells)[0]) - {""} if len(set(cells.values[:1000])) <= 3 else set()
    clear = words <= _VERDICTS - BARE
    return clear and len(words) == 2 and len(words & OK_CELLS) == 1 and "qual" not in name.lower()

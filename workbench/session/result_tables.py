"""Result files as tables: rates by lot or any column, and two inspectors side by side."""

import csv
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.data.csv import read_table
from workbench.errors import DataError
from workbench.metrics import Agreement, GroupRates, agreement, by_group

from .results import COLUMNS

NAME, LABEL, VERDICT, SCORE = COLUMNS
FOLDER = "folder"
"""Stands for the folder that a part lies in, where no column has that name."""


class Inspected(NamedTuple):
    """How far two inspectors agree, on the parts that both have judged."""

    found: Agreement
    disagreed: tuple[tuple[str, str, str], ...]  # file name, first, second
    only_first: int  # parts that the other file has no judgement of
    only_second: int

    def to_dict(self) -> dict[str, Any]:
        """All of it by name, with a row a part on which they differ."""
        keys = ("file name", "first", "second")
        rows = [dict(zip(keys, one, strict=True)) for one in self.disagreed]
        left_out = {"only_first": self.only_first, "only_second": self.only_second}
        return self.found._asdict() | {"disagreed": rows} | left_out


def read_results(path: Path | str) -> pd.DataFrame:
    """A result file as a table of words; unreadable parts, which have no verdict, are left out.

    Raises:
        DataError: No such file, or it does not begin with the columns of a result file.
    """
    table = _words(path)
    if tuple(table.columns[:4]) != COLUMNS:
        raise DataError(
            f"{path} must be a result file with the columns {', '.join(COLUMNS)}, got "
            f"{', '.join(table.columns[:4])}"
        )
    table = table[table[VERDICT].isin(["OK", "NG"])].reset_index(drop=True)
    if not len(table):
        raise DataError(f"{path} holds no verdict; score some parts first")
    return table


def labels_of(table: pd.DataFrame) -> pd.Series:
    """What each part is as far as known: what an inspector said, else the folder's label."""
    if "relabel" not in table:
        return table[LABEL]
    return table["relabel"].where(table["relabel"] != "", table[LABEL])


def rates_by(
    table: pd.DataFrame,
    column: str,
    *,
    details: Path | str | None = None,
    every: str | None = None,
) -> list[GroupRates]:
    """Rates of each lot, shift, camera or day.

    Args:
        column: A column of the table or of `details`; "folder" is where a part lies.
        details: A CSV with a column "file name" and further ones, for what a result file lacks.
        every: Takes the column for times and joins them by this much, such as "1D" or "8h".

    Raises:
        DataError: No such column, no parts in common, or times that cannot be read.
    """
    if details is not None:
        more = _words(details)
        if NAME not in more:
            raise DataError(f"{details} must have a column {NAME!r}, got {', '.join(more)}")
        table = table.merge(more.drop_duplicates(NAME), on=NAME, suffixes=("", " (details)"))
        if not len(table):
            raise DataError(f"{details} names none of the parts in the result file")
    if column in table:
        groups = table[column]
    elif column == FOLDER:
        groups = table[NAME].str.rpartition("/")[0]
    else:
        raise DataError(f"rates need a column, got {column!r}; there are {', '.join(table)}")
    if every is not None:
        groups, order = _binned(groups, every)
        table, groups = table.iloc[order], groups.iloc[order]
    return by_group(table[VERDICT], labels_of(table), groups)


def compare_inspectors(first: Path | str, second: Path | str) -> Inspected:
    """Where two result files differ; DataError if one is none, or they share no part."""
    return agree(judged(first), judged(second))


def judged(path: Path | str) -> pd.Series:
    """What an inspector says of each part, by file name: the relabel, else the label let stand."""
    table = read_results(path).drop_duplicates(NAME, keep="last").set_index(NAME)
    words = labels_of(table)
    return words[words.isin(["OK", "NG"])]


def agree(first: pd.Series, second: pd.Series) -> Inspected:
    """Two judgements, "OK" or "NG" by file name; parts without either are left out."""
    both = first.index.intersection(second.index, sort=False)
    if not len(both):
        raise DataError("the two judgements have no judged part in common")
    one, other = first[both], second[both]
    found = agreement(list(one), list(other))
    disagreed = tuple((both[i], one.iloc[i], other.iloc[i]) for i in found.disagreed)
    return Inspected(found, disagreed, len(first) - len(both), len(second) - len(both))


def _binned(times: pd.Series, every: str) -> tuple[pd.Series, np.ndarray]:
    """The beginning of each time's bin as words, and the order of time."""
    try:
        at = pd.to_datetime(times, format="ISO8601")
    except ValueError as error:
        raise DataError(
            f"{times.name} must hold times such as 2026-11-28 10:00: {error}"
        ) from None
    try:
        begun = at.dt.floor(every)
    except ValueError:
        raise DataError(f"every must be a time such as 1D, 8h or 30min, got {every!r}") from None
    return begun.astype(str), np.argsort(begun.to_numpy(), kind="stable")


def _words(path: Path | str) -> pd.DataFrame:
    try:
        header, *rows = list(read_table(Path(path))[0]) or [[]]
    except FileNotFoundError:
        raise DataError(f"{path} must be a CSV file; there is none") from None
    except csv.Error as error:
        raise DataError(f"{path} must be a CSV file: {error}") from None
    whole = [row for row in rows if len(row) == len(header)]  # a torn row says nothing
    return pd.DataFrame(whole, columns=header, dtype=str)

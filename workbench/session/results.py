"""The result file: one row an image, on the disk before anybody sees the verdict."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from workbench import workspace
from workbench.data.csv import csv_bytes, csv_text, read_table
from workbench.errors import DataError

from .lock import FileLock

COLUMNS = ("file name", "label", "prediction", "anomaly score")
OWN_COLUMNS = ("relabel", "note")
_HEADER = (*COLUMNS, *OWN_COLUMNS)


class Verdict(NamedTuple):
    """One row of the result file.

    `label` is the folder's, "" where nobody labelled the image; `relabel` is what a person says,
    the same word where he confirmed it.
    """

    name: str
    label: str
    prediction: str
    score: float
    relabel: str = ""
    note: str = ""

    @property
    def truth(self) -> str:
        """What the part is as far as we know: the inspector's label, else the folder's."""
        return self.relabel or self.label

    @property
    def relabelled(self) -> bool:
        """Whether a person says something else than the folder."""
        return bool(self.relabel) and self.relabel != self.label

    @property
    def outcome(self) -> str:
        """`correct`, `missed` (NG called OK), `overkill` (OK called NG) or "" if unlabelled."""
        return outcome(self.truth, self.prediction)

    def at(self, threshold: float) -> "Verdict":
        """The same image judged at another threshold."""
        return self._replace(prediction="NG" if self.score >= threshold else "OK")


def outcome(truth: str, prediction: str) -> str:
    """What a prediction comes to.

    Example:
        >>> outcome("NG", "OK"), outcome("OK", "OK"), outcome("", "NG")
        ('missed', 'correct', '')
    """
    if not truth or not prediction:
        return ""
    wrong = "missed" if truth == "NG" else "overkill"
    return "correct" if truth == prediction else wrong


class ResultFile:
    """The CSV `file name,label,prediction,anomaly score,relabel,note`.

    With no path nothing is written. Its rows are cut off, replaced and added to by one session
    at a time, see `FileLock`.
    """

    def __init__(self, path: Path | str | None) -> None:
        self.path = None if path is None else workspace.resolve(path)
        self.lock = None if self.path is None else FileLock(self.path)

    def open(self, *, take_over: bool = False) -> list[Verdict]:
        """Read what is there, as its writer where possible; rows of a killed run are mended.

        Raises:
            DataError: It has other columns, or a score that is no number.
        """
        if self.path is None:
            return []
        self.path.parent.mkdir(parents=True, exist_ok=True)
        writer = self.lock.take(by_force=take_over)
        if not self.path.exists():
            return []
        if writer:
            self._cut_torn_row()
        found, ours = read_table(self.path)
        header, *rows = list(found) or [[]]
        if tuple(header[:4]) != COLUMNS:
            self.lock.release()
            raise DataError(
                f"{self.path.name} must start with the columns {','.join(COLUMNS)}, got "
                f"{','.join(header)}; choose another results file"
            )
        rows = [self._verdict(row) for row in rows]
        once = list({row.name: row for row in rows}.values())  # the last word on each image
        if writer and (not ours or tuple(header) != _HEADER or len(once) < len(rows)):
            self.write(once)
        return once

    def append(self, verdict: Verdict) -> None:
        """Add one row and hand it to the disk before returning."""
        if self.path is None:
            return
        self.lock.check()
        fresh = not self.path.exists() or not self.path.stat().st_size
        with self.path.open("ab") as file:
            file.write(csv_bytes([_HEADER, verdict]) if fresh else csv_text([verdict]).encode())
            file.flush()
            os.fsync(file.fileno())

    def set_aside(self) -> Path | None:
        """Rename the file to the first free `NAME-1.csv`, `NAME-2.csv` ... and return that."""
        if self.path is None or not self.path.exists():
            return None
        self.lock.check()
        stem, suffix, number = self.path.stem, self.path.suffix, 1
        while (kept := self.path.with_name(f"{stem}-{number}{suffix}")).exists():
            number += 1
        return self.path.rename(kept)

    def write(self, verdicts: Iterable[Verdict]) -> None:
        """Replace all rows in one step: a crash leaves the former file or the new one."""
        if self.path is None:
            return
        self.lock.check()
        with workspace.written(self.path) as file:
            file.write(csv_bytes([_HEADER, *verdicts]))

    @property
    def place(self) -> str:
        """Name of the image that its writer last stood at, or ""."""
        try:
            return "" if self.path is None else self._place.read_text("utf-8")
        except OSError:
            return ""

    def remember(self, name: str) -> None:
        """Keep the place for a later session, if this one is the writer."""
        if self.path is not None and self.lock.is_ours:
            self._place.write_text(name, "utf-8")

    @property
    def _place(self) -> Path:
        return self.path.with_name(f".{self.path.name}.place")

    def _cut_torn_row(self) -> None:
        """A run killed while writing leaves half a row: the image is judged again instead."""
        content = self.path.read_bytes()
        if content and not content.endswith((b"\n", b"\n\0")):  # the latter in UTF-16
            whole, newline, _ = content.rpartition(b"\n")
            self.path.write_bytes(whole + newline)

    def _verdict(self, row: list[str]) -> Verdict:
        try:
            name, label, prediction, score, *own = row[: len(_HEADER)]
            return Verdict(name, label, prediction, float(score), *own)
        except ValueError as error:
            raise DataError(
                f"rows of {self.path.name} must hold four cells with a number as the fourth, got "
                f"{row}; mend the row or choose another results file"
            ) from error

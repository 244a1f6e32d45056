"""The result file: one row an image, on the disk before anybody sees the verdict."""

from math import isfinite
from pathlib import Path
from typing import NamedTuple

from workbench import workspace
from workbench.data.table_file import TableFile

COLUMNS = ("file name", "label", "prediction", "anomaly score")
OWN_COLUMNS = ("relabel", "note")
_HEADER = (*COLUMNS, *OWN_COLUMNS)
_WORDS = {"", "OK", "NG"}


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
    """What a prediction comes to."""
    if not truth or not prediction:
        return ""
    wrong = "missed" if truth == "NG" else "overkill"
    return "correct" if truth == prediction else wrong


def result_table(path: Path | str) -> TableFile[Verdict]:
    """The CSV `file name,label,prediction,anomaly score,relabel,note`; the last two may lack."""
    remedy = "go on there, or take it over with session.take_over()"
    return TableFile(workspace.resolve(path), _HEADER, _verdict, len(COLUMNS), remedy=remedy)


def _verdict(row: list[str]) -> Verdict:
    name, label, prediction, score, *own = row[: len(_HEADER)]
    verdict = Verdict(name, label, prediction, float(score), *own)
    if not (isfinite(verdict.score) and _WORDS.issuperset((label, prediction, verdict.relabel))):
        raise ValueError("a row must hold OK or NG and a score that is a number")
    return verdict

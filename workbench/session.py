"""An inspection run without widgets: an order, a position, verdicts, and the file they go to.

An image counts as judged once it was shown (`current`). Its verdict goes to the result CSV at
that moment, one row an image, so that a killed run resumes where it was. File, verdicts and
rates always speak of the detector's present threshold: when it moves, the scores are judged
anew and the former file is kept under a number.
"""

import csv
import io
import os
from collections import OrderedDict
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench import metrics, workspace
from workbench.errors import DataError

if TYPE_CHECKING:
    from workbench.data import ImageFolder
    from workbench.detectors.image import Evaluation

COLUMNS = ("file name", "label", "prediction", "anomaly score")
ORDERS = ("random", "name", "worst", "closest")
KEPT = 4  # evaluations in memory; one of a 12-megapixel photo takes 84 MB
SAME_SCORE = 1e-3  # relative; a GPU and a CPU differ by less, two detectors by more


class ImageDetector(Protocol):
    """What a session asks of a detector."""

    threshold: float

    def score(self, images: "ImageFolder") -> NDArray[np.float64]: ...  # noqa: D102
    def evaluate_one(self, source: Path) -> "Evaluation": ...  # noqa: D102


class Verdict(NamedTuple):
    """One row of the result file; `label` is "" where nobody labelled the image."""

    name: str
    label: str
    prediction: str
    score: float

    @property
    def outcome(self) -> str:
        """`correct`, `missed` (NG called OK), `overkill` (OK called NG) or "" if unlabelled."""
        if not self.label:
            return ""
        wrong = "missed" if self.label == "NG" else "overkill"
        return "correct" if self.label == self.prediction else wrong


class ResultFile:
    """The CSV `file name,label,prediction,anomaly score`; with no path, nothing is written."""

    def __init__(self, path: Path | str | None) -> None:
        self.path = None if path is None else workspace.resolve(path)

    def read(self) -> list[Verdict]:
        """The verdicts in the file, in order; [] where there is none.

        Raises:
            DataError: The file has other columns, or a score that is no number.
        """
        if self.path is None or not self.path.exists():
            return []
        self._cut_torn_row()
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = list(csv.reader(file)) or [[]]
        if tuple(header[:4]) != COLUMNS:
            raise DataError(
                f"{self.path.name} must start with the columns {','.join(COLUMNS)}, got "
                f"{','.join(header)}; choose another results file"
            )
        return [self._verdict(row) for row in rows if row]

    def append(self, verdict: Verdict) -> None:
        """Add one row and hand it to the disk before returning."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = not self.path.exists() or not self.path.stat().st_size
        with self.path.open("ab") as file:
            file.write(_csv([COLUMNS, verdict] if fresh else [verdict]))
            file.flush()
            os.fsync(file.fileno())

    def set_aside(self) -> Path | None:
        """Rename the file to the first free `NAME-1.csv`, `NAME-2.csv` ... and return that."""
        if self.path is None or not self.path.exists():
            return None
        stem, suffix, number = self.path.stem, self.path.suffix, 1
        while (kept := self.path.with_name(f"{stem}-{number}{suffix}")).exists():
            number += 1
        return self.path.rename(kept)

    def write(self, verdicts: list[Verdict]) -> None:
        """Write a whole new file, in one step."""
        if self.path is None:
            return
        part = self.path.with_name(self.path.name + ".part")
        part.write_bytes(_csv([COLUMNS, *verdicts]))
        part.replace(self.path)

    def _cut_torn_row(self) -> None:
        """A run killed while writing leaves half a row: the image is judged again instead."""
        content = self.path.read_bytes()
        if content and not content.endswith(b"\n"):
            whole, newline, _ = content.rpartition(b"\n")
            self.path.write_bytes(whole + newline)

    def _verdict(self, row: list[str]) -> Verdict:
        try:
            name, label, prediction, score = row[:4]
            return Verdict(name, label, prediction, float(score))
        except ValueError as error:
            raise DataError(
                f"rows of {self.path.name} must hold four cells with a number as the fourth, got "
                f"{row}; mend the row or choose another results file"
            ) from error


class InspectionSession:
    """Steps through a folder of parts with one detector.

    Args:
        detector: A fitted image detector.
        parts: The images to inspect, usually `parts.test`.
        order: "random" (seeded), "name", "worst" (highest score first) or "closest" (to the
            threshold first); the last two score everything beforehand.
        seed: Decides the random order.
        results: CSV to append to, relative to the workspace; an existing one is resumed. None
            keeps the verdicts in memory only.

    Raises:
        DataError: `parts` is empty, or `results` is a file of another kind.
        ValueError: Unknown order.

    Attributes:
        position: Index of the current image in the order, from 0.
        note: What a user should know about the results file, or "".
        lock: Held while the state changes; widget callbacks run in threads of their own.

    Example:
        >>> session = InspectionSession(detector, parts.test)  # doctest: +SKIP
        >>> session.current.verdict, session.next().current.verdict  # doctest: +SKIP
        ('OK', 'NG')
    """

    def __init__(
        self,
        detector: ImageDetector,
        parts: "ImageFolder",
        order: str = "random",
        *,
        seed: int = 0,
        results: Path | str | None = None,
    ) -> None:
        if order not in ORDERS:
            raise ValueError(f"order must be one of {', '.join(ORDERS)}, got {order!r}")
        if not len(parts):
            raise DataError("a session needs at least one image, got an empty folder of parts")
        self.detector, self.parts = detector, parts
        self.position, self.note, self.lock = 0, "", RLock()
        self._scores: NDArray[np.float64] | None = None
        self._shown: OrderedDict[int, Evaluation] = OrderedDict()
        self._judged: dict[str, Verdict] = {}
        self._threshold = float(detector.threshold)
        self._order = self._arrange(order, seed)
        self._file = ResultFile(results)
        self._resume()

    def __len__(self) -> int:
        return len(self.parts)

    @property
    def results(self) -> Path | None:
        """The result CSV, absolute."""
        return self._file.path

    @property
    def index(self) -> int:
        """Index of the current image in `parts`."""
        return int(self._order[self.position])

    @property
    def name(self) -> str:
        """File name of the current image, relative to the folder."""
        return self.parts.names[self.index]

    @property
    def label(self) -> str:
        """True label of the current image: "OK", "NG" or ""."""
        return _word(self.parts.labels, self.index)

    @property
    def current(self) -> "Evaluation":
        """The evaluation of the current image, which is thereby judged."""
        with self.lock:
            self._follow_threshold()
            evaluation = self._evaluate(self.index)
            if self.name not in self._judged:
                self._judge(evaluation)
            return evaluation

    @property
    def verdict(self) -> Verdict:
        """The verdict on the current image."""
        with self.lock:
            _ = self.current
            return self._judged[self.name]

    @property
    def verdicts(self) -> pd.DataFrame:
        """What was judged, in that order, with the columns of the result file."""
        with self.lock:
            self._follow_threshold()
            return pd.DataFrame(list(self._judged.values()), columns=COLUMNS)

    def next(self) -> "InspectionSession":
        """Move on by one image, at most to the last."""
        return self.go(self.position + 1)

    def previous(self) -> "InspectionSession":
        """Move back by one image, at most to the first."""
        return self.go(self.position - 1)

    def go(self, position: int) -> "InspectionSession":
        """Move to a position, counted from 0 and kept within the folder."""
        with self.lock:
            self.position = min(max(int(position), 0), len(self) - 1)
        return self

    def rates(self) -> metrics.Metrics:
        """Miss rate, overkill rate and the rest over the labelled images judged so far."""
        with self.lock:
            self._follow_threshold()
            known = [verdict for verdict in self._judged.values() if verdict.label]
            threshold = self.detector.threshold
        labels = [verdict.label == "NG" for verdict in known]
        return metrics.evaluate([verdict.score for verdict in known], labels, threshold)

    def scores(self) -> NDArray[np.float64]:
        """Scores of all parts, shape (N,), in the order of `parts`; computed once."""
        with self.lock:
            if self._scores is None:
                self._scores = np.asarray(self.detector.score(self.parts), np.float64)
            return self._scores

    def reset(self) -> Path | None:
        """Forget all verdicts and return to the first image.

        Returns:
            Where the former result file was kept, or None if there was none.
        """
        with self.lock:
            self._judged.clear()
            self.position = 0
            return self._file.set_aside()

    def _arrange(self, order: str, seed: int) -> NDArray[np.intp]:
        if order == "random":
            return np.random.default_rng(seed).permutation(len(self))
        if order == "name":
            return np.arange(len(self))
        distance = -self.scores() if order == "worst" else abs(self.scores() - self._threshold)
        return np.argsort(distance, kind="stable")  # NaN, the unreadable, goes last

    def _evaluate(self, index: int) -> "Evaluation":
        if index not in self._shown:
            self._shown[index] = self.detector.evaluate_one(self.parts[index])
        self._shown.move_to_end(index)
        if len(self._shown) > KEPT:
            self._shown.popitem(last=False)
        return self._shown[index]

    def _judge(self, evaluation: "Evaluation") -> None:
        verdict = Verdict(self.name, self.label, evaluation.verdict, float(evaluation.score))
        self._file.append(verdict)  # first the disk: what counts is also written
        self._judged[self.name] = verdict

    def _follow_threshold(self) -> None:
        """Judge the known scores anew if somebody moved the detector's threshold."""
        if (threshold := float(self.detector.threshold)) == self._threshold:
            return
        self._threshold = threshold
        self._shown.clear()
        self._rejudge()

    def _rejudge(self) -> None:
        judged = {v.name: _at(v, self._threshold) for v in self._judged.values()}
        if judged != self._judged:
            self._judged = judged
            kept = self._file.set_aside()
            self._file.write(list(judged.values()))
            self.note = f"threshold moved; former verdicts kept as {kept.name}" if kept else ""

    def _resume(self) -> None:
        labels = {n: _word(self.parts.labels, i) for i, n in enumerate(self.parts.names)}
        rows = [row for row in self._file.read() if row.name in labels]
        if rows and not self._is_ours(rows[0]):
            kept = self._file.set_aside()
            self.note = f"results of another detector found and kept as {kept.name}"
            rows = []
        self._judged = {row.name: row._replace(label=labels[row.name]) for row in rows}
        self._rejudge()
        waiting = [p for p, i in enumerate(self._order) if self.parts.names[i] not in self._judged]
        self.position = waiting[0] if waiting else len(self) - 1

    def _is_ours(self, row: Verdict) -> bool:
        """Whether this detector gives the same score: a retrained one must not be mixed in."""
        score = self._evaluate(self.parts.names.index(row.name)).score
        return bool(np.isclose(score, row.score, rtol=SAME_SCORE, atol=1e-9))


def _word(labels: NDArray[np.bool_] | None, index: int) -> str:
    return "" if labels is None else ("NG" if labels[index] else "OK")


def _at(verdict: Verdict, threshold: float) -> Verdict:
    return verdict._replace(prediction="NG" if verdict.score >= threshold else "OK")


def _csv(rows: list[tuple]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()

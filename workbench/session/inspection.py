"""An inspection run without widgets: an order, a position, verdicts, and the file they go to.

An image counts as judged once it was shown (`current`). Its verdict goes to the result CSV at
that moment, one row an image, so that a killed run resumes where it was. File, verdicts and
rates always speak of the detector's present threshold: when it moves, the scores are judged
anew and the former file is kept under a number.
"""

from dataclasses import replace
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Protocol
from weakref import finalize

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench import metrics
from workbench.errors import DataError

from .prefetch import Ahead, lock_of
from .record import Record
from .results import COLUMNS, OWN_COLUMNS, Verdict, outcome
from .selection import Choice

if TYPE_CHECKING:
    from workbench.csflow.evaluation import Evaluation
    from workbench.data import ImageFolder

SAME_SCORE = 1e-3  # relative; a GPU and a CPU differ by less, two detectors by more
CHUNK = 32  # images scored in one go; between two of them a waiting user gets his turn


class ImageDetector(Protocol):
    """What a session asks of a detector."""

    threshold: float

    def score(self, images: "ImageFolder") -> NDArray[np.float64]: ...  # noqa: D102
    def evaluate_one(self, source: Path) -> "Evaluation": ...  # noqa: D102


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
        take_over: Become the writer of `results` even if a session of another process is, which
            then stops with an error.

    Raises:
        DataError: `parts` is empty, or `results` is a file of another kind or in use.
        ValueError: Unknown order.

    Attributes:
        position: Index of the current image among those shown, from 0.
        choice: The order and the filter; see `show`.
        lock: Held while the state changes; widget callbacks run in threads of their own.
        ahead: Evaluations by index in `parts`, the latest and the next ones.

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
        take_over: bool = False,
    ) -> None:
        self.choice = Choice(order, seed)
        if not len(parts):
            raise DataError("a session needs at least one image, got an empty folder of parts")
        self.detector, self.parts = detector, parts
        self.position, self.lock = 0, RLock()
        self._scoring = lock_of(detector)
        self.ahead = Ahead(self._evaluate, _bytes, self._scoring)
        self._scores: NDArray[np.float64] | None = None
        self._threshold = float(detector.threshold)
        self._order = self._arrange(self.choice)
        self._record = Record(parts, results, take_over=take_over)
        if lock := self._record.file.lock:
            self._release = finalize(self, lock.release)
        self._record.resume(self._is_ours, self._threshold)
        done = self._record.verdicts
        waiting = [p for p, i in enumerate(self._order) if parts.names[i] not in done]
        self.position = waiting[0] if waiting else len(self) - 1

    def __len__(self) -> int:
        """How many images are shown, that is, pass the filter."""
        return len(self._order)

    @property
    def results(self) -> Path | None:
        """The result CSV, absolute."""
        return self._record.file.path

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
        """The folder's label of the current image: "OK", "NG" or ""."""
        return self._record.label(self.index)

    @property
    def current(self) -> "Evaluation":
        """The evaluation of the current image, which is thereby judged."""
        with self.lock:
            self._follow_threshold()
            evaluation = self.ahead.get(self.index)
            if evaluation.threshold != self._threshold:  # it was computed before a move
                evaluation = replace(evaluation, threshold=self._threshold)
            if self.name not in self._record.verdicts:
                self._record.add(self._judged_now(evaluation))
            return evaluation

    @property
    def verdict(self) -> Verdict:
        """The verdict on the current image."""
        with self.lock:
            _ = self.current
            return self._record.verdicts[self.name]

    @property
    def note(self) -> str:
        """What a user should know about the results file, or ""."""
        return self._record.note

    @property
    def judged(self) -> int:
        """How many images were judged."""
        return len(self._record.verdicts)

    @property
    def verdicts(self) -> pd.DataFrame:
        """What was judged, in that order, with the columns of the result file."""
        with self.lock:
            self._follow_threshold()
            return pd.DataFrame(
                list(self._record.verdicts.values()), columns=[*COLUMNS, *OWN_COLUMNS]
            )

    def next(self) -> "InspectionSession":
        """Move on by one image, at most to the last."""
        return self.go(self.position + 1)

    def previous(self) -> "InspectionSession":
        """Move back by one image, at most to the first."""
        return self.go(self.position - 1)

    def go(self, position: int) -> "InspectionSession":
        """Move to a position, counted from 0 and kept within what is shown."""
        with self.lock:
            self.position = min(max(int(position), 0), len(self) - 1)
        return self

    def open(self, name: str) -> "InspectionSession":
        """Move to an image by its file name; a filter that hides it is lifted.

        Raises:
            ValueError: No such image.
        """
        if name not in self.parts.names:
            raise ValueError(f"no image {name!r} in this session; names look like {self.name!r}")
        with self.lock:
            index = self.parts.names.index(name)
            if index not in self._order:
                self.show(label="", verdict="", outcome="")
            self.position = int(np.flatnonzero(self._order == index)[0])
        return self

    def show(self, **words: str | int) -> "InspectionSession":
        """Change order or filter; the current image stays where it passes the filter.

        A filter by verdict or outcome, like the orders "worst" and "closest", scores what has
        not been scored yet.

        Args:
            **words: Any of order, seed, label, verdict and outcome; see `Choice`. "" takes a
                filter away.

        Raises:
            ValueError: An unknown word, or no image passes; all stays as it was.

        Example:
            >>> session.show(outcome="missed", order="worst")  # doctest: +SKIP
        """
        choice = self.choice.changed(**words)
        if choice.needs_scores or choice.needs_verdicts:
            self.scores()  # outside the lock: stepping goes on meanwhile
        with self.lock:
            self._follow_threshold()
            here, order = self.index, self._arrange(choice)
            if not len(order):
                raise ValueError("no image passes this filter; nothing was changed")
            self.choice, self._order = choice, order
            found = np.flatnonzero(order == here)
            self.position = int(found[0]) if len(found) else 0
        return self

    def arrange(self, names: list[str]) -> "InspectionSession":
        """Show these images only, in this order, from the first.

        Raises:
            ValueError: An unknown name, or none.
        """
        indices = {name: index for index, name in enumerate(self.parts.names)}
        if not names or (unknown := [name for name in names if name not in indices]):
            raise ValueError(
                f"names must be images of this session, got {unknown[0] if names else 'none'}"
            )
        with self.lock:
            self._order, self.position = np.array([indices[name] for name in names]), 0
        return self

    def relabel(self, label: str | None) -> Verdict:
        """Correct the label of the current image: "OK", "NG", or None for the folder's own.

        It goes to the result file and to the relabels beside the data, see `data.relabels`.

        Raises:
            ValueError: Another word.
        """
        if label not in ("OK", "NG", None):
            raise ValueError(f'label must be "OK", "NG" or None, got {label!r}')
        with self.lock:
            former = self.verdict
            word = "" if label in (None, former.label) else label
            return self._record.change(former._replace(relabel=word))

    def annotate(self, text: str) -> Verdict:
        """Write a note on the current image, one line; "" takes it away."""
        with self.lock:
            note = " ".join(text.split())
            return self._record.change(self.verdict._replace(note=note))

    def undo(self) -> Verdict | None:
        """Take back the latest relabel or note and go to its image; None if there is none."""
        with self.lock:
            if restored := self._record.undo():
                self.open(restored.name)
            return restored

    def rates(self) -> metrics.Metrics:
        """Miss rate, overkill rate and the rest over the labelled images judged so far."""
        with self.lock:
            self._follow_threshold()
            known = [verdict for verdict in self._record.verdicts.values() if verdict.truth]
            threshold = self.detector.threshold
        labels = [verdict.truth == "NG" for verdict in known]
        return metrics.evaluate([verdict.score for verdict in known], labels, threshold)

    def scores(self) -> NDArray[np.float64]:
        """Scores of all parts, shape (N,), in the order of `parts`; computed once."""
        if self._scores is None:
            scores = np.full(len(self.parts), np.nan)
            for start in range(0, len(scores), CHUNK):
                rows = slice(start, start + CHUNK)
                with self._scoring:
                    scores[rows] = self.detector.score(self.parts[rows])
            self._scores = scores
        return self._scores

    def truth(self, index: int) -> str:
        """What an image of `parts` is: the corrected label, else the folder's, or ""."""
        return self._record.truth(index)

    @property
    def settled(self) -> set[str]:
        """Names of the images that were relabelled or have a note."""
        rows = self._record.verdicts.values()
        return {row.name for row in rows if row.relabel or row.note}

    @property
    def scored(self) -> bool:
        """Whether all scores are known, so that orders and filters by them are at once."""
        return self._scores is not None

    def labels(self) -> NDArray[np.bool_] | None:
        """True for NG, shape (N,), corrected so far as we know; None where one is unlabelled."""
        words = [self.truth(index) for index in range(len(self.parts))]
        return None if "" in words else np.array([word == "NG" for word in words])

    def look_ahead(self) -> None:
        """Score the images around the current one in the background, the next ones first."""
        with self.lock:
            here = self.position
            wanted = [here + 1, here + 2, here - 1, *range(here + 3, here + 16)]
            self.ahead.want(int(self._order[p]) for p in wanted if 0 <= p < len(self))

    def reset(self) -> Path | None:
        """Forget all verdicts and return to the first image; relabels stay with the data.

        Returns:
            Where the former result file was kept, or None if there was none.
        """
        with self.lock:
            kept = self._record.reset()
            self.position = 0
            return kept

    def close(self) -> None:
        """Let others write the result file."""
        self.ahead.want([])
        if self._record.file.lock:
            self._release()

    def _evaluate(self, index: int) -> "Evaluation":
        return self.detector.evaluate_one(self.parts[index])

    def _arrange(self, choice: Choice) -> NDArray[np.intp]:
        scores = self.scores() if choice.needs_scores else None
        order = choice.arrange(len(self.parts), scores, self._threshold)
        return np.array([i for i in order if self._passes(i, choice)], dtype=np.intp)

    def _passes(self, index: int, choice: Choice) -> bool:
        if not (choice.label or choice.needs_verdicts):
            return True
        truth, prediction = self.truth(index), ""
        if choice.needs_verdicts and not np.isnan(score := self.scores()[index]):
            judged = self._record.verdicts.get(self.parts.names[index])
            # what was shown counts: scored alone and in a batch, it may differ by rounding
            score = judged.score if judged else score
            prediction = "NG" if score >= self._threshold else "OK"
        return choice.lets_through(truth, prediction, outcome(truth, prediction))

    def _judged_now(self, evaluation: "Evaluation") -> Verdict:
        score, relabel = float(evaluation.score), self._record.relabel(self.name)
        return Verdict(self.name, self.label, evaluation.verdict, score, relabel)

    def _follow_threshold(self) -> None:
        """Judge the known scores anew if somebody moved the detector's threshold."""
        if (threshold := float(self.detector.threshold)) != self._threshold:
            self._threshold = threshold
            self._record.rejudge(threshold)

    def _is_ours(self, row: Verdict) -> bool:
        """Whether this detector gives the same score: a retrained one must not be mixed in."""
        score = self.ahead.get(self.parts.names.index(row.name)).score
        return bool(np.isclose(score, row.score, rtol=SAME_SCORE, atol=1e-9))


def _bytes(evaluation: "Evaluation") -> int:
    return evaluation.image.nbytes + evaluation.heatmap.nbytes

"""An inspection run without widgets: an order, a position, verdicts, and the file they go to.

`current` looks at an image; `judge` puts its verdict into the result CSV at that moment, one row
an image, so that a killed run goes on where it was. File, verdicts and rates always speak of the
detector's present threshold: when it moves, the scores are judged again and the former file is
kept under a number.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from workbench import metrics
from workbench.errors import DataError

from .background import PartScores, Prefetcher, lock_of
from .navigation import Navigation, Selection
from .record import Record
from .results import COLUMNS, OWN_COLUMNS, Verdict, outcome

if TYPE_CHECKING:
    import pandas as pd

    from workbench.csflow import CSFlowDetector
    from workbench.csflow.evaluation import Evaluation
    from workbench.data import ImageFolder

SAME_SCORE = 1e-3  # relative; a GPU and a CPU differ by less, two detectors by more


class InspectionSession(Navigation):
    """Steps through a folder of parts with one detector.

    Args:
        parts: The images to inspect, usually `parts.test`.
        order: "random" (seeded), "name", "worst" (highest score first) or "closest" (to the
            threshold first); the last two score everything beforehand.
        results: CSV to append to, relative to the workspace; an existing one is resumed. None
            keeps the verdicts in memory only. Where a session of another process writes it, this
            one can only look, see `read_only`.

    Raises:
        DataError: `parts` is empty, or `results` is a file of another kind.
        ValueError: Unknown order.

    Example:
        >>> session = InspectionSession(detector, parts.test)  # doctest: +SKIP
        >>> session.judge().verdict, session.next().judge().verdict  # doctest: +SKIP
        ('OK', 'NG')
    """

    def __init__(
        self,
        detector: "CSFlowDetector",
        parts: "ImageFolder",
        order: str = "random",
        *,
        seed: int = 0,
        results: Path | str | None = None,
    ) -> None:
        self.selection = Selection(order, seed)
        if not len(parts):
            raise DataError("a session needs at least one image, got an empty folder of parts")
        self.detector, self.parts = detector, parts
        self.position, self.lock = 0, RLock()
        self.prefetcher = Prefetcher(
            self._evaluate, lambda e: e.image.nbytes + e.heatmap.nbytes, lock_of(detector)
        )
        # scores by index in `parts`, as far as they are known
        self.all_scores = self._part_scores()
        self._threshold = float(detector.threshold)
        self._overall: tuple[tuple, metrics.Metrics] | None = None
        self._order = self._arrange(self.selection)
        self._record = Record(parts, results)
        if table := self._record.table:
            finalize(self, table.lock.release)
        self._resume()

    @property
    def results(self) -> Path | None:
        """The result CSV, absolute."""
        return table.path if (table := self._record.table) else None

    @property
    def label(self) -> str:
        """The folder's label of the current image: "OK", "NG" or ""."""
        return self._record.label(self.index)

    @property
    def current(self) -> "Evaluation":
        """The evaluation of the current image."""
        with self.lock:
            self._follow_threshold()
            evaluation = self.prefetcher.get(self.index)
            if evaluation.threshold != self._threshold:  # it was computed before a move
                evaluation = replace(evaluation, threshold=self._threshold)
            return evaluation

    @property
    def verdict(self) -> Verdict:
        """The verdict on the current image: as recorded, else what `judge` would record."""
        with self.lock:
            return self._record.verdicts.get(self.name) or self._judged_now(self.current)

    def judge(self) -> "Evaluation":
        """Record the verdict on the current image, once.

        Returns:
            Its evaluation.

        Raises:
            DataError: Another session writes the result file.
        """
        with self.lock:
            evaluation = self.current
            if self.name not in self._record.verdicts:
                self._record.add(self._judged_now(evaluation))
            return evaluation

    @property
    def read_only(self) -> bool:
        """Whether another session writes the result file, so that this one can only look."""
        return self._record.table is not None and not self._record.writable

    def only_look(self) -> None:
        """Leave the result file to others, until `take_over`."""
        if table := self._record.table:
            table.lock.release()

    @property
    def released(self) -> bool:
        """Whether nobody writes the result file any more, so that it may be taken over."""
        return (table := self._record.table) is not None and table.lock.free

    def take_over(self) -> "InspectionSession":
        """Become the writer of the result file and read what the other session left there."""
        with self.lock:
            self._record.open(by_force=True)
            self._resume()
        return self

    @property
    def note(self) -> str:
        """What a user should know about the results file, or ""."""
        return self._record.note

    @property
    def judged(self) -> int:
        """How many images were judged."""
        return len(self._record.verdicts)

    @property
    def verdicts(self) -> "pd.DataFrame":
        """What was judged, in that order, with the columns of the result file."""
        with self.lock:
            self._follow_threshold()
            import pandas as pd  # nearly a second, which an inspector need not wait for

            return pd.DataFrame(
                list(self._record.verdicts.values()), columns=[*COLUMNS, *OWN_COLUMNS]
            )

    def relabel(self, label: str | None) -> Verdict:
        """Confirm or correct the label of the current image; None takes it back.

        It goes to the result file, a correction to the relabels beside the data too, see
        `data.relabels`.

        Raises:
            ValueError: Another word.
            DataError: Another session writes the result file.
        """
        if label not in ("OK", "NG", None):
            raise ValueError(f'label must be "OK", "NG" or None, got {label!r}')
        with self.lock:
            self.judge()
            return self._record.change(self.verdict._replace(relabel=label or ""))

    def annotate(self, text: str) -> Verdict:
        """Write a note on the current image, one line; "" takes it away."""
        with self.lock:
            self.judge()
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

    def overall(self) -> metrics.Metrics | None:
        """The same over all labelled parts, judged or not; None until all are scored."""
        if not self.scored:
            return None
        with self.lock:
            self._follow_threshold()
            key = (self._threshold, self._record.changes)
            if self._overall is None or self._overall[0] != key:
                known = [i for i in range(len(self.parts)) if self.truth(i) and self.prediction(i)]
                judged = [self.score_of(i) for i in known], [self.truth(i) == "NG" for i in known]
                self._overall = key, metrics.evaluate(*judged, self._threshold)
            return self._overall[1]

    def prediction(self, index: int) -> str:
        """What the detector says of an image of `parts`, or "" while that is not known."""
        score = self.score_of(index)
        return "" if np.isnan(score) else ("NG" if score >= self.detector.threshold else "OK")

    def outcome(self, index: int) -> str:
        """`correct`, `missed`, `overkill`, or "" while that is not known."""
        return outcome(self.truth(index), self.prediction(index))

    def scores(self) -> NDArray[np.float64]:
        """Scores of all parts, shape (N,), in the order of `parts`; computed once."""
        return self.all_scores.all()

    def score_in_background(self, progress: Callable[[], None]) -> None:
        """Score what has not been scored; a part that somebody looks at goes first.

        Args:
            progress: Called after each few parts, in a thread of its own.
        """
        self.all_scores.start(progress, self.prefetcher.wait)

    def truth(self, index: int) -> str:
        """What an image of `parts` is: the corrected label, else the folder's, or ""."""
        return self._record.truth(index)

    @property
    def settled(self) -> set[str]:
        """Names of the images that a person confirmed, relabelled or wrote a note on."""
        rows = self._record.verdicts.values()
        return {row.name for row in rows if row.relabel or row.note}

    @property
    def scored(self) -> bool:
        """Whether all scores are known, so that orders and filters by them are at once."""
        return self.all_scores.complete

    def labels(self) -> NDArray[np.bool_] | None:
        """True for NG, shape (N,), corrected so far as we know; None where one is unlabelled."""
        words = [self.truth(index) for index in range(len(self.parts))]
        return None if "" in words else np.array([word == "NG" for word in words])

    def reset(self) -> Path | None:
        """Forget all verdicts and return to the first image; relabels stay with the data.

        Returns:
            Where the former result file was kept, or None if there was none.
        """
        with self.lock:
            kept = self._record.reset()
            self.go(0)
            return kept

    def adjust(self, **changes: object) -> bool:
        """`detector.adjust`: all scores become others, so verdicts are forgotten as by `reset`.

        Raises:
            DataError: Another session writes the result file.
        """
        with self.lock, lock_of(self.detector):
            if table := self._record.table:
                table.lock.check()
            self.all_scores.stop()
            found = self.detector.adjust(**changes)
            self.prefetcher.forget()
            self.all_scores, self._overall = self._part_scores(), None
            self._threshold = float(self.detector.threshold)
            self._order = self._arrange(self.selection)
            self.reset()
        return found

    def _part_scores(self) -> PartScores:
        return PartScores(self.detector.score, self.parts, lock_of(self.detector))

    def close(self) -> None:
        """Stop what runs in the background and let others write the result file."""
        self.all_scores.stop()
        self.prefetcher.request([])
        self.only_look()

    def _evaluate(self, index: int) -> "Evaluation":
        evaluation = self.detector.evaluate_one(self.parts[index])
        self.all_scores.know(index, float(evaluation.score))
        return evaluation

    def _passes(self, index: int, selection: Selection) -> bool:
        if not (selection.label or selection.needs_verdicts):
            return True
        prediction = self.prediction(index) if selection.needs_verdicts else ""
        truth = self.truth(index)
        return selection.lets_through(truth, prediction, outcome(truth, prediction))

    def score_of(self, index: int) -> float:
        """Score of an image of `parts`, NaN while it is not known."""
        # what was shown counts: scored alone and in a batch, it may differ by rounding
        judged = self._record.verdicts.get(self.parts.names[index])
        return judged.score if judged else float(self.all_scores.values[index])

    def _resume(self) -> None:
        """Go on with the rows of the result file, where its last writer stood."""
        self._record.resume(self._are_ours, self._threshold)
        shown = [self.parts.names[i] for i in self._order]
        done, place = self._record.verdicts, self._record.place
        waiting = (p for p, name in enumerate(shown) if name not in done)
        self.position = shown.index(place) if place in shown else next(waiting, len(shown) - 1)

    def _moved(self) -> None:
        self._record.remember(self.name)

    def _judged_now(self, evaluation: "Evaluation") -> Verdict:
        score, relabel = float(evaluation.score), self._record.relabel(self.name)
        return Verdict(self.name, self.label, evaluation.verdict, score, relabel)

    def _follow_threshold(self) -> None:
        """Judge the known scores again if somebody moved the detector's threshold."""
        if (threshold := float(self.detector.threshold)) != self._threshold:
            self._record.rejudge(threshold)
            self._threshold = threshold  # not before the file follows

    def _are_ours(self, rows: list[Verdict]) -> bool:
        """Whether this detector gives the same scores: a retrained one must not be mixed in."""
        for row in rows:
            with suppress(DataError, OSError):  # a photo that was damaged since says nothing
                score = self.prefetcher.get(self.parts.names.index(row.name)).score
                return bool(np.isclose(score, row.score, rtol=SAME_SCORE, atol=1e-9))
        return True

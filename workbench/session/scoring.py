"""Scores of all parts, computed in pieces so that a waiting user gets a turn between two."""

import time
from collections.abc import Callable, Sequence
from threading import Event, RLock, Thread

import numpy as np
from numpy.typing import NDArray

PIECE, BACKGROUND_PIECE = 32, 4  # images in one go


class PartScores:
    """Scores by position, NaN where they are not computed yet.

    Args:
        score: From some parts to their scores.
        lock: Held while scoring.

    Example:
        >>> scores = PartScores(lambda parts: parts * 2.0, np.arange(3), RLock())
        >>> scores.complete, scores.all().tolist(), scores.complete
        (False, [0.0, 2.0, 4.0], True)
    """

    def __init__(
        self,
        score: Callable[[Sequence], NDArray[np.float64]],
        parts: Sequence,
        lock: RLock,
    ) -> None:
        self._score, self._parts, self._lock = score, parts, lock
        self.values = np.full(len(parts), np.nan)  # shape (N,)
        self.known = np.zeros(len(parts), bool)  # whether each was computed, shape (N,)
        self._stopped = Event()
        self._thread: Thread | None = None

    @property
    def done(self) -> int:
        """How many are computed."""
        return int(self.known.sum())

    @property
    def complete(self) -> bool:
        """Whether every part has been scored or found unreadable."""
        return bool(self.known.all())

    def know(self, index: int, score: float) -> None:
        """Take up a score that was computed elsewhere."""
        self.values[index], self.known[index] = score, True

    def all(self) -> NDArray[np.float64]:
        """All scores; computes what is missing."""
        while not self.complete:
            self._next(PIECE)
        return self.values

    def start(
        self, progress: Callable[[], None], give_way: Callable[[], None] = lambda: None
    ) -> None:
        """Compute what is missing in the background.

        Args:
            progress: Called after each piece, in that thread.
            give_way: Called before each piece; returns when nobody waits for the detector.
        """
        if self.complete or self._thread:
            return

        def work() -> None:
            while not self.complete and not self._stopped.is_set():
                give_way()
                try:
                    self._next(BACKGROUND_PIECE)
                except Exception:  # whoever asks for all scores meets it
                    return
                progress()
                time.sleep(0.002)  # a lock is not fair: without a pause nobody else gets it

        self._thread = Thread(target=work, daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Return when the background is done."""
        if self._thread:
            self._thread.join()

    def stop(self) -> None:
        """Score no further piece in the background."""
        self._stopped.set()

    def _next(self, size: int) -> None:
        with self._lock:
            rows = np.flatnonzero(~self.known)[:size]
            if len(rows):
                self.values[rows] = self._score(self._parts[rows])
                self.known[rows] = True

"""What is computed while a person looks at a part: the next ones, and the scores of all."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from threading import Condition, Event, RLock, Thread
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

Value = TypeVar("Value")
BUDGET = 256 * 2**20  # bytes; an evaluation of a 12-megapixel photo takes 84 MB
LEAST, MOST = 3, 16  # values in memory, whatever their size
PIECE, BACKGROUND_PIECE = 32, 4  # images scored in one go

_locks: WeakKeyDictionary[Any, RLock] = WeakKeyDictionary()


def lock_of(detector: object) -> RLock:
    """The one lock under which this detector may compute; networks share their buffers."""
    return _locks.setdefault(detector, RLock())


class Prefetcher(Generic[Value]):
    """Values by key, computed under `lock` on demand or ahead in one thread; the latest are kept.

    The thread lives only while there is something to compute, so there is nothing to close.
    """

    def __init__(
        self,
        compute: Callable[[int], Value],
        size: Callable[[Value], int],
        lock: RLock,
        budget: int = BUDGET,
    ) -> None:
        # called with key and value after each computation ahead, in that thread
        self.on_ready: Callable[[int, Value], None] | None = None
        self._compute, self._size, self._lock, self._budget = compute, size, lock, budget
        self._values: OrderedDict[int, Value] = OrderedDict()
        self._capacity = MOST
        self._wanted: deque[int] = deque()
        self._thread: Thread | None = None
        self._state, self._asking = Condition(), 0

    @property
    def asked(self) -> bool:
        """Whether somebody waits for a value right now."""
        return self._asking > 0

    def __contains__(self, key: int) -> bool:
        return key in self._values

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: int) -> Value:
        """The value, at once if it is kept; an error of `compute` passes through."""
        with self._state:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
            self._asking += 1  # the thread lets us pass
        try:
            with self._lock:  # where the thread is at this very key, we wait for it here
                if key not in self._values:
                    self._keep(key, self._compute(key))
                return self._values[key]
        finally:
            with self._state:
                self._asking -= 1
                self._state.notify_all()

    def request(self, keys: Iterable[int]) -> None:
        """Compute these next, in this order, instead of what was wanted before."""
        with self._state:
            wanted = list(keys)[: self._capacity - 2]  # beside them the present one is kept
            self._wanted = deque(key for key in wanted if key not in self._values)
            for key in reversed(wanted):  # what is wanted outlives what was seen
                if key in self._values:
                    self._values.move_to_end(key)
            if self._wanted and self._thread is None:
                self._thread = Thread(target=self._work, daemon=True)
                self._thread.start()

    def forget(self) -> None:
        """Keep nothing that was computed so far."""
        with self._state:
            self._values.clear()
            self._wanted.clear()

    def wait(self) -> None:
        """Return when nothing more is requested."""
        with self._state:
            self._state.wait_for(lambda: self._thread is None)

    def _work(self) -> None:
        while (key := self._next()) is not None:
            try:
                with self._lock:
                    if key in self._values:
                        continue
                    value = self._compute(key)
                    self._keep(key, value)
                if self.on_ready:
                    self.on_ready(key, value)
            except Exception:  # noqa: S112 - whoever asks for this key meets the error then
                continue

    def _next(self) -> int | None:
        with self._state:
            self._state.wait_for(lambda: not self._asking)
            if self._wanted:
                return self._wanted.popleft()
            self._thread = None
            self._state.notify_all()
            return None

    def _keep(self, key: int, value: Value) -> None:
        with self._state:
            self._values[key] = value
            self._capacity = min(max(self._budget // max(self._size(value), 1), LEAST), MOST)
            while len(self._values) > self._capacity:
                self._values.popitem(last=False)


class PartScores:
    """Scores by position, computed under `lock`; NaN where they are not known yet."""

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
        """Compute what is missing in the background; `progress` is called after each piece."""
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

"""Alarms as events that an engineer acts on: from when to when, which sensor, what was done.

An event begins where an `AlarmRule` begins to hold and ends when it has not held for the rule's
hold-off. It is new until somebody acknowledges it with a note or closes it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np

from workbench.autoencoder.alarms import AlarmRule
from workbench.data.table_file import TableFile
from workbench.metrics.events import stretches

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from workbench.autoencoder.detector import AutoEncoderDetector
    from workbench.autoencoder.rows import Table

STATES = ("new", "acknowledged", "closed")


@dataclass(frozen=True, kw_only=True)
class Event:
    """One alarm; rows count from 0, times are as the rows have them, or empty.

    Example:
        >>> event = Event(start=3, end=5, worst=4, score=9.0, sensor="flow", share=0.8)
        >>> event.acknowledge("valve exchanged").state
        'acknowledged'
    """

    start: int
    end: int | None  # the last row in alarm; None: still going on
    worst: int
    score: float  # at the worst row
    sensor: str  # most to blame there
    share: float  # its blame
    start_time: str = ""
    end_time: str = ""
    state: str = "new"
    note: str = ""

    def __post_init__(self) -> None:
        """Refuse a state that cannot be."""
        if self.state not in STATES:
            raise ValueError(f"state must be one of {', '.join(STATES)}, got {self.state!r}")

    def acknowledge(self, note: str) -> Self:
        """The event seen by somebody, who says what it is."""
        return replace(self, state="acknowledged", note=note)

    def close(self, note: str = "") -> Self:
        """The event done with; a note replaces the former one."""
        return replace(self, state="closed", note=note or self.note)


def events(
    detector: "AutoEncoderDetector",
    rows: "Table",
    rule: AlarmRule | None = None,
    scores: "NDArray[np.float64] | None" = None,
) -> list[Event]:
    """The events of a recording, oldest first; the last one may still go on.

    Rows are as for `detector.score`; with a `time`, events have times. Without a rule every row
    that reaches the threshold is an alarm. `scores` may be given where they are known already.
    """
    rule, table = rule or AlarmRule(), cast("Any", rows)  # what the detector took can be cut
    scores = detector.score(rows) if scores is None else scores
    time = getattr(rows, "time", None)
    times = [""] * len(scores) if time is None else time
    found = []
    for start, stop in stretches(rule.active(scores, float(detector.threshold)), rule.hold_off):
        worst = start + int(scores[start:stop].argmax())
        blame = detector.blame(table[max(0, worst + 1 - detector.config.window) : worst + 1])[-1]
        over = len(scores) - stop > rule.hold_off
        found.append(
            Event(
                start=start,
                end=stop - 1 if over else None,
                worst=worst,
                score=float(scores[worst]),
                sensor=detector.columns[int(blame.argmax())],
                share=float(blame.max()),
                start_time=str(times[start]),
                end_time=str(times[stop - 1]) if over else "",
            )
        )
    return found


def remembered(found: Sequence[Event], known: Sequence[Event]) -> list[Event]:
    """The events with what is known of those that they overlap: their states and notes.

    By times, or by rows where there are none. What was said of events that are no longer found,
    as after the threshold was moved, stays.
    """
    spoken_of = [event for event in known if event.state != "new" or event.note]
    kept, gone = [], list(spoken_of)
    for event in found:
        same = [old for old in spoken_of if _overlap(old, event)]
        gone = [old for old in gone if old not in same]
        kept.append(replace(event, state=same[-1].state, note=same[-1].note) if same else event)
    return sorted([*kept, *gone], key=lambda event: (event.start_time, event.start))


def _overlap(one: Event, other: Event) -> bool:
    def ends(event: Event) -> tuple[Any, Any]:
        if one.start_time and other.start_time:
            return event.start_time, event.end_time or event.start_time
        return event.start, event.start if event.end is None else event.end

    (a, b), (c, d) = ends(one), ends(other)
    return bool(a <= d and c <= b)


def watch(
    detector: "AutoEncoderDetector", rows: Iterable[Any], rule: AlarmRule | None = None
) -> Iterator[Event]:
    """Each event of a stream twice: when it begins, and when it is over.

    Rows come one by one, by name or in the order of `detector.columns`, oldest first; a mapping
    may have a `time` beside the sensors.

    Raises:
        ValueError: A row that `detector.score` refuses.
    """
    watcher = Watcher(detector, rule)
    for row in rows:
        if (event := watcher.push(row)) is not None:
            yield event


class Watcher:
    """Takes rows one at a time; `state` says all that a restart needs, and is given to it."""

    def __init__(
        self,
        detector: "AutoEncoderDetector",
        rule: AlarmRule | None = None,
        state: dict[str, Any] | None = None,
    ) -> None:
        self.detector, self.rule = detector, rule or AlarmRule()
        known = state or {}
        self._scores = known.get("scores", [])  # the last ones, as many as the rule looks at
        self._row, self._gap = known.get("row", -1), known.get("gap", 0)
        self._window, self._last = known.get("window", []), known.get("last", (0, ""))
        self._event = Event(**known["event"]) if known.get("event") else None

    def push(self, row: Any) -> Event | None:  # noqa: ANN401
        """An event, if one begins or is over with this row."""
        row, time = dict(row.items()) if hasattr(row, "items") else row, ""
        if isinstance(row, dict) and "time" not in self.detector.columns:
            time = str(row.pop("time", ""))
        values = self.detector.read(row if isinstance(row, dict) else np.atleast_2d(row)).values
        self._window = [*self._window, values[-1].tolist()][-self.detector.config.window :]
        window = np.array(self._window)
        score = float(self.detector.score(window)[-1])
        self._row += 1
        rule, limit = self.rule, float(self.detector.threshold)
        self._scores = [*self._scores, score][1 - rule.smoothing - rule.n :]
        if rule.active(self._scores, limit)[-1]:
            return self._alarmed(window, score, time)
        self._gap += 1
        if self._event is None or self._gap <= self.rule.hold_off:
            return None
        over = replace(self._event, end=self._last[0], end_time=self._last[1])
        self._event = None
        return over

    def _alarmed(self, window: np.ndarray, score: float, time: str) -> Event | None:
        before, self._gap, self._last = self._event, 0, (self._row, time)
        if before is None or score > before.score:
            blame = self.detector.blame(window)[-1]
            most = int(blame.argmax())
            worst = {"worst": self._row, "score": score, "share": float(blame[most]),
                     "sensor": self.detector.columns[most]}  # fmt: skip
            self._event = replace(before, **worst) if before else Event(
                start=self._row, end=None, start_time=time, **worst
            )  # fmt: skip
        return None if before else self._event

    def state(self) -> dict[str, Any]:
        """What the next watcher goes on from, fit for JSON."""
        return {
            "scores": self._scores,
            "row": self._row,
            "gap": self._gap,
            "window": self._window,
            "last": self._last,
            "event": self._event and asdict(self._event),
        }


def table(found: Sequence[Event]) -> "pd.DataFrame":
    """The events with pandas, a row each."""
    import pandas as pd

    return pd.DataFrame([asdict(event) for event in found], columns=list(_COLUMNS))


def save(found: Sequence[Event], path: Path | str) -> Path:
    """Write the events as CSV, whole or not at all."""
    with changing(path) as known:
        known[:] = found
    return Path(path)


def load(path: Path | str) -> list[Event]:
    """Read what `save` wrote, states and notes included; none where there is no file.

    Raises:
        DataError: It holds something else.
    """
    return [_parsed(row) for row in _file(path).read()]


@contextmanager
def changing(path: Path | str) -> Iterator[list[Event]]:
    """The events of a file, to be changed in place; nobody else writes them meanwhile."""
    with _file(path).changing() as rows:
        found = [_parsed(row) for row in rows]
        yield found
        rows[:] = [["" if x is None else str(x) for x in vars(event).values()] for event in found]


def _file(path: Path | str) -> TableFile[list[str]]:
    return TableFile(Path(path), _COLUMNS, _checked, strict=True)


def _checked(row: list[str]) -> list[str]:
    _parsed(row)  # raises ValueError where a cell is none of ours
    return row


def _parsed(row: list[str]) -> Event:
    cells = dict(zip(_COLUMNS, row, strict=True))
    return Event(**{name: _READ.get(name, str)(cell) for name, cell in cells.items()})


_COLUMNS = tuple(field.name for field in fields(Event))
_READ: dict[str, Callable[[str], Any]] = {
    "start": int, "worst": int, "score": float, "share": float,
    "end": lambda text: int(float(text)) if text else None,
}  # fmt: skip

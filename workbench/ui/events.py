"""Events of a recording: pick one, see which sensor is to blame, say what it was, close it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

from workbench.language import t

from .markup import render
from .sensors import blame_table, values_of
from .view import View, html, row, styled, visible

if TYPE_CHECKING:
    from workbench.autoencoder.alarms import AlarmRule
    from workbench.autoencoder.detector import AutoEncoderDetector
    from workbench.autoencoder.events import Event
    from workbench.data import SensorTable

BUTTONS = (
    ("Acknowledge", "check", "wb-acknowledge", "acknowledged", "primary",
     "somebody looks after it"),
    ("Close event", "archive", "wb-close-event", "closed", "", "nothing is left to do"),
    ("Open again", "undo", "wb-reopen", "new", "", ""),
)  # fmt: skip


class EventList(View):
    """What an engineer acts on: each alarm with its sensor, its state and a note.

    Args:
        detector: A fitted row or window model.
        rows: The recording, oldest first.
        rule: What makes an alarm of scores; every reading over the threshold if None.
        path: CSV that keeps states and notes, and that reports of the recording read; None
            keeps them in `events` only.
        opened: Shows a row of the recording elsewhere; None: there is no such view.

    Example:
        >>> import numpy as np
        >>> from workbench import AutoEncoderDetector
        >>> normal = np.random.default_rng(0).normal(size=(60, 2))
        >>> view = EventList(AutoEncoderDetector().fit(normal, progress=False), [[9, -9]])
        >>> view.note.value = "valve exchanged"
        >>> view.closing.click()
        >>> view.events[0].state, view.events[0].note
        ('closed', 'valve exchanged')
        >>> view.close()
    """

    def __init__(
        self, detector: "AutoEncoderDetector", rows: "SensorTable",
        rule: "AlarmRule | None" = None, *, path: Path | str | None = None,
        opened: Callable[[int], object] | None = None,
    ) -> None:  # fmt: skip
        from workbench.autoencoder.events import events, load, remembered

        self.path = None if path is None else Path(path)
        self._detector, self._values = detector, values_of(detector, rows)
        self._found = events(detector, rows, rule)
        self.events: list[Event] = self._found
        if self.path:
            self.events = remembered(self._found, load(self.path))
        super().__init__((id(detector), id(rows)), RLock())
        self.chosen = next((i for i, e in enumerate(self.events) if e.state == "new"), None)
        if self.chosen is None and self.events:
            self.chosen = 0
        self._head, self._table = html("wb-caption"), html("wb-events")
        self._blame = html("wb-blame")
        self.note = self.field("Note", "wb-event-note", width=420)
        self.seen, self.closing, self.reopen = (
            self.button(text, icon, name, partial(self._set, state), style=style, tip=tip)
            for text, icon, name, state, style, tip in BUTTONS
        )
        self.show = self.button("Show in the recording", "line-chart", "wb-show-event",
                                lambda: opened(self.events[self.chosen].worst))  # fmt: skip
        visible(self.show, opened)
        self._controls = self.note, self.seen, self.closing, self.reopen, self.show
        blame = styled(self._blame, "wb-table-box")
        self.fill("Events", self._head, self._table, row(*self._controls), blame)
        self._show()

    def __repr__(self) -> str:
        return f"EventList({len(self.events)} events)"

    def open_event(self, which: str) -> None:
        """Pick an event by its number."""
        self.chosen = int(which)
        self._show()

    def _here(self, event: "Event") -> bool:
        """Whether it was found in these rows, not in others that the file tells of."""
        return any(event.start == own.start for own in self._found)

    def _set(self, state: str) -> None:
        from workbench.autoencoder.events import changing, remembered

        if self.chosen is None:
            return
        old = self.events[self.chosen]
        event = replace(old, state=state, note=self.note.value.strip())
        self.events = [event if one is old else one for one in self.events]
        said = t("event {0} is {1}", event.start_time or event.start, t(state))
        if self.path:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with changing(self.path) as known:  # what others said meanwhile stays
                kept = [one for one in remembered(self._found, known) if one.start != old.start]
                known[:] = sorted([*kept, event], key=lambda one: (one.start_time, one.start))
                self.events = list(known)
            self.chosen = self.events.index(event)
            said = t("{0}, saved in {1}", said, self.path.name)
        self._show()
        self.say(said)

    def _show(self) -> None:
        counts = Counter(event.state for event in self.events)
        states = ", ".join(f"{t(s)} {counts[s]}" for s in ("new", "acknowledged", "closed"))
        self._head.value = t("{0} events: {1}", len(self.events), states)
        self._table.value = render("tables.events", events=self.events, chosen=self.chosen)
        event = None if self.chosen is None else self.events[self.chosen]
        for control in self._controls:
            control.disabled = event is None
        self._blame.value = ""
        if event is None:
            return
        self.note.value = event.note
        self.seen.disabled, self.reopen.disabled = event.state != "new", event.state == "new"
        self.closing.disabled = event.state == "closed"
        self.show.disabled = not self._here(event)
        if self._here(event):
            self._blame.value = blame_table(self._detector, self._values, event.worst)

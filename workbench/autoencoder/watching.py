"""Follow sensor files that grow: new lines are judged, and a restart goes on where it was.

Beside `NAME.csv` lie `NAME.events.csv`, to which events are added, and `NAME.watch.json`, which
says how far the file has been read. A file that was replaced or cut short is read from its start.
"""

import csv
import json
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.autoencoder.alarms import AlarmRule
from workbench.autoencoder.events import Event, Watcher, changing
from workbench.autoencoder.rows import warn_of_step
from workbench.errors import DataError
from workbench.lock import FileLock
from workbench.workspace import write

if TYPE_CHECKING:
    from workbench.autoencoder.detector import AutoEncoderDetector

START = 200  # bytes, by which a file is told from one that took its number
FEW = 10  # steps, below which it is not said that the clock ticks otherwise


class Follower:
    """New rows of one growing CSV, each time it is asked.

    Its first line names the columns, separated by commas or semicolons.
    """

    def __init__(self, path: Path, columns: tuple[str, ...], time: str = "") -> None:
        self.path, self.columns, self.time = path, columns, time
        self.place = path.with_name(f"{path.stem}.watch.json")
        try:
            known = json.loads(self.place.read_text("utf-8"))
        except (OSError, ValueError):
            known = {}
        self.offset, self.watcher = known.get("offset", 0), known.get("watcher")
        self.file, self.head = known.get("file"), known.get("head", [])
        self.start = known.get("start", "")  # what has been read of its first bytes
        self.separator = known.get("separator", ",")

    def rows(self) -> Iterator[dict[str, Any]]:
        """Whole lines that were added since; numbers that cannot be read are NaN.

        Of a file that was moved aside, within its folder, the rest comes first.

        Raises:
            DataError: A sensor is missing from the first line.
        """
        if self.file is not None and not self._is_known(self.path):
            for path in filter(self._is_known, self.path.parent.iterdir()):
                yield from self._added(path)
            if self.path.exists():
                self.file = None
        if self.file is None and self.path.exists():  # else between two files of a rotation
            self.file, self.offset, self.head, self.start = self.path.stat().st_ino, 0, [], ""
        if self._is_known(self.path):
            yield from self._added(self.path)

    def save(self, watcher: dict[str, Any]) -> None:
        """Keep how far the file has been read, with the state of its watcher."""
        known = {"offset": self.offset, "file": self.file, "head": self.head,
                 "start": self.start, "separator": self.separator, "watcher": watcher}  # fmt: skip
        write(self.place, json.dumps(known))

    def _is_known(self, path: Path) -> bool:
        """Whether it is the file that has been read so far; numbers of files are used again."""
        try:
            status = path.stat()
            if status.st_ino != self.file or status.st_size < self.offset:
                return False
            with path.open("rb") as file:
                return file.read(len(self.start)).decode("latin-1") == self.start
        except FileNotFoundError:
            return False

    def _added(self, path: Path) -> Iterator[dict[str, Any]]:
        with path.open("rb") as file:
            file.seek(self.offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return  # still being written
                self.offset += len(line)
                self.start += line.decode("latin-1") if len(self.start) < START else ""
                text = line.decode("utf-8-sig", "replace").strip()
                if not self.head:
                    self._begin(text)
                elif text:
                    yield self._row(text)

    def _begin(self, text: str) -> None:
        self.separator = ";" if text.count(";") > text.count(",") else ","
        self.head = [name.strip() for name in next(csv.reader([text], delimiter=self.separator))]
        if missing := [name for name in self.columns if name not in self.head]:
            raise DataError(
                f"{self.path} must have the columns {', '.join(self.columns)}, lacks "
                f"{', '.join(missing)}"
            )

    def _row(self, text: str) -> dict[str, Any]:
        cells = dict(
            zip(self.head, next(csv.reader([text], delimiter=self.separator)), strict=False)
        )
        row = {name: _number(cells.get(name, "")) for name in self.columns}
        return {"time": cells.get(self.time, ""), **row} if self.time else row


def follow(
    detector: "AutoEncoderDetector",
    source: Path,
    rule: AlarmRule | None = None,
    *,
    every: float = 1.0,
    time_column: str = "",
    until: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[Path, Event]]:
    """Events of a growing CSV, or of all in a folder, until `until` says so.

    It looks every so many seconds. A row that cannot be judged, as one that lacks too many
    readings, is left out with a warning; one comes, too, where rows come at another rate than
    in training.

    Raises:
        DataError: Another process follows the file, or a sensor is missing from its first line.
    """
    followed: dict[Path, tuple[Follower, Watcher, FileLock]] = {}
    try:
        while True:
            for path in _files(Path(source)):
                kept = path.with_name(f"{path.stem}.events.csv")
                if path not in followed:
                    lock, new = FileLock(kept), Follower(path, detector.columns, time_column)
                    followed[path] = new, Watcher(detector, rule, new.watcher), lock
                    if not lock.take():
                        lock.check()
                follower, watcher, _ = followed[path]
                offset, times = follower.offset, list[str]()
                for row in follower.rows():
                    times.append(row.get("time", ""))
                    if (event := _pushed(watcher, row, path)) is not None:
                        _append(kept, event)
                        follower.save(watcher.state())
                        yield path, event
                if follower.offset != offset:
                    follower.save(watcher.state())
                _warn_of_step(detector, times)
            if until():
                return
            time.sleep(every)
    finally:
        for _, _, lock in followed.values():
            lock.release()


def _pushed(watcher: Watcher, row: dict[str, Any], path: Path) -> Event | None:
    try:
        return watcher.push(row)
    except ValueError as error:  # one row that cannot be judged does not end the watch
        warnings.warn(f"{path.name}: a row is left out: {error}", stacklevel=3)
        return None


def _warn_of_step(detector: "AutoEncoderDetector", times: list[str]) -> None:
    usual = detector.data.get("step_seconds")
    if usual and len(times) > FEW and not times[-1].replace(".", "").isdigit():
        import pandas as pd  # only files with dates need it

        steps = pd.Series(pd.to_datetime(times[-10 * FEW :], errors="coerce")).diff()
        warn_of_step(steps.dt.total_seconds().median(), usual)


def _files(source: Path) -> list[Path]:
    if not source.is_dir():
        return [source]
    return sorted(p for p in source.glob("*.csv") if not p.name.endswith(".events.csv"))


def _append(path: Path, event: Event) -> None:
    """Add an event, or replace the last one where it is the same, begun or told before."""
    with changing(path) as known:
        if known and known[-1].start == event.start:
            event = replace(event, state=known[-1].state, note=known[-1].note)
            known.pop()
        known.append(event)


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")

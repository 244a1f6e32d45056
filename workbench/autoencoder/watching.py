"""Follow sensor files that grow: new lines are judged, and a restart goes on where it was.

Beside `NAME.csv` lie `NAME.events.csv`, to which events are added, and `NAME.watch.json`, which
says how far the file has been read. A file that was replaced or cut short is read from its start;
one of a folder that was renamed is known again, and goes on under its former name.
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
FORMER = 100  # files that are known again when a rotation has renamed them
PLACE = ".watch.json"
FEW = 10  # steps, below which it is not said that the clock ticks otherwise


class Follower:
    """New rows of one growing CSV, each time it is asked.

    Its first line, after comments (#), names the columns, separated by commas, semicolons or tabs.
    """

    def __init__(
        self, path: Path, columns: tuple[str, ...] = (), time: str = "", decimal: str = "."
    ) -> None:
        self.path, self.columns, self.time, self.decimal = path, columns, time, decimal
        self.place = path.with_name(path.stem + PLACE)
        try:
            known = json.loads(self.place.read_text("utf-8"))
        except (OSError, ValueError):
            known = {}
        self.offset, self.watcher = known.get("offset", 0), known.get("watcher")
        self.file, self.head = known.get("file"), known.get("head", [])
        self.start = known.get("start", "")  # what has been read of its first bytes
        self.former = known.get("former", [])  # numbers and starts of files read before
        self.separator = known.get("separator", ",")

    def rows(self) -> Iterator[dict[str, Any]]:
        """Whole lines that were added since; numbers that cannot be read are NaN.

        Of a file that was moved aside, within its folder, the rest comes first.

        Raises:
            DataError: A sensor is missing from the first line.
        """
        was = self.file
        if self.file is not None and not self._is_known(self.path):
            for path in filter(self._is_known, self.path.parent.iterdir()):
                yield from self._added(path)
            if self.path.exists():
                self.file = None
        if self.file is None and self.path.exists():  # else between two files of a rotation
            self.former = [*self.former, (was, self.start)][-FORMER:] if was else []
            self.file, self.offset, self.head, self.start = self.path.stat().st_ino, 0, [], ""
        if self._is_known(self.path):
            yield from self._added(self.path)

    def save(self, watcher: dict[str, Any], sync: bool = True) -> None:
        """Keep how far the file has been read, with the state of its watcher."""
        names = ("offset", "file", "head", "start", "former", "separator")
        known = {name: getattr(self, name) for name in names} | {"watcher": watcher}
        write(self.place, json.dumps(known), sync)

    def knows(self, path: Path) -> bool:
        """Whether this file, whatever it is called now, has been read, or is being read."""
        return any(_is(path, *one) for one in [*self.former, (self.file, self.start)])

    def _is_known(self, path: Path) -> bool:
        """Whether it is the file that has been read so far."""
        return _is(path, self.file, self.start, self.offset)

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
                    if text and not text.startswith("#"):
                        self._begin(text)
                elif text:
                    yield self._row(text)

    def _begin(self, text: str) -> None:
        self.separator = max(",;\t", key=text.count)
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
        row = {name: _number(cells.get(name, ""), self.decimal) for name in self.columns}
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
    decimal = detector.data.get("reading", {}).get("found", {}).get("decimal", ".")
    how = detector.columns, time_column, decimal
    try:
        while True:
            for path in files_of(Path(source)):
                kept = path.with_name(f"{path.stem}.events.csv")
                if path not in followed:
                    lock, new = FileLock(kept), Follower(path, *how)
                    followed[path] = new, Watcher(detector, rule, new.watcher), lock
                    if not lock.take():
                        lock.check()
                follower, watcher, _ = followed[path]
                offset, times, told = follower.offset, list[str](), list[Event]()
                for row in follower.rows():
                    times.append(row.get("time", ""))
                    if (event := _pushed(watcher, row, path)) is not None:
                        told.append(event)
                if told:
                    _add(kept, told)
                if follower.offset != offset:
                    follower.save(watcher.state(), sync=bool(told))
                _warn_of_step(detector, times)
                yield from ((path, event) for event in told)
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


def files_of(source: Path) -> list[Path]:
    """The files that are followed: the one named, or those of a folder by their first names."""
    if not source.is_dir():
        return [source]
    files = sorted(p for p in source.glob("*.csv") if not p.name.endswith(".events.csv"))
    return list(dict.fromkeys(map(_followed_as, files)))


def _followed_as(path: Path) -> Path:
    """The name that a file had when it was first followed."""
    if not path.with_name(path.stem + PLACE).exists():
        for place in sorted(path.parent.glob(f"*{PLACE}")):
            former = place.with_name(place.name.replace(PLACE, ".csv"))
            if Follower(former).knows(path):
                return former
    return path


def _is(path: Path, number: int | None, start: str, least: int = 0) -> bool:
    """Whether it is the file of this number and start; numbers of files are used again."""
    try:
        status = path.stat()
        if status.st_ino != number or status.st_size < least:
            return False
        with path.open("rb") as file:
            return file.read(len(start)).decode("latin-1") == start
    except FileNotFoundError:
        return False


def _add(path: Path, told: list[Event]) -> None:
    """Add events, or replace those that begun there, or were told before a kill."""
    with changing(path) as known:
        places = {(event.start, event.start_time): i for i, event in enumerate(known)}
        for event in told:
            at = places.setdefault((event.start, event.start_time), len(known))
            if at == len(known):
                known.append(event)
            else:
                known[at] = replace(event, state=known[at].state, note=known[at].note)


def _number(cell: str, decimal: str) -> float:
    try:
        return float(cell.replace(decimal, "."))
    except ValueError:
        return float("nan")

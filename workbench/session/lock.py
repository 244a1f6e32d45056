"""Who writes a result file: two sessions on one file would spoil each other's rows.

A file beside it names the process and the session. A process that is gone, or another one
that was given its number since, holds nothing.
"""

import json
import os
import socket
import uuid
from pathlib import Path
from typing import Any

import psutil

from workbench.errors import DataError


class FileLock:
    """The right to write one file.

    Args:
        path: The file to be written; the lock lies beside it, as `NAME.lock`.
    """

    def __init__(self, path: Path) -> None:
        self._file, self.path = path, path.with_name(path.name + ".lock")
        me = psutil.Process()
        self._mine = {
            "pid": me.pid,
            "born": me.create_time(),
            "host": socket.gethostname(),
            "session": uuid.uuid4().hex,
        }

    def take(self, *, by_force: bool = False) -> None:
        """Become the writer; a session of this process, or of a dead one, gives way.

        Raises:
            DataError: A session of another process writes this file.
        """
        holder = self._holder()
        if holder and not by_force and not self._gives_way(holder):
            raise DataError(
                f"{self._file.name} is being written by process {holder['pid']} on "
                f"{holder['host']}; end that session, choose another results file, or pass "
                "take_over=True"
            )
        part = self.path.with_name(f"{self.path.name}.{self._mine['session']}")
        part.write_text(json.dumps(self._mine), "utf-8")
        part.replace(self.path)

    def check(self) -> None:
        """Make sure that nobody has become the writer since.

        Raises:
            DataError: Another session has.
        """
        holder = self._holder()
        if holder is None:  # somebody tidied up
            self.take()
        elif holder["session"] != self._mine["session"]:
            raise DataError(
                f"another session (process {holder['pid']}) has taken over {self._file.name}; "
                "go on there, or run this cell again to take it back"
            )

    def release(self) -> None:
        """Leave the file to others, if it is still ours."""
        if (self._holder() or {}).get("session") == self._mine["session"]:
            self.path.unlink(missing_ok=True)

    def _holder(self) -> dict[str, Any] | None:
        try:
            holder = json.loads(self.path.read_text("utf-8"))
            return holder if holder.keys() >= self._mine.keys() else None
        except (OSError, ValueError, AttributeError):
            return None  # none, or a broken one, which only a crash leaves

    def _gives_way(self, holder: dict[str, Any]) -> bool:
        if holder["host"] != self._mine["host"]:
            return False  # on a shared folder: whether it lives cannot be seen from here
        if holder["pid"] == os.getpid():
            return True  # a cell that is run again
        try:
            return abs(psutil.Process(holder["pid"]).create_time() - holder["born"]) > 1
        except psutil.NoSuchProcess:
            return True

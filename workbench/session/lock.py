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

from workbench import workspace
from workbench.errors import DataError


class FileLock:
    """The right to write one file.

    Args:
        path: The file to be written; the lock lies beside it, as `NAME.lock`.
    """

    def __init__(self, path: Path) -> None:
        self._file, self.path = path, path.with_name(path.name + ".lock")
        self._held = False
        me = psutil.Process()
        self._mine = {
            "pid": me.pid,
            "born": me.create_time(),
            "host": socket.gethostname(),
            "session": uuid.uuid4().hex,
        }

    def take(self, *, by_force: bool = False) -> bool:
        """Become the writer; a session of this process, or of a dead one, gives way.

        Returns:
            False where a session of another process writes this file.
        """
        holder = self._holder()
        if holder and not by_force and not self._gives_way(holder):
            return False
        with workspace.written(self.path) as file:
            file.write(json.dumps(self._mine).encode())
        self._held = True
        return True

    @property
    def is_ours(self) -> bool:
        """Whether nobody else writes the file."""
        holder = self._holder()
        return self._held and (holder is None or holder["session"] == self._mine["session"])

    @property
    def free(self) -> bool:
        """Whether the writer has gone, so that `take` needs no force."""
        holder = self._holder()
        return holder is None or (holder["pid"] != os.getpid() and self._gives_way(holder))

    def check(self) -> None:
        """Make sure that we are the writer.

        Raises:
            DataError: Another session is.
        """
        if not self.is_ours:
            self._held = False
            pid = (self._holder() or self._mine)["pid"]
            raise DataError(
                f"{self._file.name} is being written by another session (process {pid}); go on "
                "there, or take it over with session.take_over()"
            )
        if self._holder() is None:  # somebody tidied up
            self.take()

    def give_up(self) -> None:
        """Be the writer no more, until `take`."""
        self.release()
        self._held = False

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

"""Who may write a file: two writers would spoil each other's rows.

A file beside it, `NAME.lock`, names the process and the session that write it for a longer time.
One that is gone, or whose number another process was given since, holds nothing. For the moment
of a change the system's own lock on that file keeps all others out.
"""

import json
import os
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import psutil

from .errors import DataError

try:
    import fcntl
except ModuleNotFoundError:  # Windows: claims hold, two changes in the same moment may collide
    fcntl = None

PATIENCE = 10.0  # seconds to wait for another writer's change, which takes milliseconds
_LENGTH = 512  # bytes of a claim, always: who reads without the lock sees the old or the new one


class FileLock:
    """The right to write one file."""

    def __init__(
        self, path: Path, remedy: str = "wait until it ends, or choose another file"
    ) -> None:
        self._file, self.path = path, path.with_name(path.name + ".lock")
        self._remedy, self._held = remedy, False
        me = psutil.Process()
        self._mine = {
            "pid": me.pid,
            "born": me.create_time(),
            "host": socket.gethostname(),
            "session": uuid.uuid4().hex,
        }

    def take(self, *, by_force: bool = False) -> bool:
        """Become the writer; False where a live session of another process is, unless by force."""
        with self.alone() as claim:
            holder = self._holder()
            self._held = bool(by_force or not holder or self._gives_way(holder))
            if self._held:
                self._write(claim)
            return self._held

    @property
    def is_ours(self) -> bool:
        """Whether we took it and nobody else has since."""
        return self._held and (self._holder() or self._mine)["session"] == self._mine["session"]

    @property
    def free(self) -> bool:
        """Whether the writer has gone, so that `take` needs no force."""
        holder = self._holder()
        return holder is None or (holder["pid"] != os.getpid() and self._gives_way(holder))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """For a change by the writer; nobody becomes it meanwhile. DataError if another one is."""
        with self.alone() as claim:
            self.check()
            if self._holder() is None:  # somebody tidied up
                self._write(claim)
            yield

    def check(self) -> None:
        """Make sure that we are the writer; DataError if another one is."""
        if not self.is_ours:
            self._held = False
            pid = (self._holder() or self._mine)["pid"]
            raise DataError(
                f"{self._file.name} is being written by another session (process {pid}); "
                f"{self._remedy}"
            )

    @contextmanager
    def alone(self) -> Iterator[IO[bytes]]:
        """Keep out all others for a moment; without a claim nothing is left behind."""
        end = time.monotonic() + PATIENCE
        while (claim := self._entered()) is None:
            if time.monotonic() > end:
                raise DataError(f"{self._file.name} is held by another process; {self._remedy}")
            time.sleep(0.002)
        with claim:
            try:
                yield claim
            finally:
                if not os.fstat(claim.fileno()).st_size:
                    self.path.unlink(missing_ok=True)

    def release(self) -> None:
        """Leave the file to others, if it is still ours, until `take`."""
        if self.is_ours and self.path.exists():
            with self.alone() as claim:
                if self.is_ours:
                    claim.truncate(0)
        self._held = False

    def _entered(self) -> IO[bytes] | None:
        """The lock's file, locked; None where another has it, or has just taken it away."""
        claim = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666), "r+b", buffering=0)
        with suppress(OSError, AttributeError):  # whoever may write the folder may lock
            os.fchmod(claim.fileno(), 0o666)
        try:
            if fcntl:
                fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(claim.fileno()), self.path.stat()):
                return claim
        except (BlockingIOError, FileNotFoundError):
            pass
        except OSError:  # a file system without locks
            return claim
        claim.close()
        return None

    def _write(self, claim: IO[bytes]) -> None:
        claim.seek(0)
        claim.write(json.dumps(self._mine).encode().ljust(_LENGTH))
        claim.truncate()

    def _holder(self) -> dict[str, Any] | None:
        with suppress(OSError, ValueError, AttributeError):  # none, or one that a crash broke
            holder = json.loads(self.path.read_text("utf-8"))
            if holder.keys() >= self._mine.keys():
                return holder
        return None

    def _gives_way(self, holder: dict[str, Any]) -> bool:
        if holder["host"] != self._mine["host"]:
            return False  # on a shared folder: whether it lives cannot be seen from here
        if holder["pid"] == os.getpid():
            return True  # a cell that is run again
        return not alive(holder["pid"], holder["born"])


def alive(pid: int, since: float) -> bool:
    """Whether the process that had this number then (seconds since 1970) still runs.

    One that has ended and that nobody asked for its exit code, as in many containers, does not.
    """
    try:
        process = psutil.Process(pid)
        return process.create_time() < since + 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False

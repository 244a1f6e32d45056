"""Processes that write and are attacked: killed, out of space, or two at a time.

They are forked from a server that has imported everything, so that hundreds take minutes.
"""

import ctypes
import multiprocessing
import os
import resource
import signal
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from workbench import workspace
from workbench.bulk import files
from workbench.data import table_file
from workbench.errors import DataError

from .files import KINDS

REFUSED, FULL = 3, 4
WATCHED = {workspace.__file__, table_file.__file__, files.__file__}
context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload([__name__, "torch", "pandas", "scipy.special"])


class Writer:
    """One process that writes a file of some kind; `said` is what it was promised."""

    def __init__(self, kind, folder, outside, who="first", *, line=0, limit=0):
        self.said_in, self.lines_in = outside / f"said.{who}", outside / f"lines.{who}"
        arguments = (kind, folder, who, self.said_in, self.lines_in, line, limit)
        self.process = context.Process(target=_run, args=arguments)
        self.process.start()

    def end(self, after=None):
        """Wait for the end, or kill it so many seconds after its first word."""
        if after is not None:
            patience = time.monotonic() + 60
            while not self.said_in.exists() and time.monotonic() < patience:
                time.sleep(0.0005)
            time.sleep(after)
            self.process.kill()
        self.process.join(600)
        if self.process.exitcode is None:
            self.process.kill()
            raise AssertionError("a writer hangs")
        return self.process.exitcode

    @property
    def said(self):
        if not self.said_in.exists():
            return []
        return [line for line in self.said_in.read_text("utf-8").splitlines() if line != "begun"]

    @property
    def lines(self):
        return int(self.lines_in.read_text())


def _run(kind, folder, who, said_in, lines_in, line, limit):
    said = os.open(said_in, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def say(text):
        os.write(said, f"{text}\n".encode())

    count = 0

    def trace(frame, event, _):
        nonlocal count
        if frame.f_code.co_filename not in WATCHED:
            return None
        if event == "line":
            count += 1
            if count == line:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    say("begun")
    if limit:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    sys.settrace(trace)
    try:
        KINDS[kind].write(folder, who, say)
    except DataError as error:
        os._exit(REFUSED if "written by another" in str(error) else 1)
    except OSError:
        os._exit(FULL)
    finally:
        sys.settrace(None)
    lines_in.write_text(str(count))


@contextmanager
def small_disk(folder: Path, size: int):
    """A file system of so many bytes at the folder; False where we may not mount one."""
    folder.mkdir(exist_ok=True)
    if not sys.platform.startswith("linux") or os.geteuid():
        yield False
        return
    library = ctypes.CDLL(None, use_errno=True)
    place = os.fsencode(folder)
    mounted = library.mount(b"none", place, b"tmpfs", 0, f"size={size}".encode()) == 0
    try:
        yield mounted
    finally:
        if mounted:
            library.umount2(place, 2)  # MNT_DETACH

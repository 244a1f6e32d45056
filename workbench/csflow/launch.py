"""Ranks of one training as processes of this machine; torchrun does it for several."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from workbench import settings
from workbench.errors import DataError

GRACE = 3.0  # seconds in which whoever started the ranks sees which of them died
GO_ON = "train again with --resume to go on from the last checkpoint"


def launched(words: Sequence[str], count: int) -> int:
    """Run `python WORDS` as so many ranks on this machine; return the exit code of the first.

    The first is seen and heard as if it were this process. When one ends badly, all do.

    Raises:
        DataError: Another one than the first did, or one was killed.
    """
    with tempfile.TemporaryDirectory() as folder:
        logs = [Path(folder) / str(rank) for rank in range(count)]
        given = os.environ | {"OMP_NUM_THREADS": settings.threads(count)}
        given |= dict.fromkeys(("WORLD_SIZE", "LOCAL_WORLD_SIZE"), str(count))
        given["MASTER_ADDR"] = f"file://{folder}/meeting"  # no port that another may take

        def started(rank: int) -> subprocess.Popen:
            own = given | dict.fromkeys(("RANK", "LOCAL_RANK"), str(rank))
            with logs[rank].open("wb") as log:
                out, err = (subprocess.DEVNULL, log) if rank else (None, None)
                return subprocess.Popen([sys.executable, *words], env=own, stdout=out, stderr=err)

        ranks = [started(rank) for rank in range(count)]
        try:
            died = _first_to_fail(ranks)
        finally:
            for process in ranks:
                process.kill()
                process.wait()
        code = ranks[died].returncode
        said = [f"exit code {code}", *logs[died].read_text("utf-8", "replace").splitlines()][-1]
    if died == 0 and code >= 0:
        return code  # it said why
    why = signal.Signals(-code).name if code < 0 else said
    raise DataError(f"rank {died} of {count} ended ({why}); {GO_ON}")


def _first_to_fail(ranks: Sequence[subprocess.Popen]) -> int:
    """The rank that ended badly, else 0 when all have ended well."""
    while None in (codes := [process.poll() for process in ranks]) and not any(codes):
        time.sleep(0.05)
    died = next((rank for rank, code in enumerate(codes) if code), 0)
    if died and (codes[died] or 0) > 0:  # perhaps the first is about to say the same
        with suppress(subprocess.TimeoutExpired):
            died = 0 if ranks[0].wait(GRACE / 2) > 0 else died
    return died

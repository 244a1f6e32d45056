"""Training in several processes that torchrun started, or `launched` on one machine.

Only they load this module: gradients, sums and decisions go through torch.distributed, by NCCL
where each process has a GPU of its own and by gloo on CPUs.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from workbench.errors import DataError

from .alone import ALONE, ANY, Alone

LONGEST = timedelta(hours=2)  # that a rank waits for another, as at the first features
GRACE = 3.0  # seconds in which whoever started the ranks sees which of them died
LOST = re.compile("gloo|nccl|c10d|peer|socket", re.IGNORECASE)  # in what the others then raise
GO_ON = "train again with --resume to go on from the last checkpoint"


class Ranks(Alone):
    """This process among those of its group; `device` is where it computes."""

    def __init__(self) -> None:
        self.rank, self.size = distributed.get_rank(), distributed.get_world_size()
        self.device = "cpu"
        if distributed.get_backend() == "nccl":
            torch.cuda.set_device(local := int(os.environ["LOCAL_RANK"]))
            self.device = f"cuda:{local}"

    def parallel(self, flow: nn.Module) -> nn.Module:
        """See `Alone`."""
        return DistributedDataParallel(flow)

    def mean(self, values: Tensor, count: int) -> Tensor:
        """See `Alone`; a share of the last batch may be empty."""
        return values.sum() * self.size / count

    def sum(self, value: float) -> float:
        """See `Alone`."""
        total = torch.tensor(value, dtype=torch.float64, device=self.device)
        distributed.all_reduce(total)
        return total.item()

    def first(self, value: ANY) -> ANY:
        """See `Alone`."""
        said: list[Any] = [value]
        distributed.broadcast_object_list(said)
        return said[0]

    def wait(self) -> None:
        """See `Alone`."""
        distributed.barrier()


@contextmanager
def joined() -> Iterator[Alone]:
    """This process's place among the ranks that were started, or alone where none were.

    Raises:
        DataError: Another rank is gone.

    Example:
        with joined() as ranks:
            CSFlowDetector(config, device=ranks.device).fit(parts.train, ranks=ranks)
    """
    here, size = (int(os.environ.get(f"{of}WORLD_SIZE", 1)) for of in ("LOCAL_", ""))
    if size < 2:
        yield ALONE
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started the ranks ends them all
    rank, meeting = int(os.environ["RANK"]), os.environ["MASTER_ADDR"]
    if rank:
        os.environ["TQDM_DISABLE"] = "1"
    if here == size:  # one machine: it may have no network
        loopback = next(name for _, name in socket.if_nameindex() if name.startswith("lo"))
        for library in ("GLOO", "NCCL"):
            os.environ.setdefault(f"{library}_SOCKET_IFNAME", loopback)
    backend = "nccl" if torch.cuda.device_count() >= here else "gloo"
    meeting = meeting if "://" in meeting else "env://"
    distributed.init_process_group(
        backend, init_method=meeting, timeout=LONGEST, rank=rank, world_size=size
    )
    try:
        yield (ranks := Ranks())
        ranks.wait()
    except RuntimeError as error:
        if not LOST.search(str(error)):
            raise
        time.sleep(GRACE)
        raise DataError(f"another rank is gone; {GO_ON}") from error
    distributed.destroy_process_group()


def launched(words: Sequence[str], count: int) -> int:
    """Run `python WORDS` as so many ranks on this machine; return the exit code of the first.

    The first is seen and heard as if it were this process. When one ends badly, all do.

    Raises:
        DataError: Another one than the first did, or one was killed.
    """
    with tempfile.TemporaryDirectory() as folder:
        logs = [Path(folder) / str(rank) for rank in range(count)]
        threads = max(1, (os.cpu_count() or 1) // count)
        given = {"OMP_NUM_THREADS": str(threads)} | os.environ
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

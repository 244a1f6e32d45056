"""Training in several processes that torchrun or `launch` started.

Only they load this module: gradients, sums and decisions go through torch.distributed, by NCCL
where each process has a GPU of its own and by gloo on CPUs.
"""

import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from workbench.errors import DataError

from .alone import ALONE, ANY, Alone
from .launch import GO_ON, GRACE

LONGEST = timedelta(hours=2)  # that a rank waits for another, as at the first features
LOST = re.compile("gloo|nccl|c10d|peer|socket", re.IGNORECASE)  # in what the others then raise


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

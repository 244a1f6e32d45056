"""Dask, only here: work on other processes and machines, a bounded number of tasks at a time.

Nothing of it is loaded unless it is asked for; `workbench[cluster]` installs it.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from workbench import settings
from workbench.errors import DataError

if TYPE_CHECKING:
    from dask.distributed import Client, Future

AHEAD = 3  # tasks a worker has at hand; more only fill the scheduler's memory
PATIENCE, POLL = 120.0, 5.0  # seconds without a worker; between two looks
FAILURES = 10  # deaths of workers over one task that our own scheduler forgives
TASK, FOUND = TypeVar("TASK"), TypeVar("FOUND")


@contextmanager
def connected(where: str) -> Iterator["Client"]:
    """A client, closed in the end together with what was started for it.

    Args:
        where: The address of a scheduler, as tcp://host:8786; a number of processes on this
            machine; or "local", one process for each core.

    Raises:
        DataError: Dask is not installed, or nothing answers there.
    """
    try:
        from dask.distributed import Client, LocalCluster
    except ImportError as error:
        raise DataError("--dask needs Dask: pip install 'workbench[cluster]'") from error
    if where != "local" and not where.isdecimal():
        try:
            client = Client(where, timeout=20)
        except (OSError, ValueError) as error:
            raise DataError(f"--dask must name a scheduler that answers: {error}") from error
        with client:
            yield client
        return
    cores = os.cpu_count() or 1
    processes = cores if where == "local" else max(1, int(where))
    threads = settings.threads(processes)
    with (
        LocalCluster(
            n_workers=processes,
            threads_per_worker=1,
            silence_logs=50,
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"allowed_failures": FAILURES},
            env={"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads},
        ) as cluster,
        Client(cluster) as client,
    ):
        cluster.adapt(minimum=processes, maximum=processes)  # also after one died while it began
        yield client


def in_order(
    client: "Client", work: Callable[[TASK], FOUND], tasks: Iterable[TASK], ahead: int = AHEAD
) -> Iterator[tuple[TASK, FOUND]]:
    """Yield each task with what `work` gives for it, in their order, for any number of tasks.

    Only `ahead` tasks for each worker are with the scheduler at a time. A task whose worker dies
    is given to another; what it raises ends all.

    Raises:
        DataError: Too many workers died over one task, or no worker is left.
    """
    from dask.distributed import KilledWorker

    remaining, waiting = iter(tasks), deque[tuple[TASK, "Future"]]()
    room, asked = 0, float("-inf")
    while True:
        if time.monotonic() - asked > 1:  # workers come and go
            room, asked = ahead * max(1, len(client.nthreads())), time.monotonic()
        for task in islice(remaining, max(0, room - len(waiting))):
            waiting.append((task, client.submit(work, task, pure=False)))
        if not waiting:
            return
        task, future = waiting.popleft()
        try:
            found = _waited(client, future)
        except KilledWorker as error:
            died, last = error.allowed_failures + 1, error.last_worker.address
            raise DataError(
                f"{died} workers died over one task; the log of {last} may say why"
            ) from None
        yield task, found


def _waited(client: "Client", future: "Future") -> Any:  # noqa: ANN401
    alone = 0.0
    while alone < PATIENCE:
        with suppress(TimeoutError):
            return future.result(timeout=POLL)
        alone = 0.0 if client.nthreads() else alone + POLL
    raise DataError(f"no worker has been there for {PATIENCE:g} s; start some and run it again")

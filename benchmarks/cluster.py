"""What do worker processes bring on one machine, and what does the scheduler of Dask cost?

python -m benchmarks.cluster
"""

import itertools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

import workbench as wb
from benchmarks import models, records
from workbench import bulk

PHOTOS, TASKS, QUEUED = 512, 100_000, 1_000_000 // 64


def main():
    home = Path(tempfile.mkdtemp(prefix="workbench-benchmark-"))
    parts = models.photos(32, size=1024)
    model = wb.save(
        models.detector(wb.CSFlowConfig.preset("lite"), parts.paths), home / "models" / "lens"
    )
    paths = list(itertools.islice(itertools.cycle(parts.paths), PHOTOS))
    rows = [{"what": "one process, all cores", "photos a second": alone(model, paths)}]
    for processes in (1, 2):
        with bulk.connected(str(processes)) as client:
            list(bulk.score(paths[:128], model, client=client))  # each has loaded the detector
            rows.append(
                {
                    "what": f"{processes} workers, {max(1, os.cpu_count() // processes)} threads",
                    "photos a second": rate(paths, model, client=client),
                }
            )
    records.leave(
        "cluster", f"{PHOTOS} photos of 1024 px, `lite`, from files", rows, [scheduler()]
    )


def rate(paths, model, **how):
    start = time.perf_counter()
    assert sum(1 for _ in bulk.score(paths, model, **how)) == len(paths)
    return round(len(paths) / (time.perf_counter() - start), 1)


def alone(model, paths):
    rate(paths[:32], model)
    return rate(paths, model)


def scheduler():
    """Time of an empty task, and memory while 10^6 photos are worked off in tasks of 64."""
    log = tempfile.mkstemp(suffix=".json")[1]
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port=0", "--host",
               "127.0.0.1", "--no-dashboard", "--scheduler-file", log]  # fmt: skip
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, **quiet)
    try:
        from dask.distributed import Client, Nanny  # noqa: F401 - Dask is there

        while not Path(log).stat().st_size:
            time.sleep(0.1)
        worker = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", log,
             "--nthreads=1", "--no-dashboard"], **quiet,
        )  # fmt: skip
        with Client(scheduler_file=log) as client:
            client.wait_for_workers(1)
            memory = psutil.Process(process.pid).memory_info
            before = memory().rss
            start = time.perf_counter()
            for _ in bulk.in_order(client, abs, range(QUEUED), ahead=50):
                pass
            bounded = (memory().rss - before) >> 20
            for _ in bulk.in_order(client, abs, range(TASKS - QUEUED), ahead=50):
                pass
            each = 1e3 * (time.perf_counter() - start) / TASKS
        worker.terminate()
        worker.wait(30)
    finally:
        process.terminate()
        process.wait(30)
    return (
        f"An empty task takes {each:.2f} ms ({TASKS:,} tasks through one scheduler); while 10^6 "
        f"photos go through it in tasks of 64 its memory grows by {bounded} MB."
    )


if __name__ == "__main__":
    main()

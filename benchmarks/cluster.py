"""What do worker processes bring on one machine, and what does the scheduler of Dask cost?

python -m benchmarks.cluster
"""

import itertools
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import psutil

import workbench as wb
from benchmarks import models, records
from workbench import bulk

PHOTOS, TASKS, QUEUED = 256, 100_000, 1_000_000 // 64


def main():
    load = os.getloadavg()[0]
    home = Path(tempfile.mkdtemp(prefix="workbench-benchmark-"))
    parts = models.photos(32, size=1024)
    # the size that "auto" makes of such photos, and one look: who scores so many pays for each
    config = wb.CSFlowConfig.preset("lite", image_size=512, looks=1)
    model = wb.save(models.detector(config, parts.paths), home / "models" / "lens")
    paths = list(itertools.islice(itertools.cycle(parts.paths), PHOTOS))
    rows = [speed("one process", paths, model, lambda: [time.process_time()])]
    for processes in (1, 2):
        with bulk.connected(str(processes)) as client:
            used = partial(_of_workers, client)
            rows.append(speed(f"Dask, processes: {processes}", paths, model, used, client=client))
    each, own, grown = scheduler()
    notes = [
        f"An empty task takes {each:.2f} ms, {own:.2f} of them of the scheduler's core ({TASKS:,} "
        f"tasks); while 10^6 photos go through it in tasks of 64 its memory grows by {grown} MB.",
        f"Load of the machine before: {load:.1f}, on {os.cpu_count()} cores"
        + ("; others used it, so only ratios count, and core time a little." * (load > 0.5)),
        *budget(rows[0]["core ms a photo"] / 1e3, own / 1e3),
    ]
    title = f"{PHOTOS} photos of 1024 px from files, `lite` at 512 px"
    records.leave(
        "cluster", title, rows, notes, task_ms=each, scheduler_ms=own, scheduler_mb=grown
    )


def _of_workers(client):
    return client.run(time.process_time).values()


def speed(what, paths, model, used, **how):
    """Photos a second, and seconds of a core for each; all its workers have the detector."""
    list(bulk.score(paths[:128], model, **how))
    before, start = sum(used()), time.perf_counter()
    assert sum(1 for _ in bulk.score(paths, model, **how)) == len(paths)
    seconds, cores = time.perf_counter() - start, sum(used()) - before
    row = {
        "what": what,
        "photos a second": round(PHOTOS / seconds, 1),
        "core ms a photo": round(1e3 * cores / PHOTOS, 1),
    }
    print(row, flush=True)
    return row


def budget(photo, task, photos=1e9, kilobytes=300, month=30 * 86400):
    """What 10^9 photos a month take, from seconds of a core a photo and of a scheduler a task."""
    second = photos / month
    megabytes = second * kilobytes / 1e3
    lines = {
        "photos a second, all month": f"{second:.0f}",
        "cores without a pause, from core time": f"{second * photo:.0f}",
        "core hours per million photos": f"{1e6 * photo / 3600:.1f}",
        "cost per million photos, at $0.04 a core hour": f"${1e6 * photo / 3600 * 0.04:.2f}",
        "tasks of 64 photos": f"{photos / 64:.1e}, {second / 64:.0f} a second",
        "share of the scheduler's core": f"{second / 64 * task:.1%}",
        "photos a second at the scheduler's limit": f"{64 / task:,.0f}",
        f"bytes read, at {kilobytes} kB a photo": f"{photos * kilobytes / 1e9:.0f} TB, "
        f"{megabytes:.0f} MB or {8 * megabytes / 1e3:.2f} Gbit a second",
    }
    rows = [f"| {what} | {value} |" for what, value in lines.items()]
    return ["\n".join(["| 10^9 photos a month, on paper | |", "|---|---|", *rows])]


def scheduler():
    """Milliseconds of an empty task, by clock and core, and MB that 10^6 photos leave behind."""
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
            process_ = psutil.Process(process.pid)
            memory, cores = process_.memory_info, lambda: sum(process_.cpu_times()[:2])
            before = memory().rss
            start, used = time.perf_counter(), cores()
            for _ in bulk.in_order(client, abs, range(QUEUED), ahead=50):
                pass
            bounded = (memory().rss - before) >> 20
            for _ in bulk.in_order(client, abs, range(TASKS - QUEUED), ahead=50):
                pass
            each = 1e3 * (time.perf_counter() - start) / TASKS
            own = 1e3 * (cores() - used) / TASKS
        worker.terminate()
        worker.wait(30)
    finally:
        process.terminate()
        process.wait(30)
    return each, own, bounded


if __name__ == "__main__":
    main()

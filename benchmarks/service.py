"""What does HTTP cost: a verdict against the same in process, one and eight at a time; a row.

The load comes from processes of its own, so that the client's work is not the server's. Then
20,000 requests more, of which one in ten is a photo and the others are rows, while the server's
memory is watched. One thread a verdict, as a server with several clients has it
(`OMP_NUM_THREADS`). Three minutes on two cores with nothing else to do:

    python -m benchmarks.service
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import httpx2 as httpx
import numpy as np
import psutil

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported, here and in the server

import workbench as wb
from benchmarks import measure, models, records
from workbench.service.shared import encoded

SERIAL, TOGETHER, SOAK, STEPS = 60, 240, 20_000, 20


def main():
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "notebooks").mkdir()
        parts = models.photos(8, size=256)
        model = wb.save(
            models.detector(wb.CSFlowConfig.preset("lite", image_size=256), parts.paths),
            home / "models" / "lens",
        )
        rows = np.random.default_rng(0).normal(size=(300, 3))
        wb.save(wb.AutoEncoderDetector().fit(rows, progress=False), home / "models" / "press")
        photos = [Path(path).read_bytes() for path in parts.paths]
        url, server = start(home)
        try:
            times = one_at_a_time(url, wb.load(model), photos[0])
            rates = {n: throughput(url, photos, n) for n in (1, 8)}
            sizes = soak(url, psutil.Process(server.pid), photos)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)
    leave(times, rates, sizes)


def one_at_a_time(url, detector, photo):
    with httpx.Client(timeout=120) as client:
        return measure.in_turn(
            {
                "in process": lambda: encoded(detector.evaluate_one(photo).overlay()),
                "over HTTP": lambda: ask(url, photo, client),
                "a row over HTTP": lambda: ask_row(url, client),
            },
            runs=SERIAL,
        )


def throughput(url, photos, workers):
    """Verdicts a second with this many clients, each a process of its own."""
    with ProcessPoolExecutor(workers) as pool:
        at_once(pool, client, url, photos, workers, 2)
        start, each = time.perf_counter(), TOGETHER // workers
        at_once(pool, client, url, photos, workers, each)
        return each * workers / (time.perf_counter() - start)


def soak(url, process, photos):
    """The server's memory in MB, at first and after each of the steps."""
    sizes = [process.memory_info().rss >> 20]
    with ProcessPoolExecutor(2) as pool:
        for _ in range(STEPS):
            at_once(pool, mixed, url, photos, 2, SOAK // STEPS // 2)
            sizes.append(process.memory_info().rss >> 20)
            print(f"{sizes[-1]} MB", flush=True)
    return sizes


def at_once(pool, work, url, photos, workers, each):
    list(pool.map(work, [url] * workers, [photos] * workers, [each] * workers))


def leave(times, rates, sizes):
    medians = {name: 1000 * float(np.median(seconds)) for name, seconds in times.items()}
    slower = medians["over HTTP"] / medians["in process"]
    records.leave(
        "service",
        "A verdict with overlay, `lite` at 256 px, one thread each, and a row over HTTP",
        [measure.row(name, seconds) for name, seconds in times.items()],
        [
            f"Over HTTP a verdict takes {slower:.2f} times as long as in process, "
            f"a row {medians['a row over HTTP']:.2f} ms.",
            f"Eight at a time {rates[8]:.1f} a second, one at a time {rates[1]:.1f}: "
            f"{rates[8] / rates[1]:.2f} times as many.",
            f"{SOAK:,} requests more, one in ten a photo: the server's memory was {sizes[0]} MB "
            f"before, {sizes[len(sizes) // 4]} MB after a quarter, {sizes[-1]} MB after all.",
        ],
        rates=rates,
        megabytes=sizes,
    )


def mixed(url, photos, count):
    with httpx.Client(timeout=120) as connection:
        for i in range(count):
            if i % 10:
                ask_row(url, connection)
            else:
                ask(url, photos[i // 10 % len(photos)], connection)


def client(url, photos, count):
    with httpx.Client(timeout=120) as connection:
        for i in range(count):
            ask(url, photos[i % len(photos)], connection)


def ask(url, photo, connection=httpx):
    answer = connection.post(
        f"{url}/evaluate?model=lens&overlay=true", files={"file": ("x.png", photo)}, timeout=120
    )
    answer.raise_for_status()
    return answer.json()["score"]


def ask_row(url, connection):
    connection.post(f"{url}/anomaly", json={"values": [0.1, 0.2, 0.3]}).raise_for_status()


def start(home):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    command = [sys.executable, "-m", "workbench.cli", "serve", f"--port={port}"]
    server = subprocess.Popen(command, env=os.environ | {"WORKBENCH_HOME": str(home)}, **quiet)
    url = f"http://127.0.0.1:{port}"
    for _ in range(1200):  # a graph is built at the first start
        try:
            if httpx.get(f"{url}/health").is_success:
                return url, server
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    server.kill()
    raise RuntimeError("the service did not start")


if __name__ == "__main__":
    main()

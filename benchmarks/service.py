"""What does HTTP cost: a verdict against the same in process, one and eight at a time?

The load comes from processes of its own, so that the client's work is not the server's. `soak`
asks 20,000 times and watches the server's memory:

    python -m benchmarks.service [soak]
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

import workbench as wb
from benchmarks import measure, models, records
from workbench.service.shared import encoded

SERIAL, TOGETHER, SOAK = 60, 400, 20_000


def main(words):
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
            soak(url, server, photos) if "soak" in words else compare(url, model, photos)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)


def compare(url, model, photos):
    detector = wb.load(model)
    ask(url, photos[0])
    detector.evaluate_one(photos[0])
    with httpx.Client(timeout=60) as client:
        times = measure.in_turn(
            {
                "in process": lambda: encoded(detector.evaluate_one(photos[0]).overlay()),
                "over HTTP": lambda: ask(url, photos[0], client),
                "a row over HTTP": lambda: ask_row(url, client),
            },
            runs=SERIAL,
        )
    medians = {name: float(np.median(seconds)) for name, seconds in times.items()}
    times_as_long = medians["over HTTP"] / medians["in process"]
    rates = {n: throughput(url, photos, n) for n in (1, 8)}
    table = [measure.row(name, seconds) for name, seconds in times.items()]
    records.leave(
        "service", "A verdict with overlay, `lite` at 256 px, over HTTP", table,
        [
            f"Over HTTP it takes {times_as_long:.2f} times as long as in process.",
            f"Eight at a time {rates[8]:.1f} a second, one at a time {rates[1]:.1f}: "
            f"{rates[8] / rates[1]:.2f} times as many.",
        ],
        rates=rates,
    )  # fmt: skip


def throughput(url, photos, workers):
    """Verdicts a second with this many clients, each a process of its own."""
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(client, [url] * workers, [photos] * workers, [2] * workers))
        start = time.perf_counter()
        each = TOGETHER // workers
        list(pool.map(client, [url] * workers, [photos] * workers, [each] * workers))
        return each * workers / (time.perf_counter() - start)


def soak(url, server, photos):
    sizes = []
    process = psutil.Process(server.pid)
    for _ in range(20):
        throughput_of = SOAK // 20
        with ProcessPoolExecutor(2) as pool:
            list(pool.map(client, [url] * 2, [photos] * 2, [throughput_of // 2] * 2))
        sizes.append(process.memory_info().rss >> 20)
        print(f"{sizes[-1]} MB", flush=True)
    growth = sizes[-1] - sizes[4]
    print(f"{SOAK} requests; from the fifth twentieth to the last: {growth:+} MB")


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
    main(sys.argv[1:])

"""AUPRO against anomalib and ADEval: time, memory and answer on the same maps, in one run.

    python -m benchmarks.localisation [--images 40] [--size 1024] [--many 2000]

The peers are installed into an environment of their own, see `environments`. Each implementation
runs alone in a fresh process on the same generated maps; rounds alternate, and medians are shown.
`--many` maps are then streamed, made anew in each pass, to see the memory that thousands take.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks.environments import python_with

RESULTS = Path(__file__).parent / "results"
LIMIT = 0.3
MB = 1024  # ru_maxrss is in kB


def make(i, size, defective):
    """A smooth map with noise, and a mask of a few blobs where it is higher."""
    rng = np.random.default_rng([7, i])
    coarse = rng.gamma(2, size=(size // 32, size // 32)).astype(np.float32)
    heat = np.kron(coarse, np.ones((32, 32), np.float32))
    heat += rng.random((size, size), np.float32)
    mask = np.zeros((size, size), bool)
    for _ in range(3 if defective else 0):
        y, x = rng.integers(0, size - size // 8, 2)
        side = rng.integers(size // 64, size // 8)
        mask[y : y + side, x : x + side] = True
    heat[mask] += np.float32(2)
    return heat, mask


class Many:
    """Thousands of maps from a few, each with its own noise level; made anew in every pass."""

    def __init__(self, n, size):
        self.base, self.n = [make(i, size, i % 2) for i in range(8)], n

    def __len__(self):
        return self.n

    def __iter__(self):
        for i in range(self.n):
            heat, mask = self.base[i % 8]
            yield heat * np.float32(1 + i / self.n), mask


def ours(maps, masks, exact=True):
    from workbench import metrics

    return lambda: float(metrics.aupro(maps, masks, limit=LIMIT, exact=exact))


def anomalib(maps, masks):
    import torch
    from anomalib.metrics.aupro import _AUPRO

    maps, masks = torch.from_numpy(np.stack(maps)), torch.from_numpy(np.stack(masks)).int()

    def work():
        metric = _AUPRO(fpr_limit=LIMIT)
        metric.update(maps, masks)
        return float(metric.compute())

    return work


def adeval(maps, masks):
    if not hasattr(np, "trapz"):  # ADEval 1.1 calls what NumPy 2.4 took away
        np.trapz = np.trapezoid  # noqa: NPY201
    from adeval import EvalAccumulator

    low, high = min(x.min() for x in maps), max(x.max() for x in maps)  # it must be told

    def work():
        metric = EvalAccumulator(float(low), float(high))
        for heat, mask in zip(maps, masks, strict=True):
            metric.add_anomap(heat, mask.astype(np.uint8))
        return metric._aupro()

    return work


WORK = {
    "workbench, exact": ours,
    "workbench, binned": lambda maps, masks: ours(maps, masks, exact=False),
    "anomalib, exact": anomalib,
    "ADEval, 1000 bins": adeval,
}


def measure(name, images, size):
    """Time and memory beyond the maps themselves; run in a process of its own."""
    if name == "many":
        from workbench import metrics

        maps = Many(images, size)
        work = lambda: float(metrics.aupro(maps, limit=LIMIT))  # noqa: E731
    else:
        maps, masks = zip(*(make(i, size, i % 2) for i in range(images)), strict=True)
        work = WORK[name](list(maps), list(masks))
    import scipy.ndimage  # noqa: F401  imports are no part of the work

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cpu, start = time.process_time(), time.perf_counter()
    value = work()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = {"value": value, "seconds": seconds, "cpu_seconds": cpu}
    return found | {"extra_mb": (peak - before) / MB, "peak_mb": peak / MB}


def alone(python, name, images, size):
    sizes = ["--images", str(images), "--size", str(size)]
    command = [python, "-m", "benchmarks.localisation", "--only", name, *sizes]
    root = Path(__file__).parents[1]
    env = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def main(images, size, many, rounds):
    python, runs = python_with("localisation", "anomalib", "adeval"), {name: [] for name in WORK}
    for _ in range(rounds):
        for name in WORK:
            runs[name].append(alone(python, name, images, size))
    rows = {
        name: {key: statistics.median(run[key] for run in found) for key in found[0]}
        for name, found in runs.items()
    }
    slowest = rows["anomalib, exact"]["cpu_seconds"]
    for row in rows.values():
        row["times_faster"] = slowest / row["cpu_seconds"]
    thousands = alone(python, "many", many, size) if many else None
    write(rows, thousands, images, size, many, rounds, python)


def write(rows, thousands, images, size, many, rounds, python):
    code = "from importlib.metadata import version as v; print(v('anomalib'), v('adeval'))"
    peers = subprocess.run([python, "-c", code], capture_output=True, text=True).stdout.split()
    versions = {"anomalib": peers[0], "adeval": peers[1]}
    versions |= {name: version(name) for name in ("numpy", "scipy", "torch")}
    machine = f"{os.cpu_count()} cores ({platform.machine()}), one thread"
    text = [
        f"# AUPRO of {images} maps of {size} x {size} pixels, half of them with defects",
        "",
        "| implementation | AUPRO | CPU s | wall s | times as fast | memory beyond the maps |",
        "|---|---|---|---|---|---|",
    ]
    text += [
        f"| {name} | {row['value']:.6f} | {row['cpu_seconds']:.2f} | {row['seconds']:.2f} | "
        f"{row['times_faster']:.1f} | {row['extra_mb']:.0f} MB |"
        for name, row in rows.items()
    ]
    text += ["", f"Medians of {rounds} alternating rounds, each in a process of its own.", ""]
    if thousands:
        text += [
            f"{many} maps of that size, made anew in each pass, exact: "
            f"{thousands['value']:.6f} in {thousands['cpu_seconds']:.0f} CPU s; "
            f"the whole process took at most {thousands['peak_mb']:.0f} MB.",
            "",
        ]
    named = ", ".join(f"{name} {number}" for name, number in versions.items())
    text += [f"{date.today()}, {machine}; {named}.", ""]
    facts = {"images": images, "size": size, "rounds": rounds, "rows": rows, "many": many}
    facts |= {"streamed": thousands, "machine": machine, "versions": versions}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "localisation.md").write_text("\n".join(text), "utf-8")
    (RESULTS / "localisation.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    print("\n".join(text))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--many", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=[*WORK, "many"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.only:
        print(json.dumps(measure(given.only, given.images, given.size)))
    else:
        sys.exit(main(given.images, given.size, given.many, given.rounds))

"""What a row costs: one at a time, a million at once, loading, and on disk.

    python -m benchmarks.rows

Beside the obvious PyTorch loop, which scores each row by a call of the module, in the same run.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

import workbench as wb
from benchmarks.records import leave

COLUMNS, MILLION, REPEATS = 8, 1_000_000, 9
LOAD = """
import sys, time, torch, workbench as wb
start = time.perf_counter(); wb.load(sys.argv[1]); first = time.perf_counter() - start
start = time.perf_counter(); wb.load(sys.argv[1]); print(first, time.perf_counter() - start)
"""


def seconds(work, repeats=REPEATS):
    """The least of some runs: other programs on the machine only ever add."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def by_torch(network, rows):
    """One row after the other through the module, as one would write it first."""
    scores = []
    with torch.no_grad():
        for row in rows:
            z = (torch.from_numpy(row)[None] - network.mean) / network.scale
            scores.append(torch.linalg.norm(z - network(z)).item())
    return np.array(scores)


def at_once_by_torch(network, rows):
    """All rows through the module at once."""
    with torch.no_grad():
        z = (torch.from_numpy(rows) - network.mean) / network.scale
        return torch.linalg.norm(z - network(z), dim=1).numpy()


def main():
    """Measure and leave the table."""
    load = os.getloadavg()[0]
    random = np.random.default_rng(0)
    causes = random.normal(size=(MILLION, 2))
    rows = causes @ random.normal(size=(2, COLUMNS)) + 0.1 * random.normal(size=(MILLION, COLUMNS))
    model = wb.AutoEncoderDetector().fit(rows[:2000], progress=False)
    windowed = wb.AutoEncoderDetector(wb.AutoEncoderConfig(window=10)).fit(
        rows[:2000], progress=False
    )
    few, network = rows[:2000], model.network
    kinds = random.normal(size=(5, COLUMNS)) * 4  # modes of operation
    other = kinds[random.integers(5, size=MILLION)] + 0.3 * random.normal(size=(MILLION, COLUMNS))
    several = wb.AutoEncoderDetector().fit(other[:2000], progress=False)
    one = seconds(lambda: [model.score(few[i : i + 1]) for i in range(200)]) / 200
    one_torch = seconds(lambda: by_torch(network, few[:200])) / 200
    named = [dict(zip(model.columns, row.tolist(), strict=True)) for row in few[:50]]
    explained = seconds(lambda: [model.evaluate_one(row) for row in named]) / 50
    many = seconds(lambda: model.score(rows))
    many_torch = seconds(lambda: at_once_by_torch(network, rows))
    many_windows = seconds(lambda: windowed.score(rows))
    one_of_several = seconds(lambda: [several.score(other[i : i + 1]) for i in range(200)]) / 200
    many_of_several = seconds(lambda: several.score(other))
    with tempfile.TemporaryDirectory() as folder:
        saved = wb.save(model, Path(folder) / "rows")
        size = sum(path.stat().st_size for path in saved.iterdir())
        runs = [
            subprocess.run([sys.executable, "-c", LOAD, saved], check=True, capture_output=True)
            for _ in range(3)
        ]
        loads = np.min([[float(x) for x in run.stdout.split()] for run in runs], axis=0)
    table = [
        {"what": "one row, score", "ours": f"{1e6 * one:.0f} µs",
         "PyTorch": f"{1e6 * one_torch:.0f} µs", "ratio": f"{one_torch / one:.1f}"},
        {"what": "one row by name, explained", "ours": f"{1e6 * explained:.0f} µs",
         "PyTorch": "-", "ratio": "-"},
        {"what": "a million rows, score", "ours": f"{many:.2f} s",
         "PyTorch": f"{many_torch:.2f} s", "ratio": f"{many_torch / many:.1f}"},
        {"what": "a million rows, windows of 10", "ours": f"{many_windows:.2f} s", "PyTorch": "-",
         "ratio": "-"},
        {"what": "one row, score, model of 5 modes", "ours": f"{1e6 * one_of_several:.0f} µs",
         "PyTorch": "-", "ratio": "-"},
        {"what": "a million rows, score, model of 5 modes", "ours": f"{many_of_several:.2f} s",
         "PyTorch": "-", "ratio": "-"},
        {"what": "first load in a process that has torch", "ours": f"{1e3 * loads[0]:.0f} ms",
         "PyTorch": "-", "ratio": "-"},
        {"what": "each further load", "ours": f"{1e3 * loads[1]:.1f} ms", "PyTorch": "-",
         "ratio": "-"},
        {"what": "model folder", "ours": f"{size / 1024:.0f} KiB", "PyTorch": "-", "ratio": "-"},
    ]  # fmt: skip
    notes = [
        f"{COLUMNS} sensors, default configuration; the least of {REPEATS} runs (loads: 3 "
        "processes). PyTorch: the error of the same network, one row a call of the module in a "
        f"loop; a million rows at once. Load of the machine before: {load:.1f}."
    ]
    leave("rows", "Cost of the row model", table, notes)


if __name__ == "__main__":
    main()

"""Timing in turn, and results as JSON beside a Markdown table."""

import json
import os
import platform
import statistics
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("workbench", "torch", "onnxruntime", "numpy", "pillow")
RUNS = 12
TRIAL = int(os.environ.get("WORKBENCH_BENCHMARK_RUNS", "0"))  # fewer, to try a script out


def in_turn(works, runs=RUNS, warm_up=2):
    """Seconds of each piece of work, {name: [seconds]}, in turn, so that all share the noise.

    `works` maps names to callables. The first rounds are warm-up and not counted.
    """
    runs = TRIAL or runs
    times = {name: [] for name in works}
    for round_ in range(warm_up + runs):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            if round_ >= warm_up:
                times[name].append(time.perf_counter() - start)
    return times


def row(name, seconds, **more):
    """One line of a table: median and quartiles in milliseconds."""
    low, middle, high = statistics.quantiles(seconds, n=4)
    return {
        "what": name,
        "median ms": round(1e3 * middle, 2),
        "quartiles ms": f"{1e3 * low:.2f} to {1e3 * high:.2f}",
        "runs": len(seconds),
        **more,
    }


def versus(times, base):
    """Rows for `in_turn`'s result; each with how many times as fast as `base` it is."""
    reference = statistics.median(times[base])
    return [
        row(name, seconds, **{f"x {base}": round(reference / statistics.median(seconds), 2)})
        for name, seconds in times.items()
    ]


def machine():
    """Where it was measured."""
    import torch

    found = {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load before": round(os.getloadavg()[0], 2),
        "gpu": torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none",
        "python": platform.python_version(),
    }
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "-"
    return found


def report(name, question, tables, where, notes=()):
    """Print a result and write it to results/NAME.json and results/NAME.md."""
    text = [f"# {name}", "", question, ""]
    text += [", ".join(f"{key} {value}" for key, value in where.items()), ""]
    for title, rows in tables.items():
        text += [f"## {title}", "", *_table(rows), ""]
    text += [f"- {note}" for note in notes]
    RESULTS.mkdir(exist_ok=True)
    content = {"question": question, "machine": where, "tables": tables, "notes": list(notes)}
    (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n", "utf-8")
    (RESULTS / f"{name}.md").write_text("\n".join(text).rstrip() + "\n", "utf-8")
    print("\n".join(text), flush=True)


def _table(rows):
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [columns, ["---"] * len(columns)]
    lines += [[str(row.get(column, "")) for column in columns] for row in rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def _processor():
    try:
        shown = subprocess.run(["lscpu"], capture_output=True, text=True, check=True).stdout
        return next(x.partition(":")[2].strip() for x in shown.splitlines() if "Model name" in x)
    except (OSError, subprocess.CalledProcessError, StopIteration):
        return platform.processor() or platform.machine()

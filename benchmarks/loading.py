"""How long does reading two million rows of ten sensors take, and in what memory?

Beside pandas' own parser on the same file, each in a process of its own, in turn. Peak memory is
the process's, Python and pandas included.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import measure

ROWS, SENSORS, RUNS = 2_000_000, 10, 3
READ = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import pandas as pd
from workbench.data.rows import load_rows
start = time.perf_counter()
table = pd.read_csv(sys.argv[2]) if sys.argv[1] == "pandas" else load_rows(sys.argv[2])
seconds = time.perf_counter() - start
assert len(table) == int(sys.argv[3]), len(table)
peak = next(l for l in open("/proc/self/status") if l.startswith("VmHWM"))  # of this program alone
print(json.dumps([seconds, int(peak.split()[1]) / 1e6]))
"""


def main():
    where = measure.machine()
    with tempfile.TemporaryDirectory() as folder:
        plain, dated, german = made(Path(folder))
        tried = {
            "pandas' parser alone": ("pandas", plain),
            "load_rows, ten sensors": ("rows", plain),
            "load_rows, a time and nine": ("rows", dated),
            "load_rows, a time and nine, in German": ("rows", german),
        }
        taken = {name: [] for name in tried}
        for _ in range(RUNS):
            for name, (how, path) in tried.items():
                taken[name].append(run(how, path))
    print("| reading | seconds | times pandas | peak GB |\n| --- | ---: | ---: | ---: |")
    bare = np.median([seconds for seconds, _ in taken["pandas' parser alone"]])
    for name, runs in taken.items():
        seconds, memory = np.median(runs, axis=0)
        print(f"| {name} | {seconds:.2f} | {seconds / bare:.1f} | {memory:.2f} |")
    print(f"\n{where}")


def made(folder):
    """Files of plain numbers, with times, and with decimal commas and days first."""
    values = np.random.default_rng(0).normal(50, 10, (ROWS, SENSORS))
    frame = pd.DataFrame(values, columns=[f"s{i}" for i in range(SENSORS)])
    time = pd.Series(pd.date_range("2024-01-01", periods=ROWS, freq="s"))
    paths = [folder / f"{name}.csv" for name in ("plain", "dated", "german")]
    frame.to_csv(paths[0], index=False, float_format="%.3f")
    del frame["s0"]
    frame.insert(0, "time", time.astype(str))
    frame.to_csv(paths[1], index=False, float_format="%.3f")
    frame["time"] = time.dt.strftime("%d.%m.%Y %H:%M:%S")
    frame.to_csv(paths[2], index=False, float_format="%.2f", sep=";", decimal=",")
    return paths


def run(how, path):
    command = [sys.executable, "-c", READ, how, str(path), str(ROWS)]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


if __name__ == "__main__":
    main()

"""How long from a cold process to help, to the package, to the first verdict; in what memory?

Each figure is a process of its own. Python's compiled files are in the disk cache, as on any
machine on which the program ran before; run with PYTHONDONTWRITEBYTECODE they would not be.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import measure, models
from workbench import CSFlowConfig, load, save

VERDICT = """
import sys, time
start = time.perf_counter()
import workbench as wb
detector = wb.load(sys.argv[1], engine=sys.argv[2])
result = detector.evaluate_one(sys.argv[3])
first = time.perf_counter() - start
"""
LATER = """
import psutil
start = time.perf_counter()
for _ in range(20):
    detector.evaluate_one(sys.argv[3])
later = (time.perf_counter() - start) / 20
memory = psutil.Process().memory_info().rss >> 20  # ru_maxrss would start at the parent's
import json
print(json.dumps([first, later, memory, "torch" in sys.modules]))
"""


def main():
    where = measure.machine()
    parts = models.photos(8, size=512)
    with tempfile.TemporaryDirectory() as folder:
        model = save(
            models.detector(CSFlowConfig.preset("lite", image_size=256), parts.paths),
            Path(folder, "m"),
        )
        load(model).evaluate_one(parts[0])  # builds the graph once
        times = measure.in_turn(
            {
                "python itself": lambda: run("-c", "pass"),
                "import workbench": lambda: run("-c", "import workbench"),
                "workbench --help": lambda: run("-m", "workbench.cli", "--help"),
                "first verdict, onnx": lambda: run("-c", VERDICT, model, "auto", parts[0]),
                "first verdict, torch": lambda: run("-c", VERDICT, model, "torch", parts[0]),
            },
            runs=10,
        )
        rows = [measure.row(name, seconds) for name, seconds in times.items()]
        inside = []
        for engine in ("auto", "torch"):
            told = run("-c", VERDICT + LATER, model, engine, parts[0])
            first, later, memory, torch_ = json.loads(told)
            inside.append(
                {
                    "engine": engine,
                    "first verdict ms": round(1e3 * first),
                    "later ones ms": round(1e3 * later, 1),
                    "resident MB": memory,
                    "torch imported": torch_,
                }
            )
    tables = {"a process from start to end": rows, "within one process": inside}
    measure.report("startup", __doc__.partition("\n")[0], tables, where)


def run(*arguments):
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()

"""What a report costs: cold, from cached scores, and many of them two at a time.

    python benchmarks/reports.py [--images 1000] [--datasets 8] [--each 120]

In a workspace of its own, on generated lens photos: one report over many images with an empty
and with a full score cache, then reports on several datasets one after the other and with -j 2,
both with an empty cache. Peak memory is that of the largest process. CPU seconds are printed
beside the wall clock, as they do not depend on what else the machine does. Writes
`benchmarks/results/reports.json` and `.md`.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import workbench as wb
from workbench.artifacts import versions
from workbench.samples import make_samples

RESULTS = Path(__file__).parent / "results"
CLI = [sys.executable, "-m", "workbench.cli", "report"]
MEASURE = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"seconds": time.perf_counter() - start, "ok": done.returncode == 0,
                  "cpu": used.ru_utime + used.ru_stime, "mebibytes": used.ru_maxrss / 1024}))
"""


def measure(*arguments):
    command = [sys.executable, "-c", MEASURE, *CLI, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    if not result.pop("ok"):
        raise RuntimeError(f"report {arguments} failed: {done.stderr[-500:]}")
    return {key: round(value, 1) for key, value in result.items()}


def dataset(name, images):
    """A folder of lens photos, a third of them NG, and a model of it; untrained costs the same."""
    ng = images // 3
    root = make_samples("lens", wb.workspace.data(name), ok=images - ng, ng=ng)
    # all good photos but 8 are tested: the report is about scoring, not about training
    parts = wb.load_images(root, calibration=4 / (images - ng), test=1 - 8 / (images - ng))
    detector = wb.CSFlowDetector(wb.CSFlowConfig.preset("lite", image_size=256, epochs=1))
    wb.save(detector.fit(parts, progress=False), wb.workspace.model(name))
    return len(parts.test)


def forget():
    shutil.rmtree(wb.workspace.report(".cache"), ignore_errors=True)


def one(images):
    tested = dataset("large", images)
    return {"images": images, "tested": tested, "cold": measure("large"),
            "cached": measure("large")}  # fmt: skip


def many(datasets, each):
    shutil.rmtree(wb.workspace.model("large"), ignore_errors=True)
    first = "set-0"
    tested = dataset(first, each)
    for i in range(1, datasets):
        shutil.copytree(wb.workspace.data(first), wb.workspace.data(f"set-{i}"))
        copied = wb.workspace.model(f"set-{i}")
        shutil.copytree(wb.workspace.model(first), copied)
        facts = (copied / "detector.json").read_text("utf-8")
        # a seed of its own, so that no model finds the scores of another
        facts = facts.replace(f"data/{first}", f"data/set-{i}")
        facts = json.loads(facts)
        facts["config"]["seed"] = i
        (copied / "detector.json").write_text(json.dumps(facts), "utf-8")
    found = {"datasets": datasets, "tested": tested}
    for jobs in (1, 2):
        forget()
        found[f"jobs_{jobs}"] = measure("--all", "-j", jobs)
    return found


def rows(found):
    large, several = found["one"], found["many"]
    yield f"one report, {large['tested']} images tested, cold", large["cold"]
    yield "the same again, scores cached", large["cached"]
    words = f"{several['datasets']} reports, {several['tested']} images each"
    yield f"{words}, one after the other", several["jobs_1"]
    yield f"{words}, -j 2", several["jobs_2"]


def markdown(found):
    lines = [f"# Reports ({found['date']})", "", found["machine"], "",
             "| what | wall | CPU | largest process |", "|---|---|---|---|"]  # fmt: skip
    for words, row in rows(found):
        lines.append(f"| {words} | {row['seconds']} s | {row['cpu']} s | {row['mebibytes']} MiB |")
    one, many = found["one"], found["many"]
    cold = one["cold"]["cpu"] / one["cached"]["cpu"]
    two = many["jobs_1"]["seconds"] / many["jobs_2"]["seconds"]
    lines += ["", f"From the cache {cold:.1f} times less CPU; -j 2 is {two:.2f} times as fast."]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--datasets", type=int, default=8)
    parser.add_argument("--each", type=int, default=120)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"WORKBENCH_HOME": home, "TQDM_DISABLE": "1"}
        load = os.getloadavg()[0]
        found = {"one": one(given.images), "many": many(given.datasets, given.each)}
    words = ", ".join(f"{key} {value}" for key, value in versions().items())
    machine = f"{os.cpu_count()} cores ({platform.machine()}), load {load:.1f} before; {words}."
    found |= {"date": date.today().isoformat(), "machine": machine}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "reports.json").write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    (RESULTS / "reports.md").write_text(markdown(found), "utf-8")
    print(markdown(found))


if __name__ == "__main__":
    main()

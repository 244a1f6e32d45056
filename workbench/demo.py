"""What `make demo` does, and the sample data and models that notebooks fall back on.

Samples are generated and say so wherever they appear. Nothing here touches data or models of
the user's own, even under a sample's name.
"""

import os
from concurrent.futures import FIRST_COMPLETED, wait
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tqdm.auto import tqdm

from workbench import reports, settings, workspace
from workbench.errors import ArtifactError

if TYPE_CHECKING:
    from workbench.autoencoder.detector import AutoEncoderDetector
    from workbench.csflow.detector import CSFlowDetector

SAMPLES = ("lens", "flex", "SMT", "pump")
SENSORS = ("pump",)
SHOWN = ("00_quickstart", "10_dataset_check", "30_evaluate_one", "40_simulator", "41_histogram")
TRAINING = {"lens": "20_train_csflow", "pump": "21_train_autoencoder"}  # the others without


def ensure_data(name: str) -> Path:
    """`data/NAME`, a folder or a CSV; a sample is generated first if it is not there."""
    from workbench import samples

    path = workspace.data(f"{name}.csv" if name in SENSORS else name)
    if not path.exists() and name in SAMPLES:
        samples.make_samples(name, path)
    return path


def ensure_model(name: str) -> "CSFlowDetector | AutoEncoderDetector":
    """The detector in `models/NAME`, trained first where it is a sample's and not yet there."""
    from workbench import artifacts  # brings torch, which the demo's own processes do without

    folder = workspace.model(name)
    if not folder.exists():
        if name not in SAMPLES:
            raise ArtifactError(
                f"{folder} holds no detector; train one: workbench train FOLDER --name {name}"
            )
        _train(name)
    return artifacts.load(folder)


def run(jobs: int | None = None) -> Path:
    """Generate samples, train, execute the notebooks, report; returns `reports/index.html`.

    Raises:
        RuntimeError: Parts failed; the message names them, the rest was done.
    """
    first = [Task("train", name) for name in SAMPLES]
    then = {"lens": [Task("notebook", name) for name in SHOWN]}
    failed = _all(jobs, first, {n: [Task("report", n), *then.get(n, [])] for n in SAMPLES})
    if not failed:
        run = reports.run("comparison", "92_report_comparison", progress=False)
        failed += [f"comparison ({run.error})"] * (run.status != "ok")
    index = reports.build_index()
    if failed:
        raise RuntimeError(f"{len(failed)} parts of the demo failed: {'; '.join(failed)}")
    return index


class Task(NamedTuple):
    """A step of the demo that runs in a process of its own: papermill changes the folder."""

    kind: str
    name: str

    def __call__(self) -> None:
        """Do it."""
        if self.kind == "notebook":
            reports.execute(self.name, _executed(self.name))
        elif self.kind == "report":
            run = reports.run(self.name, progress=False)
            if run.status != "ok":
                raise RuntimeError(run.error)
        elif not workspace.model(self.name).exists():
            _train_shown(self.name)


def _all(jobs: int | None, first: list[Task], then: dict[str, list[Task]]) -> list[str]:
    """Run the tasks, those of `then` when the first of that name is done; return failures."""
    cores = os.cpu_count() or 1
    jobs = jobs or min(cores, max(2, cores // 2))
    failed: list[str] = []
    total = len(first) + sum(map(len, then.values()))
    with (
        settings.pool(jobs, TQDM_DISABLE="1") as pool,  # one bar is enough
        tqdm(total=total, desc="demo", unit="step", disable=False) as bar,
    ):
        running = {pool.submit(task): task for task in first}
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                task = running.pop(future)
                bar.set_postfix_str(" ".join(task))
                bar.update()
                if error := future.exception():
                    failed.append(f"{' '.join(task)} ({type(error).__name__}: {error})")
                elif task.kind == "train":
                    running |= {pool.submit(after): after for after in then[task.name]}
    return failed


def _train(name: str) -> None:
    from workbench import artifacts, autoencoder, csflow, data

    path = ensure_data(name)
    if name in SENSORS:
        detector = autoencoder.AutoEncoderDetector().fit(data.load_rows(path))
    else:
        detector = csflow.CSFlowDetector().fit(data.load_images(path))
    artifacts.save_somewhere(detector, workspace.model(name))


def _train_shown(name: str) -> None:
    """Train by the training notebook where the demo shows one."""
    if notebook := TRAINING.get(name):
        reports.execute(notebook, _executed(f"{notebook}-{name}"), name=name)
    else:
        _train(name)


def _executed(name: str) -> Path:
    return workspace.report("notebooks") / f"{name}.ipynb"

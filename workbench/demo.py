"""What `make demo` does, and the sample data and models that notebooks fall back on.

Samples are generated and say so wherever they appear. Nothing here touches data or models of
the user's own, even under a sample's name.
"""

import os
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from tqdm.auto import tqdm

from workbench import artifacts, reports, workspace
from workbench.data import samples
from workbench.detectors import AutoEncoderDetector, CSFlowDetector
from workbench.errors import ArtifactError

IMAGES, SENSORS = ("lens", "flex", "SMT"), ("pump",)
SHOWN = ("00_quickstart", "10_dataset_check", "30_evaluate_one", "40_simulator", "41_histogram")
TRAINERS = dict.fromkeys(IMAGES, "20_train_csflow") | dict.fromkeys(
    SENSORS, "21_train_autoencoder"
)


def ensure_data(name: str) -> Path:
    """`data/NAME`, generated first where it is a sample's name and nothing is there.

    Returns:
        The folder of images, or the CSV file of sensor rows.
    """
    path = workspace.data(f"{name}.csv" if name in SENSORS else name)
    if not path.exists() and name in TRAINERS:
        samples.sample(name, path)
    return path


def ensure_model(name: str) -> CSFlowDetector | AutoEncoderDetector:
    """The detector in `models/NAME`, trained first where it is a sample's and not yet there.

    Raises:
        ArtifactError: No such model, and no sample of that name.
    """
    folder = workspace.model(name)
    if not folder.exists():
        if name not in TRAINERS:
            raise ArtifactError(
                f"{folder} holds no detector; train one: workbench train FOLDER --name {name}"
            )
        _train(name)
    return artifacts.load(folder)


def run(jobs: int | None = None) -> Path:
    """Generate the samples, train on them, execute the notebooks, write the reports.

    Args:
        jobs: Processes at once; by default one per two cores, but two at least where there
            are two.

    Returns:
        The path of `reports/index.html`.

    Raises:
        RuntimeError: Parts failed; the message names them, the rest was done.
    """
    failed: list[str] = []
    missing = [name for name in TRAINERS if not workspace.model(name).exists()]
    _all(jobs, {f"data and training: {name}": (_train, name) for name in missing}, failed)
    shown = {f"notebook: {name}": (_show, name) for name in SHOWN}
    told = {f"report: {name}": (_report, name) for name in TRAINERS}
    _all(jobs, shown | told, failed)
    index = reports.build_index()
    if failed:
        raise RuntimeError(f"{len(failed)} parts of the demo failed: {'; '.join(failed)}")
    return index


def _train(name: str) -> None:
    """Train by the training notebook itself, so that what the demo shows is what was done."""
    ensure_data(name)
    reports.execute(TRAINERS[name], _executed(f"{TRAINERS[name]}-{name}"), name=name)


def _show(notebook: str) -> None:
    reports.execute(notebook, _executed(notebook))


def _report(name: str) -> None:
    run = reports.run(name)
    if run.status != "ok":
        raise RuntimeError(run.error)


def _executed(name: str) -> Path:
    return workspace.report("notebooks") / f"{name}.ipynb"


def _all(jobs: int | None, tasks: dict[str, tuple[Callable, str]], failed: list[str]) -> None:
    """Run tasks in processes of their own: papermill changes the working directory."""
    if not tasks:
        return
    cores = os.cpu_count() or 1
    jobs = jobs or min(cores, max(2, cores // 2))
    os.environ["OMP_NUM_THREADS"] = str(max(1, cores // jobs))
    with (
        ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool,
        tqdm(total=len(tasks), desc="demo", unit="step") as bar,
    ):
        running: dict[Future, str] = {
            pool.submit(work, name): title for title, (work, name) in tasks.items()
        }
        for future in as_completed(running):
            if error := future.exception():
                failed.append(f"{running[future]} ({type(error).__name__}: {error})")
            bar.set_postfix_str(running[future])
            bar.update()

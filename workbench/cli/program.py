"""What the commands share: how they are added, how they answer, paths as typed and shown."""

import inspect
import json
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial, wraps
from math import nan
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from workbench import workspace
from workbench.data import row_options
from workbench.errors import DataError

if TYPE_CHECKING:
    from dask.distributed import Client

    from workbench.artifacts import Detector
    from workbench.autoencoder import AutoEncoderDetector
    from workbench.csflow import CSFlowConfig
    from workbench.data import ImageFolder, SensorTable

    Dataset = ImageFolder | SensorTable

app = typer.Typer(
    help="Anomaly detection for a production line: train on good parts, report on the rest.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Layout = Annotated[
    list[str] | None,
    typer.Option(help="Photos: folders, flat, a CSV, or WORD=OK; repeatable. Rows: wide or long."),
]
Groups = Annotated[
    str, typer.Option(help="Which photos show one part: a CSV, folder, or a pattern with {part}.")
]
Relabels = Annotated[bool, typer.Option(help="Correct labels by what inspectors found (photos).")]
Join = Annotated[str, typer.Option(help="How photos make a part's verdict: any, mean or 2 of n.")]
Dask = Annotated[str, typer.Option(help="A scheduler's address, a number of processes, or local.")]
Model = Annotated[str, typer.Argument(help="The model, a folder under models/.")]
Name = Annotated[str, typer.Option("--name", "-n", help="The model, a folder under models/.")]
STOPPED = 130  # exit code after Ctrl-C
_Json = Annotated[bool, typer.Option("--json", help="Answer with JSON, for scripts.")]


class Answer(NamedTuple):
    """What a command found: lines for people, values for scripts.

    `code` is the exit code: 0, or 1 where the command did its work and the answer is no.
    """

    lines: Sequence[str]
    values: dict[str, Any]
    code: int = 0


def command(
    group: typer.Typer, name: str | None = None, *, reads_rows: bool = False
) -> Callable[[Callable], Callable]:
    """Add a function that returns an `Answer`, or yields several, as a command with `--json`.

    One that reads rows gets the options of `load_rows` that were given as its last argument, a
    dict.
    """
    further = {"json": _Json}
    if reads_rows:
        further |= {
            option: Annotated[kind | None, typer.Option(help=text)]
            for option, (kind, text) in row_options.typed().items()
        }

    def add(function: Callable[..., Answer | Iterable[Answer]]) -> Callable:
        @wraps(function)
        def run(*, json: bool, **given: Any) -> None:  # noqa: ANN401
            options = {option: given.pop(option) for option in further if option in given}
            options = {option: value for option, value in options.items() if value}
            found = function(**given, options=options) if reads_rows else function(**given)
            code = 0
            for answer in [found] if isinstance(found, Answer) else found:
                typer.echo(_as_json(answer.values) if json else "\n".join(answer.lines))
                code = max(code, answer.code)
            if code:
                raise typer.Exit(code)

        signature, later = inspect.signature(function), inspect.Parameter.KEYWORD_ONLY
        own = [p for p in signature.parameters.values() if p.name != "options" or not reads_rows]
        own += [
            inspect.Parameter(o, later, default=False if o == "json" else None, annotation=kind)
            for o, kind in further.items()
        ]
        run.__signature__ = signature.replace(parameters=own)
        group.command(name)(run)
        return function

    return add


@app.callback()
def options(
    debug: Annotated[bool, typer.Option(help="Show the traceback of an error.")] = False,
) -> None:
    """Read by `main`, which catches the errors."""


def main() -> None:
    """Run the command line; turn errors into one line and exit code 2."""
    warnings.showwarning = _warn
    for stream in (sys.stdout, sys.stderr):  # a console of another encoding ends no command
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if debug := "--debug" in sys.argv:  # anywhere in the line
        sys.argv.remove("--debug")
        sys.argv.insert(1, "--debug")
    try:
        code = app(standalone_mode=False, prog_name="workbench")
    except Exception as error:
        if debug:
            raise
        if told := _said(error):  # else the help, which a command without arguments prints
            note(f"workbench: {' '.join(told.split())}")
        sys.exit(2)
    if code == STOPPED:
        note("stopped")
    sys.exit(code)


def shrunk(sizes: Mapping[str, Any], config: "CSFlowConfig | None" = None) -> str:
    """What is lost of photos of these sizes, as `ImageFolder.summary` has them, if anything."""
    from workbench.csflow.auto import lost
    from workbench.csflow.config import CSFlowConfig

    return lost(config or CSFlowConfig(), *sizes["median"][::-1]) if sizes else ""


def note(line: str) -> None:
    """Say something that is no part of the answer, below any progress bar."""
    from tqdm import tqdm

    tqdm.write(line, file=sys.stderr)


@contextmanager
def if_stopped(line: str) -> Iterator[None]:
    """Say after Ctrl-C what is kept."""
    try:
        yield
    except KeyboardInterrupt:
        note(line)
        raise


def loaded(name: str, kind: str = "", **how: Any) -> "Detector":  # noqa: ANN401
    """The saved detector of a name that was typed, of this kind if one is needed."""
    from workbench import artifacts

    detector = artifacts.load(workspace.model(name), **how)
    if kind and detector.kind != kind:
        of = {"csflow": "photos", "autoencoder": "sensor rows"}
        raise ValueError(f"{name} must be a model of {of[kind]}, got one of {of[detector.kind]}")
    return detector


def opened(
    source: Path,
    seed: int = 0,
    rows: Mapping[str, Any] = MappingProxyType({}),
    **typed: Any,  # noqa: ANN401
) -> "Dataset":
    """The photos or rows at a path that was typed, with options for either as of `reading`."""
    from workbench.data import load_images
    from workbench.data.rows import is_rows, load_rows

    given = reading(source, rows, **typed)
    if is_rows(source):
        return load_rows(source, seed=seed, **given)
    return load_images(source, seed=seed, progress=True, **given)


def reading(
    source: Path,
    rows: Mapping[str, Any],
    layout: list[str] | None = None,
    groups: str = "",
    relabels: bool = True,
) -> dict[str, Any]:
    """Options of `load_rows` or `load_images`, whichever reads the source, as they were typed."""
    from workbench.data.rows import is_rows

    if not source.exists():
        raise DataError(f"{source} must be a folder of photos or a CSV file; nothing is there")
    if is_rows(source):
        return dict(rows) | ({"layout": layout[0]} if layout else {})
    refuse(rows, "sensor rows")
    given = {"layout": ",".join(layout or ()), "groups": groups}
    return {key: value for key, value in given.items() if value} | {"relabels": relabels}


def share(word: str) -> float | None:
    """A share as typed: "2%", "2 %" or "0.02"; None for "".

    Example:
        >>> share("2%"), share("0.02"), share("")
        (0.02, 0.02, None)
    """
    if not word:
        return None
    try:
        number = float(word.removesuffix("%")) / (100 if word.endswith("%") else 1)
    except ValueError:
        number = nan
    if not 0 <= number <= 1:
        raise ValueError(f"a share must be 0 to 1 or 0% to 100%, such as 2% or 0.02, got {word!r}")
    return number


def refuse(options: Iterable[str], of: str) -> None:
    """Say that options of these names, if there are any, mean something for other data only."""
    if names := ", ".join(f"--{name}" for name in options):
        raise ValueError(f"{names} are for {of}")


@contextmanager
def workers(where: str) -> "Iterator[Client | None]":
    """What `--dask` names, or None for nothing."""
    if not where:
        yield None
        return
    from workbench import bulk

    with bulk.connected(where) as client:
        note(f"watch the workers at {client.dashboard_link}")
        yield client


@contextmanager
def by_workers(where: str) -> Iterator[Callable[[Callable, Iterable], Iterator[tuple]] | None]:
    """What does a few long tasks on these workers, and yields each with its result; or None."""
    from workbench import bulk

    with workers(where) as client:
        yield client and partial(bulk.in_order, client, ahead=1000)


def rows_of(
    detector: "AutoEncoderDetector", name: str, source: Path, options: Mapping[str, Any]
) -> "SensorTable":
    """The rows at a path, read as those of the training."""
    from workbench.data.rows import is_rows, load_like

    if not source.exists():
        raise DataError(f"{source} must be a file of sensor rows; nothing is there")
    if not is_rows(source):
        raise DataError(f"model {name} judges sensor rows, got a folder of photos ({source})")
    gaps = detector.config.missing_of(len(detector.columns))
    return load_like(source, detector.data, detector.columns, gaps, **options)


def place(path: Path) -> Path:
    """Where a file is to be written, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def shown(path: Path) -> str:
    """Relative to where we are if that is shorter to read."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _said(error: Exception) -> str:
    """What went wrong, and how to see more where the error does not say it."""
    if hasattr(error, "format_message"):  # of the line that was typed
        said, context = error.format_message().rstrip("."), getattr(error, "ctx", None)
        return said and f"{said}; see {context.command_path if context else 'workbench'} --help"
    if isinstance(error, OSError) and error.strerror:
        return ": ".join(str(word) for word in (error.filename, error.strerror) if word)
    if isinstance(error, ValueError | TypeError | OSError | RuntimeError) and str(error):
        return str(error)
    return f"{type(error).__name__}: {error}; --debug shows where"


def _as_json(values: dict[str, Any]) -> str:
    from workbench.metrics.inputs import plain

    return json.dumps(plain(values), ensure_ascii=False, allow_nan=False)


def _warn(message: Warning | str, *_: object) -> None:
    note(f"warning: {message}")

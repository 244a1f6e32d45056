"""Run a notebook in the workspace, in a kernel of its own, with parameters that are checked."""

import json
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat

from workbench import workspace
from workbench.errors import DataError

from .display import FOLDER

START = 300  # seconds for a kernel to come up on a machine that has much else to do
STOPPED = '<span id="papermill-error-cell">The notebook stopped here:</span>'
STOPPED_TAG = "papermill-error-cell-tag"
"""What stands before the cell that failed, and its tag, as papermill has them."""


def execute(
    notebook: str | Path,
    output: Path,
    **parameters: Any,  # noqa: ANN401
) -> Path:
    """Execute a notebook of `notebooks/`, by name or path, and keep what it became.

    Args:
        notebook: Its name there, or the path of any notebook.
        output: Where the executed notebook goes; what its kernel said goes beside it, `.log`.

    Returns:
        The path of the executed notebook.

    Raises:
        DataError: There is no such notebook.
        ValueError: A parameter that it does not declare.
        TypeError: A value that JSON does not know.
        RuntimeError: A cell failed; the output holds everything up to it.
    """
    source = find(notebook)
    parameters = checked(source, parameters)
    output.parent.mkdir(parents=True, exist_ok=True)
    if error := attempt(source, output, output.with_suffix(".log"), parameters):
        raise RuntimeError(f"{source.stem}: {error}")
    without_paths(output)
    return output


def find(notebook: str | Path) -> Path:
    """The path of a notebook given by path or by its name in `notebooks/`."""
    path = Path(notebook)
    path = path if path.suffix == ".ipynb" else workspace.notebook(str(notebook))
    if not path.is_file():
        raise DataError(f"a template notebook is needed, and {path} does not exist")
    return path


def parsed(words: Iterable[str]) -> dict[str, Any]:
    """Parameters as they are written on a command line: JSON where it is JSON, else a word.

    Raises:
        ValueError: One is not NAME=VALUE.

    Example:
        >>> parsed(["shown=3", "name=lens"])
        {'shown': 3, 'name': 'lens'}
    """
    result: dict[str, Any] = {}
    for item in words:
        key, equals, value = item.partition("=")
        if not equals:
            raise ValueError(f"a parameter must be NAME=VALUE, got {item!r}")
        try:
            result[key] = json.loads(value)
        except ValueError:
            result[key] = value
    return result


def declared(source: Path) -> list[str]:
    """The names of a notebook's parameters."""
    import papermill

    return list(papermill.inspect_notebook(_braced(source)))


def checked(
    source: Path,
    given: dict[str, Any],
    **offered: Any,  # noqa: ANN401
) -> dict[str, Any]:
    """The given parameters, over those offered that are declared; papermill only warns.

    Raises:
        ValueError: A given parameter that the notebook does not declare.
        TypeError: A value that JSON does not know.
    """
    known = declared(source)
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ValueError(
            f"{source.stem} has no parameter {', '.join(unknown)}; it declares "
            f"{', '.join(known) or 'none'}"
        )
    for key, value in given.items():
        try:
            json.dumps(value)
        except TypeError:
            kind = type(value).__name__
            raise TypeError(f"parameter {key} must be a plain JSON value, got {kind}") from None
    return {key: value for key, value in offered.items() if key in known} | given


def attempt(
    source: Path,
    output: Path,
    log: Path,
    parameters: dict[str, Any],
    kernel_name: str = "python3",
    progress: str = "",
    timeout: int | None = None,
) -> str:
    """Execute checked parameters; return what went wrong, "" if nothing.

    A `progress` that is not empty is the title of a bar over the cells. A cell that takes more
    than `timeout` seconds has gone wrong.
    """
    import papermill

    try:
        with tempfile.TemporaryDirectory(prefix="wb-") as sockets:
            kernels = _kernel_manager(output.parent, log, sockets)
            papermill.execute_notebook(
                _braced(source),
                _braced(output),
                parameters,
                kernel_name=kernel_name,
                cwd=workspace.root(),
                progress_bar={"desc": progress, "leave": False} if progress else False,
                store_widget_state=False,
                start_timeout=START,
                execution_timeout=timeout,
                kernel_manager_class=kernels,
            )
    except papermill.PapermillExecutionError as error:
        return f"{error.ename}: {error.evalue}"
    except Exception as error:  # a dead kernel or a missing one ends the run, not us
        _mark_where_it_stopped(output, error)
        return f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
    return ""


def without_paths(path: Path) -> nbformat.NotebookNode:
    """Read an executed notebook, its papermill metadata rid of where this machine has it."""
    notebook = nbformat.read(path, as_version=4)
    for key in ("input_path", "output_path"):
        place = notebook.metadata.get("papermill", {})
        if place.get(key):
            place[key] = Path(place[key]).name
    nbformat.write(notebook, path)
    return notebook


def _mark_where_it_stopped(path: Path, error: Exception) -> None:
    """Papermill marks a cell that raised; a cell that hung or killed its kernel we mark so too."""
    if not path.exists():
        return
    notebook = nbformat.read(path, as_version=4)
    begun = [
        at
        for at, cell in enumerate(notebook.cells)
        if cell.cell_type == "code" and cell.metadata.get("papermill", {}).get("start_time")
    ]
    if not begun:
        return
    words = {"ename": type(error).__name__, "evalue": str(error), "traceback": [str(error)]}
    notebook.cells[begun[-1]].outputs.append(nbformat.v4.new_output("error", **words))
    mark = nbformat.v4.new_markdown_cell(STOPPED, metadata={"tags": [STOPPED_TAG]})
    notebook.cells.insert(begun[-1], mark)
    nbformat.write(notebook, path)


def _kernel_manager(folder: Path, log: Path, sockets: str) -> type:
    """Kernels over sockets in a folder of their own, where no two runs want the same one.

    Left to itself Jupyter makes them in the working folder, where two kernels that start at a
    time take each other's.
    """
    from jupyter_client import AsyncKernelManager

    home = str(workspace.root())
    variables = {"WORKBENCH_HOME": home, FOLDER: str(folder), "TQDM_DISABLE": "1"}

    class ReportKernelManager(AsyncKernelManager):
        if sys.platform != "win32":
            transport, ip = "ipc", f"{sockets}/kernel"

        async def start_kernel(self, **options: Any) -> None:  # noqa: ANN401
            with log.open("ab") as file:
                streams = {"stdout": file, "stderr": file}
                await super().start_kernel(**options, env=os.environ | variables, **streams)

    return ReportKernelManager


def _braced(path: Path) -> str:
    """The path for papermill, which formats it and would trip over a brace."""
    return str(path).replace("{", "{{").replace("}", "}}")

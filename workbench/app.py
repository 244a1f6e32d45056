"""The inspection as a web page without code: a notebook served by Voila, on this machine only.

Whoever has the address with its token works with the model and writes its result file; Voila
gives each page a kernel of its own. README says how to let other machines in safely.
"""

import os
import secrets
import tempfile
from pathlib import Path

import nbformat

from workbench import artifacts, workspace
from workbench.language import LANGUAGES

NOTEBOOK = "45_app"
IDLE_SECONDS = 900  # after which the kernel of a page that was left is ended


def serve(
    name: str, *, port: int = 8866, language: str = "", token: str = "", browser: bool = True
) -> None:
    """Serve the page of a model until interrupted.

    Args:
        name: A model of photos under `models/`.
        port: Of 127.0.0.1; the next free one if it is taken.
        language: "en" or "ko"; that of `$WORKBENCH_LANG` if empty.
        token: What the address must carry; a new random one if empty.
        browser: Open the page.

    Raises:
        ArtifactError: No such model.
        ValueError: It is one of sensor rows, or the language is unknown.
    """
    from voila.app import Voila

    check(name, language)
    os.environ["WORKBENCH_HOME"] = str(workspace.root())
    if language:
        os.environ["WORKBENCH_LANG"] = language
    with tempfile.TemporaryDirectory() as folder:
        page = write_page(Path(folder), name)
        Voila.launch_instance(arguments(page, port, token or secrets.token_urlsafe(24), browser))


def check(name: str, language: str) -> None:
    """See before anything is started whether this can be served."""
    kind = artifacts.read_facts(workspace.model(name))["kind"]
    if kind != "csflow":
        raise ValueError(f"workbench app needs a model of photos, {name} is of kind {kind}")
    if language and language not in LANGUAGES:
        raise ValueError(f"language must be one of {', '.join(LANGUAGES)}, got {language!r}")


def write_page(folder: Path, name: str) -> Path:
    """The notebook with the model's name in it, nothing else of it changed."""
    notebook = nbformat.read(workspace.notebook(NOTEBOOK), 4)
    tags = [cell.metadata.get("tags", []) for cell in notebook.cells]
    after = next(i for i, found in enumerate(tags) if "parameters" in found) + 1
    notebook.cells.insert(after, nbformat.v4.new_code_cell(f"name = {name!r}"))
    path = folder / f"{name}.ipynb"
    nbformat.write(notebook, path)
    return path


def arguments(page: Path, port: int, token: str, browser: bool) -> list[str]:
    """What Voila is started with: loopback, a token, no tracebacks, no code."""
    return [
        str(page),
        "--Voila.ip=127.0.0.1",
        f"--port={port}",
        f"--token={token}",
        f"--Voila.open_browser={browser}",
        "--show_tracebacks=False",
        "--strip_sources=True",
        "--progressive_rendering=True",
        f"--MappingKernelManager.cull_idle_timeout={IDLE_SECONDS}",
        "--MappingKernelManager.cull_interval=60",
    ]

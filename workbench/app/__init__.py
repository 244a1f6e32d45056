"""The inspection as a web page without code: a notebook served by Voila, on this machine only.

Whoever has the address with its token works with the model; Voila gives each page a kernel of
its own. One page writes the result file, others can look. README says how to let other machines
in safely.
"""

import os
import secrets
import sys
import tempfile
from pathlib import Path
from typing import Any

from workbench import artifacts, workspace
from workbench.language import LANGUAGES

SHARE = Path(__file__).with_name("share")  # where Voila finds our page


def serve(
    name: str, *, port: int = 8866, language: str = "", token: str = "", browser: bool = True,
    operator: bool = False,
) -> None:  # fmt: skip
    """Serve the page of a model until interrupted.

    Args:
        port: Of 127.0.0.1; the next free one if it is taken.
        token: What the address must carry; a new random one if empty.
    """
    check(name, language)
    voila = _voila()
    os.environ["WORKBENCH_HOME"] = str(workspace.root())
    os.environ["WORKBENCH_PAGE"] = name  # its kernel loads it at once
    if language:
        os.environ["WORKBENCH_LANG"] = language
    paths = [str(SHARE), *filter(None, [os.environ.get("JUPYTER_PATH")])]
    os.environ["JUPYTER_PATH"] = os.pathsep.join(paths)
    with tempfile.TemporaryDirectory() as folder:
        page = write_page(Path(folder), name, operator=operator)
        voila.launch_instance(arguments(page, port, token or secrets.token_urlsafe(24), browser))


def _voila() -> Any:  # noqa: ANN401
    """Voila's application, without a grammar of addresses that takes a second to build.

    It is for a check that jsonschema leaves out where that package is missing. Whoever imports
    jsonschema first, nbformat too, decides.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    from voila.app import Voila

    if sys.modules["rfc3987_syntax"] is None:
        del sys.modules["rfc3987_syntax"]
    return Voila


def check(name: str, language: str) -> None:
    """See before anything is started whether this can be served."""
    if name:
        artifacts.read_manifest(workspace.model(name))
    if language and language not in LANGUAGES:
        raise ValueError(f"language must be one of {', '.join(LANGUAGES)}, got {language!r}")


def write_page(folder: Path, name: str, *, operator: bool = False) -> Path:
    """A notebook of one cell that shows the page."""
    import nbformat

    code = f"from workbench import ui\n\ndisplay(ui.open_page({name!r}, operator={operator}))"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    notebook.metadata["kernelspec"] = {"name": "workbench", "display_name": "Workbench page"}
    path = folder / f"{name or 'models'}.ipynb"
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
        "--template=workbench",
        "--KernelManager.autorestart=False",  # a new kernel knows nothing of the page
        "--VoilaConfiguration.multi_kernel_manager_class=workbench.app.kernels.PageKernels",
    ]

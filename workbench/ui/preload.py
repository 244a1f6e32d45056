"""Load a page's model while its browser still loads scripts; `share/kernels` starts this."""

import os
from threading import Lock
from typing import Any

from workbench import artifacts, workspace

VARIABLE = "WORKBENCH_PAGE"
_lock, _loaded = Lock(), {}


def start() -> None:
    """Load the model that `$WORKBENCH_PAGE` names, and what shows it."""
    if name := os.environ.get(VARIABLE):
        with _lock:
            _loaded[name] = _saved(name), artifacts.load(workspace.model(name))
    import jinja2  # noqa: F401

    from . import pages  # noqa: F401


def take(name: str) -> Any:  # noqa: ANN401
    """The model that was loaded ahead, else load it now."""
    with _lock:
        saved, model = _loaded.pop(name, (0, None))
        if model is None or saved != _saved(name):  # saved again since
            model = artifacts.load(workspace.model(name))
        return model


def _saved(name: str) -> int:
    return (workspace.model(name) / artifacts.MANIFEST).stat().st_mtime_ns

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
            _loaded[name] = artifacts.load(workspace.model(name))
    import workbench.ui  # noqa: F401


def take(name: str) -> Any:  # noqa: ANN401
    """The model that was loaded ahead, else load it now.

    Raises:
        ArtifactError: No detector there, a damaged one, or one of a newer format.
    """
    with _lock:
        return _loaded.pop(name, None) or artifacts.load(workspace.model(name))

"""The command line: `workbench ...`, a thin layer over the package.

Mistakes end in one line on stderr and exit code 2; `--debug` shows the traceback.
"""

from . import machine, models, pages  # noqa: F401 - they add their commands
from .program import app, main

__all__ = ["app", "main"]

"""The command line: `workbench ...`, a thin layer over the package.

`program` holds what the commands share; `data`, `models`, `line`, `verdicts` and `pages` hold the
commands. Each command returns an `Answer`: lines for people, and with `--json` an object for
scripts, whose keys docs/json.md lists. Mistakes end in one line on stderr and exit code 2;
`--debug` shows the traceback.
"""

from . import data, line, models, pages, service, verdicts  # noqa: F401 - they add their commands
from .program import Answer, app, main

__all__ = ["Answer", "app", "main"]

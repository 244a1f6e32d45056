"""The command line: `workbench ...`, a thin layer over the package.

`program` holds what the commands share, the other modules hold the commands. Each returns an
`Answer`: lines for people, and with `--json` an object for scripts, whose keys docs/json.md
lists. Mistakes end in one line on stderr and exit code 2; `--debug` shows the traceback.
"""

from typer.models import CommandInfo

# they add their commands
from . import data, line, models, pages, service, training, verdicts  # noqa: F401
from .program import Answer, app, main

FIRST = ("demo", "train", "report", "app", "evaluate", "score", "accept")
"""What a user needs first, and `--help` lists first."""


def _place(each: CommandInfo) -> int:
    name = each.name or each.callback.__name__
    return FIRST.index(name) if name in FIRST else len(FIRST)


app.registered_commands.sort(key=_place)

__all__ = ["Answer", "app", "main"]

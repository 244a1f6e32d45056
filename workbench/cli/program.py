"""The program: its commands are in the modules beside this one."""

import sys
import warnings
from typing import Annotated

import typer

from workbench.errors import ArtifactError, DataError

app = typer.Typer(
    help="Anomaly detection for a production line: train on good parts, report on the rest.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def options(
    debug: Annotated[bool, typer.Option(help="Show the traceback of an error.")] = False,
) -> None:
    """Read by `main`, which catches the errors."""


def main() -> None:
    """Run the command line; turn errors into one line and exit code 2."""
    warnings.showwarning = _warn
    debug = "--debug" in sys.argv
    try:
        app()
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
        sys.exit(130)
    except (ArtifactError, DataError, ValueError, TypeError, OSError, RuntimeError) as error:
        if debug:
            raise
        typer.echo(f"workbench: {str(error) or type(error).__name__}", err=True)
        sys.exit(2)


def _warn(message, category, *_rest: object) -> None:  # noqa: ANN001, ARG001
    typer.echo(f"warning: {message}", err=True)

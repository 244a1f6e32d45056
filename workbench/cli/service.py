"""The command that answers over HTTP."""

from collections.abc import Iterator
from typing import Annotated

import typer

from .program import Answer, app, command


@command(app)
def serve(
    host: Annotated[str, typer.Option(help="Beyond 127.0.0.1 a key is needed.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    origin: Annotated[
        list[str] | None, typer.Option(help="Origin of a page that may read answers.")
    ] = None,
    simulator_page: Annotated[
        str, typer.Option(help="Origin of the old simulator's page, which sends no key.")
    ] = "",
    new_key: Annotated[bool, typer.Option(help="Make an API key, print it once, end.")] = False,
    open_to_all: Annotated[bool, typer.Option("--open", help="Listen without a key.")] = False,
) -> Iterator[Answer]:
    """Serve verdicts over HTTP: to a line, to the old clients, by the inference protocol."""
    import logging
    import sys

    try:
        from workbench.service import Settings, create_app, keys, run
    except ModuleNotFoundError as error:
        raise ValueError(
            f"serving needs the extra: pip install 'workbench[serve]' ({error.name} is missing)"
        ) from error
    if new_key:
        key = keys.create()
        yield Answer([key], {"key": key})
        return
    settings = Settings(
        host=host,
        port=port,
        origins=tuple(origin or ()),
        simulator_page=simulator_page,
        key_sha256="" if open_to_all else keys.known(),
        open=open_to_all,
    )
    application = create_app(settings)
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    for name in ("workbench.service", "uvicorn"):
        logging.getLogger(name).setLevel(logging.INFO)
    url = f"http://{host}:{port}/"
    yield Answer([f"{url} as soon as the models are loaded (Ctrl-C ends it)"], {"url": url})
    run(application, settings)

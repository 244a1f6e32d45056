"""The application: routers, what stands before them, and the server that runs it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from socket import AF_INET, AF_INET6, SO_REUSEADDR, SOL_SOCKET, socket
from threading import Thread
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, PlainTextResponse
from fastapi_offline import FastAPIOffline
from starlette.middleware.cors import CORSMiddleware

from . import inference, photos, problems, sensors, simulator
from .access import Gate
from .monitoring import Logged, Monitor
from .registry import PHOTOS, Registry
from .settings import Settings

PAGE = Path(__file__).with_name("page.html")


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application over the models of the workspace.

    Example:
        >>> app = create_app()
        >>> "/getAllData" in app.openapi()["paths"]
        True
    """
    settings = settings or Settings()
    registry, monitor = Registry(), Monitor()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        loading = Thread(target=_load, args=(registry,), daemon=True)
        loading.start()
        while loading.is_alive() and not app.state.stopped():
            await asyncio.sleep(0.02)
        yield
        app.state.lines.close()

    app = FastAPIOffline(
        title="workbench",
        version=version("workbench"),
        description="Verdicts on photos and sensor rows by saved detectors.",
        lifespan=lifespan,
    )
    app.state.registry, app.state.settings, app.state.monitor = registry, settings, monitor
    app.state.lines, app.state.stopped = simulator.Lines(registry), lambda: False
    problems.install(app)
    for router in (
        simulator.router, sensors.router, sensors.system, inference.router, photos.router,
    ):  # fmt: skip
        app.include_router(router)
    app.get("/", response_class=HTMLResponse, include_in_schema=False)(_page)
    app.get("/models", tags=["System"])(_models)
    app.get("/metrics", response_class=PlainTextResponse, tags=["System"])(_metrics)
    app.add_middleware(Gate, settings=settings)
    origins = [*settings.origins, *filter(None, [settings.simulator_page])]
    app.add_middleware(
        CORSMiddleware, allow_origins=origins, allow_methods=["GET", "POST"],
        allow_headers=["X-API-Key", "Content-Type"],
    )  # fmt: skip
    app.add_middleware(Logged, monitor=monitor)
    return app


def run(app: FastAPI, settings: Settings) -> None:
    """Run the application until it is told to stop; what is under way is finished first.

    Raises:
        ValueError: The port is taken, or not ours to take; said before any model is loaded.
    """
    import uvicorn

    config = uvicorn.Config(
        app,
        http="h11",  # bounds the headers of a request; httptools, if it is there, does not
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=int(settings.seconds) + 1,
    )
    server = uvicorn.Server(config)
    app.state.stopped = lambda: server.should_exit
    with socket(AF_INET6 if ":" in settings.host else AF_INET) as place:
        place.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        try:
            place.bind((settings.host, settings.port))
        except OSError as error:
            where = f"{settings.host}, port {settings.port}"
            raise ValueError(f"{where}, must be free: {error.strerror}; try --port") from error
        server.run(sockets=[place])


def _load(registry: Registry) -> None:
    """What the first requests would wait for: models, their graphs, what draws histograms."""
    registry.load_all()
    import_module("workbench.plots").histogram  # noqa: B018 - a lazy name, read to load it


def _page() -> str:
    return PAGE.read_text("utf-8")


def _models(request: Request) -> dict[str, list[dict[str, Any]]]:
    """The saved detectors, what each takes, and its threshold."""
    registry: Registry = request.app.state.registry
    return {"models": [_described(name, registry) for name in registry.names()]}


def _described(name: str, registry: Registry) -> dict[str, Any]:
    try:
        manifest = registry.manifest(name)
        return {
            "name": name,
            "kind": "photos" if manifest["kind"] == PHOTOS else "rows",
            "columns": manifest.get("columns", []),
            "threshold": float(manifest["threshold"]["value"]),
            "saved": manifest.get("saved", ""),
        }
    except (problems.NotFound, KeyError, TypeError, ValueError) as error:
        return {"name": name, "error": str(error)}


def _metrics(request: Request) -> str:
    """Counters and gauges in Prometheus' text format."""
    return request.app.state.monitor.text().decode()

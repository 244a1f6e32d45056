"""Errors as answers: every one is JSON, in the form that the path's clients parse."""

import logging
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import Scope

from workbench.errors import ArtifactError, DataError

LOG = logging.getLogger("workbench.service")


class NotFound(Exception):  # noqa: N818 - it is an answer
    """What was asked for is not on the list: 404."""


class BadRequest(Exception):  # noqa: N818
    """What was sent cannot be judged: 400."""


def answer(
    scope: Scope, status: int, text: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """An error as the path's clients expect it: `error` under /v2, else `detail`."""
    key = "error" if scope["path"].startswith("/v2") else "detail"
    return JSONResponse({key: text}, status, headers)


def install(app: FastAPI) -> None:
    """Turn what the routers raise into answers; nothing that a client sends gives a 500."""

    def handler(status: int):  # noqa: ANN202
        async def handle(request: Request, error: Exception) -> JSONResponse:
            return answer(request.scope, status, str(error))

        return handle

    statuses = {NotFound: 404, BadRequest: 400, DataError: 400, ArtifactError: 409}
    for kind, status in statuses.items():
        app.add_exception_handler(kind, handler(status))

    @app.exception_handler(OSError)
    async def unwell(request: Request, error: OSError) -> JSONResponse:
        LOG.error("a file cannot be read or written", exc_info=error)
        reason = error.strerror or type(error).__name__  # without the path
        return answer(request.scope, 503, f"the service cannot read or write a file: {reason}")

    @app.exception_handler(HTTPException)
    async def stated(request: Request, error: HTTPException) -> JSONResponse:
        return answer(request.scope, error.status_code, str(error.detail))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        details = [
            {"field": field(found["loc"]), "message": found["msg"]} for found in error.errors()
        ]
        if request.url.path.startswith("/v2"):
            text = "; ".join(f"{d['field']}: {d['message']}" for d in details)
            return answer(request.scope, 400, text)
        return validation(details)


def validation(details: list[dict[str, str]]) -> JSONResponse:
    """The 422 of the sensor service."""
    body = {"error": "ValidationError", "message": "Invalid input data", "details": details}
    return JSONResponse(body, 422)


def field(location: tuple[str | int, ...]) -> str:
    """Where in the body: `values.1`."""
    return ".".join(str(part) for part in location if part not in ("body", "query"))

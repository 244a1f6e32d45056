"""What stands before every path: the key, the size of bodies, the number and time of requests."""

import asyncio

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import keys
from .problems import answer
from .settings import Settings

FREE = ("/health", "/v2/health/live", "/v2/health/ready")  # a load balancer has no key
OLD_PAGE = ("/getAllData", "/predict", "/getHistogram")
POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Gate:
    """Refuses before anything is read: without the key, too large, too many, too long."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.settings = app, settings
        self.waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass an HTTP request on, or answer it here."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        self.waiting += 1
        started, size = False, 0

        async def counting() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            return message if size <= self.settings.body_bytes else {"type": "http.disconnect"}

        async def sending(message: Message) -> None:
            nonlocal started
            if size > self.settings.body_bytes:
                return  # what the application says of half a body
            if message["type"] == "http.response.start":
                started = True
                message.setdefault("headers", [])
                have = {name.lower() for name, _ in message["headers"]}
                message["headers"] += [
                    (name.lower().encode(), value.encode())
                    for name, value in HEADERS.items()
                    if name.lower().encode() not in have
                ]
            await send(message)

        try:
            async with asyncio.timeout(self.settings.seconds):
                await self.app(scope, counting, sending)
        except ClientDisconnect:
            pass  # nobody waits for an answer, or the body was cut below
        except TimeoutError:
            if not started:
                text = f"not done within {self.settings.seconds:g} s"
                await answer(scope, 504, text)(scope, receive, send)
        finally:
            self.waiting -= 1
        if size > self.settings.body_bytes and not started:
            await self._too_large(scope)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers, path = Headers(scope=scope), scope["path"]
        if not self._allowed(scope["method"], path, headers):
            text = "an API key is needed in the header X-API-Key"
            return answer(scope, 401, text, {"WWW-Authenticate": "ApiKey"})
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > self.settings.body_bytes:
            return self._too_large(scope)
        if self.waiting >= self.settings.waiting and path not in FREE:
            text = f"{self.waiting} requests are under way; try again"
            return answer(scope, 429, text, {"Retry-After": "1"})
        return None

    def _allowed(self, method: str, path: str, headers: Headers) -> bool:
        if not self.settings.key_sha256 or path in FREE or method == "OPTIONS":
            return True
        if self.settings.simulator_page and method == "GET" and path in OLD_PAGE:
            return True
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        return keys.matches(headers.get("x-api-key", bearer), self.settings.key_sha256)

    def _too_large(self, scope: Scope) -> Response:
        return answer(scope, 413, f"a body may have {self.settings.body_bytes:,} bytes")

"""The kernels of pages: one that no page is connected to any more is ended, at work or not."""

import asyncio
import os
from typing import Any

from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.ioloop import IOLoop

PAGE = "WORKBENCH_PAGE"  # the model that every page shows; "" where the address names it


class PageKernels(AsyncMappingKernelManager):
    """Voila starts a kernel for each request, and nobody else ends those that lose their page.

    The server's own culling spares kernels that compute, as each does while its page is built,
    and does not spare those that a page is about to connect to. The kernel of the first page
    starts with the server: it has loaded the model when the browser is there.
    """

    kernel_name = "workbench"
    unseen_seconds, gone_seconds = 60.0, 10.0

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(**kwargs)
        self._ends: dict[str, asyncio.Task] = {}
        self._first: asyncio.Future | None = None
        if os.environ.get(PAGE):
            IOLoop.current().add_callback(self._start_first)

    def _start_first(self) -> None:
        self._first = asyncio.ensure_future(super().start_kernel(kernel_name=self.kernel_name))

    async def start_kernel(self, **kwargs: Any) -> str:  # noqa: ANN401
        """Start one, or take the first, and end it unless a page connects."""
        first, self._first = self._first, None
        kernel_id = await first if first else ""
        if kernel_id not in self:
            kernel_id = await super().start_kernel(**kwargs)
        self._end_in(self.unseen_seconds, kernel_id)
        return kernel_id

    def notify_connect(self, kernel_id: str) -> None:
        """A page is there."""
        super().notify_connect(kernel_id)
        if task := self._ends.pop(kernel_id, None):
            task.cancel()

    def notify_disconnect(self, kernel_id: str) -> None:
        """A page went, or its connection broke for a moment."""
        super().notify_disconnect(kernel_id)
        if kernel_id in self and not self.kernel_model(kernel_id)["connections"]:
            self._end_in(self.gone_seconds, kernel_id)

    def _end_in(self, seconds: float, kernel_id: str) -> None:
        async def end() -> None:
            await asyncio.sleep(seconds)
            if kernel_id in self:
                await self.shutdown_kernel(kernel_id)

        self._ends[kernel_id] = asyncio.create_task(end())

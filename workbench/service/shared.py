"""What the routers share: who they ask, and pictures as text.

The dependencies are coroutines because FastAPI hands each plain function to a thread, which takes
longer than to judge a row.
"""

import base64
from typing import Annotated

from fastapi import Depends, Request
from PIL import Image

from workbench.data.encode import jpeg

from .monitoring import Monitor
from .registry import Registry
from .settings import Settings


async def registry_of(request: Request) -> Registry:
    """The models."""
    return request.app.state.registry


async def settings_of(request: Request) -> Settings:
    """The limits."""
    return request.app.state.settings


async def monitor_of(request: Request) -> Monitor:
    """The counters."""
    return request.app.state.monitor


Models = Annotated[Registry, Depends(registry_of)]
Limits = Annotated[Settings, Depends(settings_of)]
Counters = Annotated[Monitor, Depends(monitor_of)]


def encoded(picture: Image.Image) -> str:
    """A JPEG in base64."""
    return base64.b64encode(jpeg(picture, quality=90)).decode()

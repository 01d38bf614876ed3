"""An application on a socket, served as the web process serves it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from services.common import web
from services.common.settings import WebSettings
from tests.ports import free_port


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # pytest's own stay in place


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[tuple[str, int]]:
    """Serve `app` on this loop; its host and port."""
    config = web.configuration(app, WebSettings(port=free_port()))
    config.host, config.lifespan = "127.0.0.1", "off"
    server = _Server(config)
    task = asyncio.create_task(server.serve())
    try:
        while not server.started:  # noqa: ASYNC110 - Uvicorn has no event for it
            await asyncio.sleep(0.01)
        yield config.host, config.port
    finally:
        server.should_exit = server.force_exit = True
        await task

"""The web process: `python -m services.common.web` serves the application of $SERVICE until SIGTERM, then drains.

Draining: /readyz turns 503 while requests are still taken (who routes to us must notice), then no new connection is
accepted, requests under way finish, and the process ends with status 0.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import logging
import signal
import socket
import sys
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from services.common import logs
from services.common.protocol import BoundedProtocol
from services.common.settings import ProcessSettings, SettingsError, WebSettings, load

#: How long requests are still taken after SIGTERM, and what is kept of the time to drain for closing pools at the end. What
#: lies between is for requests under way; none takes longer than its statements may (database._LIMITS).
LINGER_SECONDS = 1
CLOSING_SECONDS = 2

#: Above the load balancer's idle timeout (60 s), so that it, not we, closes an idle connection.
KEEP_ALIVE_SECONDS = 75

log = logging.getLogger(__name__)


class DrainingServer(uvicorn.Server):
    """Uvicorn, ending as described above; its own handlers would stop at once and end with the signal's status."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._application = app

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.drain)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve. What is there by now stays: the garbage collector need not look at it again and again."""
        await super().startup(sockets)
        gc.collect()
        gc.freeze()

    def drain(self) -> None:
        """Begin to end; a second signal ends the lingering."""
        if self._application.state.draining:
            self.should_exit = True
            return
        log.info("draining")
        self._application.state.draining = True
        asyncio.get_running_loop().call_later(LINGER_SECONDS, setattr, self, "should_exit", True)


def application(service: str) -> FastAPI:
    """The application of `service`: what `services.<service>.app.create_app` makes."""
    module = importlib.import_module(f"services.{service.replace('-', '_')}.app")
    app = module.create_app()
    assert isinstance(app, FastAPI)
    return app


def configuration(app: FastAPI, settings: WebSettings) -> uvicorn.Config:
    """How Uvicorn serves `app`."""
    return uvicorn.Config(
        app,
        host="0.0.0.0",  # noqa: S104 - a container's own address; its security group says who reaches it
        port=settings.port,
        # Not uvloop: sockets are made by Python's own code, where a laptop's local cloud maps addresses.
        loop="asyncio",
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # services.common.client_address reads X-Forwarded-For, from the right
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.drain_seconds - LINGER_SECONDS - CLOSING_SECONDS,
    )


def main() -> int:
    """Serve until told to end."""
    try:
        process, settings = load(ProcessSettings), load(WebSettings)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    logs.configure(
        service=process.service, process=process.process, environment=process.environment, level=process.log_level
    )
    app = application(process.service)
    server = DrainingServer(configuration(app, settings), app)
    server.run()
    if not server.started:
        return 1
    log.info("ended")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What the bench of the services serves: a bare ASGI echo, and a service that is nothing but the shared request path.

    python -m benchmarks.services.bare echo|shared PORT

`shared` takes its environment as any service does; its read asks PostgreSQL for 1, its write enqueues one message.
"""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack
from typing import Any

import httpx
import uvicorn
from fastapi import APIRouter, FastAPI
from fastapi.responses import Response
from pydantic import BaseModel

from services.common import logs, outbox, web
from services.common.application import create_application
from services.common.callers import Player
from services.common.idempotency import Idempotent
from services.common.postgres import InTransaction, Reading
from services.common.settings import ProcessSettings, WebSettings, load
from services.common.tokens import RemoteKeys, TokenVerifier

router = APIRouter(prefix="/shared")


class Thing(BaseModel):
    """A small body."""

    value: int


@router.get("/read")
async def read(player: Player, reads: Reading) -> Thing:
    """Routing, token, one statement, log."""
    return Thing(value=(await reads.fetchrow("SELECT 1"))[0])


@router.post("/write", status_code=201, response_model=Thing)
async def write(body: Thing, player: Player, transaction: InTransaction, idempotent: Idempotent) -> Response:
    """Routing, token, idempotency, transaction, outbox, log."""

    async def make() -> Thing:
        await outbox.enqueue(transaction, "bench", {"value": body.value})
        return body

    return await idempotent.once(201, body, make)


async def _open(app: FastAPI, stack: AsyncExitStack) -> None:
    http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))
    keys = RemoteKeys(sys.argv[3], http, app.state.clock)
    app.state.verifier = TokenVerifier(keys, app.state.process.environment, app.state.clock)


async def _echo(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        body = (await receive()).get("body", b"")
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})


def main() -> None:
    """Serve until told to end."""
    kind, port = sys.argv[1], int(sys.argv[2])
    if kind == "echo":
        config = uvicorn.Config(_echo, port=port, http="httptools", lifespan="off", log_config=None, access_log=False)
        uvicorn.Server(config).run()
        return
    process = load(ProcessSettings)
    logs.configure(service="shared", process="web", environment=process.environment)
    app = create_application(title="shared", summary="the shared request path", routers=[router], opener=_open)
    web.DrainingServer(web.configuration(app, WebSettings(port=port)), app).run()


if __name__ == "__main__":
    main()

"""What a service checks access tokens with: auth's keys and the sessions that ended, over Service Connect."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import httpx
from fastapi import FastAPI
from pydantic import HttpUrl

from services.common.revocations import PATH, RemoteEnded
from services.common.settings import Settings, load
from services.common.telemetry.carried import ServiceClient
from services.common.tokens import JWKS_PATH, RemoteKeys, TokenVerifier

#: How long auth may take to give its keys; nobody waits for it, as kept ones serve on.
KEYS_SECONDS = 3.0


class IssuerSettings(Settings):
    """Where auth is; a service that `calls` it is told."""

    auth_url: HttpUrl


async def open_verifier(app: FastAPI, stack: AsyncExitStack, transport: httpx.AsyncBaseTransport | None = None) -> None:
    """Set the application's `verifier`, with a client that is closed with `stack`; tests bring another `transport`."""
    auth = str(load(IssuerSettings).auth_url).rstrip("/")
    # No proxy and no .netrc of the surroundings: the address says all.
    http = ServiceClient(timeout=KEYS_SECONDS, transport=transport, trust_env=False)
    await stack.enter_async_context(http)
    keys, ended = RemoteKeys(auth + JWKS_PATH, http, app.state.clock), RemoteEnded(auth + PATH, http)
    reading = asyncio.create_task(ended.run())
    stack.callback(reading.cancel)
    app.state.verifier = TokenVerifier(keys, app.state.process.environment, app.state.clock, ended)

"""Wallet's web application."""

from __future__ import annotations

from contextlib import AsyncExitStack

import httpx
from fastapi import FastAPI
from pydantic import HttpUrl
from pydantic_settings import BaseSettings

from services.common.application import create_application
from services.common.clock import Clock
from services.common.pace import Pace
from services.common.settings import load
from services.common.tokens import JWKS_PATH, RemoteKeys, TokenVerifier
from services.wallet.endpoints import internal, router
from services.wallet.errors import WalletCode

#: Of one player, in one process. A hot account takes some thirty transfers a second, whoever sends them.
TRANSFERS_PER_SECOND, TRANSFERS_AT_ONCE = 20, 300


class WalletSettings(BaseSettings):
    """Where the services are that wallet calls."""

    auth_url: HttpUrl


def create_app(clock: Clock | None = None, transport: httpx.AsyncBaseTransport | None = None) -> FastAPI:
    """The application; tests bring a clock, and another way to reach auth than the network, of their own."""

    async def open_resources(app: FastAPI, stack: AsyncExitStack) -> None:
        url = str(load(WalletSettings).auth_url).rstrip("/") + JWKS_PATH
        # No proxy and no .netrc of the surroundings: the address says all.
        http = httpx.AsyncClient(timeout=3, transport=transport, trust_env=False)
        await stack.enter_async_context(http)
        keys = RemoteKeys(url, http, app.state.clock)
        app.state.pace = Pace(per_second=TRANSFERS_PER_SECOND, burst=TRANSFERS_AT_ONCE)
        app.state.verifier = TokenVerifier(keys, app.state.process.environment, app.state.clock)

    return create_application(
        title="Matchday wallet",
        summary="Accounts of money in double entry, transfers and their statements",
        routers=[router, internal],
        opener=open_resources,
        codes=WalletCode,
        clock=clock,
    )

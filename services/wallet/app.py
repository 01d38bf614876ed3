"""Wallet's web application."""

from __future__ import annotations

from contextlib import AsyncExitStack

import httpx
from fastapi import FastAPI

from services.common.application import create_application
from services.common.clock import Clock
from services.common.events import endpoint
from services.common.issuer import open_verifier
from services.common.pace import Pace
from services.wallet import bonus_endpoints, controls_endpoints
from services.wallet.accounts_repository import AccountIndex
from services.wallet.endpoints import internal as operators
from services.wallet.endpoints import router
from services.wallet.errors import WalletCode
from services.wallet.internal import internal
from services.wallet.posting import Posting

#: Of one player, in one process. A hot account takes some thirty transfers a second, whoever sends them.
TRANSFERS_PER_SECOND, TRANSFERS_AT_ONCE = 20, 300


def create_app(clock: Clock | None = None, transport: httpx.AsyncBaseTransport | None = None) -> FastAPI:
    """The application; tests bring a clock, and another way to reach auth than the network, of their own."""

    async def open_resources(app: FastAPI, stack: AsyncExitStack) -> None:
        await open_verifier(app, stack, transport)
        app.state.accounts = AccountIndex()
        app.state.posting = Posting(app.state.pool, app.state.clock, app.state.admission)
        stack.push_async_callback(app.state.posting.close)
        app.state.pace = Pace(per_second=TRANSFERS_PER_SECOND, burst=TRANSFERS_AT_ONCE)

    return create_application(
        title="Matchday wallet",
        summary="Accounts of money in double entry: movements, holds, transfers and their statements",
        routers=[
            router,
            operators,
            internal,
            controls_endpoints.router,
            controls_endpoints.staff,
            controls_endpoints.internal,
            bonus_endpoints.router,
            bonus_endpoints.internal,
            endpoint.router("wallet"),
        ],
        opener=open_resources,
        codes=WalletCode,
        clock=clock,
        large=["/wallet/internal/batches", "/wallet/internal/payment-reconciliations"],
    )

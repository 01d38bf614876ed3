"""Payments' web application."""

from __future__ import annotations

from contextlib import AsyncExitStack

import httpx
from fastapi import FastAPI

from services.common.application import create_application
from services.common.clock import Clock
from services.common.issuer import open_verifier
from services.common.pace import Pace
from services.payments import endpoints_staff
from services.payments.endpoints import router
from services.payments.errors import PaymentsCode
from services.payments.internal import internal
from services.payments.jurisdiction import Gate
from services.payments.runtime import open_levels, open_outside
from services.payments.wallet import WEB

#: Of one player, in one process: what a person may ask of providers.
PER_SECOND, AT_ONCE = 0.5, 30


def create_app(
    clock: Clock | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    providers: httpx.AsyncBaseTransport | None = None,
) -> FastAPI:
    """The application; tests bring a clock, and other ways than the network to auth and wallet, and to the providers."""

    async def open_resources(app: FastAPI, stack: AsyncExitStack) -> None:
        await open_verifier(app, stack, transport)
        app.state.outside = await open_outside(stack, WEB, providers, transport)
        app.state.levels = await open_levels(stack, transport)
        app.state.gate = Gate(app.state.process.environment)
        app.state.pace = Pace(per_second=PER_SECOND, burst=AT_ONCE)

    return create_application(
        title="Matchday payments",
        summary="Deposits, refunds and payouts through Razorpay and Cashfree",
        routers=[router, endpoints_staff.router, internal],
        opener=open_resources,
        codes=PaymentsCode,
        clock=clock,
    )

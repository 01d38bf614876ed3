"""A service with one endpoint that calls a provider, as a process of its own: `python payouts.py PORT PROVIDER`."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack
from datetime import timedelta
from uuid import UUID

import httpx
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response
from pydantic import BaseModel

from services.common import outside_request, web
from services.common.application import create_application
from services.common.idempotency import Idempotent
from services.common.outside import Refused, Try
from services.common.postgres import Transaction
from services.common.settings import WebSettings
from services.common.tokens import Caller


class Payout(BaseModel):
    """What the caller asks for."""

    amount: int


class Wanted(BaseModel):
    """What the provider is asked for."""

    amount: int


class Paid(BaseModel):
    """What the caller is told."""

    state: str
    provider: str


class PayOut:
    """Reserve, call, settle."""

    wanted = Wanted
    timeout = timedelta(seconds=1)

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def reserve(self, transaction: Transaction, asked: Payout, reference: UUID) -> Wanted:
        await transaction.execute("INSERT INTO payouts VALUES ($1, $2, 'sending')", reference, asked.amount)
        return Wanted(amount=asked.amount)

    async def call(self, wanted: Try[Wanted]) -> str:
        answer = await self._http.post(
            "/pay",
            json={"amount": wanted.request.amount},
            headers={"Idempotency-Key": wanted.key, "Repeated": str(wanted.repeated)},
        )
        if answer.status_code == 402:
            raise Refused("no_money")
        answer.raise_for_status()
        return str(answer.json()["id"])

    async def settle(
        self, transaction: Transaction, wanted: Wanted, reference: UUID, outcome: str | Refused
    ) -> tuple[int, BaseModel]:
        state, status, told = ("failed", 409, outcome.code) if isinstance(outcome, Refused) else ("paid", 201, outcome)
        await transaction.execute("UPDATE payouts SET state = $2 WHERE id = $1", reference, state)
        return status, Paid(state=state, provider=told)


router = APIRouter()


@router.post("/payouts", status_code=201, response_model=Paid)
async def pay_out(body: Payout, request: Request, idempotent: Idempotent) -> Response:
    """Pay somebody."""
    return await outside_request.once(request.app.state.pool, idempotent, body, request.app.state.step)


class Anybody:
    """Takes any token for a caller's name: what is tested is not who calls."""

    async def verify(self, token: str) -> Caller:
        return Caller(token, frozenset({"player"}))


def create_app(provider: str) -> FastAPI:
    """The service."""

    async def opener(app: FastAPI, stack: AsyncExitStack) -> None:
        http = httpx.AsyncClient(base_url=provider, timeout=30, trust_env=False)
        app.state.step = PayOut(await stack.enter_async_context(http))
        app.state.verifier = Anybody()

    return create_application(title="payouts", summary="payouts", routers=[router], opener=opener)


if __name__ == "__main__":
    application = create_app(sys.argv[2])
    web.DrainingServer(web.configuration(application, WebSettings(port=int(sys.argv[1]))), application).run()

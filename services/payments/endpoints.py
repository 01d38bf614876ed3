"""Payments over HTTP: for players, and for providers' webhooks."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from services.common import callers, idempotency, outside_request
from services.common.callers import Player, PlayingPlayer, SteppedUpPlayer
from services.common.clock import Clock
from services.common.dependencies import Now, paced
from services.common.errors import Code, ServiceError, responses
from services.common.idempotency import Idempotent
from services.common.postgres import InTransaction, Reading
from services.payments import deposits, gate, payouts, requests_repository, webhooks
from services.payments.errors import PaymentsCode
from services.payments.gate import GateRefusedError
from services.payments.jurisdiction import Gate
from services.payments.levels import Levels
from services.payments.outside import Outside
from services.payments.providers.port import ProviderName
from services.payments.schemas import (
    Acknowledged,
    DepositRequest,
    Deposits,
    DepositView,
    InstrumentRequest,
    Instruments,
    InstrumentView,
    PayoutRequest,
    Payouts,
    PayoutView,
    RetryRequest,
    VerifyRequest,
)

router = APIRouter(prefix="/payments", tags=["payments"])


async def _outside(request: Request) -> Outside:
    outside: Outside = request.app.state.outside
    return outside


async def _gate(request: Request) -> Gate:
    rules: Gate = request.app.state.gate
    return rules


async def _levels(request: Request) -> Levels:
    levels: Levels = request.app.state.levels
    return levels


Reached = Annotated[Outside, Depends(_outside)]
Rules = Annotated[Gate, Depends(_gate)]
Asked = Annotated[Levels, Depends(_levels)]
Paced = Depends(paced)

LIMITS = (PaymentsCode.NOT_ALLOWED_HERE, PaymentsCode.LIMIT_REACHED)
OUTSIDE = (Code.RATE_LIMITED, Code.IDEMPOTENCY_KEY_IN_USE, *idempotency.REFUSALS, *callers.REFUSALS)


@router.post(
    "/deposits",
    status_code=201,
    dependencies=[Paced],
    response_model=DepositView,
    responses=responses(PaymentsCode.PLAYER_EXCLUDED, *LIMITS, *OUTSIDE),
)
async def create_deposit(
    body: DepositRequest,
    player: PlayingPlayer,
    request: Request,
    outside: Reached,
    rules: Rules,
    levels: Asked,
    idempotent: Idempotent,
) -> Response:
    """Begin a deposit: an order at a provider, which the player's client opens the provider's checkout with."""
    level = await gate.level_of(rules, levels, body.jurisdiction, player)
    step = deposits.Creation(outside, rules, player, level)
    return await gate.once(request.app.state.pool, idempotent, body, step)


@router.post(
    "/deposits/{deposit_id}/attempts",
    status_code=201,
    dependencies=[Paced],
    response_model=DepositView,
    responses=responses(
        PaymentsCode.DEPOSIT_UNKNOWN,
        PaymentsCode.DEPOSIT_OVER,
        PaymentsCode.PLAYER_EXCLUDED,
        PaymentsCode.LIMIT_REACHED,
        *OUTSIDE,
    ),
)
async def retry_deposit(
    deposit_id: UUID, body: RetryRequest, player: PlayingPlayer, request: Request, outside: Reached, rules: Rules,
    idempotent: Idempotent,
) -> Response:  # fmt: skip
    """Another attempt, at another provider, if those before are known to have brought no money."""
    step = deposits.Retry(outside, rules, player, deposit_id)
    return await outside_request.once(request.app.state.pool, idempotent, body, step)


@router.post(
    "/deposits/{deposit_id}/verification",
    dependencies=[Paced],
    responses=responses(
        PaymentsCode.DEPOSIT_UNKNOWN, PaymentsCode.SIGNATURE_INVALID, Code.RATE_LIMITED, *callers.REFUSALS
    ),
)
async def verify_deposit(
    deposit_id: UUID, body: VerifyRequest, player: Player, transaction: InTransaction, outside: Reached
) -> DepositView:
    """Say that it was paid, with what the checkout gave: the provider is asked, and the money is there a moment later."""
    return await deposits.verify(transaction, outside, player, deposit_id, body.order, body.payment, body.signature)


@router.get("/deposits/{deposit_id}", responses=responses(PaymentsCode.DEPOSIT_UNKNOWN, *callers.REFUSALS))
async def read_deposit(deposit_id: UUID, player: Player, reads: Reading) -> DepositView:
    """One of the caller's deposits."""
    return await deposits.of_player(reads, player, deposit_id)


@router.get("/deposits", responses=responses(*callers.REFUSALS))
async def read_deposits(player: Player, reads: Reading, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> Deposits:
    """The caller's newest deposits."""
    return Deposits(deposits=await deposits.all_of_player(reads, player, limit))


@router.post(
    "/instruments",
    status_code=201,
    dependencies=[Paced],
    responses=responses(Code.RATE_LIMITED, *callers.STEP_UP_REFUSALS),
)
async def keep_instrument(
    body: InstrumentRequest, player: SteppedUpPlayer, transaction: InTransaction, outside: Reached
) -> InstrumentView:
    """Name an account of the caller's own. It is paid to once it is confirmed that the names agree."""
    return await payouts.keep_instrument(transaction, outside.sealer, player, body)


@router.get("/instruments", responses=responses(*callers.REFUSALS))
async def read_instruments(player: Player, reads: Reading) -> Instruments:
    """The caller's accounts."""
    rows = await requests_repository.instruments_of(reads, player)
    return Instruments(instruments=[payouts.instrument_view(row) for row in rows])


@router.post(
    "/payouts",
    status_code=201,
    dependencies=[Paced],
    response_model=PayoutView,
    responses=responses(
        PaymentsCode.INSTRUMENT_UNKNOWN, PaymentsCode.INSTRUMENT_UNVERIFIED, *LIMITS, Code.RATE_LIMITED,
        *idempotency.REFUSALS, *callers.STEP_UP_REFUSALS,
    ),
)  # fmt: skip
async def create_payout(
    body: PayoutRequest, player: SteppedUpPlayer, transaction: InTransaction, rules: Rules, levels: Asked,
    idempotent: Idempotent,
) -> Response:  # fmt: skip
    """Ask for money to be paid out to an account of the caller's own."""
    level = await gate.level_of(rules, levels, body.jurisdiction, player)
    try:
        return await idempotent.once(201, body, lambda: payouts.request(transaction, rules, player, body, level))
    except GateRefusedError as refusal:
        await transaction.roll_back()  # all but the refusal, which is kept
        await requests_repository.log_decision(transaction, refusal.player, refusal.asked, refusal.verdict)
        raise


@router.get("/payouts/{payout_id}", responses=responses(PaymentsCode.PAYOUT_UNKNOWN, *callers.REFUSALS))
async def read_payout(payout_id: UUID, player: Player, reads: Reading) -> PayoutView:
    """One of the caller's payouts."""
    row = await requests_repository.payout_of(reads, player, payout_id)
    if row is None:
        raise ServiceError(PaymentsCode.PAYOUT_UNKNOWN, "There is no such payout of yours.")
    return payouts.view(row)


@router.get("/payouts", responses=responses(*callers.REFUSALS))
async def read_payouts(player: Player, reads: Reading, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> Payouts:
    """The caller's newest payouts."""
    return Payouts(payouts=[payouts.view(row) for row in await requests_repository.payouts_of(reads, player, limit)])


@router.post("/webhooks/razorpay", responses=responses(PaymentsCode.SIGNATURE_INVALID))
async def take_razorpay(request: Request, transaction: InTransaction, outside: Reached, clock: Now) -> Acknowledged:
    """Razorpay's webhook."""
    return await _take("razorpay", request, transaction, outside, clock)


@router.post("/webhooks/cashfree", responses=responses(PaymentsCode.SIGNATURE_INVALID))
async def take_cashfree(request: Request, transaction: InTransaction, outside: Reached, clock: Now) -> Acknowledged:
    """Cashfree's webhook."""
    return await _take("cashfree", request, transaction, outside, clock)


async def _take(
    name: ProviderName, request: Request, transaction: InTransaction, outside: Outside, clock: Clock
) -> Acknowledged:
    """Keep what is signed; anything else is refused, and nothing of it is kept or logged."""
    body = await request.body()
    if len(body) > webhooks.MAX_BYTES:
        raise ServiceError(Code.BODY_TOO_LARGE, f"At most {webhooks.MAX_BYTES} bytes are accepted.")
    signed = outside.providers[name].verify(request.headers, body, clock.now())
    if signed is None:
        raise ServiceError(PaymentsCode.SIGNATURE_INVALID, "The signature does not belong to this body.")
    await webhooks.keep(transaction, name, signed)
    return Acknowledged()

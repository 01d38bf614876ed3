"""Wallet over HTTP, from inside: what payments, contests and operators ask of the ledger."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime

from services.common import callers
from services.common.callers import Bearer, needs
from services.common.dependencies import Now
from services.common.errors import Code, responses
from services.common.postgres import InTransaction, Reading
from services.common.tokens import Caller
from services.wallet import holds, movements, prizes_repository, recovery, repository
from services.wallet.dependencies import Known, Post, shares
from services.wallet.errors import WalletCode
from services.wallet.internal_schemas import (
    BalancesRequest,
    BalancesView,
    BatchRequest,
    BatchView,
    CaptureRequest,
    HoldRequest,
    HoldView,
    MovementRequest,
    MovementView,
    PlayerBalances,
    PrizesPaid,
    RecoveryRequest,
    RecoveryView,
    ReversalRequest,
)
from services.wallet.refusals import POSTING

internal = APIRouter(prefix="/wallet/internal", tags=["internal"], dependencies=[Depends(callers.inside)])


#: The kind that is asked for says which scope is needed.
Client = Annotated[Caller, Depends(Bearer())]
Reader = Annotated[Caller, Depends(needs("wallet:read"))]
Payer = Annotated[Caller, Depends(needs("wallet:prize"))]
Reverser = Annotated[Caller, Depends(needs("wallet:reverse"))]

REFUSALS = (Code.NOT_FOUND, *callers.REFUSALS)


def _status(response: Response, replayed: bool) -> None:
    if replayed:
        response.status_code = 200


def _once(model: type) -> dict[int | str, dict[str, object]]:
    return {200: {"model": model, "description": "It was done before, by the same request"}}


@internal.post(
    "/movements",
    status_code=201,
    dependencies=[Depends(shares)],
    responses={**_once(MovementView), **responses(*POSTING, WalletCode.LIMIT_EXCEEDED, *REFUSALS)},
)
async def make_movement(
    body: MovementRequest, caller: Client, reads: Reading, accounts: Known, clock: Now, post: Post, response: Response
) -> MovementView:
    """Make a movement of money; needs the scope of its kind. Its id is its idempotency key, for ever."""
    made, replayed = await movements.make(reads, accounts, clock, post, caller, body)
    _status(response, replayed)
    return made


@internal.post("/batches", responses=responses(WalletCode.LIMIT_EXCEEDED, *REFUSALS))
async def make_batch(body: BatchRequest, caller: Client, reads: Reading, accounts: Known, clock: Now) -> BatchView:
    """Make up to 1,000 movements; needs the scopes of their kinds. Whoever repeats it gets `replayed` for what was done."""
    return await movements.make_many(reads, accounts, clock, caller, body)


@internal.post(
    "/reversals",
    status_code=201,
    responses={
        **_once(MovementView),
        **responses(
            WalletCode.TRANSACTION_UNKNOWN, WalletCode.NOT_REVERSIBLE, WalletCode.REVERSED_BEFORE, WalletCode.ID_REUSED,
            *REFUSALS,
        ),
    },
)  # fmt: skip
async def reverse_movement(
    body: ReversalRequest, caller: Reverser, reads: Reading, accounts: Known, post: Post, response: Response
) -> MovementView:
    """Undo a movement, once; needs the scope `wallet:reverse`. What is no longer there is owed from then on."""
    made, replayed = await movements.reverse(reads, accounts, post, caller, body)
    _status(response, replayed)
    return made


@internal.post(
    "/recoveries",
    responses=responses(WalletCode.ID_REUSED, WalletCode.ACCOUNT_FROZEN, WalletCode.INSUFFICIENT_FUNDS, *REFUSALS),
)
async def recover_owed(
    body: RecoveryRequest, caller: Reverser, reads: Reading, transaction: InTransaction, accounts: Known, clock: Now
) -> RecoveryView:
    """Take what a player owes since a reversal; needs the scope `wallet:reverse`. What there is not stays owed."""
    return await recovery.recover(reads, transaction, accounts, clock, caller, body)


@internal.post(
    "/holds",
    status_code=201,
    responses={**_once(HoldView), **responses(*POSTING, WalletCode.LIMIT_EXCEEDED, *REFUSALS)},
)
async def make_hold(
    body: HoldRequest, caller: Client, reads: Reading, accounts: Known, post: Post, response: Response
) -> HoldView:
    """Hold money of a player; needs the scope of its kind."""
    made, replayed = await holds.create(reads, accounts, post, caller, body)
    _status(response, replayed)
    return made


@internal.get("/holds/{hold_id}", responses=responses(WalletCode.HOLD_UNKNOWN, *REFUSALS))
async def read_hold(hold_id: UUID, caller: Client, reads: Reading) -> HoldView:
    """A hold and what became of it; needs the scope of its kind."""
    return holds.readable(caller, await holds.read(reads, hold_id))


@internal.post(
    "/holds/{hold_id}/captures",
    status_code=201,
    responses={**_once(MovementView), **responses(*POSTING, WalletCode.LIMIT_EXCEEDED, *REFUSALS)},
)
async def capture_hold(
    hold_id: UUID, body: CaptureRequest, caller: Client, reads: Reading, accounts: Known, post: Post, response: Response
) -> MovementView:
    """Move a part of a hold, or all of it, to the provider; needs the scope of its kind. Several parts up to the whole."""
    made, replayed = await holds.capture(reads, accounts, post, caller, hold_id, body)
    _status(response, replayed)
    return made


@internal.post("/holds/{hold_id}/void", responses=responses(WalletCode.HOLD_UNKNOWN, WalletCode.HOLD_ENDED, *REFUSALS))
async def void_hold(hold_id: UUID, caller: Client, reads: Reading, post: Post) -> HoldView:
    """Release what is left of a hold; needs the scope of its kind. Voided before, it is shown as it is."""
    ended, _ = await holds.void(reads, post, caller, hold_id)
    return ended


@internal.post("/balances", responses=responses(*REFUSALS))
async def read_balances(body: BalancesRequest, caller: Reader, reads: Reading) -> BalancesView:
    """What up to 1,000 players have; needs the scope `wallet:read`."""
    found = await repository.balances_of(reads, body.players)
    return BalancesView(
        balances=[PlayerBalances.model_validate(found.get(player, {"player": player})) for player in body.players]
    )


@internal.get("/prizes", responses=responses(*REFUSALS))
async def read_prizes(
    caller: Payer,
    reads: Reading,
    since: AwareDatetime,
    until: AwareDatetime,
    after_at: AwareDatetime | None = None,
    after: UUID | None = None,
    count: Annotated[int, Query(ge=1, le=1000)] = 500,
) -> PrizesPaid:
    """Guaranteed prizes that were paid from `since` to before `until`; needs the scope `wallet:prize`.

    `after_at`, `after`: moment and id of the last of the page before.
    """
    last = (after_at, after) if after_at is not None and after is not None else None
    return await prizes_repository.paid(reads, since, until, last, count)

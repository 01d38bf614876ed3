"""Bonuses over HTTP: given from inside, read by their player."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from services.common import callers
from services.common.callers import Player, needs
from services.common.dependencies import Now
from services.common.errors import Code, responses
from services.common.postgres import InTransaction, Reading
from services.common.tokens import Caller
from services.wallet import bonuses
from services.wallet.bonus_schemas import BonusesView, BonusRequest, BonusView
from services.wallet.dependencies import Known
from services.wallet.errors import WalletCode

router = APIRouter(prefix="/wallet", tags=["bonuses"])
internal = APIRouter(prefix="/wallet/internal", tags=["bonuses"], dependencies=[Depends(callers.inside)])

Promoter = Annotated[Caller, Depends(needs("wallet:promote"))]


@router.get("/bonuses", responses=responses(*callers.REFUSALS))
async def read_bonuses(player: Player, reads: Reading, clock: Now) -> BonusesView:
    """The caller's open bonuses, and how far each is played through."""
    return await bonuses.read(reads, clock, player)


@internal.post(
    "/bonuses",
    responses=responses(
        WalletCode.ID_REUSED, WalletCode.REFERENCE_TAKEN, WalletCode.LIMIT_EXCEEDED, Code.NOT_FOUND, *callers.REFUSALS
    ),
)
async def give_bonus(
    body: BonusRequest, caller: Promoter, reads: Reading, transaction: InTransaction, accounts: Known, clock: Now
) -> BonusView:
    """Give a bonus under a rule; needs the scope `wallet:promote`. Its id is its idempotency key, for ever."""
    return await bonuses.give(reads, transaction, accounts, clock, caller, body)

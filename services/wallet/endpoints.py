"""Wallet over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from pydantic import AwareDatetime

from services.common import callers, idempotency
from services.common.callers import Player, VerifiedPlayer, needs
from services.common.database import Session
from services.common.dependencies import Now, paced
from services.common.errors import Code, responses
from services.common.idempotency import WithKey
from services.common.postgres import Reading
from services.common.tokens import Caller
from services.wallet import service, statements
from services.wallet.dependencies import Known, Post, shares
from services.wallet.errors import WalletCode
from services.wallet.ledger import Status, Verdict
from services.wallet.schemas import (
    AccountView,
    BalanceView,
    CreditRequest,
    Movement,
    Notifications,
    Statement,
    TransferRequest,
)

router = APIRouter(prefix="/wallet", tags=["wallet"])

#: What the load balancer refuses (`internal` in service.yaml), and the service too where a request came through it.
internal = APIRouter(prefix="/wallet/internal", tags=["internal"], dependencies=[Depends(callers.inside)])


Creditor = Annotated[Caller, Depends(needs(service.CREDIT))]

INTERNAL = (Code.NOT_FOUND,)
MONEY = (*callers.REFUSALS, *idempotency.REFUSALS)


@router.post(
    "/account",
    status_code=201,
    responses={200: {"model": AccountView, "description": "There was one"}, **responses(*callers.REFUSALS)},
)
async def open_account(player: Player, session: Session, clock: Now, response: Response) -> AccountView:
    """Open the caller's account; there is one for each player, so doing it again changes nothing."""
    account, new = await service.open_account(session, clock, player)
    if not new:
        response.status_code = 200
    return account


@router.get("/balance", responses=responses(WalletCode.ACCOUNT_MISSING, *callers.REFUSALS))
async def balance(
    player: Player,
    reads: Reading,
    at: Annotated[AwareDatetime | None, Query(description="As it was at that moment; left out: now")] = None,
) -> BalanceView:
    """What the caller has, or had."""
    return await service.balance_of(reads, player, at)


@router.get("/entries", responses=responses(WalletCode.ACCOUNT_MISSING, *callers.REFUSALS))
async def entries(
    player: Player,
    session: Session,
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Statement:
    """The caller's statement, newest first."""
    return await service.statement(session, player, before, limit)


Since = Annotated[AwareDatetime, Query()]
Until = Annotated[AwareDatetime, Query()]


def _file(media: str, description: str) -> dict[int | str, dict[str, object]]:
    shape = {"type": "string"} if media.startswith("text/") else {"type": "string", "format": "binary"}
    return {
        200: {"content": {media: {"schema": shape}}, "description": description},
        **responses(WalletCode.ACCOUNT_MISSING, WalletCode.STATEMENT_TOO_LONG, *callers.REFUSALS),
    }


@router.get(
    "/statement.csv",
    responses=_file("text/csv", "A line for each entry, oldest first"),
    response_class=Response,
)
async def statement_csv(player: Player, reads: Reading, since: Since, until: Until) -> Response:
    """The caller's statement of a time, over all buckets, as a file: at most 10,000 entries."""
    return _attached(await statements.as_csv(reads, player, since, until), "text/csv", "statement.csv")


@router.get(
    "/statement.pdf",
    responses=_file("application/pdf", "Pages for each currency, oldest first, with sums"),
    response_class=Response,
)
async def statement_pdf(player: Player, reads: Reading, since: Since, until: Until) -> Response:
    """The same on pages: at most 2,000 entries."""
    return _attached(await statements.as_pdf(reads, player, since, until), "application/pdf", "statement.pdf")


def _attached(content: str | bytes, media: str, name: str) -> Response:
    return Response(content, media_type=media, headers={"Content-Disposition": f'attachment; filename="{name}"'})


@router.get("/notifications", responses=responses(WalletCode.ACCOUNT_MISSING, *callers.REFUSALS))
async def notifications(player: Player, session: Session) -> Notifications:
    """The caller's newest notifications: the worker writes one a moment after each movement."""
    return await service.notifications(session, player)


@router.post(
    "/transfers",
    status_code=201,
    dependencies=[Depends(paced), Depends(shares)],
    response_model=Movement,
    responses=responses(
        WalletCode.ACCOUNT_MISSING,
        WalletCode.ACCOUNT_UNKNOWN,
        WalletCode.SAME_ACCOUNT,
        WalletCode.INSUFFICIENT_FUNDS,
        WalletCode.ACCOUNT_FROZEN,
        Code.RATE_LIMITED,
        *MONEY,
    ),
)
async def transfer(
    body: TransferRequest, player: VerifiedPlayer, reads: Reading, accounts: Known, post: Post, keyed: WithKey
) -> Response:  # fmt: skip
    """Move money from the caller's account to another."""
    return _answer(await service.transfer(reads, accounts, post, player, body, keyed))


@internal.post(
    "/credits",
    status_code=201,
    dependencies=[Depends(shares)],
    response_model=Movement,
    responses=responses(
        WalletCode.ACCOUNT_UNKNOWN, WalletCode.LIMIT_EXCEEDED, WalletCode.REFERENCE_TAKEN, *INTERNAL, *MONEY
    ),
)
async def credit(
    body: CreditRequest, caller: Creditor, reads: Reading, accounts: Known, post: Post, keyed: WithKey
) -> Response:  # fmt: skip
    """Move money from the house to an account; needs the scope `wallet:credit`."""
    return _answer(await service.credit(reads, accounts, post, caller, body, keyed))


def _answer(outcome: Verdict) -> Response:
    """The ledger has written the answer, and stored it under the key."""
    headers = {idempotency.REPLAYED_HEADER: "true"} if outcome.status is Status.REPLAYED else None
    return Response(outcome.body, 201, headers, "application/json")

"""What wallet's endpoints share."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import Depends, Request

from services.common.admission import committing, gather
from services.wallet.accounts_repository import AccountIndex
from services.wallet.ledger import Item, Poster, Verdict
from services.wallet.posting import Posting


async def _accounts(request: Request) -> AccountIndex:
    accounts: AccountIndex = request.app.state.accounts
    return accounts


async def _poster(request: Request) -> Poster:
    posting: Posting = request.app.state.posting

    async def post(item: Item) -> Verdict:
        gather(request.scope)
        return await posting.post(item, partial(committing, request.scope, True))

    return post


async def shares(request: Request) -> None:
    """The dependency of an endpoint that does nothing but share statements with others: lookups, and then a batch."""
    gather(request.scope)


Known = Annotated[AccountIndex, Depends(_accounts)]
Post = Annotated[Poster, Depends(_poster)]

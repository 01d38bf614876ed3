"""What players have bound themselves to (the wallet keeps it): asked before money is taken in. Without an answer, none is.

The wallet is asked once the deposit is stored. What payments had not seen credited when it stored it is added to what the
wallet says is used: so of any number of deposits at once each counts all before it, and none falls between the two books.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from services.common.errors import Problem, ServiceError
from services.common.money import Paise
from services.common.outside import Refused
from services.common.outside_request import refusal
from services.payments.errors import PaymentsCode
from services.payments.wallet import Wallet

#: How long the wallet may take while a player waits.
PATIENCE = timedelta(seconds=2)

_REFUSALS: Mapping[str, PaymentsCode] = {
    code: code for code in (PaymentsCode.PLAYER_EXCLUDED, PaymentsCode.LIMIT_REACHED)
}


async def ask(wallet: Wallet, player: UUID, amount: Paise, uncredited: Paise) -> None:
    """Raises Refused (player_excluded, limit_reached); whatever else it raises, nobody knows whether money may be taken in.

    `uncredited`: of the player's deposits, this one of `amount` included, what the ledger may not have yet.
    """
    async with asyncio.timeout(PATIENCE.total_seconds()):
        await wallet.check_deposit(player, amount, Paise(uncredited - amount))


def answer(refused: Refused) -> tuple[int, Problem]:
    """The status and body of such a refusal."""
    return refusal(ServiceError(_REFUSALS[refused.code], "What the player has set for themselves does not allow it."))

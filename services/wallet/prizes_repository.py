"""The queries of prizes that were paid, for whoever ordered them to compare with its own lines."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from services.common.postgres import Reads
from services.wallet.internal_schemas import PrizePaid, PrizesPaid

#: By moment and id; of each what the player got, and whether it was undone since.
_PAID = """
    SELECT t.id, t.reference, t.created_at, a.owner_id AS player, e.amount,
        EXISTS (SELECT 1 FROM transactions r WHERE r.reverses = t.id) AS reversed
    FROM transactions t JOIN entries e ON e.transaction_id = t.id AND e.amount > 0 JOIN accounts a ON a.id = e.account_id
    WHERE t.kind = 'guaranteed_prize' AND t.created_at >= $1 AND t.created_at < $2
        AND (t.created_at, t.id) > ($3, $4)
    ORDER BY t.created_at, t.id LIMIT $5
"""


async def paid(
    reads: Reads, since: datetime, until: datetime, after: tuple[datetime, UUID] | None, count: int
) -> PrizesPaid:
    """Prizes of a time in the order in which they were paid; `after`: moment and id of the last that is known."""
    moment, last = after or (since, UUID(int=0))
    rows = await reads.fetch(_PAID, since, until, moment, last, count)
    return PrizesPaid(prizes=[PrizePaid.model_validate(dict(row)) for row in rows])

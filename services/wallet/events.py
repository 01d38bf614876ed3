"""What wallet tells other services."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from services.common.events import Event, Events


class TransactionPosted(Event):
    """Money has moved. Written by the ledger's `post` (migration 0012), in the transaction of the movement."""

    name: ClassVar[str] = "wallet.transaction-posted"

    transaction: UUID
    kind: str
    reference: str | None
    hold: UUID | None
    reverses: UUID | None
    posted_at: datetime


EVENTS = Events("wallet", TransactionPosted)

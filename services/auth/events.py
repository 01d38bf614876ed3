"""What auth tells other services. Nothing personal: who needs an address asks for it."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from services.common.events import Event, Events


class AccountRegistered(Event):
    """Somebody has an account now; their access tokens have `account` as subject."""

    name: ClassVar[str] = "auth.account-registered"

    account: UUID
    registered_at: datetime


class AccountClosed(Event):
    """An account was closed for good, and what named its owner was erased here."""

    name: ClassVar[str] = "auth.account-closed"

    account: UUID
    closed_at: datetime


EVENTS = Events("auth", AccountRegistered, AccountClosed)

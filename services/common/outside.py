"""Calls to the outside from a message's handler: claim, call, settle. No transaction is open while the provider thinks.

1. *Prepare*, in a transaction: the message is reserved for the time of the call, and the service notes that it is about to call
   (a payout becomes `sending`). Nobody else can reserve the message meanwhile.
2. *Call*, in none. The message's id is the idempotency key of every try.
3. *Settle*, in a transaction that also marks the message done: what the provider said takes effect, once.

A call that ends with anything but an answer or a `Refused` (a time-out, a reset, the death of this process) is UNKNOWN: it may
have happened. The message stays, and after its pause it is called again with the same key and `repeated` set; a provider that
knows no idempotency keys is then asked what became of the first call. UNKNOWN is never taken for a failure. After the last try
it is a dead letter, and a person looks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from services.common.clock import Clock
from services.common.outbox import Message

Request = TypeVar("Request")
Answer = TypeVar("Answer")
Tools = TypeVar("Tools")


class Refused(Exception):
    """The provider said no, and meant it: asking again with the same key would say the same. `code` is its own."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class NotDone(Exception):
    """The provider did nothing: it was not reached, or it takes no more requests at the moment."""


class Unknown(Exception):
    """The provider may have done it. `reason` says in a word why that is not known."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Try(Generic[Request]):
    """One try of a call. `repeated`: an earlier try may have reached the provider."""

    request: Request
    key: str
    repeated: bool


class Once(Generic[Tools]):
    """What a worker needs for its calls: opened at its first use, in the loop that uses it, and kept."""

    def __init__(self, open_tools: Callable[[], Awaitable[Tools]]) -> None:
        self._open, self._lock = open_tools, asyncio.Lock()
        self._found: Tools | None = None

    async def __call__(self) -> Tools:
        """It. Raises what opening it raises, and then it is opened at the next use."""
        async with self._lock:
            if self._found is None:
                self._found = await self._open()
        return self._found


class OutsideCall(Protocol[Request, Answer]):
    """A call to the outside; each method does one step."""

    #: How long `call` may take; it is cancelled then, and UNKNOWN.
    timeout: timedelta

    async def prepare(self, session: AsyncSession, clock: Clock, message: Message) -> Request | None:
        """What to ask for; None if there is nothing (left) to ask, which settles the message."""
        ...

    async def call(self, wanted: Try[Request]) -> Answer:
        """Ask. Raises Refused for a final no; whatever else it raises is UNKNOWN."""
        ...

    async def settle(
        self, session: AsyncSession, clock: Clock, message: Message, request: Request, outcome: Answer | Refused
    ) -> None:
        """Give the answer its effect."""
        ...

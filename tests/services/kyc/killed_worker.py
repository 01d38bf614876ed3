"""A worker of kyc's in a process of its own, which kills itself (SIGKILL) at a step that it was told, or does all that is due.

A step is just before and just after every transaction's end and every call to KMS, S3, the sandbox and the provider.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any, cast

from sqlalchemy import event
from sqlalchemy.orm import Session

from services.common import database
from services.common.clock import SystemClock
from services.common.outbox import messages
from services.common.settings import AppDatabaseSettings, load
from services.kyc.cards import Card, Read
from services.kyc.checking import Toolbox, Tools
from services.kyc.notices import open_writer
from services.kyc.providers import Providers, open_providers
from services.kyc.reader import Act
from services.kyc.sandbox import LIMITS, Found, Sandbox
from services.kyc.settings import open_digests, open_provider, open_store, open_vault
from services.kyc.tasks import jobs_with


class Steps:
    """Counts them, and ends the process at the `last`; names them by what they are of."""

    def __init__(self, last: int) -> None:
        self.names: list[str] = []
        self._last = last

    def step(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) == self._last:
            os.kill(os.getpid(), signal.SIGKILL)


class Stepping:
    """An object whose calls are steps."""

    def __init__(self, steps: Steps, of: object, name: str) -> None:
        self._steps, self._of, self._name = steps, of, name

    def __getattr__(self, method: str) -> Any:
        async def call(*arguments: Any) -> Any:
            self._steps.step(f"before {self._name}.{method}")
            found = await getattr(self._of, method)(*arguments)
            self._steps.step(f"after {self._name}.{method}")
            return found

        return call


class Reads:
    """Answers as the sandbox does for a card of Asha Sharma's, without the seconds that OCR takes."""

    def __init__(self, number: str) -> None:
        self._card = Card(Read(number, 0.99), Read("ASHA SHARMA", 0.99), Read("1993-06-30", 0.99))

    async def run(self, act: Act, content: bytes) -> Found:
        if act is Act.CLEAN:
            return Found({}, {"picture": content})
        return Found(self._card.values, {"masked": content})


def work(environment: Mapping[str, str], last: int, number: str, out: Connection) -> None:
    """Do what is due, up to step `last` (0: all); sends the names of the steps. `number`: the card's, "" to really read it."""
    os.environ.clear()
    os.environ.update(environment)
    out.send(asyncio.run(_work(last, number)))


async def _work(last: int, number: str) -> list[str]:
    steps = Steps(last)
    event.listen(Session, "before_commit", lambda session: steps.step("before commit"))
    event.listen(Session, "after_commit", lambda session: steps.step("after commit"))
    patient = {act: limits._replace(seconds=500) for act, limits in LIMITS.items()}
    sandbox = Reads(number) if number else Sandbox(patient)

    async def open_tools() -> Tools:
        parts = {
            "vault": open_vault(), "store": open_store(), "provider": open_provider(), "sandbox": sandbox,
        }  # fmt: skip
        stepping = {name: cast(Any, Stepping(steps, each, name)) for name, each in parts.items()}
        return Tools(digests=open_digests(), **stepping)

    jobs = jobs_with(Toolbox(open_tools), Providers(open_providers), open_writer)
    engine = database.create_engine(load(AppDatabaseSettings), "killed", connections=2)
    sessions = database.create_sessions(engine)
    try:
        while True:
            async with sessions() as session, session.begin():
                handed = await messages.hand_out(session, 200)
            if not handed:
                return steps.names
            for each in handed:
                await jobs.handle(sessions, SystemClock(), each.task, [each.id])
    finally:
        await engine.dispose()

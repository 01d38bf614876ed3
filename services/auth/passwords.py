"""Password hashes: argon2id by OWASP's parameters, in threads, a bounded number at a time."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from services.common.errors import Code, ServiceError

#: OWASP Password Storage Cheat Sheet: argon2id, m = 19456 KiB, t = 2, p = 1.
MEMORY_KIB, TIME, LANES = 19456, 2, 1

#: Each takes 19 MiB and a core; more at a time would only make all of them slower. Who waits longest waits for
#: QUEUE / CONCURRENCY hashes, about a second; beyond that it is kinder to refuse.
CONCURRENCY = 2
QUEUE = 40

T = TypeVar("T")


class Passwords:
    """Makes and checks password hashes."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=TIME, memory_cost=MEMORY_KIB, parallelism=LANES, type=Type.ID)
        self._threads = ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="argon2")
        self._waiting = 0
        # Checked when there is no such user, so that the time of an answer does not tell who has an account.
        self._nobody = self._hasher.hash("nobody's password")

    async def hash(self, password: str) -> str:
        """The hash to store."""
        return await self._run(lambda: self._hasher.hash(_normal(password)))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether `password` is the one of `stored`; with None it takes as long and is False."""

        def check() -> bool:
            try:
                return self._hasher.verify(stored or self._nobody, _normal(password)) and stored is not None
            except (VerificationError, InvalidHashError):
                return False

        return await self._run(check)

    def outdated(self, stored: str) -> bool:
        """Whether `stored` was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= QUEUE:
            raise ServiceError(Code.BUSY, "Too many people log in at this moment.", headers={"Retry-After": "2"})
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def _normal(password: str) -> str:
    # One password, whatever keyboard composed its characters (NIST SP 800-63B, 3.1.1.2).
    return unicodedata.normalize("NFKC", password)

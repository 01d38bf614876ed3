"""Passwords: which are too easy to guess, and their hashes (argon2id by OWASP's parameters, in threads, a few at a time)."""

from __future__ import annotations

import asyncio
import functools
import gzip
import itertools
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from services.auth.errors import AuthCode
from services.common.errors import Code, ServiceError

#: OWASP Password Storage Cheat Sheet: argon2id, m = 19456 KiB, t = 2, p = 1.
MEMORY_KIB, TIME, LANES = 19456, 2, 1

#: Each takes 19 MiB and a core; more at a time would only make all of them slower. Who waits longest waits for
#: QUEUE / CONCURRENCY hashes, about a second; beyond that it is kinder to refuse.
CONCURRENCY = 2
QUEUE = 40

#: Fewer different characters than this is a pattern and no password.
_DIFFERENT = 5

#: What stands in everybody's passwords here.
_OURS = "matchday"

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


def refuse_easy(password: str, *names: str) -> None:
    """Refuse a password that somebody would guess. Raises ServiceError (password_common).

    No rules of composition (NIST SP 800-63B-4, 3.1.1.2): refused are passwords of a list of common ones, those that are such a
    one with digits and signs around it, rows and repetitions, and what contains our name or one of the person's own `names`.
    """
    normal = _normal(password).casefold()
    base = normal.strip("0123456789!@#$%^&*()-_=+.,?/ ")
    words = [_OURS, *(name.casefold() for name in names if len(name) >= 4)]
    if (
        normal in common()
        or base in common()
        or len(set(normal)) < _DIFFERENT
        or _is_row(normal)
        or any(word in normal for word in words)
    ):
        raise ServiceError(
            AuthCode.PASSWORD_COMMON, "Choose one that is on no list of common passwords: several words do."
        )


@functools.cache
def common() -> frozenset[str]:
    """Common passwords in lower case (common_passwords.txt.gz, sources in README.md)."""
    packed = resources.files("services.auth").joinpath("common_passwords.txt.gz").read_bytes()
    return frozenset(gzip.decompress(packed).decode().splitlines())


def _is_row(text: str) -> bool:
    """Whether each character follows the one before it, up or down: abcdefghij, 9876543210."""
    steps = {ord(after) - ord(before) for before, after in itertools.pairwise(text)}
    return steps in ({1}, {-1}, {1, -9}, {-1, 9})

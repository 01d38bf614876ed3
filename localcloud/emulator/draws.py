"""What moto draws from chance and from the clock while it answers a request: recorded, so that a replay draws the same.

moto makes ids, passwords and timestamps from its own generator (`MotoRandom`), `random`, `os.urandom`, freshly generated keys
and the clock. While a request is answered all of these come from one seed, and generated keys are kept; the journal writes
seed, keys and time down beside the request. Answering the request again with them ends in the same state.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import os
import random
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

_REAL_DATETIME = datetime.datetime
_REAL_SLEEP, _REAL_TIME, _REAL_URANDOM = time.sleep, time.time, os.urandom
_SEED_BYTES = 16
_POLL_SECONDS = 0.05


class Draws:
    """The source of one request. With `keys`, those are handed out instead of new ones being generated."""

    def __init__(self, seed: bytes = b"", keys: list[str] | None = None) -> None:
        self.seed = seed or _REAL_URANDOM(_SEED_BYTES)
        self.keys: list[str] = []
        self.time = _REAL_TIME()
        self.random = random.Random(self.seed)  # noqa: S311 - ids of an emulator; secrets come from `bytes`
        self.sleep: Callable[[float], None] = _REAL_SLEEP
        self._recorded = list(keys or ())
        self._drawn = 0

    def bytes(self, count: int) -> bytes:
        """The next `count` bytes that stand for the operating system's."""
        self._drawn += 1
        return hashlib.shake_256(self.seed + self._drawn.to_bytes(8)).digest(count)

    def key(self, generate: Callable[[], Any]) -> Any:
        """The next recorded private key; else a new one, which is recorded."""
        if self._recorded:
            pem = self._recorded.pop(0)
            made = serialization.load_pem_private_key(pem.encode(), password=None)
        else:
            made = generate()
            pem = made.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode()
        self.keys.append(pem)
        return made


def now() -> float:
    """The real time, in seconds since 1970."""
    return _REAL_TIME()


def wait(seconds: float) -> None:
    """Really sleep."""
    _REAL_SLEEP(seconds)


_here = threading.local()


def _current() -> Draws | None:
    draws: Draws | None = getattr(_here, "draws", None)
    return draws


@contextlib.contextmanager
def using(draws: Draws) -> Iterator[None]:
    """Let this thread draw from `draws`."""
    random.seed(draws.seed)
    before = _current()
    _here.draws = draws
    try:
        yield
    finally:
        _here.draws = before


def install() -> None:
    """Put the sources above in the place of this process's; once, before moto is imported."""
    from moto.core.base_backend import AccountSpecificBackend, BackendDict
    from moto.moto_api._internal.moto_random import MotoRandom
    from moto.sqs.models import Queue

    def getrandbits(self: random.Random, count: int) -> int:
        draws = _current()
        return draws.random.getrandbits(count) if draws else random.Random.getrandbits(self, count)

    def next_random(self: random.Random) -> float:
        draws = _current()
        return draws.random.random() if draws else random.Random.random(self)

    def urandom(count: int) -> bytes:
        draws = _current()
        return draws.bytes(count) if draws else _REAL_URANDOM(count)

    def sleep(seconds: float) -> None:
        draws = _current()
        (draws.sleep if draws else _REAL_SLEEP)(seconds)

    def wait_for_messages(self: Any, timeout: float) -> None:
        # moto waits for a condition, holding back whoever would fulfil it: requests run one at a time here.
        for _ in range(int(timeout / _POLL_SECONDS)):
            if self.messages:
                return
            sleep(_POLL_SECONDS)

    # Whichever request comes first makes a service's backends, with a default VPC and such: that draws from no request.
    original_backend = AccountSpecificBackend.__getitem__
    original_account = BackendDict._create_account_specific_backend

    def backend_of(self: Any, region: str) -> Any:
        if dict.__contains__(self, region):
            return dict.__getitem__(self, region)
        name = f"{self.service_name}/{self.account_id}/{region}"
        with using(Draws(hashlib.sha256(name.encode()).digest())):
            return original_backend(self, region)

    def create_account(self: Any, account: str) -> None:
        with using(Draws(hashlib.sha256(f"{self.service_name}/{account}".encode()).digest())):
            original_account(self, account)

    setattr(AccountSpecificBackend, "__getitem__", backend_of)  # noqa: B010 - as below
    setattr(BackendDict, "_create_account_specific_backend", create_account)  # noqa: B010 - as below
    setattr(Queue, "wait_for_messages", wait_for_messages)  # noqa: B010 - as below
    setattr(MotoRandom, "getrandbits", getrandbits)  # noqa: B010 - mypy knows no assignment to a method
    setattr(MotoRandom, "random", next_random)  # noqa: B010
    for module, name, ours in (
        (os, "urandom", urandom),
        (time, "sleep", sleep),
        (rsa, "generate_private_key", _recording(rsa.generate_private_key)),
        (ec, "generate_private_key", _recording(ec.generate_private_key)),
    ):
        setattr(module, name, ours)


def _recording(generate: Callable[..., Any]) -> Callable[..., Any]:
    def generate_private_key(*arguments: Any, **named: Any) -> Any:
        draws = _current()
        return draws.key(lambda: generate(*arguments, **named)) if draws is not None else generate(*arguments, **named)

    return generate_private_key


class Clock:
    """The time of a replay: what it is set to, and on from there. Sleeping passes time without waiting."""

    def __init__(self) -> None:
        self._time = self._set_at = 0.0
        self._reached: set[str] = set()
        self._swapped: list[tuple[Any, str, Any]] = []
        self._module: Any = types.ModuleType("datetime")
        vars(self._module).update(vars(datetime))
        vars(self._module)["datetime"] = _datetime_of(self)

    def set(self, moment: float) -> None:
        self._time, self._set_at = moment, time.monotonic()

    def now(self) -> float:
        return self._time + time.monotonic() - self._set_at

    def sleep(self, seconds: float) -> None:
        self._time += seconds

    @contextlib.contextmanager
    def rules(self) -> Iterator[None]:
        """While it lasts, `time.time` of this process, and in moto's modules `datetime.now`, are this clock's."""
        setattr(time, "time", self.now)  # noqa: B010 - mypy knows no assignment to a module's function
        try:
            yield
        finally:
            setattr(time, "time", _REAL_TIME)  # noqa: B010
            for module, name, value in self._swapped:
                setattr(module, name, value)
            self._swapped.clear()

    def reach(self) -> None:
        """Let modules of moto's that were imported since the last call follow this clock, too.

        Only moto's: compiled code elsewhere checks that a datetime is of the class that it knows.
        """
        for name in [name for name in sys.modules if name.startswith("moto.") and name not in self._reached]:
            self._reached.add(name)
            module = sys.modules[name]
            for attribute, value in list(vars(module).items()):
                if value is datetime.datetime or value is datetime:
                    self._swapped.append((module, attribute, value))
                    setattr(module, attribute, self._module if value is datetime else self._module.datetime)


def _datetime_of(clock: Clock) -> type:
    class AnyDatetime(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, _REAL_DATETIME)

    class Datetime(_REAL_DATETIME, metaclass=AnyDatetime):
        """The real class but for the time that it says it is; its instances are the real ones."""

        def __new__(cls, *arguments: Any, **named: Any) -> Any:
            return _REAL_DATETIME(*arguments, **named)

        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Any:
            return _REAL_DATETIME.fromtimestamp(clock.now(), tz)

        @classmethod
        def utcnow(cls) -> Any:
            return _REAL_DATETIME.fromtimestamp(clock.now(), datetime.UTC).replace(tzinfo=None)

        @classmethod
        def today(cls) -> Any:
            return cls.now()

    return Datetime

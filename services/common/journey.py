"""The vocabulary of journeys: steps that walk through the running platform over HTTP, as people and services do.

A service's `journey.py` has `STEPS`, which `matchday smoke` runs, and its `seeds.py` `STEPS` that fill the platform with
something to look at, which `matchday seed` runs; both are found by their names. A service's steps come after those of the
services that it calls, and may use what these left: tokens by who holds them, and values by their type.
"""

from __future__ import annotations

import importlib
import importlib.util
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, NamedTuple, TypeVar

import httpx

#: The two players of a journey and two members of staff, by the names under which their tokens are kept.
FIRST, SECOND, SUPPORT, FINANCE = "asha", "ravi", "meera", "nina"

#: How long a walk tries again where a service says that it is busy and did nothing, in seconds.
BUSY_SECONDS = 60

T = TypeVar("T")


@dataclass(frozen=True)
class SecondFactor:
    """How the first player and staff show a second factor: afterwards the token of that name is one that has just shown it."""

    show: Callable[[str], None]


class Unexpected(Exception):
    """A step did not end as it should; the message says what came instead."""


@dataclass
class Journey:
    """One walk and what it holds.

    - public: a client of the platform's URL. inside: a service's name → a client of one of its web tasks, as other services
      reach it. secret: (service, variable) → the secret's value.
    - partners: a client of the stand-ins for partners, where a walk plays the player at his bank.
    - run: part of every name that the walk makes up, so that two walks do not meet. password: of every player.
    """

    public: httpx.Client
    inside: Callable[[str], httpx.Client]
    secret: Callable[[str, str], str]
    partners: httpx.Client
    run: str = field(default_factory=lambda: secrets.token_hex(4))
    password: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    tokens: dict[str, str] = field(default_factory=dict)
    _kept: dict[type, Any] = field(default_factory=dict)

    def keep(self, value: object) -> None:
        """Leave `value` for later steps, which ask for its type."""
        self._kept[type(value)] = value

    def kept(self, kind: type[T]) -> T:
        """What an earlier step left. Raises Unexpected."""
        if kind not in self._kept:
            raise Unexpected(f"no step before this one left {kind.__name__}")
        found: T = self._kept[kind]
        return found

    def ask(
        self,
        method: str,
        path: str,
        *accepted: int,
        who: str | None = None,
        key: str | None = None,
        inside: str | None = None,
        **request: Any,
    ) -> Any:
        """The JSON of an answer, or its text, whose status must be one of `accepted`; None without a body. Raises Unexpected.

        `who`: whose token goes along. `key`: an idempotency key of this walk. `inside`: the service that is asked at its own
        address instead of through the platform's URL.
        """
        headers = {"Authorization": f"Bearer {self.tokens[who]}"} if who else {}
        if key:
            headers["Idempotency-Key"] = f"{self.run}-{key}"
        client = self.inside(inside) if inside else self.public
        deadline = time.monotonic() + BUSY_SECONDS
        answer = client.request(method, path, headers=headers, **request)
        while answer.status_code not in accepted and _busy(answer) and time.monotonic() < deadline:
            time.sleep(1)
            answer = client.request(method, path, headers=headers, **request)
        if answer.status_code not in accepted:
            wanted = " or ".join(map(str, accepted))
            raise Unexpected(f"{method} {path} gave {answer.status_code} instead of {wanted}: {answer.text[:300]}")
        if not answer.headers.get("Content-Type", "").startswith("text/"):
            return answer.json() if answer.content else None
        return answer.text

    def until(self, seconds: float, what: str, look: Callable[[], T | None]) -> T:
        """What `look` returns once it is not None, asked several times a second. Raises Unexpected after `seconds`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if (found := look()) is not None:
                return found
            time.sleep(0.2)
        raise Unexpected(f"{what}: not within {seconds:g} s")


def _busy(answer: httpx.Response) -> bool:
    """Whether the service (and not the ingress, for want of one) says so: that it is busy, or when to come again."""
    return answer.status_code == 503 and ('"code":"busy"' in answer.text or "Retry-After" in answer.headers)


class Step(NamedTuple):
    """A part of a journey: does it and says in half a sentence what came of it. It raises Unexpected where it fails."""

    name: str
    walk: Callable[[Journey], str]


def steps_of(services: Iterable[str], kind: str) -> list[tuple[str, Step]]:
    """The steps of the services' `kind` ("journey" or "seeds"), in their order; a service without any is passed over."""
    found: list[tuple[str, Step]] = []
    for service in services:
        module = _module(f"services.{service.replace('-', '_')}.{kind}")
        found += [(service, step) for step in (module.STEPS if module else ())]
    return found


@dataclass(frozen=True)
class Outcome:
    """How a step ended: `detail` says what came of it, or what came instead."""

    service: str
    name: str
    ok: bool
    seconds: float
    detail: str


def walk(journey: Journey, steps: Iterable[tuple[str, Step]], each: Callable[[Outcome], None]) -> list[Outcome]:
    """Take the steps up to the first that fails; `each` hears of every one as it ends."""
    outcomes: list[Outcome] = []
    for service, step in steps:
        begun = time.monotonic()
        try:
            ok, detail = True, step.walk(journey)
        except (Unexpected, httpx.HTTPError) as failure:
            ok, detail = False, str(failure) or type(failure).__name__
        outcomes.append(Outcome(service, step.name, ok, round(time.monotonic() - begun, 3), detail))
        each(outcomes[-1])
        if not ok:
            break
    return outcomes


def _module(name: str) -> ModuleType | None:
    return importlib.import_module(name) if importlib.util.find_spec(name) else None

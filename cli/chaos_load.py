"""Players who move money while things break: each movement has a key of its own and is repeated until it is answered."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from services.common.journey import FIRST, SECOND, Journey, Unexpected
from services.wallet.journey import Accounts

#: What a movement is of, in paise; and how long a player waits before the next. A player has at most a hundred deposits a day.
GIVEN, DEPOSITED, _PACE, _DEPOSIT_PACE = 1, 10_000, 0.5, 5.0

#: After the faults, how long what was begun may still take.
_SETTLE_SECONDS = 180


@dataclass
class Load:
    """What players did. answered: moments of answers. gifts, deposits: what was answered. failed: tries that were not."""

    journey: Journey
    say: Callable[[str], None]
    answered: list[float] = field(default_factory=list)
    gifts: int = 0
    deposits: list[str] = field(default_factory=list)
    failed: int = 0
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._give, self._deposit)]
        self._before = self._balances()
        self._refused: dict[str, str] = {}  # key → what came of its last try

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """No new movement; those that are begun are repeated until they are answered."""
        self._ended.set()
        for thread in self._threads:
            thread.join(_SETTLE_SECONDS)
        for key, last in list(self._refused.items()):
            self.wrong.append(f"{key} is not answered {_SETTLE_SECONDS} s after the faults: {last}")

    def gap(self, begun: float, ended: float) -> float:
        """The longest time without an answer between two moments, in seconds."""
        moments = [begun, *(each for each in list(self.answered) if begun < each < ended), ended]
        return max(later - earlier for earlier, later in itertools.pairwise(moments))

    def settle(self) -> None:
        """Wait until every deposit that was paid is credited, then hold the balances against what was answered."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        waiting = list(self.deposits)
        while waiting and time.monotonic() < deadline:
            waiting = [each for each in waiting if self._state(each) != "credited"]
            time.sleep(1)
        self.wrong += [f"deposit {each} was paid and is {self._state(each)}" for each in waiting]
        first, second = (now - before for now, before in zip(self._balances(), self._before, strict=True))
        credited = DEPOSITED * (len(self.deposits) - len(waiting))
        if second != GIVEN * self.gifts:
            self.wrong.append(f"{self.gifts} gifts of {GIVEN} paise were answered, the receiver has {second} more")
        if first != credited - GIVEN * self.gifts:
            self.wrong.append(
                f"the giver has {first} paise more; {credited} were deposited, {GIVEN * self.gifts} given"
            )

    def _give(self) -> None:
        account = self.journey.kept(Accounts).ids[SECOND]
        for number in itertools.count():
            body = {"to_account": account, "amount": GIVEN, "note": "while things break"}
            self._until_answered("POST", "/wallet/transfers", f"chaos-gift-{number}", body)
            self.gifts += 1
            if self._ended.wait(_PACE):
                return

    def _deposit(self) -> None:
        for number in itertools.count():
            body = {"amount": DEPOSITED, "jurisdiction": "XX"}
            made = self._until_answered("POST", "/payments/deposits", f"chaos-deposit-{number}", body)
            if made["checkout"] and self._paid(made):
                self.deposits.append(made["id"])
            if self._ended.wait(_DEPOSIT_PACE):
                return

    def _paid(self, made: dict[str, Any]) -> bool:
        """At the provider's checkout, which nothing here breaks."""
        path = f"/_partners/{made['provider']}/orders/{made['checkout']['order_id']}/payment"
        with suppress(httpx.HTTPError):
            return self.journey.partners.post(path).status_code == 200
        return False

    def _until_answered(self, method: str, path: str, key: str, body: dict[str, Any]) -> Any:
        """The same request under the same key, as a client repeats it, until it is done."""
        while True:
            try:
                found = self.journey.ask(method, path, 201, who=FIRST, key=key, json=body)
            except (Unexpected, httpx.HTTPError) as failure:
                self.failed += 1
                self._refused[key] = str(failure) or type(failure).__name__
                time.sleep(_PACE)
            else:
                self.answered.append(time.monotonic())
                self._refused.pop(key, None)
                return found

    def _state(self, deposit: str) -> str:
        with suppress(Unexpected, httpx.HTTPError):
            return str(self.journey.ask("GET", f"/payments/deposits/{deposit}", 200, who=FIRST)["state"])
        return "unknown"

    def _balances(self) -> tuple[int, int]:
        first, second = (
            int(self.journey.ask("GET", "/wallet/balance", 200, who=who)["balance"]) for who in (FIRST, SECOND)
        )
        return first, second

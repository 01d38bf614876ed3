"""Rate-based rules: counts requests by address and keeps a file for each address that is above its rule's limit.

Files, because Caddy can ask for one at each request: an address comes and goes without a new configuration, which would close
clients' idle connections. AWS WAF looks every ten seconds and blocks until the rate is below the limit again; here the look
is at each request, and the release when the supervisor looks at what is deployed.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from localcloud.dataplane.firewall.web_acl import ACL, ADDRESS, HELD, Rate

#: So many addresses a rule holds or counts at once; AWS holds 10,000.
ADDRESSES = 10_000


class _Window:
    """The requests of the last seconds of one rule, by address; `held` has those that a file says are above its limit."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self.held: set[str] = set()
        self._seconds: deque[tuple[int, Counter[str]]] = deque()
        self._sums: Counter[str] = Counter()

    def add(self, address: str, second: int) -> bool:
        """Count a request; True if its address is above the limit."""
        self._forget(second)
        if address not in self._sums and len(self._sums) >= ADDRESSES:
            return False
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append((second, Counter()))
        self._seconds[-1][1][address] += 1
        self._sums[address] += 1
        return self._sums[address] > self.rate.limit

    def above(self, second: int) -> set[str]:
        """The addresses above the limit now."""
        self._forget(second)
        return {address for address, count in self._sums.items() if count > self.rate.limit}

    def _forget(self, second: int) -> None:
        while self._seconds and self._seconds[0][0] <= second - self.rate.window:
            _, gone = self._seconds.popleft()
            for address, count in gone.items():
                self._sums[address] -= count
                if not self._sums[address]:
                    del self._sums[address]


class Rates:
    """Counts for all rules in force. `clock`: seconds that never go back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        #: By web ACL and rule: two web ACLs may name a rule alike.
        self._windows: dict[tuple[str, str], _Window] = {}

    def apply(self, rates: Sequence[Rate]) -> None:
        """These rules are in force; what is counted for one that has not changed stays. Lets go of who is below the limit."""
        for key, window in [*self._windows.items()]:
            if window.rate not in rates:
                del self._windows[key]
                shutil.rmtree(window.rate.directory, ignore_errors=True)
        for rate in rates:
            if (rate.acl, rate.rule) not in self._windows:
                shutil.rmtree(rate.directory, ignore_errors=True)  # of an earlier run, whose counts are gone
                rate.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._windows[rate.acl, rate.rule] = _Window(rate)
        for window in self._windows.values():
            for address in window.held - window.above(int(self._clock())):
                window.held.discard(address)
                _file(window.rate.directory, address).unlink(missing_ok=True)

    def note(self, line: Mapping[str, Any]) -> None:
        """One line of the ingress's log."""
        second = int(self._clock())
        for (acl, rule), window in self._windows.items():
            given = line.get(f"{ADDRESS}{rule}") if line.get(ACL) == acl else None
            address = _address(str(given)) if given is not None else None
            if address is not None and window.add(address, second) and address not in window.held:
                window.held.add(address)
                _file(window.rate.directory, address).touch()

    def held(self) -> dict[str, list[str]]:
        """By rule, the addresses that are above its limit."""
        found: dict[str, set[str]] = {}
        for (_, rule), window in self._windows.items():
            found.setdefault(rule, set()).update(window.held)
        return {rule: sorted(addresses) for rule, addresses in found.items() if addresses}


def _file(directory: Path, address: str) -> Path:
    return directory / f"{HELD}{address}"


def _address(text: str) -> str | None:
    """An address as it was written, so that Caddy finds its file; None if it is none."""
    try:
        ip_address(text)
    except ValueError:
        return None
    return text

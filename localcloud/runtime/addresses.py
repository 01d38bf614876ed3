"""The address book: which loopback address stands for which piece of AWS, for one clone of the repository.

Every data store, load balancer and task gets an address of its own in 127.0.0.0/8, as it gets an elastic network interface
in a VPC; so ports stay what they are in AWS (5432, 6379, 8080) and two clones never meet. The book is one JSON file with a
file lock, shared by the provider (which puts the addresses into resource outputs) and the data plane (which listens there).
"""

from __future__ import annotations

import fcntl
import ipaddress
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localcloud.runtime import networks

#: Host parts: 0.1–0.15 are the local cloud's own servers, 0.16–15.255 leases that last (data stores), 16.0 up are tasks.
EMULATOR_HOST, INGRESS_ADMIN_HOST, PARTNERS_HOST, BLACK_HOLE_HOST = 2, 3, 4, 5

#: The emulator's port on its address: LocalStack's, which AWS tools know.
EMULATOR_PORT = 4566

#: The port of the stand-ins for partners, and the names that tasks know them by (environments/tiers.py has their URLs).
PARTNERS_PORT = 8090
PARTNERS = tuple(
    f"{name}.partners"
    for name in (
        "razorpay",
        "cashfree",
        "secure-id",
        "messages",
        "oidc",
        "digilocker",
        "esign",
        "fpl",
        "f1db",
        "cricsheet",
        "scorer",
    )
)

_LEASE_FIRST, _LEASE_LAST = 16, 4095
_TASK_FIRST, _TASK_LAST = 4096, 65534


class AddressBookFull(RuntimeError):
    """Every address of a kind is leased."""


class AddressBook:
    """Leases of loopback addresses, kept in `directory`/addresses.json.

    >>> book = AddressBook(state_dir)
    >>> book.lease("rds", "matchday-local-postgres")   # the same answer for the same name, for ever
    '127.93.0.16'
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / "addresses.json"
        self._lock = directory / "addresses.lock"
        directory.mkdir(parents=True, exist_ok=True)

    @property
    def network(self) -> ipaddress.IPv4Network:
        """This clone's /16, chosen once."""
        with self._open() as book:
            return ipaddress.ip_network(book["network"])  # type: ignore[return-value]

    def host(self, number: int) -> str:
        """The fixed address of one of the local cloud's own servers (EMULATOR_HOST, INGRESS_ADMIN_HOST, …)."""
        return str(self.network[number])

    def lease(self, kind: str, name: str) -> str:
        """The lasting address of the data store `name` of `kind` ("rds", "elasticache", …)."""
        return self._take("leases", f"{kind}/{name}", _LEASE_FIRST, _LEASE_LAST)

    def release(self, kind: str, name: str) -> None:
        """Give a lasting address back; one that was never leased is ignored."""
        self._drop("leases", f"{kind}/{name}")

    def lease_task(self, task_id: str) -> str:
        """The address of one running task, as long as it runs."""
        return self._take("tasks", task_id, _TASK_FIRST, _TASK_LAST)

    def release_task(self, task_id: str) -> None:
        """Give a task's address back."""
        self._drop("tasks", task_id)

    def release_all_tasks(self) -> None:
        """Forget every task's address: what a supervisor does before it starts its first."""
        with self._open() as book:
            book["tasks"] = {}

    def _take(self, section: str, key: str, first: int, last: int) -> str:
        with self._open() as book:
            leases: dict[str, str] = book[section]
            if key not in leases:
                network = ipaddress.ip_network(book["network"])
                # Next after the newest: an address is not reused while a client may still try its last holder.
                start = max(first, book.get(f"{section}_next", first))
                used = set(leases.values())
                span = last - first + 1
                for offset in range(span):
                    number = first + (start - first + offset) % span
                    address = str(network[number])
                    if address not in used:
                        leases[key] = address
                        book[f"{section}_next"] = number + 1
                        break
                else:
                    raise AddressBookFull(f"all {span} addresses for {section} in {network} are leased")
            return leases[key]

    def _drop(self, section: str, key: str) -> None:
        with self._open() as book:
            book[section].pop(key, None)

    @contextmanager
    def _open(self) -> Iterator[dict]:  # type: ignore[type-arg]
        """The book under an exclusive lock; what the caller changed is written back, all or nothing."""
        with self._lock.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            before = self._path.read_text() if self._path.exists() else ""
            book = (
                json.loads(before)
                if before
                else {"network": str(networks.take(self._path.parent)), "leases": {}, "tasks": {}}
            )
            yield book
            after = json.dumps(book, indent=1, sort_keys=True)
            if after != before:
                draft = self._path.with_suffix(".new")
                draft.write_text(after)
                draft.replace(self._path)

"""A small DNS server that tells the ingress which targets to use now, so that its configuration stays while tasks come and go.

A pool's name spells out its target groups and their weights: `1.wallet-web.pool` or `90.blue.10.green.pool`. Reloading the
ingress instead would close idle client connections at every deployment, and requests that are just being sent on them.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Sequence
from typing import cast

from localcloud.runtime.addresses import INGRESS_ADMIN_HOST, AddressBook

PORT = 5053
_SUFFIX = "pool"
_TYPE_A, _CLASS_IN = 1, 1
_ANSWERED, _NO_SUCH_NAME = 0x8580, 0x8583
#: An answer of so many addresses fits the 1,232 bytes of an EDNS0 datagram with any name.
_MOST = 48

#: target group's name -> addresses that take requests
Lookup = Callable[[str], Sequence[str]]


def pool_name(weights: Sequence[tuple[str, int]]) -> str:
    """The name for target groups with their weights; those of weight 0 take nothing."""
    return ".".join(f"{weight}.{group}" for group, weight in weights if weight > 0) + f".{_SUFFIX}."


def addresses(name: str, lookup: Lookup) -> list[str]:
    """The targets behind a pool's name; an address that should get more requests comes more often."""
    labels = name.rstrip(".").split(".")
    if labels.pop() != _SUFFIX or len(labels) % 2 or not labels:
        return []
    weights = {group: int(weight) for weight, group in zip(labels[::2], labels[1::2], strict=True) if weight.isdigit()}
    if len(weights) == 1:
        return list(lookup(next(iter(weights))))[:_MOST]
    total = sum(weights.values())
    found: list[str] = []
    for group, weight in weights.items():
        targets = lookup(group)
        share = max(1, round(weight / total * _MOST)) if targets and weight else 0
        found += [targets[index % len(targets)] for index in range(share)]
    return found[:_MOST]


class _Protocol(asyncio.DatagramProtocol):
    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = answer(data, self._lookup)
        if reply and self._transport:
            self._transport.sendto(reply, addr)


def answer(query: bytes, lookup: Lookup) -> bytes:
    """The answer to one query; nothing for what is no query."""
    labels, place = [], 12
    try:
        while length := query[place]:
            labels.append(query[place + 1 : place + 1 + length].decode("ascii"))
            place += 1 + length
        kind, _ = struct.unpack_from("!HH", query, place + 1)
    except (IndexError, struct.error, UnicodeDecodeError):
        return b""
    found = addresses(".".join(labels).lower(), lookup) if kind == _TYPE_A else []
    header = struct.pack("!HHHHH", _ANSWERED if found or kind != _TYPE_A else _NO_SUCH_NAME, 1, len(found), 0, 0)
    records = (struct.pack("!HHHIH", 0xC00C, _TYPE_A, _CLASS_IN, 0, 4) + socket.inet_aton(item) for item in found)
    return query[:2] + header + query[12 : place + 5] + b"".join(records)


class Resolver:
    """Serves pool names on the ingress's administrative address."""

    def __init__(self, book: AddressBook, lookup: Lookup) -> None:
        self.host = book.host(INGRESS_ADMIN_HOST)
        self._lookup = lookup
        self._transport: asyncio.BaseTransport | None = None

    async def start(self) -> None:
        """Begin to answer."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: _Protocol(self._lookup), local_addr=(self.host, PORT)
        )

    def stop(self) -> None:
        """Answer no more."""
        if self._transport:
            self._transport.close()

"""From where a request came: the whole address to count attempts by, and what may be stored of it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from services.common.client_address import client_address
from services.common.middleware import header

_AGENT_LENGTH = 200


@dataclass(frozen=True)
class Visitor:
    """Who asks, as far as the network says. `network` is a prefix of the address: a hint to its owner, no trace of a person."""

    address: str
    network: str
    agent: str


async def _visitor(request: Request) -> Visitor:
    address = client_address(request, request.app.state.trusted_proxies)
    agent = header(request.scope, b"user-agent").decode("latin-1")[:_AGENT_LENGTH]
    return Visitor(address, network_of(address), "".join(each for each in agent if each.isprintable()))


def network_of(address: str) -> str:
    """The network of an address: /24 of IPv4, /48 of IPv6; empty for what is no address."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    return str(ipaddress.ip_network(f"{found}/{24 if found.version == 4 else 48}", strict=False))


FromWhere = Annotated[Visitor, Depends(_visitor)]

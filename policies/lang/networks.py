"""Address blocks: which of them, alone or together, stand for the whole Internet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network

Network = IPv4Network | IPv6Network

#: A block broader than this is no network of anybody's, so it names nobody. IPv4: AWS's own bound for a policy that is "public"
#: (S3 user guide, "The meaning of public": broader than /8, private ranges aside). IPv6: a registry's whole allocation.
_WIDEST_V4 = 8
_WIDEST_V6 = 16
#: AWS's bound for IPv6 in a policy's condition (same page): broader than /32.
_WIDEST_V6_OF_CALLERS = 32
#: Many narrow blocks that together hold this share of the address space are the Internet, too.
_SHARE = 8
_PUBLIC_V6 = IPv6Network("2000::/3")
#: NAT64's prefix: an address in it stands for an IPv4 address.
_NAT64 = IPv6Network("64:ff9b::/96")


@lru_cache(maxsize=4096)
def parse(text: str) -> Network | None:
    """The block that a text names (a bare address is a block of one); None when it is none."""
    try:
        return ip_network(text.strip(), strict=False)
    except ValueError:
        return None


def _v4(text: str) -> IPv4Network | None:
    found = parse(text)
    if isinstance(found, IPv4Network):
        return found
    if isinstance(found, IPv6Network) and found.subnet_of(_NAT64):
        return IPv4Network((int(found.network_address) & 0xFFFFFFFF, found.prefixlen - 96))
    return None


def world(blocks: Iterable[str], family: str = "") -> str:
    """What among `blocks` is the Internet, as a message may quote it; "" when they are bounded networks.

    `family`: "4" or "6" to ask about one address family only. Blocks are taken together: two halves are the whole.
    """
    return _world(tuple(sorted(set(blocks))), family, _WIDEST_V6)


def any_caller(blocks: Iterable[str]) -> str:
    """As `world`, by AWS's bounds for a condition on a caller's address."""
    return _world(tuple(sorted(set(blocks))), "", _WIDEST_V6_OF_CALLERS)


@lru_cache(maxsize=4096)
def _world(blocks: Sequence[str], family: str, widest_v6: int) -> str:
    four: list[tuple[str, Network]] = []
    six: list[tuple[str, Network]] = []
    for text in blocks:
        mapped = _v4(text)
        found = mapped or parse(text)
        if found is not None:
            (four if mapped else six).append((text, found))
    asked = {"4": (four,), "6": (six,)}.get(family, (four, six))
    for rows in asked:
        first, space = (_WIDEST_V4, 1 << 32) if rows is four else (widest_v6, _PUBLIC_V6.num_addresses)
        found_wide = _wide(rows, first, space)
        if found_wide:
            return found_wide
    return ""


def _wide(blocks: Sequence[tuple[str, Network]], widest: int, space: int) -> str:
    public = [(text, net) for text, net in blocks if not net.is_private]
    for text, net in public:
        if net.prefixlen < widest:
            return text
    if _addresses(net for _, net in public) * _SHARE >= space:
        return ", ".join(text for text, _ in public[:4]) + (" …" if len(public) > 4 else "")
    return ""


class Space:
    """The addresses of one family that no entry of a network ACL has decided yet; the first entry that matches decides."""

    def __init__(self, family: str) -> None:
        self._spans: list[tuple[int, int]] = [(0, (1 << (128 if family == "6" else 32)) - 1)]
        self._family = family

    def take(self, block: str) -> int:
        """Take a block out and say how many of its addresses were still open."""
        found = parse(block)
        if found is None or ("6" if isinstance(found, IPv6Network) else "4") != self._family:
            return 0
        first, last = int(found.network_address), int(found.broadcast_address)
        taken, left = 0, list[tuple[int, int]]()
        for start, end in self._spans:
            if last < start or first > end:
                left.append((start, end))
                continue
            taken += min(end, last) - max(start, first) + 1
            if start < first:
                left.append((start, first - 1))
            if last < end:
                left.append((last + 1, end))
        self._spans = left
        return taken

    def is_world(self, addresses: int) -> bool:
        """Whether so many addresses are the Internet's: a share of it that no network has."""
        return addresses * _SHARE >= (1 << 32 if self._family == "4" else _PUBLIC_V6.num_addresses)


def _addresses(blocks: Iterable[Network]) -> int:
    """How many addresses some blocks hold together, each counted once."""
    total, end = 0, -1
    for first, last in sorted((int(net.network_address), int(net.broadcast_address)) for net in blocks):
        if last > end:
            total += last - max(first, end + 1) + 1
            end = last
    return total

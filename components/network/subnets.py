"""The subnet plan: which address range each tier has in each Availability Zone; pure, and stable when zones are added."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from model.cidr import private_block

#: Zone letters that have a place in the plan. AWS's largest Region, us-east-1, has a–f.
ZONE_LETTERS = "abcdefgh"

_ZONE = re.compile(rf"(?P<region>[a-z]{{2}}(-[a-z]+)+-\d)(?P<letter>[{ZONE_LETTERS}])")


class SubnetTier(StrEnum):
    """Who may reach a subnet: the internet (public), the load balancer and services (private), services only (data)."""

    PUBLIC = "public"
    PRIVATE = "private"
    DATA = "data"


@dataclass(frozen=True, slots=True)
class _Share:
    """A tier's part of its zone's block: `bits` longer a prefix than the block, the `index`-th of that size."""

    bits: int
    index: int


#: Half of a zone is private (tasks take an address each), a quarter public (load balancers, NAT), a quarter data.
_SHARES = {SubnetTier.PRIVATE: _Share(1, 0), SubnetTier.PUBLIC: _Share(2, 2), SubnetTier.DATA: _Share(2, 3)}

_ZONE_BITS = 3  # eight zone letters

#: A tier's place among the four /64 of its zone in an IPv6 /56. The last of the four is nobody's.
_IPV6_PLACES = {SubnetTier.PUBLIC: 0, SubnetTier.PRIVATE: 1, SubnetTier.DATA: 2}

#: Tiers that have an IPv6 block in a VPC with both families. Data stores are asked by IPv4; their place is kept for them.
DUAL_STACK_TIERS = frozenset({SubnetTier.PUBLIC, SubnetTier.PRIVATE})


@dataclass(frozen=True, slots=True)
class Subnet:
    """One planned subnet."""

    tier: SubnetTier
    zone: str
    cidr: ipaddress.IPv4Network

    @property
    def letter(self) -> str:
        """The zone's letter: what the subnet's resource is named after."""
        return self.zone[-1]


@dataclass(frozen=True, slots=True)
class Layout:
    """All subnets of one VPC, by tier (in SubnetTier's order), then by zone letter."""

    region: str
    cidr: ipaddress.IPv4Network
    zones: tuple[str, ...]
    subnets: tuple[Subnet, ...]

    def of(self, tier: SubnetTier) -> tuple[Subnet, ...]:
        """The subnets of one tier, by zone letter."""
        return tuple(subnet for subnet in self.subnets if subnet.tier is tier)


def plan(cidr: str, zones: Sequence[str], tiers: Collection[SubnetTier] = tuple(SubnetTier)) -> Layout:
    """Divide `cidr` among `zones` (names such as ``ap-south-1a``) and `tiers`.

    A subnet's range depends on nothing but the VPC's range, the zone's letter and the tier: a zone or tier that is added
    or removed later never renumbers another. Each zone letter a–h owns one eighth of the VPC.

    >>> [str(subnet.cidr) for subnet in plan("10.20.0.0/16", ["ap-south-1a"]).subnets]
    ['10.20.16.0/21', '10.20.0.0/20', '10.20.24.0/21']
    """
    network = private_block(cidr)
    region, names = _zones(zones)
    if not tiers:
        raise ValueError(f"tiers: none given; accepted: one or more of {', '.join(SubnetTier)}")
    blocks = list(network.subnets(prefixlen_diff=_ZONE_BITS))
    subnets = []
    for tier in SubnetTier:
        if tier in tiers:
            share = _SHARES[tier]
            for zone in names:
                block = blocks[ZONE_LETTERS.index(zone[-1])]
                subnets.append(Subnet(tier, zone, list(block.subnets(prefixlen_diff=share.bits))[share.index]))
    return Layout(region, network, names, tuple(subnets))


def ipv6_block(whole: str, subnet: Subnet) -> str:
    """The /64 of `subnet` in the VPC's IPv6 /56 `whole`: like its IPv4 range it depends on zone letter and tier alone.

    >>> layout = plan("10.20.0.0/16", ["ap-south-1b"])
    >>> [ipv6_block("2001:db8:0:ab00::/56", subnet) for subnet in layout.subnets]
    ['2001:db8:0:ab04::/64', '2001:db8:0:ab05::/64', '2001:db8:0:ab06::/64']
    """
    try:
        network = ipaddress.IPv6Network(whole)
    except ValueError as error:
        raise ValueError(f"IPv6 block {whole!r}: {error}; accepted: a /56, as Amazon gives a VPC") from None
    if network.prefixlen != 56:
        raise ValueError(f"IPv6 block {whole!r}: a /{network.prefixlen}; accepted: a /56, as Amazon gives a VPC")
    place = ZONE_LETTERS.index(subnet.letter) * 4 + _IPV6_PLACES[subnet.tier]
    return str(ipaddress.IPv6Network((int(network.network_address) + (place << 64), 64)))


def _zones(zones: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    accepted = f"accepted: zones of one Region, letters {ZONE_LETTERS[0]}–{ZONE_LETTERS[-1]}, such as ap-south-1a"
    if not zones:
        raise ValueError(f"availability zones: none given; {accepted}")
    regions = []
    for zone in zones:
        match = _ZONE.fullmatch(zone)
        if match is None:
            raise ValueError(f"availability zones: {zone!r} is not a zone's name; {accepted}")
        regions.append(match["region"])
    for zone, region in zip(zones, regions, strict=True):
        if region != regions[0]:
            raise ValueError(f"availability zones: {zone!r} is not in the Region of {zones[0]!r}; {accepted}")
    if len(set(zones)) < len(zones):
        twice = next(zone for index, zone in enumerate(zones) if zone in zones[:index])
        raise ValueError(f"availability zones: {twice!r} is given twice; {accepted}")
    return regions[0], tuple(sorted(zones))

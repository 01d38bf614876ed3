"""The subnet plan: inside the VPC, disjoint, and never renumbered."""

from __future__ import annotations

import ipaddress
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.network.subnets import DUAL_STACK_TIERS, ZONE_LETTERS, SubnetTier, ipv6_block, plan
from model.cidr import LARGEST_PREFIX, SMALLEST_PREFIX

REGION = "ap-south-1"

prefixes = st.integers(LARGEST_PREFIX, SMALLEST_PREFIX)
networks = st.builds(
    lambda address, prefix: str(ipaddress.IPv4Network((address, prefix), strict=False)),
    st.integers(int(ipaddress.IPv4Address("10.0.0.0")), int(ipaddress.IPv4Address("10.255.255.255"))),
    prefixes,
)
zone_sets = st.sets(st.sampled_from(ZONE_LETTERS), min_size=1).map(
    lambda letters: [REGION + c for c in sorted(letters)]
)
tier_sets = st.sets(st.sampled_from(SubnetTier), min_size=1)


@given(networks, zone_sets, tier_sets)
def test_every_subnet_is_inside_and_none_overlaps(cidr, zones, tiers):
    layout = plan(cidr, zones, tiers)
    assert {(subnet.tier, subnet.zone) for subnet in layout.subnets} == {(t, z) for t in tiers for z in zones}
    for subnet in layout.subnets:
        assert subnet.cidr.subnet_of(layout.cidr)
        assert 16 <= subnet.cidr.prefixlen <= 28, "AWS takes no other subnet"
        assert subnet.cidr.prefixlen <= 27, "a load balancer cannot grow in a smaller one"
    for one, other in combinations(layout.subnets, 2):
        assert not one.cidr.overlaps(other.cidr)


@given(networks, zone_sets, zone_sets, tier_sets, tier_sets)
def test_growth_never_renumbers(cidr, zones, more_zones, tiers, more_tiers):
    before = plan(cidr, zones, tiers)
    after = plan(cidr, sorted({*zones, *more_zones}), tiers | more_tiers)
    assert set(before.subnets) <= set(after.subnets)


@given(networks, st.permutations([REGION + letter for letter in "abc"]))
def test_the_order_of_zones_does_not_matter(cidr, zones):
    assert plan(cidr, zones) == plan(cidr, sorted(zones))


def test_a_known_plan():
    layout = plan("10.20.0.0/16", ["ap-south-1a", "ap-south-1b"])
    assert {f"{s.tier}-{s.letter}": str(s.cidr) for s in layout.subnets} == {
        "public-a": "10.20.16.0/21",
        "public-b": "10.20.48.0/21",
        "private-a": "10.20.0.0/20",
        "private-b": "10.20.32.0/20",
        "data-a": "10.20.24.0/21",
        "data-b": "10.20.56.0/21",
    }
    assert [str(s.cidr) for s in layout.of(SubnetTier.DATA)] == ["10.20.24.0/21", "10.20.56.0/21"]
    assert layout.region == "ap-south-1"


@pytest.mark.parametrize(
    ("cidr", "zones", "tiers", "message"),
    [
        ("10.20.0.0", [REGION + "a"], list(SubnetTier), "a private IPv4 block from /16 to /20 is accepted, .*not /32"),
        ("10.20.0.1/16", [REGION + "a"], list(SubnetTier), "did you mean 10.20.0.0/16"),
        ("fd00::/16", [REGION + "a"], list(SubnetTier), "a private IPv4 block"),
        ("10.0.0.0/15", [REGION + "a"], list(SubnetTier), "not /15"),
        ("10.0.0.0/24", [REGION + "a"], list(SubnetTier), "not /24"),
        ("8.8.0.0/16", [REGION + "a"], list(SubnetTier), "routed on the internet"),
        ("10.0.0.0/16", [], list(SubnetTier), "availability zones: none given"),
        ("10.0.0.0/16", ["ap-south-1"], list(SubnetTier), "'ap-south-1' is not a zone's name; accepted: .*a–h"),
        ("10.0.0.0/16", ["ap-south-1z"], list(SubnetTier), "'ap-south-1z' is not a zone's name"),
        (
            "10.0.0.0/16",
            ["ap-south-1a", "eu-west-1b"],
            list(SubnetTier),
            "'eu-west-1b' is not in the Region of 'ap-south-1a'",
        ),
        ("10.0.0.0/16", ["ap-south-1a", "ap-south-1a"], list(SubnetTier), "'ap-south-1a' is given twice"),
        ("10.0.0.0/16", ["ap-south-1a"], [], "tiers: none given; accepted: one or more of public, private, data"),
    ],
)
def test_bad_plans_are_named(cidr, zones, tiers, message):
    with pytest.raises(ValueError, match=message):
        plan(cidr, zones, tiers)


whole_blocks = st.integers(0, 2**56 - 1).map(lambda n: str(ipaddress.IPv6Network((n << 72, 56))))


@given(whole_blocks, zone_sets, zone_sets)
def test_ipv6_blocks_are_inside_apart_and_never_renumbered(whole, zones, more_zones):
    def blocks(names):
        return {
            (s.tier, s.zone): ipaddress.IPv6Network(ipv6_block(whole, s)) for s in plan("10.0.0.0/16", names).subnets
        }

    before, after = blocks(zones), blocks(sorted({*zones, *more_zones}))
    assert before.items() <= after.items()
    for one in after.values():
        assert one.prefixlen == 64 and one.subnet_of(ipaddress.IPv6Network(whole))
    assert len(set(after.values())) == len(after)


def test_known_ipv6_blocks():
    subnets = plan("10.20.0.0/16", ["ap-south-1a", "ap-south-1h"]).subnets
    assert {f"{s.tier}-{s.letter}": ipv6_block("2001:db8:0:1200::/56", s) for s in subnets} == {
        "public-a": "2001:db8:0:1200::/64",
        "private-a": "2001:db8:0:1201::/64",
        "data-a": "2001:db8:0:1202::/64",
        "public-h": "2001:db8:0:121c::/64",
        "private-h": "2001:db8:0:121d::/64",
        "data-h": "2001:db8:0:121e::/64",
    }
    assert SubnetTier.DATA not in DUAL_STACK_TIERS


@pytest.mark.parametrize(
    ("whole", "message"),
    [
        ("2001:db8::/48", "IPv6 block '2001:db8::/48': a /48; accepted: a /56"),
        ("2001:db8::1/56", "IPv6 block '2001:db8::1/56': .*host bits set; accepted: a /56"),
        ("10.0.0.0/16", "IPv6 block '10.0.0.0/16': .*; accepted: a /56"),
        ("", "IPv6 block '': .*; accepted: a /56"),
    ],
)
def test_a_block_that_is_no_vpcs_is_refused(whole, message):
    with pytest.raises(ValueError, match=message):
        ipv6_block(whole, plan("10.0.0.0/16", ["ap-south-1a"]).subnets[0])

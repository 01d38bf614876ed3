"""IPv6 beside IPv4, as the engine sees it."""

from __future__ import annotations

from tests.components.network.test_vpc import network

_V6 = "2001:db8:0:ab"


def ipv6_routes(recorded):
    return {item.name: item.inputs for item in recorded.of("Route") if "destinationIpv6CidrBlock" in item.inputs}


def test_without_it_there_is_no_ipv6_anywhere(run):
    recorded = run(network())
    assert not recorded.of("VpcIpv6CidrBlockAssociation") and not recorded.of("EgressOnlyInternetGateway")
    assert not ipv6_routes(recorded)
    for item in recorded.of("Subnet"):
        assert "ipv6CidrBlock" not in item.inputs and "AddressFamilies" not in item.inputs["tags"]


def test_public_and_private_subnets_have_a_64_of_the_vpcs_56_and_data_subnets_none(run):
    recorded = run(network(dual_stack=True))
    (block,) = recorded.of("VpcIpv6CidrBlockAssociation")
    assert block.inputs == {"vpcId": recorded.named("network").id, "assignGeneratedIpv6CidrBlock": True}
    found = {item.name: item.inputs.get("ipv6CidrBlock") for item in recorded.of("Subnet")}
    assert found == {
        "network-public-a": f"{_V6}00::/64",
        "network-private-a": f"{_V6}01::/64",
        "network-data-a": None,
        "network-public-b": f"{_V6}04::/64",
        "network-private-b": f"{_V6}05::/64",
        "network-data-b": None,
    }
    assert not any(item.inputs.get("assignIpv6AddressOnCreation") for item in recorded.of("Subnet")), "EC2.15"


def test_only_public_subnets_can_be_reached_and_data_subnets_have_no_way(run):
    recorded = run(network(dual_stack=True))
    (only_out,) = recorded.of("EgressOnlyInternetGateway")
    internet = recorded.named("network-internet").id
    ways = {
        name: (inputs["destinationIpv6CidrBlock"], inputs.get("gatewayId"), inputs.get("egressOnlyGatewayId"))
        for name, inputs in ipv6_routes(recorded).items()
    }
    assert ways == {
        "network-public-ipv6-internet": ("::/0", internet, None),
        "network-private-a-ipv6-internet": ("::/0", None, only_out.id),
        "network-private-b-ipv6-internet": ("::/0", None, only_out.id),
    }
    tables = {inputs["routeTableId"] for inputs in ipv6_routes(recorded).values()}
    assert recorded.named("network-data-routes").id not in tables


def test_without_egress_private_subnets_have_no_way_out(run):
    recorded = run(network(dual_stack=True, ipv6_egress=False))
    assert set(ipv6_routes(recorded)) == {"network-public-ipv6-internet"}
    assert not recorded.of("EgressOnlyInternetGateway")


def test_it_changes_nothing_but_subnets_and_removes_nothing(run):
    before, after = run(network()), run(network(dual_stack=True))
    ids = {item.urn: item for item in after.registrations}
    assert set(before.urns) < set(after.urns)

    def said(item):  # ids are counted in the order of registration
        return item.inputs.keys(), item.inputs.get("tags"), item.inputs.get("cidrBlock")

    changed = {item.name for item in before.registrations if said(ids[item.urn]) != said(item)}
    assert changed == {f"network-{tier}-{zone}" for tier in ("public", "private") for zone in "ab"}


def test_a_block_is_given_back_after_what_is_in_it(run):
    recorded = run(network(dual_stack=True))
    (block,) = recorded.of("VpcIpv6CidrBlockAssociation")
    for item in (*recorded.of("EgressOnlyInternetGateway"), *(recorded.named(name) for name in ipv6_routes(recorded))):
        assert block.urn in item.dependencies
    assert block.urn in recorded.named("network-private-a").dependencies

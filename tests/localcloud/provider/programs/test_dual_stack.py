"""A network with both families of addresses: turned on and off in place, and what AWS refuses of IPv6."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pulumi_aws as aws
import pytest

from components.network.subnets import DUAL_STACK_TIERS
from components.network.vpc import Vpc, VpcArgs
from tests.localcloud.provider.programs.parts import ACCOUNT, balancer, network
from tests.localcloud.provider.programs.small_engine import Options, SmallEngine, refused
from tests.tables import every_row

pytestmark = pytest.mark.process

_ZONES = "ab"
_SUBNETS = {f"net-{tier}-{zone}" for tier in DUAL_STACK_TIERS for zone in _ZONES}
_NEW = {
    "net-ipv6",
    "net-egress-only",
    "net-public-ipv6-internet",
    *(f"net-private-{zone}-ipv6-internet" for zone in _ZONES),
}


def _environment(step: int, zones: str = _ZONES) -> None:
    """The platform's own network and a load balancer in it: first without IPv6 (1), then with it (2)."""
    logs = aws.s3.Bucket("logs", bucket="flow-logs-of-net")
    made = Vpc(
        "net",
        VpcArgs(
            cidr="10.77.0.0/16",
            availability_zones=[f"ap-south-1{zone}" for zone in zones],
            account_id=ACCOUNT,
            logs_key_arn=f"arn:aws:kms:ap-south-1:{ACCOUNT}:key/00000000-0000-0000-0000-000000000000",
            interface_endpoints=(),
            flow_log_bucket_arn=logs.arn,
            dual_stack=step == 2,
        ),
    )
    group = aws.ec2.SecurityGroup("lb-group", name="lb-of-net", vpc_id=made.vpc_id)
    aws.lb.LoadBalancer(
        "lb",
        name="of-net",
        subnets=made.public_subnet_ids,
        security_groups=[group.id],
        ip_address_type="dualstack" if step == 2 else "ipv4",
    )


def _unchanged(stack: SmallEngine, step: int, names: set[str]) -> dict[str, str]:
    """A second up and a refresh see nothing; ids by name."""
    assert stack.up(_environment, step).changes == {}
    assert stack.refresh().changes == {}
    assert stack.up(_environment, step).changes == {}
    return {name: stack.id(name) for name in names}


def test_it_is_turned_on_and_off_in_place(stack: SmallEngine, aws_clients: Any) -> None:
    kept = {"net", "lb", *_SUBNETS}
    stack.up(_environment, 1)
    before = _unchanged(stack, 1, kept)
    ec2 = aws_clients("ec2")

    assert stack.preview(_environment, 2).changes == {"create": _NEW, "update": {"lb", *_SUBNETS}}
    assert stack.up(_environment, 2).changes == {"create": _NEW, "update": {"lb", *_SUBNETS}}
    assert _unchanged(stack, 2, kept) == before
    (vpc,) = ec2.describe_vpcs(VpcIds=[before["net"]])["Vpcs"]
    (block,) = [each["Ipv6CidrBlock"] for each in vpc["Ipv6CidrBlockAssociationSet"]]
    assert block.endswith("/56")
    found = ec2.describe_subnets(SubnetIds=[before[name] for name in _SUBNETS])["Subnets"]
    blocks = {each["Ipv6CidrBlock"] for subnet in found for each in subnet["Ipv6CidrBlockAssociationSet"]}
    assert len(blocks) == len(_SUBNETS) and all(each.endswith("/64") for each in blocks)

    back = stack.up(_environment, 1)
    assert back.changes == {"update": {"lb", *_SUBNETS}, "delete": _NEW}
    assert back.order.index("delete net-ipv6") == len(back.order) - 1, "the block goes last"
    assert _unchanged(stack, 1, kept) == before
    found = ec2.describe_subnets(SubnetIds=[before[name] for name in _SUBNETS])["Subnets"]
    assert not any(subnet.get("Ipv6CidrBlockAssociationSet") for subnet in found)

    stack.destroy()


def test_a_zone_more_renumbers_nothing_and_nothing_is_left(stack: SmallEngine, aws_clients: Any) -> None:
    stack.up(_environment, 2)
    before = {name: stack.outputs(name)["ipv6CidrBlock"] for name in _SUBNETS}
    stack.up(lambda step: _environment(step, "abc"), 2)
    assert {name: stack.outputs(name)["ipv6CidrBlock"] for name in _SUBNETS} == before
    assert stack.outputs("net-public-c")["ipv6CidrBlock"] not in before.values()
    stack.up(_environment, 2)
    vpc, gateway, ec2 = stack.id("net"), stack.id("net-egress-only"), aws_clients("ec2")
    stack.destroy()
    assert vpc not in [each["VpcId"] for each in ec2.describe_vpcs()["Vpcs"]]
    left = ec2.describe_egress_only_internet_gateways()["EgressOnlyInternetGateways"]
    assert gateway not in [each["EgressOnlyInternetGatewayId"] for each in left]


def _ipv6(vpc: aws.ec2.Vpc) -> aws.ec2.VpcIpv6CidrBlockAssociation:
    return aws.ec2.VpcIpv6CidrBlockAssociation("block", vpc_id=vpc.id, assign_generated_ipv6_cidr_block=True)


def _subnet(name: str, vpc: aws.ec2.Vpc, third: int, block: Any, *first: Any) -> aws.ec2.Subnet:
    cidr = f"10.9.{third}.0/24"
    return aws.ec2.Subnet(name, vpc_id=vpc.id, cidr_block=cidr, ipv6_cidr_block=block, opts=Options(depends_on=first))


def _first(block: aws.ec2.VpcIpv6CidrBlockAssociation, prefix: int = 64) -> Any:
    return block.ipv6_cidr_block.apply(lambda whole: whole.replace("/56", f"/{prefix}"))


def _outside(_: int) -> None:
    vpc, _subnets = network()
    _subnet("s", vpc, 9, "2001:db8::/64", _ipv6(vpc))


def _without(_: int) -> None:
    vpc, _subnets = network()
    _subnet("s", vpc, 9, "2001:db8::/64")


def _too_large(_: int) -> None:
    vpc, _subnets = network()
    _subnet("s", vpc, 9, _first(_ipv6(vpc), 60))


def _twice(_: int) -> None:
    vpc, _subnets = network()
    block = _ipv6(vpc)
    one = _subnet("s", vpc, 9, _first(block))
    _subnet("t", vpc, 10, _first(block), one)


def _plain_balancer(_: int) -> None:
    vpc, subnets = network()
    _, group = balancer("b", vpc, subnets)
    ids = [subnet.id for subnet in subnets]
    aws.lb.LoadBalancer("lb", subnets=ids, security_groups=[group.id], ip_address_type="dualstack")


def _foreign_gateway(_: int) -> None:
    vpc, _subnets = network()
    other, _subnets = network("m", 10)
    table = aws.ec2.RouteTable("t", vpc_id=vpc.id)
    gateway = aws.ec2.EgressOnlyInternetGateway("g", vpc_id=other.id)
    aws.ec2.Route("r", route_table_id=table.id, destination_ipv6_cidr_block="::/0", egress_only_gateway_id=gateway.id)


REFUSED: dict[str, tuple[Callable[[int], None], str, str]] = {
    "a block that is not the VPC's": (_outside, "InvalidSubnet.Range", "2001:db8::/64"),
    "a VPC without a block": (_without, "InvalidSubnet.Range", "no IPv6 block"),
    "a block that is no /64": (_too_large, "InvalidSubnet.Range", "/60"),
    "a block that another subnet has": (_twice, "InvalidSubnet.Conflict", "another subnet"),
    "a balancer in subnets without IPv6": (_plain_balancer, "ValidationError", "associated IPv6 CIDR block"),
    "a gateway of another VPC": (_foreign_gateway, "InvalidParameterValue", "different networks"),
}


@every_row("program, code, words", REFUSED)
def test_refused(core: Any, program: Callable[[int], None], code: str, words: str) -> None:
    stack = SmallEngine(core, "ap-south-1")
    with refused(code, words):
        stack.up(program)
    stack.destroy()


def test_a_block_in_use_stays(stack: SmallEngine) -> None:
    def program(step: int) -> None:
        vpc, _subnets = network()
        block = _ipv6(vpc) if step == 1 else None
        held = _first(block) if block else stack.outputs("s")["ipv6CidrBlock"]
        _subnet("s", vpc, 9, held)

    stack.up(program, 1)
    with refused("InvalidCidrBlock.InUse", stack.id("s")):
        stack.up(program, 2)
    stack.destroy()

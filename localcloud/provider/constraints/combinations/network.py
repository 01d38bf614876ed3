"""EC2's network: VPCs, routes, security groups, endpoints, flow logs. Sources: the EC2 API reference, "VPC quotas"."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from localcloud.provider.constraints.combinations.given import Failure, Given

_TARGETS = ("gatewayId", "natGatewayId", "vpcEndpointId", "transitGatewayId", "vpcPeeringConnectionId", "networkInterfaceId",
            "egressOnlyGatewayId", "carrierGatewayId", "localGatewayId", "coreNetworkArn", "odbNetworkArn")  # fmt: skip
_DESTINATIONS = ("destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId")
_SOURCES = ("cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId")


def _block(given: Given, name: str, least: int, most: int) -> Iterator[Failure]:
    text = given.text(name)
    if not text:
        return
    try:
        network = ipaddress.ip_network(text, strict=True)
    except ValueError:
        yield name, f"{name} is {text!r}; accepted is a network such as 10.0.0.0/16, without host bits"
        return
    if network.version == 4 and not least <= network.prefixlen <= most:
        yield name, f"{name} is {text!r}; accepted are networks of /{least} to /{most}"


def vpc(given: Given) -> Iterator[Failure]:
    """A VPC's blocks."""
    yield from _block(given, "cidrBlock", 16, 28)
    if given.on("assignGeneratedIpv6CidrBlock") and given.has("ipv6IpamPoolId"):
        yield "assignGeneratedIpv6CidrBlock", "assignGeneratedIpv6CidrBlock and ipv6IpamPoolId exclude each other"
    if given.on("enableDnsHostnames") and given.has("enableDnsSupport") and given.off("enableDnsSupport"):
        yield "enableDnsHostnames", "enableDnsHostnames needs enableDnsSupport"
    if given.has("ipv6CidrBlock") and given.lacks("ipv6IpamPoolId"):
        yield "ipv6CidrBlock", "ipv6CidrBlock needs ipv6IpamPoolId"


def subnet(given: Given) -> Iterator[Failure]:
    """A subnet's block and zone."""
    yield from _block(given, "cidrBlock", 16, 28)
    zone = given.text("availabilityZone")
    if zone and not re.fullmatch(
        r"[a-z]{2}(-[a-z]+)+-\d[a-z](-[a-z]+-\d[a-z])?|[a-z]{2}(-[a-z]+)+-\d-[a-z-]+-\d[a-z]", zone
    ):
        yield "availabilityZone", f"availabilityZone is {zone!r}; accepted is one such as ap-south-1a"
    text = given.text("ipv6CidrBlock")
    if text and not text.endswith("/64") and not re.search(r"/(4[4-9]|5\d|6[0-4])$", text):
        yield "ipv6CidrBlock", f"ipv6CidrBlock is {text!r}; accepted are networks of /44 to /64"
    if given.on("assignIpv6AddressOnCreation") and given.lacks("ipv6CidrBlock", "ipv6IpamPoolId", "ipv6NetmaskLength"):
        yield "assignIpv6AddressOnCreation", "assignIpv6AddressOnCreation needs an IPv6 block"
    if given.on("ipv6Native") and given.has("cidrBlock"):
        yield "ipv6Native", "ipv6Native and cidrBlock exclude each other"


def route(given: Given) -> Iterator[Failure]:
    """One destination, one target."""
    for names, words in ((_TARGETS, "target"), (_DESTINATIONS, "destination")):
        found = [name for name in names if given.has(name)]
        if len(found) > 1:
            yield found[1], f"a route has one {words}; given: {', '.join(found)}"
    for name in _DESTINATIONS[:2]:
        yield from _block(given, name, 0, 32)
    if given.has("egressOnlyGatewayId") and given.has("destinationCidrBlock"):
        yield "egressOnlyGatewayId", "egressOnlyGatewayId is for IPv6 destinations"
    yield from _id(given, "natGatewayId", "nat")
    yield from _id(given, "transitGatewayId", "tgw")
    yield from _id(given, "vpcPeeringConnectionId", "pcx")
    gateway = given.text("gatewayId")
    if gateway and not re.match(r"igw-|vgw-|local$|vpce-", gateway):
        yield (
            "gatewayId",
            f"gatewayId is {gateway!r}; accepted are an internet gateway (igw-), a virtual private gateway (vgw-) and local",
        )


def _id(given: Given, name: str, prefix: str) -> Iterator[Failure]:
    text = given.text(name)
    if text and not text.startswith(prefix + "-"):
        yield name, f"{name} is {text!r}; accepted is an id that begins with {prefix}-"


def route_table(given: Given) -> Iterator[Failure]:
    """Inline routes."""
    for item in given.each("routes"):
        found = [name for name in ("cidrBlock", "ipv6CidrBlock", "destinationPrefixListId") if item.has(name)]
        if len(found) != 1:
            yield "routes", f"routes: each has exactly one destination; given: {', '.join(found) or 'none'}"
        targets = [name for name in (*_TARGETS, "egressOnlyGatewayId") if item.has(name)]
        if len(set(targets)) != 1:
            yield "routes", f"routes: each has exactly one target; given: {', '.join(targets) or 'none'}"


def association(given: Given) -> Iterator[Failure]:
    """Of a subnet, or of a gateway."""
    if given.has("subnetId") and given.has("gatewayId"):
        yield "gatewayId", "subnetId and gatewayId exclude each other"


def _ports(given: Given, protocol: str | None, name: str) -> Iterator[Failure]:
    first, last = given.number("fromPort"), given.number("toPort")
    if (
        protocol in ("tcp", "udp", "6", "17")
        and first is not None
        and last is not None
        and not 0 <= first <= last <= 65535
    ):
        yield name, f"ports {first:g} to {last:g}; accepted are 0 to 65535, the lower one first"
    if protocol in ("-1", "all") and (first or 0, last or 0) not in ((0, 0), (-1, -1)):
        yield (
            name,
            f"ports {first:g} to {last:g} have no place with all protocols"
            if first is not None and last is not None
            else "ports have no place with all protocols",
        )


def _protocol(text: str | None, name: str) -> Iterator[Failure]:
    known = ("tcp", "udp", "icmp", "icmpv6", "all", "-1", "esp", "ah", "gre", "sctp", "ipv6-icmp")
    if text and text.lower() not in known and not (text.isdigit() and int(text) <= 255):
        yield name, f"{name} is {text!r}; accepted are tcp, udp, icmp, icmpv6, -1 and the numbers of protocols"


def security_group(given: Given) -> Iterator[Failure]:
    """Inline rules, their number, and the description."""
    for direction in ("ingress", "egress"):
        rules = given.each(direction)
        for item in rules:
            protocol = item.text("protocol")
            yield from ((direction, reason) for _, reason in _protocol(protocol, "protocol"))
            yield from ((direction, f"{direction}: {reason}") for _, reason in _ports(item, protocol, "toPort"))
            for name in ("cidrBlocks", "ipv6CidrBlocks"):
                for block in item.items(name) or ():
                    try:
                        ipaddress.ip_network(str(block), strict=True)
                    except ValueError:
                        yield direction, f"{direction}: {name} {block!r}; accepted is a network without host bits"
            if item.lacks("cidrBlocks", "ipv6CidrBlocks", "prefixListIds", "securityGroups") and not item.on("self"):
                yield (
                    direction,
                    f"{direction}: each rule needs cidrBlocks, ipv6CidrBlocks, prefixListIds, securityGroups or self",
                )
        if len(rules) > 60:
            yield direction, f"{direction} has {len(rules)} rules; a group accepts 60 (quota)"
    text = given.text("description")
    if text and not re.fullmatch(r"[a-zA-Z0-9 ._:/()#,@\[\]+=&;{}!$*-]{1,255}", text):
        yield (
            "description",
            f"description is {text!r}; accepted are 1 to 255 letters, digits, spaces and ._-:/()#,@[]+=&;{{}}!$*",
        )


def group_rule(given: Given) -> Iterator[Failure]:
    """A rule that stands alone: one source."""
    found = [name for name in _SOURCES if given.has(name)]
    if len(found) > 1:
        yield found[1], f"exactly one of {', '.join(_SOURCES)} is accepted; given: {', '.join(found)}"
    protocol = given.text("ipProtocol")
    yield from _protocol(protocol, "ipProtocol")
    ports = given.number("fromPort"), given.number("toPort")
    if protocol in ("-1", "all") and ports not in ((None, None), (-1.0, -1.0), (0.0, 0.0)):
        yield "fromPort", "fromPort and toPort have no place with all protocols (-1)"
    yield from (
        _id(given, "referencedSecurityGroupId", "sg")
        if "/" not in (given.text("referencedSecurityGroupId") or "")
        else ()
    )
    text = given.text("description")
    if text and not re.fullmatch(r"[a-zA-Z0-9 ._:/()#,@\[\]+=&;{}!$*-]{0,255}", text):
        yield (
            "description",
            f"description is {text!r}; accepted are up to 255 letters, digits, spaces and ._-:/()#,@[]+=&;{{}}!$*",
        )


def old_rule(given: Given) -> Iterator[Failure]:
    """aws.ec2.SecurityGroupRule."""
    yield from _protocol(given.text("protocol"), "protocol")
    protocol = given.text("protocol")
    if protocol in ("tcp", "udp", "6", "17"):
        yield from _ports(given, protocol, "toPort")
    if given.lacks("cidrBlocks", "ipv6CidrBlocks", "prefixListIds", "sourceSecurityGroupId") and not given.on("self"):
        yield (
            "cidrBlocks",
            "one of cidrBlocks, ipv6CidrBlocks, prefixListIds, self and sourceSecurityGroupId is required",
        )


def endpoint(given: Given) -> Iterator[Failure]:
    """A VPC endpoint: what its type takes."""
    kind = given.text("vpcEndpointType", "Gateway")
    if kind == "Gateway":
        for name in ("subnetIds", "securityGroupIds"):
            if given.has(name):
                yield name, f"{name} has no place with an endpoint of the type Gateway"
        if given.on("privateDnsEnabled"):
            yield "privateDnsEnabled", "privateDnsEnabled has no place with an endpoint of the type Gateway"
        service = given.text("serviceName")
        if (
            service
            and service.startswith("com.amazonaws.")
            and not service.endswith((".s3", ".dynamodb", ".s3express"))
        ):
            yield "serviceName", f"serviceName is {service!r}; an endpoint of the type Gateway is for s3 and dynamodb"
    elif given.has("routeTableIds") and kind:
        yield "routeTableIds", f"routeTableIds have no place with an endpoint of the type {kind}"


def flow_log(given: Given) -> Iterator[Failure]:
    """A flow log: its destination and role."""
    kind = given.text("logDestinationType", "cloud-watch-logs")
    found = [
        name
        for name in (
            "vpcId",
            "subnetId",
            "eniId",
            "transitGatewayId",
            "transitGatewayAttachmentId",
            "regionalNatGatewayId",
        )
        if given.has(name)
    ]
    if len(found) != 1:
        yield (
            "vpcId",
            f"exactly one of vpcId, subnetId, eniId and transitGatewayId is required; given: {', '.join(found) or 'none'}",
        )
    if kind == "cloud-watch-logs":
        if given.lacks("logDestination", "logGroupName"):
            yield "logDestination", "logDestination is required"
        if given.lacks("iamRoleArn"):
            yield "iamRoleArn", "iamRoleArn is required with the destination cloud-watch-logs"
    elif kind == "s3":
        if given.lacks("logDestination"):
            yield "logDestination", "logDestination is required with the destination s3"
        if given.has("iamRoleArn"):
            yield "iamRoleArn", "iamRoleArn has no place with the destination s3"
    if given.lacks("trafficType") and found and not found[0].startswith("transit"):
        yield "trafficType", "trafficType is required"
    if found and found[0].startswith("transit") and given.number("maxAggregationInterval") == 600:
        yield "maxAggregationInterval", "maxAggregationInterval must be 60 for a transit gateway"


def nat(given: Given) -> Iterator[Failure]:
    """A NAT gateway: public ones have an address."""
    if given.text("connectivityType") == "private" and given.has("allocationId"):
        yield "allocationId", "allocationId has no place with a private NAT gateway"
    if given.text("connectivityType", "public") == "public" and given.text("availabilityMode", "zonal") == "zonal":
        if given.lacks("allocationId"):
            yield "allocationId", "allocationId is required for a public NAT gateway"
        if given.lacks("subnetId"):
            yield "subnetId", "subnetId is required for a zonal NAT gateway"


def acl_rule(given: Given) -> Iterator[Failure]:
    """A rule of a network ACL."""
    protocol, number = given.text("protocol"), given.number("ruleNumber")
    yield from _protocol(protocol, "protocol")
    if number is not None and not 1 <= number <= 32766:
        yield "ruleNumber", f"ruleNumber is {number:g}; accepted is 1 to 32766"
    if given.has("cidrBlock") == given.has("ipv6CidrBlock"):
        yield "cidrBlock", "exactly one of cidrBlock and ipv6CidrBlock is required"
    if (
        protocol in ("tcp", "udp", "6", "17")
        and given.get("fromPort") is None
        and given.lacks("fromPort")
        and given.get("fromPort") != 0
    ):
        yield "fromPort", f"fromPort and toPort are required with the protocol {protocol}"
    if protocol in ("tcp", "udp", "6", "17"):
        yield from _ports(given, protocol, "toPort")


def acl(given: Given) -> Iterator[Failure]:
    """A network ACL's inline rules have a number each."""
    for direction in ("ingress", "egress"):
        numbers = [number for item in given.each(direction) if (number := item.number("ruleNo")) is not None]
        if len(numbers) != len(set(numbers)):
            yield direction, f"{direction}: two rules have the number {max(numbers, key=numbers.count):g}"
        for item in given.each(direction):
            if item.number("ruleNo") is not None and not 1 <= (item.number("ruleNo") or 0) <= 32766:
                yield direction, f"{direction}: ruleNo is {item.number('ruleNo'):g}; accepted is 1 to 32766"
            yield from ((direction, reason) for _, reason in _protocol(item.text("protocol"), "protocol"))


def prefix_list(given: Given) -> Iterator[Failure]:
    """A managed prefix list: its family and its size."""
    entries, most = given.each("entries"), given.number("maxEntries")
    if most is not None and len(entries) > most:
        yield "entries", f"entries has {len(entries)} elements; maxEntries is {most:g}"
    blocks = [item.text("cidr") for item in entries]
    if len(blocks) != len(set(blocks)):
        yield "entries", "entries name one network twice"
    version = {"IPv4": 4, "IPv6": 6}.get(given.text("addressFamily") or "")
    for block in blocks:
        try:
            network = ipaddress.ip_network(block, strict=True) if block else None
        except ValueError:
            yield "entries", f"entries: {block!r}; accepted is a network without host bits"
            continue
        if network and version and network.version != version:
            yield "entries", f"entries: {block!r} is none of {given.text('addressFamily')}"


def eip(given: Given) -> Iterator[Failure]:
    """An elastic IP is one of a VPC."""
    if given.has("instance") and given.has("networkInterface"):
        yield "networkInterface", "instance and networkInterface exclude each other"


CHECKS = {
    "aws:ec2/vpc:Vpc": (vpc,),
    "aws:ec2/subnet:Subnet": (subnet,),
    "aws:ec2/route:Route": (route,),
    "aws:ec2/routeTable:RouteTable": (route_table,),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": (association,),
    "aws:ec2/securityGroup:SecurityGroup": (security_group,),
    "aws:ec2/securityGroupRule:SecurityGroupRule": (old_rule,),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": (group_rule,),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": (group_rule,),
    "aws:ec2/vpcEndpoint:VpcEndpoint": (endpoint,),
    "aws:ec2/flowLog:FlowLog": (flow_log,),
    "aws:ec2/natGateway:NatGateway": (nat,),
    "aws:ec2/networkAclRule:NetworkAclRule": (acl_rule,),
    "aws:ec2/networkAcl:NetworkAcl": (acl,),
    "aws:ec2/managedPrefixList:ManagedPrefixList": (prefix_list,),
    "aws:ec2/eip:Eip": (eip,),
}

"""VPC, subnets, route tables and network ACLs."""

from __future__ import annotations

from typing import Any

from localcloud.provider.errors import Gone
from localcloud.provider.row import Call, Context, Inputs, Prop, Read, Row
from localcloud.provider.rows import ipv6, tagging

#: IANA numbers of the protocols that Terraform takes by name in network ACLs.
_PROTOCOLS = {"tcp": "6", "udp": "17", "icmp": "1", "all": "-1", "icmpv6": "58"}
_NUMBERS = {number: name for name, number in _PROTOCOLS.items()}


def _arn(kind: str) -> dict[str, str]:
    return {"arn": f"=arn:aws:ec2:{{region}}:{{account}}:{kind}/{{id}}", "ownerId": "$account"}


def _vpc_attribute(prop: str, default: bool) -> Prop:
    member = prop[0].upper() + prop[1:]
    return Prop(
        set=Call("modify_vpc_attribute", {"VpcId": "$id", member: {"Value": "$val"}}, alone=True),
        live=prop,
        default=default,
    )


def _read_vpc_attribute(prop: str) -> Read:
    member = prop[0].upper() + prop[1:]
    return Read("describe_vpc_attribute", {"VpcId": "$id", "Attribute": prop}, f"{member}.Value", into=prop)


def _of_vpc(operation: str, path: str, into: str, *filters: tuple[str, str]) -> Read:
    """One of the things that AWS makes with each VPC."""
    chosen = [{"Name": name, "Values": [value]} for name, value in (("vpc-id", "$id"), *filters)]
    return Read(operation, {"Filters": chosen}, path, into=into)


#: Property of an inline route -> member: where it goes to, and by what.
_DESTINATIONS = {
    "cidrBlock": "DestinationCidrBlock",
    "ipv6CidrBlock": "DestinationIpv6CidrBlock",
    "destinationPrefixListId": "DestinationPrefixListId",
}
_WAYS = {
    "gatewayId": "GatewayId",
    "natGatewayId": "NatGatewayId",
    "transitGatewayId": "TransitGatewayId",
    "vpcPeeringConnectionId": "VpcPeeringConnectionId",
    "networkInterfaceId": "NetworkInterfaceId",
    "egressOnlyGatewayId": "EgressOnlyInternetGatewayId",
    "carrierGatewayId": "CarrierGatewayId",
    "localGatewayId": "LocalGatewayId",
    "vpcEndpointId": "VpcEndpointId",
}


def _inline_routes(element: dict[str, Any]) -> list[dict[str, Any]]:
    """A table's own routes: without the VPC's local one, and those that gateway endpoints add."""
    found = []
    for route in element.get("Routes") or ():
        gateway = str(route.get("GatewayId") or "")
        if gateway == "local" or gateway.startswith("vpce-"):
            continue
        fields = {**_DESTINATIONS, **_WAYS}
        found.append({name: route[member] for name, member in fields.items() if route.get(member)})
    return found


def _sync_routes(context: Context) -> None:
    """Inline routes as the inputs say; a table that has none said is left to aws.ec2.Route."""
    if "routes" not in context["in"]:
        return
    table = context.call("describe_route_tables", {"RouteTableIds": [context["id"]]})["RouteTables"][0]

    def split(route: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        where, way = (
            {member: route[name] for name, member in members.items() if route.get(name)}
            for members in (_DESTINATIONS, _WAYS)
        )
        return where, way

    held = [split(route) for route in _inline_routes(table)]
    wanted = [split(route) for route in context["in"]["routes"]]
    for where, _ in held:
        if where not in [place for place, _ in wanted]:
            context.call("delete_route", {"RouteTableId": context["id"], **where})
    for where, way in wanted:
        if (where, way) not in held:
            operation = "replace_route" if where in [place for place, _ in held] else "create_route"
            context.call(operation, {"RouteTableId": context["id"], **where, **way})


def _subnet_attribute(prop: str, default: bool | None = None) -> Prop:
    member = prop[0].upper() + prop[1:]
    return Prop(
        set=Call("modify_subnet_attribute", {"SubnetId": "$id", member: {"Value": "$val"}}, alone=True),
        live=member,
        default=default,
    )


_ROUTE = (
    "=RouteTables[0].Routes[?DestinationCidrBlock=='{in.destinationCidrBlock}'"
    " || DestinationIpv6CidrBlock=='{in.destinationIpv6CidrBlock}'"
    " || DestinationPrefixListId=='{in.destinationPrefixListId}'] | [0]"
)
_ROUTE_KEY = {
    "RouteTableId": "$in.routeTableId",
    "DestinationCidrBlock": "$in.destinationCidrBlock",
    "DestinationIpv6CidrBlock": "$in.destinationIpv6CidrBlock",
    "DestinationPrefixListId": "$in.destinationPrefixListId",
}
_ASSOCIATION = [{"Name": "association.route-table-association-id", "Values": ["$id"]}]


def _acl_entry(rule: dict[str, Any], egress: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "RuleNumber": int(rule["ruleNo"] if "ruleNo" in rule else rule["ruleNumber"]),
        "Protocol": _PROTOCOLS.get(str(rule["protocol"]), str(rule["protocol"])),
        "RuleAction": rule["action"] if "action" in rule else rule["ruleAction"],
        "Egress": egress,
        "PortRange": {"From": int(rule.get("fromPort", 0)), "To": int(rule.get("toPort", 0))},
    }
    members = (("cidrBlock", "CidrBlock"), ("ipv6CidrBlock", "Ipv6CidrBlock"))
    return {**entry, **{member: rule[prop] for prop, member in members if rule.get(prop)}}


def _acl_rules(direction: str) -> Prop:
    """Inline rules of a network ACL, compared in Terraform's form."""
    egress = direction == "egress"

    def decode(element: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            {
                "ruleNo": entry["RuleNumber"],
                "protocol": entry["Protocol"],
                "action": entry["RuleAction"],
                "cidrBlock": entry.get("CidrBlock", ""),
                "fromPort": entry.get("PortRange", {}).get("From", 0),
                "toPort": entry.get("PortRange", {}).get("To", 0),
            }
            for entry in element.get("Entries", [])
            if entry["Egress"] == egress and entry["RuleNumber"] < 32767
        ]

    def normal(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**rule, "protocol": _PROTOCOLS.get(str(rule["protocol"]), str(rule["protocol"]))} for rule in rules]

    return Prop(api="", encode=lambda rules: normal(rules), decode=decode, by_value=True, update=True)


def _sync_acl(context: Context) -> None:
    """Entries and subnets of a network ACL, as the inputs say; what they do not speak of is left alone."""
    acl = context.call("describe_network_acls", {"NetworkAclIds": [context["id"]]})["NetworkAcls"][0]
    inputs = context["in"]
    for direction, egress in (("ingress", False), ("egress", True)):
        if direction not in inputs:
            continue
        for entry in acl["Entries"]:
            if entry["Egress"] == egress and entry["RuleNumber"] < 32767:
                key = {"NetworkAclId": context["id"], "RuleNumber": entry["RuleNumber"], "Egress": egress}
                context.call("delete_network_acl_entry", key)
        for rule in inputs[direction]:
            context.call("create_network_acl_entry", {"NetworkAclId": context["id"], **_acl_entry(rule, egress)})
    held = {association["SubnetId"] for association in acl["Associations"]}
    wanted = set(inputs.get("subnetIds") or held)
    for subnet in sorted(wanted - held):
        _associate_acl(context, subnet, context["id"])
    if held - wanted:
        _give_back(context, held - wanted)


def _associate_acl(context: Context, subnet: str, acl: str) -> None:
    found = context.call("describe_network_acls", {"Filters": [{"Name": "association.subnet-id", "Values": [subnet]}]})
    associations = [a for item in found["NetworkAcls"] for a in item["Associations"] if a["SubnetId"] == subnet]
    association = associations[0]["NetworkAclAssociationId"]
    context.call("replace_network_acl_association", {"AssociationId": association, "NetworkAclId": acl})


def _give_back(context: Context, subnets: set[str]) -> None:
    """Subnets without an ACL of their own have the VPC's default one."""
    filters = [{"Name": "vpc-id", "Values": [context["in"]["vpcId"]]}, {"Name": "default", "Values": ["true"]}]
    default = context.call("describe_network_acls", {"Filters": filters})["NetworkAcls"][0]["NetworkAclId"]
    for subnet in sorted(subnets):
        _associate_acl(context, subnet, default)


def _free_acl(context: Context) -> None:
    found = context.call("describe_network_acls", {"NetworkAclIds": [context["id"]]})["NetworkAcls"]
    _give_back(context, {a["SubnetId"] for acl in found for a in acl["Associations"]})


def _acl_rule(inputs: Inputs) -> dict[str, Any]:
    return _acl_entry(inputs, bool(inputs.get("egress")))


def _rule_exists(context: Context) -> None:
    """moto fails on the deletion of an entry that is not there."""
    inputs = context["in"]
    acl = context.call("describe_network_acls", {"NetworkAclIds": [inputs["networkAclId"]]})["NetworkAcls"][0]
    key = int(inputs["ruleNumber"]), bool(inputs.get("egress"))
    if key not in {(entry["RuleNumber"], entry["Egress"]) for entry in acl["Entries"]}:
        raise Gone(context["id"])


_RULE_KEY = {"NetworkAclId": "$in.networkAclId", "RuleNumber": "$in.ruleNumber", "Egress": "$in.egress || `false`"}
_FORCED = Prop(api="", force=True)

ROWS: dict[str, Row] = {
    "aws:ec2/vpc:Vpc": Row(
        "ec2",
        "create_vpc",
        "$answer.Vpc.VpcId",
        reads=(
            Read("describe_vpcs", {"VpcIds": ["$id"]}, "Vpcs[0]"),
            _read_vpc_attribute("enableDnsSupport"),
            _read_vpc_attribute("enableDnsHostnames"),
            _read_vpc_attribute("enableNetworkAddressUsageMetrics"),
            _of_vpc("describe_security_groups", "SecurityGroups[0].GroupId", "defaultGroup", ("group-name", "default")),
            _of_vpc("describe_network_acls", "NetworkAcls[0].NetworkAclId", "defaultAcl", ("default", "true")),
            _of_vpc("describe_route_tables", "RouteTables[0].RouteTableId", "mainTable", ("association.main", "true")),
        ),
        delete=(Call("delete_vpc", {"VpcId": "$id"}),),
        props={
            "enableDnsSupport": _vpc_attribute("enableDnsSupport", default=True),
            "enableDnsHostnames": _vpc_attribute("enableDnsHostnames", default=False),
            "enableNetworkAddressUsageMetrics": _vpc_attribute("enableNetworkAddressUsageMetrics", default=False),
            "instanceTenancy": Prop(default="default"),
        },
        outputs={
            **_arn("vpc"),
            "defaultSecurityGroupId": "$el.defaultGroup",
            "defaultNetworkAclId": "$el.defaultAcl",
            "mainRouteTableId": "$el.mainTable",
            "defaultRouteTableId": "$el.mainTable",
        },
        tagging=tagging.ec2("vpc"),
        one_of=(("cidrBlock", "ipv4IpamPoolId"),),
    ),
    "aws:ec2/subnet:Subnet": Row(
        "ec2",
        "create_subnet",
        "$answer.Subnet.SubnetId",
        reads=(Read("describe_subnets", {"SubnetIds": ["$id"]}, "Subnets[0]"),),
        delete=(Call("delete_subnet", {"SubnetId": "$id"}),),
        props={
            "mapPublicIpOnLaunch": _subnet_attribute("mapPublicIpOnLaunch", default=False),
            "assignIpv6AddressOnCreation": _subnet_attribute("assignIpv6AddressOnCreation"),
            "ipv6CidrBlock": ipv6.SUBNET_BLOCK,
        },
        after_update=ipv6.sync_subnet,
        outputs={"ownerId": "$account"},
        tagging=tagging.ec2("subnet"),
    ),
    "aws:ec2/routeTable:RouteTable": Row(
        "ec2",
        "create_route_table",
        "$answer.RouteTable.RouteTableId",
        reads=(Read("describe_route_tables", {"RouteTableIds": ["$id"]}, "RouteTables[0]"),),
        delete=(Call("delete_route_table", {"RouteTableId": "$id"}),),
        props={"routes": Prop(api="", decode=_inline_routes, by_value=True, update=True)},
        after_create=_sync_routes,
        after_update=_sync_routes,
        outputs=_arn("route-table"),
        tagging=tagging.ec2("route-table"),
    ),
    "aws:ec2/route:Route": Row(
        "ec2",
        "create_route",
        "=r-{in.routeTableId}_{in.destinationCidrBlock}{in.destinationIpv6CidrBlock}{in.destinationPrefixListId}",
        reads=(Read("describe_route_tables", {"RouteTableIds": ["$in.routeTableId"]}, _ROUTE),),
        update=Call("replace_route", _ROUTE_KEY),
        delete=(Call("delete_route", _ROUTE_KEY),),
        props={
            "routeTableId": Prop(api="RouteTableId", identity=True),
            "destinationCidrBlock": Prop(force=True),
            "destinationIpv6CidrBlock": Prop(force=True),
            "destinationPrefixListId": Prop(force=True),
            "egressOnlyGatewayId": Prop(api="EgressOnlyInternetGatewayId"),
        },
        one_of=(
            ("destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId"),
            (
                "gatewayId",
                "natGatewayId",
                "vpcEndpointId",
                "transitGatewayId",
                "vpcPeeringConnectionId",
                "networkInterfaceId",
                "egressOnlyGatewayId",
                "carrierGatewayId",
                "localGatewayId",
                "coreNetworkArn",
                "odbNetworkArn",
            ),
        ),
        references={"gatewayId": None},
        same_vpc=("routeTableId", "natGatewayId"),
    ),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Row(
        "ec2",
        "associate_route_table",
        "$answer.AssociationId",
        reads=(
            Read(
                "describe_route_tables",
                {"Filters": _ASSOCIATION},
                "=RouteTables[0].Associations[?RouteTableAssociationId=='{id}'] | [0]",
            ),
        ),
        delete=(Call("disassociate_route_table", {"AssociationId": "$id"}),),
        one_of=(("subnetId", "gatewayId"),),
        same_vpc=("routeTableId", "subnetId"),
    ),
    "aws:ec2/networkAcl:NetworkAcl": Row(
        "ec2",
        "create_network_acl",
        "$answer.NetworkAcl.NetworkAclId",
        reads=(Read("describe_network_acls", {"NetworkAclIds": ["$id"]}, "NetworkAcls[0]"),),
        after_create=_sync_acl,
        after_update=_sync_acl,
        before_delete=_free_acl,
        delete=(Call("delete_network_acl", {"NetworkAclId": "$id"}),),
        props={
            "ingress": _acl_rules("ingress"),
            "egress": _acl_rules("egress"),
            "subnetIds": Prop(api="", live="Associations[].SubnetId", update=True),
        },
        outputs=_arn("network-acl"),
        tagging=tagging.ec2("network-acl"),
        same_vpc=("vpcId", "subnetIds"),
    ),
    "aws:ec2/networkAclRule:NetworkAclRule": Row(
        "ec2",
        "create_network_acl_entry",
        "=nacl-{in.networkAclId}-{in.ruleNumber}-{in.egress}",
        reads=(
            Read(
                "describe_network_acls",
                {"NetworkAclIds": ["$in.networkAclId"]},
                "=NetworkAcls[0].Entries[?RuleNumber==`{in.ruleNumber}` && Egress==`{in.egress}`] | [0]",
            ),
        ),
        arguments=_acl_rule,
        before_delete=_rule_exists,
        delete=(Call("delete_network_acl_entry", _RULE_KEY),),
        props={
            "networkAclId": Prop(identity=True),
            "ruleNumber": Prop(identity=True, api=""),
            "egress": Prop(identity=True, api="", default=False),
            "protocol": Prop(
                encode=lambda value: {"Protocol": _PROTOCOLS.get(str(value), str(value))},
                decode=lambda el: _NUMBERS.get(el["Protocol"], el["Protocol"]),
                force=True,
            ),
            "ruleAction": Prop(force=True),
            "cidrBlock": Prop(force=True),
            "ipv6CidrBlock": Prop(force=True),
            "fromPort": Prop(api="", live="PortRange.From", force=True),
            "toPort": Prop(api="", live="PortRange.To", force=True),
            "icmpCode": _FORCED,
            "icmpType": _FORCED,
        },
    ),
}

"""Relations that no single property tells: what mentions what, which zones subnets span, what a backup plan covers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from policies.lang.networks import world
from policies.lang.resources import Resource, Stack
from policies.lang.values import UNKNOWN, CannotTell, Sensitive, View

SUBNETS = ("aws:ec2/subnet:Subnet", "aws:ec2/defaultSubnet:DefaultSubnet")
SELECTION = "aws:backup/selection:Selection"
PLAN = "aws:backup/plan:Plan"

#: Identities that are unique by themselves; a plain name could equal some unrelated text.
_UNIQUE = ("arn", "allocationId", "publicIp")


def coming(resource: Resource, path: str) -> bool:
    """Whether the value at `path` is unknown, but the engine recorded which resource it will come from: then it will be set."""
    unknown = resource.raw(path) is UNKNOWN
    return unknown and bool(resource.property_dependencies.get(path.partition(".")[0]))


def mentions(stack: Stack, target: Resource, *types: str) -> list[Resource]:
    """The resources of `types` that name `target`'s id or ARN anywhere among their properties, however deep.

    Raises `CannotTell` when none does, but one has an unknown value whose source the engine did not record.
    """
    wanted = {
        text for text in (target.id, *(target.values.get(key) for key in _UNIQUE)) if isinstance(text, str) and text
    }
    index = stack.memo(("mentions", types), lambda: _Mentions(stack.of(*types)))
    found = {id(holder): holder for text in (*wanted, target.urn) for holder in index.holders.get(text, ())}
    if not found and index.undecided:
        raise index.undecided
    return list(found.values())


class _Mentions:
    """Which of some resources hold which text, however deep; their recorded dependencies' URNs count as texts."""

    def __init__(self, candidates: Sequence[Resource]) -> None:
        self.holders: dict[str, list[Resource]] = defaultdict(list)
        self.undecided: CannotTell | None = None
        for candidate in candidates:
            leaves = list(_leaves(candidate.values))
            recorded = {urn for urns in candidate.property_dependencies.values() for urn in urns}
            for text in {leaf for leaf in leaves if isinstance(leaf, str)} | recorded:
                self.holders[text].append(candidate)
            if not recorded and any(leaf is UNKNOWN for leaf in leaves):
                self.undecided = self.undecided or CannotTell(candidate.name, "partly " + UNKNOWN.words)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Sensitive):
        value = value.value
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def zones(resource: Resource, path: str, stack: Stack) -> int:
    """How many Availability Zones the subnets listed at `path` span, as far as the stack says.

    A subnet outside the stack counts as a zone of its own: the benefit of the doubt, since its zone cannot be seen.
    """
    value = resource.raw(path)
    if value is None:
        return 0
    known = stack.targets(resource, path, *SUBNETS)
    inside = {subnet.text("availabilityZone") or subnet.text("availabilityZoneId") or subnet.urn for subnet in known}
    outside = (len(value) if isinstance(value, list) else 1) - len(known)
    return len(inside) + max(outside, 0)


def tags_of(resource: Resource) -> dict[str, str]:
    """The tags of a resource, the provider's default tags included where they are known."""
    found: dict[str, str] = {}
    for path in ("tagsAll", "tags"):
        try:
            holder = resource.known(path)
        except CannotTell:
            if path == "tags":
                raise
            continue
        if isinstance(holder, Mapping):
            found |= {key: value for key, value in holder.items() if isinstance(value, str)}
    return found


def backed_up(resource: Resource, stack: Stack, arn: str) -> bool:
    """Whether some AWS Backup selection of the stack covers `resource`.

    `arn` is a pattern of its ARN ("arn:aws:rds:*:*:db:*"), compared while the real one is not known.
    """
    undecided: CannotTell | None = None
    for selection in stack.of(SELECTION):
        try:
            if _selects(selection, resource, stack, arn):
                return True
        except CannotTell as reason:
            undecided = undecided or reason
    if undecided:
        raise undecided
    return False


def _makes_copies(selection: Resource, stack: Stack) -> bool:
    """Whether the selection's plan has a rule; one outside this stack is taken to have."""
    plans = stack.targets(selection, "planId", PLAN)
    return not plans or any(plan.raw("rules") is not None and list(plan.each("rules")) for plan in plans)


def _selects(selection: Resource, resource: Resource, stack: Stack, pattern: str) -> bool:
    if not _makes_copies(selection, stack):
        return False
    own = resource.raw("arn")
    arn = own if isinstance(own, str) else pattern.replace("*", "x")
    tags = tags_of(resource)
    if selection.has("notResources") and (
        resource in stack.targets(selection, "notResources")
        or any(fnmatchcase(arn, text) for text in selection.texts("notResources"))
    ):
        return False
    if not all(_condition_holds(condition, tags) for condition in selection.each("conditions")):
        return False
    wanted = list(selection.each("selectionTags"))
    by_tag = any(tags.get(item.text("key")) == item.text("value") for item in wanted)
    if resource in stack.targets(selection, "resources", resource.type):
        return True
    texts, _ = selection.known_texts("resources")
    by_pattern = any("*" in text and fnmatchcase(arn, text) for text in texts)
    # A wildcard together with tags means "of all these, the tagged ones".
    return (by_pattern and (by_tag or not wanted)) or (by_tag and not texts)


#: AWS Backup's condition operators: whether the tag must match, and whether the value is a pattern.
_OPERATORS: Mapping[str, tuple[bool, bool]] = {
    "stringEquals": (True, False),
    "stringLikes": (True, True),
    "stringNotEquals": (False, False),
    "stringNotLikes": (False, True),
}


def _condition_holds(condition: View, tags: Mapping[str, str]) -> bool:
    for operator, (wanted, pattern) in _OPERATORS.items():
        for test in condition.each(operator):
            value = tags.get(test.text("key").removeprefix("aws:ResourceTag/"))
            expected = test.text("value")
            same = value is not None and (fnmatchcase(value, expected) if pattern else value == expected)
            if same is not wanted:
                return False
    return True


def among(ports: Sequence[int], first: float | None, last: float | None) -> list[int]:
    """Those of `ports` that lie in a range; a range without bounds holds them all."""
    if first is None or last is None or first == -1:
        return list(ports)
    return [port for port in ports if first <= port <= last]


#: How a route says where it leads: one inside a route table, and one that is a resource of its own (True).
DESTINATIONS: Mapping[bool, tuple[str, str]] = {
    False: ("cidrBlock", "ipv6CidrBlock"),
    True: ("destinationCidrBlock", "destinationIpv6CidrBlock"),
}

_TABLE = "aws:ec2/routeTable:RouteTable"
_MAIN_TABLE = "aws:ec2/defaultRouteTable:DefaultRouteTable"
_ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
_MAIN_ASSOCIATION = "aws:ec2/mainRouteTableAssociation:MainRouteTableAssociation"
_ROUTE = "aws:ec2/route:Route"
_INTERNET_GATEWAY = "aws:ec2/internetGateway:InternetGateway"
_PREFIX_LIST = "aws:ec2/managedPrefixList:ManagedPrefixList"
_VPCS = ("aws:ec2/vpc:Vpc", "aws:ec2/defaultVpc:DefaultVpc")


def reaches_internet(subnet: Resource, stack: Stack) -> bool:
    """Whether the subnet's route table sends the Internet's addresses, at once or in parts, to an Internet gateway.

    A subnet without a route table of its own takes its VPC's main one. Raises `CannotTell` where neither is in the stack.
    """
    tables = [
        table
        for association in stack.referrers(subnet, _ASSOCIATION, "subnetId")
        for table in stack.targets(association, "routeTableId", _TABLE, _MAIN_TABLE)
    ]
    if not tables:
        tables = _main_tables(subnet, stack)
    return any(_table_reaches(table, stack) for table in tables)


def _main_tables(subnet: Resource, stack: Stack) -> list[Resource]:
    if subnet.type == SUBNETS[1]:
        raise CannotTell(subnet.name, "in the account's default VPC, whose route table this stack does not hold")
    vpcs = stack.targets(subnet, "vpcId", *_VPCS)
    if not vpcs and subnet.raw("vpcId") is not None:
        beside = _of_vpc(subnet.raw("vpcId"), stack)
        if beside:
            return beside
        raise CannotTell("vpcId", "a VPC outside this stack, whose main route table it takes")
    found = []
    for vpc in vpcs:
        chosen = [
            table
            for association in stack.referrers(vpc, _MAIN_ASSOCIATION, "vpcId")
            for table in stack.targets(association, "routeTableId", _TABLE, _MAIN_TABLE)
        ]
        # A VPC's own main table has no route to the Internet until somebody adopts it and adds one.
        found += chosen or _adopted(vpc, stack)
    return found


def _of_vpc(name: Any, stack: Stack) -> list[Resource]:
    """The main tables of a VPC outside this stack, where the stack holds one."""
    chosen = [
        table
        for association in stack.of(_MAIN_ASSOCIATION)
        if association.raw("vpcId") == name
        for table in stack.targets(association, "routeTableId", _TABLE, _MAIN_TABLE)
    ]
    return chosen or [table for table in stack.of(_MAIN_TABLE) if table.raw("vpcId") == name]


def _adopted(vpc: Resource, stack: Stack) -> list[Resource]:
    """The VPC's default route table, where the stack has taken it over (`defaultRouteTableId` comes from the VPC)."""
    own = [vpc.raw("defaultRouteTableId"), vpc.raw("mainRouteTableId")]
    found = []
    for table in stack.of(_MAIN_TABLE):
        named = table.raw("defaultRouteTableId")
        recorded = table.property_dependencies.get("defaultRouteTableId", ())
        if (isinstance(named, str) and named in own) or vpc.urn in recorded or table.raw("vpcId") == vpc.id:
            found.append(table)
    return found


def _table_reaches(table: Resource, stack: Stack) -> bool:
    """Whether the routes to Internet gateways lead to the Internet, taken together: two halves are the whole."""
    blocks: list[str] = []
    for route, holder, path in _routes(table, stack):
        destinations = [route.text(key) for key in DESTINATIONS[route is holder] if route.text(key)]
        listed = route.text("destinationPrefixListId")
        for prefixes in stack.named(listed, _PREFIX_LIST) if listed else ():
            destinations += [entry.text("cidr") for entry in prefixes.each("entries")]
        if destinations and _to_gateway(route, holder, path, stack):
            blocks += destinations
    return bool(world(blocks))


def _routes(table: Resource, stack: Stack) -> Iterator[tuple[View, Resource, str]]:
    """(route, the resource that holds it, its property that names the gateway) of every route of a table."""
    for route in table.each("routes"):
        yield route, table, "routes"
    for route in stack.referrers(table, _ROUTE, "routeTableId"):
        yield route, route, "gatewayId"


def _to_gateway(route: View, holder: Resource, path: str, stack: Stack) -> bool:
    gateway = route.raw("gatewayId")
    if gateway is UNKNOWN:
        sources = [stack.by_urn(urn) for urn in holder.property_dependencies.get(path, ())]
        if not any(sources):
            raise CannotTell(route.at("gatewayId"), UNKNOWN.words)
        return any(source is not None and source.type == _INTERNET_GATEWAY for source in sources)
    if not isinstance(gateway, str):
        return False
    return gateway.startswith("igw-") or bool(stack.named(gateway, _INTERNET_GATEWAY))

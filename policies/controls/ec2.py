"""Controls on VPCs and what connects them: subnets, endpoints, flow logs, VPN, peering, transit gateways."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policies.lang.documents import has_wildcard, statements
from policies.lang.everybody import anyone
from policies.lang.links import DESTINATIONS, mentions
from policies.lang.networks import world
from policies.lang.resources import Resource, Stack
from policies.lang.values import CannotTell, View
from policies.model import Control, Each, Related, Severity, Verdict, bad, na, ok
from policies.rules import decide, is_false, is_one_of, is_true, never
from policies.rules.baseline import account_setting

VPC = "aws:ec2/vpc:Vpc"
DEFAULT_VPC = "aws:ec2/defaultVpc:DefaultVpc"
SUBNET = "aws:ec2/subnet:Subnet"
DEFAULT_SUBNET = "aws:ec2/defaultSubnet:DefaultSubnet"
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
FLOW_LOG = "aws:ec2/flowLog:FlowLog"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
ENDPOINT_POLICY = "aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy"
#: Keys that bind an endpoint's traffic to principals or resources that somebody chose.
_ENDPOINT_KEYS = (
    "aws:principalaccount",
    "aws:principalorg",
    "aws:principalarn",
    "aws:resourceaccount",
    "aws:resourceorg",
)
ENDPOINT_SERVICE = "aws:ec2/vpcEndpointService:VpcEndpointService"
EIP = "aws:ec2/eip:Eip"
EIP_USERS = (
    "aws:ec2/natGateway:NatGateway",
    "aws:ec2/eipAssociation:EipAssociation",
    "aws:lb/loadBalancer:LoadBalancer",
)
ROUTE = "aws:ec2/route:Route"
ROUTE_TABLES = ("aws:ec2/routeTable:RouteTable", "aws:ec2/defaultRouteTable:DefaultRouteTable")
PEERING = "aws:ec2/vpcPeeringConnection:VpcPeeringConnection"
VPN = "aws:ec2/vpnConnection:VpnConnection"
VPC_BLOCK = "aws:ec2/vpcBlockPublicAccessOptions:VpcBlockPublicAccessOptions"
INTERFACE = "aws:ec2/networkInterface:NetworkInterface"
GROUP_RULES = (
    "aws:ec2/securityGroupRule:SecurityGroupRule",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
)
_VPC_GUIDE = "https://docs.aws.amazon.com/vpc/latest/userguide"


def _default_group_closed(vpc: Resource, stack: Stack) -> Verdict:
    groups = stack.referrers(vpc, DEFAULT_GROUP, "vpcId")
    if not groups:
        return bad("DefaultSecurityGroup", None, "adopt it with an ec2.DefaultSecurityGroup that has no rules")
    fix = "remove every rule from the default security group"
    for group in groups:
        for direction in ("ingress", "egress"):
            if group.has(direction):
                return bad(f"{group.name}.{direction}", group.raw(direction), fix)
        for kind in GROUP_RULES:
            for rule in stack.referrers(group, kind, "securityGroupId"):
                return bad(f"{group.name}.rules", rule.name, fix)
    return ok()


def _flow_log(vpc: Resource, stack: Stack) -> Verdict:
    logs = stack.referrers(vpc, FLOW_LOG, "vpcId")
    if not logs:
        return bad("FlowLog", None, "add an ec2.FlowLog with this vpc_id and traffic_type ALL")
    for log in logs:
        if log.text("trafficType", "ALL").upper() in ("ALL", "REJECT"):
            return ok()
    return bad("FlowLog.trafficType", logs[0].raw("trafficType"), "record ALL or REJECT, not accepted traffic only")


def _endpoint(service: str, kinds: tuple[str, ...] = ("Interface",)) -> Related:
    def check(vpc: Resource, stack: Stack) -> Verdict:
        undecided: CannotTell | None = None
        for endpoint in stack.referrers(vpc, ENDPOINT, "vpcId"):
            try:
                named = endpoint.text("serviceName").endswith(f".{service}")
                if named and endpoint.text("vpcEndpointType", "Gateway") in kinds:
                    return ok()
            except CannotTell as reason:
                undecided = undecided or reason
        if undecided:
            raise undecided
        return bad("VpcEndpoint", None, f"add an ec2.VpcEndpoint for com.amazonaws.<region>.{service} to this VPC")

    return Related((VPC,), check)


def _eip_in_use(eip: Resource, stack: Stack) -> Verdict:
    if eip.has("instance") or eip.has("networkInterface") or mentions(stack, eip, *EIP_USERS):
        return ok()
    return bad("instance", None, "give the address to a NAT gateway, load balancer or instance, or release it")


def _no_public_addresses(subnet: Resource) -> Verdict:
    return decide(
        lambda: _off(subnet, "mapPublicIpOnLaunch", default=subnet.type == DEFAULT_SUBNET),
        lambda: _off(subnet, "assignIpv6AddressOnCreation", default=False),
    )


def _off(view: View, path: str, *, default: bool) -> Verdict:
    return bad(path, view.raw(path), "set it to false") if view.flag(path, default) else ok()


def _full_access(view: View, path: str) -> str:
    """The path of a statement that lets every principal do everything to everything; "" when none does."""
    for statement in statements(view, path):
        if statement.allows and statement.every_action and statement.everywhere and anyone(statement):
            bound = any(
                key.startswith(_ENDPOINT_KEYS)
                and not operator.endswith("ifexists")
                and not any(map(has_wildcard, values))
                for operator, key, values in statement.tests()
                if operator.startswith(("stringequals", "arnequals", "stringlike", "arnlike", "foranyvalue:"))
            )
            if not bound:
                return statement.path
    return ""


def _endpoint_policy(subject: Resource, stack: Stack) -> Verdict:
    fix = "name actions, or bind principals or resources to an account or organisation"
    if subject.type == ENDPOINT:
        if subject.text("vpcEndpointType", "Gateway") not in ("Gateway", "Interface"):
            return na("a kind of endpoint without a policy")
        if stack.referrers(subject, ENDPOINT_POLICY, "vpcEndpointId"):
            return na("its policy is a resource of its own, which is judged")
    if not subject.has("policy"):
        return bad("policy", "not set: AWS's default allows everything", fix)
    found = _full_access(subject, "policy")
    return bad(found, "everything for everybody", fix) if found else ok()


def _both_tunnels(check: Mapping[str, str]) -> Each:
    """Each tunnel's property has the text wanted (`{}` is the tunnel's number)."""

    def judge(vpn: Resource) -> Verdict:
        for pattern, wanted in check.items():
            for path in (pattern.format(1), pattern.format(2)):
                found = vpn.texts(path)
                if [item.lower() for item in found] != [wanted]:
                    return bad(path, vpn.raw(path), f"set it to {wanted} on both tunnels")
        return ok()

    return Each((VPN,), judge)


_MANAGED_BY_AWS = "AWS manages interfaces of type {}"


def _not_ours(interface: Resource) -> str | None:
    kind = interface.text("interfaceType", "interface")
    return None if kind in ("interface", "efa", "branch") else _MANAGED_BY_AWS.format(kind)


def _peering_routes(subject: Resource, stack: Stack) -> Verdict:
    routes = [subject] if subject.type == ROUTE else list(subject.each("routes"))
    peered = [route for route in routes if route.has("vpcPeeringConnectionId")]
    if not peered:
        return na("no route to a peering connection")
    whole = {vpc.text("cidrBlock") for vpc in _peers(subject, stack)}
    for route in peered:
        for path in DESTINATIONS[route is subject]:
            block = route.text(path)
            if block and (world([block]) or block in whole):
                return bad(route.at(path), block, "route only the subnets of the peer that are needed")
    return ok()


def _peers(subject: Resource, stack: Stack) -> Iterator[Resource]:
    one_route = subject.type == ROUTE
    peerings = stack.targets(subject, "vpcPeeringConnectionId", PEERING) if one_route else stack.of(PEERING)
    for peering in peerings:
        for path in ("vpcId", "peerVpcId"):
            yield from stack.targets(peering, path, VPC)


def _no_interface(endpoint: Resource) -> str | None:
    kind = endpoint.text("vpcEndpointType", "Gateway")
    return None if kind == "Interface" else f"a {kind} endpoint has no private DNS name"


#: What AWS services a VPC should reach without leaving AWS's network: (id, service, words for a title of our own).
_ENDPOINTS: tuple[tuple[str, str, str], ...] = (
    ("EC2.10", "ec2", ""),
    ("EC2.55", "ecr.api", ""),
    ("EC2.56", "ecr.dkr", ""),
    ("EC2.57", "ssm", ""),
    ("EC2.58", "ssm-contacts", ""),
    ("EC2.60", "ssm-incidents", ""),
    ("MD.EC2.1", "s3", "S3"),
    ("MD.EC2.2", "secretsmanager", "Secrets Manager"),
    ("MD.EC2.3", "logs", "CloudWatch Logs"),
)

CONTROLS: tuple[Control, ...] = (
    Control(
        id="EC2.2",
        severity=Severity.HIGH,
        remediation="Adopt each VPC's default group with an ec2.DefaultSecurityGroup(vpc_id=…) without ingress or egress.",
        rule=Related((VPC, DEFAULT_VPC), _default_group_closed),
    ),
    Control(
        id="EC2.6",
        severity=Severity.MEDIUM,
        remediation='Add an ec2.FlowLog with vpc_id and traffic_type="ALL" for each VPC.',
        rule=Related((VPC, DEFAULT_VPC), _flow_log),
    ),
    Control(
        id="EC2.12",
        severity=Severity.LOW,
        remediation="Attach the ec2.Eip to a NAT gateway, a load balancer or an instance, or remove it.",
        rule=Related((EIP,), _eip_in_use),
    ),
    Control(
        id="EC2.15",
        severity=Severity.MEDIUM,
        remediation="Set map_public_ip_on_launch and assign_ipv6_address_on_creation to False on the subnet.",
        rule=Each((SUBNET, DEFAULT_SUBNET), _no_public_addresses),
    ),
    Control(
        id="EC2.23",
        severity=Severity.HIGH,
        remediation='Set auto_accept_shared_attachments="disable".',
        rule=is_one_of(
            "aws:ec2transitgateway/transitGateway:TransitGateway",
            "autoAcceptSharedAttachments",
            ("disable",),
            default="disable",
        ),
    ),
    Control(
        id="EC2.51",
        severity=Severity.LOW,
        remediation="Set connection_log_options.enabled=True with a CloudWatch log group.",
        rule=is_true("aws:ec2clientvpn/endpoint:Endpoint", "connectionLogOptions.enabled"),
    ),
    Control(
        id="EC2.171",
        severity=Severity.MEDIUM,
        remediation="Set cloudwatch_log_options.log_enabled=True in tunnel1_log_options and tunnel2_log_options.",
        rule=_both_tunnels({"tunnel{}LogOptions.cloudwatchLogOptions.logEnabled": "true"}),
    ),
    Control(
        id="EC2.172",
        severity=Severity.MEDIUM,
        remediation='Set internet_gateway_block_mode to "block-bidirectional" or "block-ingress".',
        rule=account_setting(
            VPC_BLOCK,
            is_one_of(VPC_BLOCK, "internetGatewayBlockMode", ("block-bidirectional", "block-ingress")).check,
            "add an ec2.VpcBlockPublicAccessOptions",
        ),
    ),
    Control(
        id="EC2.180",
        severity=Severity.MEDIUM,
        remediation="Leave source_dest_check at True; use a NAT gateway in place of a NAT instance.",
        rule=is_true(INTERFACE, "sourceDestCheck", default=True, unless=_not_ours),
    ),
    Control(
        id="EC2.183",
        severity=Severity.MEDIUM,
        remediation='Set tunnel1_ike_versions and tunnel2_ike_versions to ["ikev2"].',
        rule=_both_tunnels({"tunnel{}IkeVersions": "ikev2"}),
    ),
    Control(
        id="MD.EC2.11",
        title="VPC endpoint policies do not allow full access",
        severity=Severity.HIGH,
        remediation="Set policy on the ec2.VpcEndpoint: name the actions, or the principals and resources by their account.",
        link="https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html",
        rule=Related((ENDPOINT, ENDPOINT_POLICY), _endpoint_policy),
    ),
    Control(
        id="MD.EC2.5",
        title="Routes to peered VPCs give the least access",
        severity=Severity.MEDIUM,
        remediation="Route the subnets of the peer that are needed, not its whole block and never 0.0.0.0/0.",
        link="https://docs.aws.amazon.com/vpc/latest/peering/peering-configurations-partial-access.html",
        rule=Related((ROUTE, *ROUTE_TABLES), _peering_routes),
    ),
    Control(
        id="MD.EC2.6",
        title="The account's default VPC is not used",
        severity=Severity.LOW,
        remediation="Put resources into an ec2.Vpc of their own in place of the ec2.DefaultVpc.",
        link=f"{_VPC_GUIDE}/default-vpc.html",
        rule=never(DEFAULT_VPC, VPC, "put resources into a VPC of their own"),
    ),
    Control(
        id="MD.EC2.7",
        title="Interface endpoints answer to AWS's own names",
        severity=Severity.LOW,
        remediation="Set private_dns_enabled=True on the ec2.VpcEndpoint.",
        link="https://docs.aws.amazon.com/vpc/latest/privatelink/interface-endpoints.html",
        rule=is_true(ENDPOINT, "privateDnsEnabled", unless=_no_interface),
    ),
    Control(
        id="MD.EC2.8",
        title="Endpoint services accept each connection by hand",
        severity=Severity.MEDIUM,
        remediation="Set acceptance_required=True on the ec2.VpcEndpointService.",
        link="https://docs.aws.amazon.com/vpc/latest/privatelink/configure-endpoint-service.html",
        rule=is_true(ENDPOINT_SERVICE, "acceptanceRequired"),
    ),
    Control(
        id="MD.EC2.9",
        title="VPN connections keep their pre-shared keys in Secrets Manager",
        severity=Severity.MEDIUM,
        remediation='Set preshared_key_storage="SecretsManager".',
        link="https://docs.aws.amazon.com/vpn/latest/s2svpn/enhanced-security.html",
        rule=is_one_of(VPN, "presharedKeyStorage", ("SecretsManager",), default="Standard"),
    ),
    Control(
        id="MD.EC2.10",
        title="Client VPN endpoints send all traffic through the tunnel",
        severity=Severity.LOW,
        remediation="Leave split_tunnel at False.",
        link="https://docs.aws.amazon.com/vpn/latest/clientvpn-admin/split-tunnel-vpn.html",
        rule=is_false("aws:ec2clientvpn/endpoint:Endpoint", "splitTunnel"),
    ),
    *(
        Control(
            id=control_id,
            title=f"VPCs reach {words} through an endpoint" if words else "",
            severity=Severity.MEDIUM,
            remediation=f"Add an ec2.VpcEndpoint for com.amazonaws.<region>.{service} to the VPC.",
            link=f"{_VPC_GUIDE.replace('userguide', 'privatelink')}/aws-services-privatelink-support.html"
            if control_id.startswith("MD.")
            else "",
            rule=_endpoint(service, ("Interface", "Gateway") if service == "s3" else ("Interface",)),
        )
        for control_id, service, words in _ENDPOINTS
    ),
)

"""The network: a VPC with its tiers, routes out, private endpoints of AWS services, and a record of its traffic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import ec2, iam

from components.base import Component, Transforms
from components.network.endpoint_policies import endpoint_policy
from components.network.nat_signals import nat_signals
from components.network.subnets import DUAL_STACK_TIERS, Subnet, SubnetTier, ipv6_block, plan
from components.observability.log_group import LogGroup, LogGroupArgs
from components.security.trust import taken_for
from model.names import log_group_name
from model.vocabulary import Nat

#: Interface endpoints that a Fargate task needs to start and to log where there is no NAT (with the S3 gateway endpoint, from
#: which image layers come).
FARGATE_ENDPOINTS = ("ecr.api", "ecr.dkr", "logs", "secretsmanager", "ssm")


@dataclass(frozen=True, kw_only=True, slots=True)
class VpcArgs:
    """What a network is made from.

    - cidr: a private IPv4 range, /16 to /20 (`model.cidr`).
    - availability_zones: names in one Region. The Region of everything here is theirs.
    - account_id: the account's number, for the conditions of the flow-log role's trust and of the endpoints' policies.
    - nat: default SINGLE; with NONE the interface endpoints are the only way to AWS services.
    - interface_endpoints: AWS service names without ``com.amazonaws.<region>.``; default what Fargate needs.
    - flow_log_retention_days: one of CloudWatch's; 365 (FSBP CloudWatch.16).
    - flow_log_bucket_arn: a bucket that takes the flow logs instead of CloudWatch, at a tenth of the price, as Parquet for
      Athena; its policy must admit ``delivery.logs.amazonaws.com``. None: CloudWatch.
    - logs_key_arn: KMS key of the flow logs; its policy must admit CloudWatch Logs (`security.Keys.logs`).
    - dual_stack: IPv6 beside IPv4: a /56 of Amazon's for the VPC, a /64 of it for each public and private subnet. Data subnets
      stay as they are: what is in them is asked by IPv4 alone. Default False.
    - ipv6_egress: with `dual_stack`, private subnets open connections to the internet by IPv6; none come in. Default True.
    """

    cidr: str
    availability_zones: Sequence[str]
    account_id: pulumi.Input[str]
    logs_key_arn: pulumi.Input[str]
    nat: Nat = Nat.SINGLE
    interface_endpoints: Sequence[str] = FARGATE_ENDPOINTS
    flow_log_retention_days: int = 365
    flow_log_bucket_arn: pulumi.Input[str] | None = None
    dual_stack: bool = False
    ipv6_egress: bool = True


class Vpc(Component):
    """A VPC with a public, a private and a data subnet in each zone.

    Makes (`<z>` is a zone's letter, `<s>` a service's name with dashes for dots):

    - ``aws:ec2:Vpc`` (role ``""``), ``InternetGateway`` (``internet``), ``DefaultSecurityGroup`` (``default``: no rules at all)
    - by tier and zone ``Subnet`` (``<tier>-<z>``) and ``RouteTableAssociation`` (``<tier>-<z>-routes-association``)
    - ``RouteTable`` (``public-routes``, ``data-routes``, ``private-<z>-routes``)
    - ``Route`` to the internet (``public-internet``, and with NAT ``private-<z>-internet``)
    - with NAT ``Eip`` and ``NatGateway`` (``nat-<z>-address``, ``nat-<z>``)
    - with IPv6 ``VpcIpv6CidrBlockAssociation`` (``ipv6``), ``EgressOnlyInternetGateway`` (``egress-only``) and ``Route``
      (``public-ipv6-internet``, ``private-<z>-ipv6-internet``)
    - ``VpcEndpoint`` (``endpoint-s3``, ``endpoint-<s>``) and a ``SecurityGroup`` (``endpoints``), whose
      rules are `security.SecurityGroups`' to make
    - ``FlowLog`` (``flow-logs``), and without a bucket for it ``Role``, ``RolePolicy`` (``flow-logs-role``, ``…-policy``) and
      an `observability.LogGroup`
    """

    def __init__(
        self,
        name: str,
        args: VpcArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        self.layout = plan(args.cidr, args.availability_zones)
        self.region = self.layout.region
        vpc = self.make(
            "",
            ec2.Vpc,
            ec2.VpcArgs(cidr_block=str(self.layout.cidr), enable_dns_hostnames=True, enable_dns_support=True),
            # An IPv6 block is an association of its own; the provider reads it here, too, and would take it away.
            pulumi.ResourceOptions(ignore_changes=["assignGeneratedIpv6CidrBlock"]),
        )
        self.vpc_id: pulumi.Output[str] = vpc.id
        self._ipv6 = self._ipv6_association() if args.dual_stack else None
        # The group that AWS makes with every VPC and that anything without a group of its own joins: it lets nothing through.
        self.make("default", ec2.DefaultSecurityGroup, ec2.DefaultSecurityGroupArgs(vpc_id=vpc.id))
        gateway = self.make("internet", ec2.InternetGateway, ec2.InternetGatewayArgs(vpc_id=vpc.id))

        public = self._tier(SubnetTier.PUBLIC, {"": self.layout.zones})
        way_in = self.make(
            "public-internet",
            ec2.Route,
            ec2.RouteArgs(route_table_id=public.tables[""], destination_cidr_block="0.0.0.0/0", gateway_id=gateway.id),
        )
        private = self._tier(SubnetTier.PRIVATE, {zone[-1]: (zone,) for zone in self.layout.zones})
        data = self._tier(SubnetTier.DATA, {"": self.layout.zones})
        ways_out = self._nat(args.nat, public, private, gateway)
        by_ipv6 = self._ipv6_routes(public, private, gateway, leaves=args.ipv6_egress)
        endpoints = self._endpoints(
            args.interface_endpoints, private, [*private.tables.values(), *data.tables.values()], args.account_id
        )
        self._flow_logs(args)
        # A load balancer is refused in a subnet without its route, and a task that starts before its routes exist dies: who
        # takes a subnet from here waits for them.
        self.public_subnet_ids = public.ready_after([way_in, *by_ipv6])
        self.private_subnet_ids = private.ready_after([*ways_out, *by_ipv6, *endpoints])
        self.data_subnet_ids = data.ready_after([])
        self.register_outputs(
            {
                "vpc_id": self.vpc_id,
                "public_subnet_ids": self.public_subnet_ids,
                "private_subnet_ids": self.private_subnet_ids,
                "data_subnet_ids": self.data_subnet_ids,
            }
        )

    def _tier(self, tier: SubnetTier, tables: Mapping[str, Sequence[str]]) -> _TierResources:
        """A tier's subnets and route tables; `tables` says which zones share one: suffix of its role → zones."""
        made = _TierResources({}, {}, [])
        for suffix, zones in tables.items():
            role = f"{tier}-{suffix}" if suffix else str(tier)
            table = self.make(f"{role}-routes", ec2.RouteTable, ec2.RouteTableArgs(vpc_id=self.vpc_id))
            made.tables[suffix] = table.id
            for subnet in (subnet for subnet in self.layout.of(tier) if subnet.zone in zones):
                resource = self.make(
                    f"{tier}-{subnet.letter}",
                    ec2.Subnet,
                    ec2.SubnetArgs(
                        vpc_id=self.vpc_id,
                        availability_zone=subnet.zone,
                        cidr_block=str(subnet.cidr),
                        map_public_ip_on_launch=False,
                        **self._dual_stack(subnet),
                    ),
                )
                association = self.make(
                    f"{tier}-{subnet.letter}-routes-association",
                    ec2.RouteTableAssociation,
                    ec2.RouteTableAssociationArgs(route_table_id=table.id, subnet_id=resource.id),
                )
                made.associations.append(association)
                made.subnets[subnet.letter] = resource.id
        return made

    def _ipv6_association(self) -> ec2.VpcIpv6CidrBlockAssociation:
        """The VPC's /56. Not the VPC's own property: that goes before the subnets' blocks do, which AWS refuses."""
        return self.make(
            "ipv6",
            ec2.VpcIpv6CidrBlockAssociation,
            ec2.VpcIpv6CidrBlockAssociationArgs(vpc_id=self.vpc_id, assign_generated_ipv6_cidr_block=True),
        )

    def _dual_stack(self, subnet: Subnet) -> dict[str, Any]:
        """Tags and IPv6 block. The tag is more than a label: a block that is no longer asked for is nothing that the provider
        sees (it might be AWS's choice), so something else of the subnet has to change for it to take the block back.

        Nothing gets an address by itself, which EC2.15 asks for: Fargate and load balancers ask for theirs.
        """
        tags = {"Tier": str(subnet.tier)}
        if self._ipv6 is None or subnet.tier not in DUAL_STACK_TIERS:
            return {"tags": tags}
        block = self._ipv6.ipv6_cidr_block.apply(lambda whole: ipv6_block(whole, subnet))
        return {"tags": {**tags, "AddressFamilies": "ipv4 ipv6"}, "ipv6_cidr_block": block}

    def _ipv6_routes(
        self, public: _TierResources, private: _TierResources, gateway: ec2.InternetGateway, *, leaves: bool
    ) -> list[ec2.Route]:
        """Out of public subnets both ways, out of private ones by a gateway that lets no connection in."""
        if self._ipv6 is None:
            return []
        after = pulumi.ResourceOptions(depends_on=[self._ipv6])  # and gone before it: a block in use stays
        ways: list[tuple[str, pulumi.Output[str], dict[str, Any]]] = [
            ("public-ipv6-internet", public.tables[""], {"gateway_id": gateway.id})
        ]
        if leaves:
            only_out = self.make(
                "egress-only",
                ec2.EgressOnlyInternetGateway,
                ec2.EgressOnlyInternetGatewayArgs(vpc_id=self.vpc_id),
                after,
            )
            ways += [
                (f"private-{letter}-ipv6-internet", table, {"egress_only_gateway_id": only_out.id})
                for letter, table in private.tables.items()
            ]
        return [
            self.make(
                role,
                ec2.Route,
                ec2.RouteArgs(route_table_id=table, destination_ipv6_cidr_block="::/0", **way),
                after,
            )
            for role, table, way in ways
        ]

    def _nat(
        self, mode: Nat, public: _TierResources, private: _TierResources, gateway: pulumi.Resource
    ) -> list[ec2.Route]:
        """Gateways to the internet for the private tier, and what to watch of them; the routes through them."""
        letters = {
            Nat.NONE: [],
            Nat.REGIONAL: [],
            Nat.SINGLE: sorted(public.subnets)[:1],
            Nat.PER_ZONE: sorted(public.subnets),
        }
        gateways: dict[str, pulumi.Output[str]] = {}
        # An address and a NAT gateway work only once the VPC has its internet gateway; AWS cannot see that need by itself.
        after = pulumi.ResourceOptions(depends_on=[gateway])
        if mode is Nat.REGIONAL:
            # AWS chooses addresses and zones by itself, and follows the zones in which there is something to serve.
            regional = ec2.NatGatewayArgs(vpc_id=self.vpc_id, availability_mode="regional")
            gateways[Nat.REGIONAL] = self.make("nat-regional", ec2.NatGateway, regional, after).id
            self.signals += nat_signals(Nat.REGIONAL, gateways[Nat.REGIONAL])
        for letter in letters[mode]:
            address = self.make(f"nat-{letter}-address", ec2.Eip, ec2.EipArgs(domain="vpc"), after)
            nat = self.make(
                f"nat-{letter}",
                ec2.NatGateway,
                ec2.NatGatewayArgs(allocation_id=address.id, subnet_id=public.subnets[letter]),
                after,
            )
            gateways[letter] = nat.id
            self.signals += nat_signals(letter, nat.id)
        if not gateways:
            return []
        shared = next(iter(gateways.values()))
        return [
            self.make(
                f"private-{letter}-internet",
                ec2.Route,
                ec2.RouteArgs(
                    route_table_id=table,
                    destination_cidr_block="0.0.0.0/0",
                    nat_gateway_id=gateways.get(letter, shared),
                ),
            )
            for letter, table in private.tables.items()
        ]

    def _endpoints(
        self,
        interfaces: Sequence[str],
        private: _TierResources,
        tables: Sequence[pulumi.Output[str]],
        account_id: pulumi.Input[str],
    ) -> list[ec2.VpcEndpoint]:
        """Endpoints of AWS services, whose traffic does not leave the VPC."""
        s3 = self.make(
            "endpoint-s3",
            ec2.VpcEndpoint,
            ec2.VpcEndpointArgs(
                vpc_id=self.vpc_id,
                service_name=f"com.amazonaws.{self.region}.s3",
                vpc_endpoint_type="Gateway",
                route_table_ids=list(tables),
                policy=pulumi.Output.json_dumps(endpoint_policy(account_id, self.region, "s3")),
            ),
        )
        self.s3_prefix_list_id: pulumi.Output[str] = s3.prefix_list_id

        group = self.make(
            "endpoints",
            ec2.SecurityGroup,
            ec2.SecurityGroupArgs(
                name=self.physical_name("endpoints"),
                description="Interface endpoints of AWS services",
                vpc_id=self.vpc_id,
            ),
        )
        self.endpoint_security_group_id: pulumi.Output[str] = group.id
        return [
            s3,
            *(
                self.make(
                    f"endpoint-{service.replace('.', '-')}",
                    ec2.VpcEndpoint,
                    ec2.VpcEndpointArgs(
                        vpc_id=self.vpc_id,
                        service_name=f"com.amazonaws.{self.region}.{service}",
                        vpc_endpoint_type="Interface",
                        private_dns_enabled=True,
                        subnet_ids=list(private.subnets.values()),
                        security_group_ids=[group.id],
                        policy=pulumi.Output.json_dumps(endpoint_policy(account_id, self.region, service)),
                    ),
                )
                for service in interfaces
            ),
        ]

    def _flow_logs(self, args: VpcArgs) -> None:
        """Every connection, accepted or refused: to the bucket, or to CloudWatch by a role that may write to this one group."""
        if args.flow_log_bucket_arn is not None:
            self.make(
                "flow-logs",
                ec2.FlowLog,
                ec2.FlowLogArgs(
                    vpc_id=self.vpc_id,
                    traffic_type="ALL",
                    log_destination_type="s3",
                    log_destination=args.flow_log_bucket_arn,
                    max_aggregation_interval=600,
                    destination_options=ec2.FlowLogDestinationOptionsArgs(
                        file_format="parquet", hive_compatible_partitions=True, per_hour_partition=True
                    ),
                ),
            )
            return
        log_group = LogGroup(
            self.child_name("flow-logs"),
            LogGroupArgs(
                log_group_name=log_group_name(pulumi.get_project(), pulumi.get_stack(), self.name, "flow-logs"),
                key_arn=args.logs_key_arn,
                retention_days=args.flow_log_retention_days,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        role = self.make(
            "flow-logs-role",
            iam.Role,
            iam.RoleArgs(
                name=self.physical_name("flow-logs", "iam-role"),
                description=f"VPC Flow Logs of {self.physical_name()} write to their log group",
                assume_role_policy=pulumi.Output.json_dumps(flow_log_trust(args.account_id)),
            ),
        )
        policy = self.make(
            "flow-logs-policy",
            iam.RolePolicy,
            iam.RolePolicyArgs(
                name="write-flow-logs",
                role=role.name,
                policy=pulumi.Output.json_dumps(flow_log_permissions(log_group.arn, self.region, args.account_id)),
            ),
        )
        self.make(
            "flow-logs",
            ec2.FlowLog,
            ec2.FlowLogArgs(
                vpc_id=self.vpc_id,
                traffic_type="ALL",
                log_destination_type="cloud-watch-logs",
                log_destination=log_group.arn,
                iam_role_arn=role.arn,
                max_aggregation_interval=60,
            ),
            pulumi.ResourceOptions(depends_on=[policy]),
        )


@dataclass(frozen=True, slots=True)
class _TierResources:
    """Ids of a tier's subnets by zone letter, and of its route tables by the suffix of their role; what joins the two."""

    subnets: dict[str, pulumi.Output[str]]
    tables: dict[str, pulumi.Output[str]]
    associations: list[ec2.RouteTableAssociation]

    def ready_after(self, others: Sequence[pulumi.CustomResource]) -> list[pulumi.Output[str]]:
        """The subnets' ids, for whom routes must be joined and `others` exist.

        It waits on URNs, which a preview knows even of what is yet to be made: adding an endpoint makes no subnet unknown.
        """
        awaited = [resource.urn for resource in (*self.associations, *others)]
        return [pulumi.Output.all(id_, *awaited).apply(lambda ids: str(ids[0])) for id_ in self.subnets.values()]


def flow_log_trust(account_id: pulumi.Input[str]) -> dict[str, Any]:
    """Who may take the flow-log role: the service, for this account's flow logs only."""
    return taken_for("vpc-flow-logs", account_id)


def flow_log_permissions(
    log_group_arn: pulumi.Input[str], region: str, account_id: pulumi.Input[str]
) -> dict[str, Any]:
    """What the flow-log role may do: write streams of its log group, which exists already and which it looks up by listing."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                "Resource": [log_group_arn, pulumi.Output.concat(log_group_arn, ":*")],
            },
            {
                "Effect": "Allow",
                "Action": "logs:DescribeLogGroups",
                "Resource": pulumi.Output.concat(f"arn:aws:logs:{region}:", account_id, ":log-group:*"),
            },
        ],
    }

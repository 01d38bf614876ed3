"""The network as the engine sees it."""

from __future__ import annotations

import json

import pytest
from pulumi_aws import rds

from components.network.endpoint_policies import ACTIONS, endpoint_policy
from components.network.vpc import FARGATE_ENDPOINTS, Vpc, VpcArgs
from model.vocabulary import Nat

ACCOUNT = "123456789012"
LOG_KEY = f"arn:aws:kms:ap-south-1:{ACCOUNT}:key/logs"


def network(zones="ab", **changes):
    args = {
        "cidr": "10.20.0.0/16",
        "availability_zones": [f"ap-south-1{letter}" for letter in zones],
        "account_id": ACCOUNT,
        "logs_key_arn": LOG_KEY,
        **changes,
    }
    return lambda: Vpc("network", VpcArgs(**args))


def routes_to_internet(recorded):
    return {item.name for item in recorded.of("Route") if item.inputs["destinationCidrBlock"] == "0.0.0.0/0"}


def test_nothing_gets_a_public_address_by_itself(run):
    assert {item.inputs["mapPublicIpOnLaunch"] for item in run(network()).of("Subnet")} == {False}


def test_the_default_group_lets_nothing_through(run):
    (group,) = run(network()).of("DefaultSecurityGroup")
    assert "ingress" not in group.inputs and "egress" not in group.inputs


@pytest.mark.parametrize(
    ("nat", "gateways", "routes"),
    [
        (Nat.NONE, set(), {"network-public-internet"}),
        (
            Nat.SINGLE,
            {"network-nat-a"},
            {"network-public-internet", "network-private-a-internet", "network-private-b-internet"},
        ),
        (
            Nat.PER_ZONE,
            {"network-nat-a", "network-nat-b"},
            {"network-public-internet", "network-private-a-internet", "network-private-b-internet"},
        ),
    ],
)
def test_ways_out(run, nat, gateways, routes):
    recorded = run(network(nat=nat))
    assert {item.name for item in recorded.of("NatGateway")} == gateways
    assert routes_to_internet(recorded) == routes
    assert len(recorded.of("Eip")) == len(gateways)


def test_one_gateway_that_aws_keeps_in_every_zone(run):
    recorded = run(network(nat=Nat.REGIONAL))
    (gateway,) = recorded.of("NatGateway")
    assert (gateway.inputs["availabilityMode"], gateway.inputs["vpcId"]) == ("regional", recorded.named("network").id)
    assert "subnetId" not in gateway.inputs and not recorded.of("Eip"), "AWS chooses zones and addresses"
    used = {recorded.named(f"network-private-{z}-internet").inputs["natGatewayId"] for z in "ab"}
    assert used == {gateway.id}
    assert {signal.name for signal in recorded.result.signals} == {"nat-regional-ports", "nat-regional-drops"}


def test_flow_logs_to_a_bucket_need_no_role(run):
    recorded = run(network(flow_log_bucket_arn="arn:aws:s3:::logs"))
    (log,) = recorded.of("FlowLog")
    assert (log.inputs["logDestinationType"], log.inputs["logDestination"]) == ("s3", "arn:aws:s3:::logs")
    assert log.inputs["destinationOptions"]["fileFormat"] == "parquet"
    assert not recorded.of("aws:iam/role:Role") and not recorded.of("aws:cloudwatch/logGroup:LogGroup")


def test_each_zone_has_its_own_way_out_where_asked(run):
    recorded = run(network(nat=Nat.PER_ZONE))
    used = {recorded.named(f"network-private-{z}-internet").inputs["natGatewayId"] for z in "ab"}
    assert len(used) == 2
    assert len({item.inputs["subnetId"] for item in recorded.of("NatGateway")}) == 2


def test_data_subnets_never_reach_the_internet(run):
    recorded = run(network(nat=Nat.PER_ZONE))
    data = {
        item.inputs["routeTableId"]
        for item in recorded.of("RouteTableAssociation")
        if item.name.startswith("network-data")
    }
    internet = {item.inputs["routeTableId"] for item in recorded.of("Route")}
    assert data and not data & internet


def test_who_takes_a_subnet_waits_for_its_roads(run):
    def program():
        vpc = network(nat=Nat.SINGLE)()
        for tier in ("public", "private", "data"):
            rds.SubnetGroup(tier, subnet_ids=getattr(vpc, f"{tier}_subnet_ids"))

    recorded = run(program)

    def awaited(tier):
        names = {item.urn: item.name for item in recorded.registrations}
        return {names[urn] for urn in recorded.named(tier).dependencies}

    assert {"network-public-internet", "network-public-a-routes-association"} <= awaited("public")
    assert {"network-private-b-internet", "network-endpoint-ecr-api", "network-endpoint-s3"} <= awaited("private")
    assert awaited("data") == {
        name for z in "ab" for name in (f"network-data-{z}", f"network-data-{z}-routes-association")
    }


@pytest.mark.slow
def test_a_new_zone_changes_nothing_that_exists(run):
    before, after = run(network("ab")), run(network("abc"))
    assert set(before.urns) < set(after.urns)
    ids = {item.urn: item for item in after.registrations}
    for item in before.of("Subnet"):
        assert ids[item.urn].inputs["cidrBlock"] == item.inputs["cidrBlock"]
    assert before.named("network-nat-a").inputs["tags"] == after.named("network-nat-a").inputs["tags"]


def test_endpoints_that_fargate_needs_without_nat(run):
    recorded = run(network(nat=Nat.NONE))
    endpoints = {
        item.inputs["serviceName"].removeprefix("com.amazonaws.ap-south-1."): item
        for item in recorded.of("VpcEndpoint")
    }
    assert set(endpoints) == {"s3", *FARGATE_ENDPOINTS}
    private_subnets = 2
    for name in FARGATE_ENDPOINTS:
        assert endpoints[name].inputs["privateDnsEnabled"] is True
        assert len(endpoints[name].inputs["subnetIds"]) == private_subnets
        assert len(endpoints[name].inputs["securityGroupIds"]) == 1
    # private-a, private-b and data
    assert len(endpoints["s3"].inputs["routeTableIds"]) == 3


def test_endpoints_serve_this_accounts_principals_alone(run):
    for item in run(network(nat=Nat.NONE)).of("VpcEndpoint"):
        statements = json.loads(item.inputs["policy"])["Statement"]
        service = item.inputs["serviceName"].removeprefix("com.amazonaws.ap-south-1.")
        assert statements[0]["Action"] == list(ACTIONS[service])
        bound = statements[0]["Condition"]["StringEquals"]
        assert bound["aws:PrincipalAccount"] == ACCOUNT
        assert bound.get("aws:ResourceAccount") == (ACCOUNT if service in ("kms", "s3", "secretsmanager") else None)
        others = [(found["Action"], found["Resource"]) for found in statements[1:]]
        s3 = item.inputs["serviceName"].endswith(".s3")
        layers, packages = "prod-ap-south-1-starport-layer-bucket", "al2023-repos-ap-south-1-de612dc2"
        public = [f"arn:aws:s3:::{each}/*" for each in (layers, packages)]
        assert others == ([("s3:GetObject", public)] if s3 else [])


def test_an_endpoint_whose_actions_are_unknown_is_refused():
    with pytest.raises(ValueError, match=r"endpoint 'sqs': nothing is known to go through it; accepted: ecr\.api"):
        endpoint_policy(ACCOUNT, "ap-south-1", "sqs")


def test_flow_logs_are_complete_and_their_role_is_narrow(run):
    recorded = run(network(flow_log_retention_days=90))
    (flow_log,) = recorded.of("FlowLog")
    (group,) = recorded.of("aws:cloudwatch/logGroup:LogGroup")
    assert flow_log.inputs["trafficType"] == "ALL"
    assert (group.inputs["retentionInDays"], group.inputs["kmsKeyId"]) == (90, LOG_KEY)
    trust = json.loads(recorded.named("network-flow-logs-role").inputs["assumeRolePolicy"])
    assert trust["Statement"][0]["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    policy = json.loads(recorded.named("network-flow-logs-policy").inputs["policy"])
    write, look_up = policy["Statement"]
    assert write["Action"] == ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    assert all(resource.startswith(flow_log.inputs["logDestination"]) for resource in write["Resource"])
    assert look_up["Action"] == "logs:DescribeLogGroups"
    assert look_up["Resource"] == f"arn:aws:logs:ap-south-1:{ACCOUNT}:log-group:*"


def test_signals_watch_every_gateway(run):
    vpc = run(network(nat=Nat.PER_ZONE)).result
    assert [signal.name for signal in vpc.signals] == ["nat-a-ports", "nat-a-drops", "nat-b-ports", "nat-b-drops"]
    assert len({id(signal.dimensions["NatGatewayId"]) for signal in vpc.signals}) == 2


def test_children_can_be_transformed(run):
    def slower(args, opts):
        args.max_aggregation_interval = 600
        return args, opts

    args = VpcArgs(cidr="10.20.0.0/16", availability_zones=["ap-south-1a"], account_id=ACCOUNT, logs_key_arn=LOG_KEY)
    recorded = run(lambda: Vpc("network", args, transform={"flow-logs": slower}))
    assert recorded.of("FlowLog")[0].inputs["maxAggregationInterval"] == 600


def test_a_bad_range_stops_the_program_before_any_resource_of_aws(run):
    with pytest.raises(ValueError, match="routed on the internet"):
        run(network(cidr="8.8.0.0/16"))

"""A web ACL as it is deployed: read back from the emulator with the sets that its rules name."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from localcloud.dataplane.firewall.web_acl import compiled
from localcloud.dataplane.observer import Observer
from localcloud.runtime.aws import Aws

pytestmark = pytest.mark.process

#: No other test deploys there.
REGION = "eu-south-2"
PLAIN = [{"Priority": 0, "Type": "NONE"}]


def test_the_web_acl_of_a_load_balancer_is_read_with_its_sets(endpoint: str, tmp_path: Path) -> None:
    aws = Aws(endpoint, REGION)
    ec2, elb, waf = (aws.client(name) for name in ("ec2", "elbv2", "wafv2"))
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{number}.0/24", AvailabilityZone=f"{REGION}{zone}")["Subnet"]
        for number, zone in enumerate("ab")
    ]
    balancers = [
        elb.create_load_balancer(Name=name, Subnets=[subnet["SubnetId"] for subnet in subnets])["LoadBalancers"][0]
        for name in ("guarded", "open")
    ]
    for balancer in balancers:
        answer = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
        elb.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=80, DefaultActions=[answer]
        )
    addresses = waf.create_ip_set(Name="known", Scope="REGIONAL", IPAddressVersion="IPV4", Addresses=["192.0.2.0/24"])[
        "Summary"
    ]["ARN"]
    patterns = waf.create_regex_pattern_set(
        Name="odd", Scope="REGIONAL", RegularExpressionList=[{"RegexString": "^/odd"}]
    )["Summary"]["ARN"]
    seen = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "seen"}
    either = [
        {"IPSetReferenceStatement": {"ARN": addresses}},
        {
            "RegexPatternSetReferenceStatement": {
                "ARN": patterns,
                "FieldToMatch": {"UriPath": {}},
                "TextTransformations": PLAIN,
            }
        },
    ]
    nested = {"NotStatement": {"Statement": {"OrStatement": {"Statements": either}}}}
    acl = waf.create_web_acl(
        Name="acl",
        Scope="REGIONAL",
        DefaultAction={"Allow": {}},
        VisibilityConfig={**seen, "MetricName": "acl-metric"},
        Rules=[
            {"Name": "strangers", "Priority": 1, "Action": {"Block": {}}, "Statement": nested, "VisibilityConfig": seen}
        ],
    )["Summary"]["ARN"]
    waf.associate_web_acl(WebACLArn=acl, ResourceArn=balancers[0]["LoadBalancerArn"])

    listeners = {
        item.load_balancer: item.firewall for item in Observer(aws, lambda *_: {}, time.monotonic).look().listeners
    }
    assert listeners["open"] is None
    firewall = listeners["guarded"]
    assert firewall is not None
    assert (firewall.name, firewall.default_action) == ("acl-metric", {"Allow": {}})
    assert firewall.addresses == {addresses: ["192.0.2.0/24"]}
    assert firewall.patterns == {patterns: ["^/odd"]}
    assert compiled(firewall, tmp_path).unjudged == {}

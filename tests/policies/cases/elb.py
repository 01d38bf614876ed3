"""Cases of policies/controls/elb.py."""

from __future__ import annotations

from typing import Any

from policies.controls.elb import BALANCER, CLASSIC, LISTENER, LISTENER_RULE, TARGETS, WAF_ASSOCIATIONS
from tests.policies.build import ABSENT, UNKNOWN, Case, Change, Drop, res

OTHER = [res("aws:sqs/queue:Queue")]
TAGS = {"Project": "matchday"}
SUBNET = "aws:ec2/subnet:Subnet"
ARN = "arn:aws:elasticloadbalancing:ap-south-1:111122223333:loadbalancer/app/web/1"
REDIRECT = {"type": "redirect", "redirect": {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"}}
FORWARD = {"type": "forward", "targetGroupArn": "arn:aws:elasticloadbalancing:ap-south-1:1:targetgroup/web/1"}
TLS = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"


def balancer(token: str = BALANCER, **props: Any) -> Any:
    given = {
        "arn": ARN,
        "loadBalancerType": "application",
        "accessLogs": {"bucket": "logs", "enabled": True},
        "desyncMitigationMode": "strictest",
        "dropInvalidHeaderFields": True,
        "enableDeletionProtection": True,
        "enableCrossZoneLoadBalancing": True,
        "securityGroups": ["sg-1"],
        "subnets": ["a", "b"],
        "tags": TAGS,
    }
    return res(token, "web", **(given | props))


def listener(name: str = "http", **props: Any) -> Any:
    given = {"loadBalancerArn": ARN, "protocol": "HTTP", "port": 80, "defaultActions": [REDIRECT], "tags": TAGS}
    return res(LISTENER, name, **(given | props))


def targets(**props: Any) -> list[Any]:
    given = {"protocol": "HTTPS", "targetType": "ip", "healthCheck": {"protocol": "HTTPS", "path": "/readyz"}}
    return [res(TARGETS, **(given | props))]


HTTPS = listener("https", protocol="HTTPS", port=443, sslPolicy=TLS, certificateArn="cert", defaultActions=[FORWARD])
WAF = res(WAF_ASSOCIATIONS[0], resourceArn=ARN, webAclArn="acl")
SUBNETS = [res(SUBNET, name, availabilityZone=f"ap-south-1{name}", tags=TAGS) for name in ("a", "b")]
GOOD = [balancer(), listener(), HTTPS, WAF, *SUBNETS]
NETWORK = [
    balancer(loadBalancerType="network", accessLogs=None, dropInvalidHeaderFields=None, desyncMitigationMode=None)
]
SAME_ZONE = [res(SUBNET, name, availabilityZone="ap-south-1a") for name in ("a", "b")]
MAPPED = [{"subnetId": "a"}, {"subnetId": "b"}]

CASES = {
    "ELB.1": Case(
        good=[
            GOOD,
            [
                balancer("aws:alb/loadBalancer:LoadBalancer"),
                res("aws:alb/listener:Listener", loadBalancerArn=ARN, defaultActions=[REDIRECT]),
            ],
            [balancer(), HTTPS],
        ],
        bad=[
            Change({"defaultActions": [FORWARD]}, type=LISTENER),
            Change(
                {"defaultActions": [{"type": "redirect", "redirect": {"statusCode": "HTTP_301", "host": "x"}}]},
                type=LISTENER,
            ),
            Change({"defaultActions": []}, type=LISTENER),
            [balancer(), listener(), listener("other", port=8080, defaultActions=[FORWARD])],
            [balancer(), listener(), res(LISTENER_RULE, "rule", listenerArn="http", actions=[FORWARD])],
        ],
        na=[OTHER, NETWORK],
        unknown=[Change({"defaultActions": UNKNOWN}, type=LISTENER), [balancer(), listener(loadBalancerArn=UNKNOWN)]],
    ),
    "ELB.4": Case(
        good=[GOOD],
        bad=[Change({"dropInvalidHeaderFields": False}), Change({"dropInvalidHeaderFields": ABSENT})],
        na=[OTHER, NETWORK],
        unknown=[Change({"dropInvalidHeaderFields": UNKNOWN})],
    ),
    "ELB.5": Case(
        good=[GOOD],
        bad=[
            Change({"accessLogs.enabled": False}),
            Change({"accessLogs": ABSENT}),
            Change({"accessLogs": {"bucket": "logs"}}),
        ],
        na=[OTHER, NETWORK],
        unknown=[Change({"accessLogs": UNKNOWN})],
    ),
    "ELB.6": Case(
        good=[GOOD, NETWORK],
        bad=[Change({"enableDeletionProtection": False}), Change({"enableDeletionProtection": ABSENT})],
        na=[OTHER],
        unknown=[Change({"enableDeletionProtection": UNKNOWN})],
    ),
    "ELB.12": Case(
        good=[GOOD, [balancer(desyncMitigationMode=None)], [balancer(desyncMitigationMode="defensive")]],
        bad=[Change({"desyncMitigationMode": "monitor"})],
        na=[OTHER, NETWORK],
        unknown=[Change({"desyncMitigationMode": UNKNOWN})],
    ),
    "ELB.13": Case(
        good=[
            GOOD,
            [balancer(subnets=["subnet-1", "subnet-2"])],
            [balancer(subnets=None, subnetMappings=MAPPED), *SUBNETS],
            [res(BALANCER, subnets=[UNKNOWN, UNKNOWN], deps={"subnets": [f"{SUBNET} a", f"{SUBNET} b"]}), *SUBNETS],
        ],
        bad=[
            Change({"subnets": ["a"]}),
            Change({"subnets": ABSENT}),
            [balancer(), *SAME_ZONE],
            [balancer(subnets=None, subnetMappings=MAPPED), *SAME_ZONE],
        ],
        na=[OTHER],
        unknown=[Change({"subnets": UNKNOWN})],
    ),
    "ELB.16": Case(
        good=[GOOD, [balancer(), res(WAF_ASSOCIATIONS[1], resourceArn=ARN)]],
        bad=[
            Drop(WAF_ASSOCIATIONS[0]),
            Change({"resourceArn": "arn:aws:elasticloadbalancing:x"}, type=WAF_ASSOCIATIONS[0]),
        ],
        na=[OTHER, NETWORK],
        unknown=[Change({"resourceArn": UNKNOWN}, type=WAF_ASSOCIATIONS[0])],
    ),
    "ELB.17": Case(
        good=[[HTTPS], [listener(protocol="TLS", sslPolicy="ELBSecurityPolicy-TLS13-1-3-2021-06")]],
        bad=[Change({"sslPolicy": "ELBSecurityPolicy-TLS-1-2-2017-01"}), Change({"sslPolicy": ABSENT})],
        na=[OTHER, [listener()]],
        unknown=[Change({"sslPolicy": UNKNOWN})],
    ),
    "ELB.18": Case(
        good=[[HTTPS], [listener(protocol="TLS")]],
        bad=[
            Change({"protocol": "HTTP"}),
            [listener(protocol="TCP")],
            [listener(protocol="UDP")],
            [listener(protocol=None, defaultActions=[FORWARD])],
            [listener()],  # it only redirects, and AWS's control fails it
        ],
        na=[OTHER, [listener(protocol="GENEVE")]],
        unknown=[Change({"protocol": UNKNOWN})],
    ),
    "ELB.21": Case(
        good=[targets()],
        bad=[Change({"healthCheck.protocol": "HTTP"}), Change({"healthCheck": ABSENT})],
        na=[OTHER, targets(targetType="lambda")],
        unknown=[Change({"healthCheck": UNKNOWN})],
    ),
    "ELB.22": Case(
        good=[targets(), targets(protocol="TLS")],
        bad=[Change({"protocol": "HTTP"}), Change({"protocol": "TCP"})],
        na=[
            OTHER,
            targets(targetType="lambda", protocol=None),
            targets(targetType="alb", protocol="TCP"),
            targets(protocol="GENEVE"),
        ],
        unknown=[Change({"protocol": UNKNOWN})],
    ),
    "MD.ELB.1": Case(
        good=[GOOD],
        bad=[[res(CLASSIC)], [res("aws:elasticloadbalancing/loadBalancer:LoadBalancer")], [*GOOD, res(CLASSIC)]],
        na=[OTHER],
    ),
    "MD.ELB.2": Case(
        good=[GOOD],
        bad=[Change({"enableWafFailOpen": True})],
        na=[OTHER, NETWORK],
        unknown=[Change({"enableWafFailOpen": UNKNOWN})],
    ),
    "MD.ELB.3": Case(
        good=[NETWORK],
        bad=[Change({"enableCrossZoneLoadBalancing": False}), Change({"enableCrossZoneLoadBalancing": ABSENT})],
        na=[OTHER, GOOD],
        unknown=[Change({"enableCrossZoneLoadBalancing": UNKNOWN})],
    ),
    "MD.ELB.4": Case(
        good=[GOOD, NETWORK],
        bad=[Change({"securityGroups": ABSENT}), Change({"securityGroups": []})],
        na=[OTHER, [balancer(loadBalancerType="gateway")]],
        unknown=[Change({"securityGroups": UNKNOWN})],
    ),
}

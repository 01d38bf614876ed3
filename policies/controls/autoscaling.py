"""Controls on EC2 Auto Scaling groups."""

from __future__ import annotations

from policies.lang.links import zones
from policies.lang.resources import Resource, Stack
from policies.model import Control, Each, Related, Severity, Verdict, bad, na, ok

GROUP = "aws:autoscaling/group:Group"
ATTACHMENT = "aws:autoscaling/attachment:Attachment"

_BEHIND = ("targetGroupArns", "loadBalancers", "trafficSources")


def _elb_health(group: Resource, stack: Stack) -> Verdict:
    attached = any(group.has(path) for path in _BEHIND) or stack.referrers(group, ATTACHMENT, "autoscalingGroupName")
    if not attached:
        return na("behind no load balancer")
    kinds = {kind.strip().upper() for kind in group.text("healthCheckType", "EC2").split(",")}
    if "ELB" in kinds:
        return ok()
    return bad("healthCheckType", group.raw("healthCheckType"), "set it to ELB")


def _many_zones(group: Resource, stack: Stack) -> Verdict:
    named = len(set(group.texts("availabilityZones")))
    path = "vpcZoneIdentifiers"
    if named >= 2 or zones(group, path, stack) >= 2:
        return ok()
    return bad(path, group.raw(path), "name subnets of two or more Availability Zones")


def _many_types(group: Resource, stack: Stack) -> Verdict:
    path = "mixedInstancesPolicy.launchTemplate.overrides"
    kinds: set[str] = set()
    for override in group.each(path):
        if override.has("instanceRequirements"):
            kinds = {"any", "other"}  # attributes stand for many types
        kinds.add(override.text("instanceType"))
    if len(kinds - {""}) < 2:
        return bad(path, sorted(kinds - {""}) or None, "name two or more instance types, or their requirements")
    return _many_zones(group, stack)


def _from_template(group: Resource) -> Verdict:
    if group.raw("launchTemplate") is not None or group.raw("mixedInstancesPolicy") is not None:
        return ok()
    return bad("launchTemplate", None, "use a launch template in place of a launch configuration")


CONTROLS: tuple[Control, ...] = (
    Control(
        id="AutoScaling.1",
        severity=Severity.LOW,
        remediation='Set health_check_type="ELB".',
        rule=Related((GROUP,), _elb_health),
    ),
    Control(
        id="AutoScaling.2",
        severity=Severity.MEDIUM,
        remediation="Give vpc_zone_identifiers subnets of two or more zones.",
        rule=Related((GROUP,), _many_zones),
    ),
    Control(
        id="AutoScaling.6",
        severity=Severity.MEDIUM,
        remediation="Set mixed_instances_policy with overrides for two or more instance types.",
        rule=Related((GROUP,), _many_types),
    ),
    Control(
        id="AutoScaling.9",
        severity=Severity.MEDIUM,
        remediation="Set launch_template or mixed_instances_policy.",
        rule=Each((GROUP,), _from_template),
    ),
)

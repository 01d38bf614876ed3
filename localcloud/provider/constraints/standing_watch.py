"""What CloudWatch, EventBridge and Application Auto Scaling refuse because of what else exists; the tables are in standing.py.

Sources: PutCompositeAlarm, PutMetricAlarm, PutTargets, DeleteEventBus, PutSubscriptionFilter, PutScalingPolicy (API
references), the quotas of each service.
"""

from __future__ import annotations

import re

from botocore.exceptions import ClientError

from localcloud.provider.errors import Refused
from localcloud.provider.row import Context

_TARGETS = 5
_SUBSCRIPTIONS = 2
_COMPOSITE = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
_NAMED = re.compile(r"""\b(?:ALARM|OK|INSUFFICIENT_DATA)\(\s*(?:"([^"]*)"|'([^']*)'|([^)\s]+))\s*\)""")


def composite(context: Context) -> None:
    """PutCompositeAlarm: each alarm of the rule is there."""
    rule = str(context["in"].get("alarmRule") or "")
    if not context.asks("alarmRule"):
        return
    found = {next(part for part in match if part) for match in _NAMED.findall(rule) if any(match)}
    names = {each.partition(":alarm:")[2] if each.startswith("arn:") else each for each in found}
    if not names:
        return
    asked = {"AlarmNames": sorted(names)[:100], "AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}
    held = {each["AlarmName"] for each in context.call("describe_alarms", asked).get("MetricAlarms") or ()}
    ghosts = sorted(each for each in names - held if not context.recorded(_COMPOSITE, each))
    if ghosts and len(names) <= 100:
        raise Refused(
            f"ValidationError: could not save the composite alarm as alarms {ghosts} in the alarm rule do not exist"
        )


def actions(context: Context) -> None:
    """PutMetricAlarm: what an alarm does is done in its own Region."""
    for name in ("alarmActions", "okActions", "insufficientDataActions"):
        for arn in context["in"].get(name) or ():
            region = str(arn).split(":")[3] if str(arn).startswith("arn:aws:sns:") else ""
            if region and region != context["region"]:
                raise Refused(
                    f"ValidationError: invalid region {region} specified. Only {context['region']} is supported: {name} {arn}"
                )


def target(context: Context) -> None:
    """PutTargets: five to a rule."""
    inputs = context["in"]
    asked = {"Rule": inputs["rule"], "EventBusName": inputs.get("eventBusName") or "default"}
    try:
        held = {each["Id"] for each in context.call("list_targets_by_rule", asked)["Targets"]}
    except ClientError:
        return  # that the rule is not there is another refusal
    if len(held - {inputs.get("targetId")}) >= _TARGETS:
        raise Refused(f"LimitExceededException: the rule {inputs['rule']} has {_TARGETS} targets, which is the quota")


def bus_gone(context: Context) -> None:
    """DeleteEventBus: no rule is left on it."""
    rules = context.call("list_rules", {"EventBusName": context["id"]})["Rules"]
    if rules:
        raise Refused(
            f"ValidationException: cannot delete the event bus {context['id']}, which has rules: "
            f"{', '.join(each['Name'] for each in rules)}"
        )


def subscription(context: Context) -> None:
    """PutSubscriptionFilter: two to a log group."""
    group = str(context["in"].get("logGroup"))
    kind = "aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter"
    held = [each for each in context.recorded(kind, group).values() if each.get("logGroup") == group]
    if len(held) >= _SUBSCRIPTIONS:
        raise Refused(
            f"LimitExceededException: resource limit exceeded: {group} has {_SUBSCRIPTIONS} subscription filters"
        )


def log_group_gone(context: Context) -> None:
    """DeleteLogGroup: it is not protected."""
    if str(context["in"].get("deletionProtectionEnabled")).lower() == "true":
        raise Refused(
            f"ValidationException: {context['id']} has deletion protection; set deletionProtectionEnabled to false first"
        )


def scaling_policy(context: Context) -> None:
    """PutScalingPolicy: of a target that is registered, one tracking for each metric."""
    inputs = context["in"]
    at = {
        "ServiceNamespace": inputs["serviceNamespace"],
        "ScalableDimension": inputs["scalableDimension"],
    }
    found = context.call("describe_scalable_targets", {**at, "ResourceIds": [inputs["resourceId"]]})["ScalableTargets"]
    if not found:
        raise Refused(
            f"ObjectNotFoundException: no scalable target registered for service namespace: {inputs['serviceNamespace']}, "
            f"resource ID: {inputs['resourceId']}, scalable dimension: {inputs['scalableDimension']}"
        )
    metric = _metric(inputs.get("targetTrackingScalingPolicyConfiguration") or {}, "predefinedMetric")
    if metric is None:
        return
    for other in context.call("describe_scaling_policies", {**at, "ResourceId": inputs["resourceId"]})[
        "ScalingPolicies"
    ]:
        held = _metric(other.get("TargetTrackingScalingPolicyConfiguration") or {}, "PredefinedMetric")
        if other["PolicyName"] != inputs.get("name") and held == metric:
            raise Refused(
                "ValidationException: only one TargetTrackingScaling policy for a given metric specification is allowed: "
                f"{metric} is {other['PolicyName']}'s"
            )


def _metric(configuration: dict[str, dict[str, str]], name: str) -> str | None:
    """The predefined metric of a policy, in Pulumi's form or the API's."""
    return (configuration.get(f"{name}Specification") or {}).get(f"{name}Type")

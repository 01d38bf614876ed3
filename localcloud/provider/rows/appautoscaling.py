"""Application Auto Scaling: targets, policies and scheduled actions."""

from __future__ import annotations

from localcloud.provider.row import Call, Prop, Read, Row

_OF = {
    "ServiceNamespace": "$in.serviceNamespace",
    "ResourceId": "$in.resourceId",
    "ScalableDimension": "$in.scalableDimension",
}
_KEY = {name: Prop(force=True) for name in ("serviceNamespace", "resourceId", "scalableDimension")}

ROWS: dict[str, Row] = {
    "aws:appautoscaling/target:Target": Row(
        "application-autoscaling",
        "register_scalable_target",
        "$in.resourceId",
        reads=(
            Read(
                "describe_scalable_targets",
                {
                    "ServiceNamespace": "$in.serviceNamespace",
                    "ResourceIds": ["$in.resourceId"],
                    "ScalableDimension": "$in.scalableDimension",
                },
                "ScalableTargets[0]",
            ),
        ),
        update=Call("register_scalable_target"),
        whole=True,
        delete=(Call("deregister_scalable_target", _OF),),
        props={**_KEY, "roleArn": Prop(api="RoleARN"), "suspendedState": Prop()},
        outputs={"arn": "=arn:aws:application-autoscaling:{region}:{account}:scalable-target/{in.resourceId}"},
        kept=frozenset({"tags"}),
        check=lambda inputs: (
            [("minCapacity", f"minCapacity {inputs['minCapacity']} is more than maxCapacity {inputs['maxCapacity']}")]
            if int(inputs["minCapacity"]) > int(inputs["maxCapacity"])
            else []
        ),
    ),
    "aws:appautoscaling/policy:Policy": Row(
        "application-autoscaling",
        "put_scaling_policy",
        "$in.name",
        reads=(
            Read(
                "describe_scaling_policies",
                {**_OF, "PolicyNames": ["$in.name"]},
                "=ScalingPolicies[?PolicyName=='{in.name}'] | [0]",
            ),
        ),
        update=Call("put_scaling_policy"),
        whole=True,
        delete=(Call("delete_scaling_policy", {**_OF, "PolicyName": "$in.name"}),),
        props={**_KEY, "name": Prop(api="PolicyName"), "policyType": Prop(default="StepScaling")},
        name="name",
        outputs={"arn": "$el.PolicyARN", "alarmArns": "$el.Alarms[].AlarmARN"},
    ),
    "aws:appautoscaling/scheduledAction:ScheduledAction": Row(
        "application-autoscaling",
        "put_scheduled_action",
        "$in.name",
        reads=(
            Read(
                "describe_scheduled_actions",
                {**_OF, "ScheduledActionNames": ["$in.name"]},
                "=ScheduledActions[?ScheduledActionName=='{in.name}'] | [0]",
            ),
        ),
        update=Call("put_scheduled_action"),
        whole=True,
        delete=(Call("delete_scheduled_action", {**_OF, "ScheduledActionName": "$in.name"}),),
        props={**_KEY, "name": Prop(api="ScheduledActionName"), "timezone": Prop(default="UTC")},
        name="name",
        outputs={"arn": "$el.ScheduledActionARN"},
    ),
}

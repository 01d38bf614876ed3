"""What RDS instances belong to: subnet groups, parameter groups, event subscriptions."""

from __future__ import annotations

from localcloud.provider.row import VIRTUAL, Call, Context, Inputs, Prop, Read, Row
from localcloud.provider.rows import tagging


def _by_name(inputs: Inputs) -> dict[str, tuple[str, str]]:
    """Parameters as {name: (value, method)}; Terraform's provider applies at once unless told otherwise."""
    return {
        str(item["name"]).lower(): (str(item.get("value")), item.get("applyMethod") or "immediate")
        for item in inputs.get("parameters") or ()
    }


def _parameters(context: Context) -> None:
    """ModifyDBParameterGroup for new values, ResetDBParameterGroup for what is said no more.

    RDS takes over a method only together with a new value: a program that changes the method alone differs for ever.
    """
    new, old = _by_name(context["in"]), _by_name(context.environment.get("old") or {})
    changed = [
        {"ParameterName": name, "ParameterValue": value, "ApplyMethod": method}
        for name, (value, method) in new.items()
        if name not in old or old[name][0] != value
    ]
    gone = [{"ParameterName": name, "ApplyMethod": method} for name, (_, method) in old.items() if name not in new]
    for operation, parameters in (("modify_db_parameter_group", changed), ("reset_db_parameter_group", gone)):
        for first in range(0, len(parameters), 20):  # at most twenty in one call
            arguments = {"DBParameterGroupName": context["id"], "Parameters": parameters[first : first + 20]}
            context.call(operation, arguments)


_PARAMETERS = Prop(
    api="",
    update=True,
    decode=lambda el: [
        {"name": p["ParameterName"], "value": p.get("ParameterValue"), "applyMethod": p.get("ApplyMethod", "immediate")}
        for p in el.get("parameters", [])
        if "ParameterValue" in p
    ],
    by_value=True,
)

ROWS: dict[str, Row] = {
    "aws:rds/subnetGroup:SubnetGroup": Row(
        "rds",
        "create_db_subnet_group",
        "$in.name",
        reads=(Read("describe_db_subnet_groups", {"DBSubnetGroupName": "$id"}, "DBSubnetGroups[0]"),),
        update=Call("modify_db_subnet_group", {"DBSubnetGroupName": "$id"}),
        whole=True,
        delete=(Call("delete_db_subnet_group", {"DBSubnetGroupName": "$id"}),),
        props={
            "name": Prop(api="DBSubnetGroupName"),
            "namePrefix": VIRTUAL,
            "description": Prop(api="DBSubnetGroupDescription", default="Managed by Pulumi"),
            "subnetIds": Prop(live="Subnets[].SubnetIdentifier"),
        },
        name="name",
        name_rule=(
            r"(?!default$)[a-z0-9 ._-]{1,255}",
            "1 to 255 lower-case letters, digits, spaces and ._-; not default",
        ),
        outputs={"arn": "$el.DBSubnetGroupArn", "vpcId": "$el.VpcId"},
        tagging=tagging.rds("subgrp"),
        same_vpc=("subnetIds",),
    ),
    "aws:rds/parameterGroup:ParameterGroup": Row(
        "rds",
        "create_db_parameter_group",
        "$in.name",
        reads=(
            Read("describe_db_parameter_groups", {"DBParameterGroupName": "$id"}, "DBParameterGroups[0]"),
            Read("describe_db_parameters", {"DBParameterGroupName": "$id"}, "Parameters", into="parameters"),
        ),
        after_create=_parameters,
        after_update=_parameters,
        delete=(Call("delete_db_parameter_group", {"DBParameterGroupName": "$id"}),),
        props={
            "name": Prop(api="DBParameterGroupName"),
            "namePrefix": VIRTUAL,
            "skipDestroy": VIRTUAL,
            "family": Prop(api="DBParameterGroupFamily"),
            "description": Prop(default="Managed by Pulumi"),
            "parameters": _PARAMETERS,
        },
        name="name",
        outputs={"arn": "$el.DBParameterGroupArn"},
        tagging=tagging.rds("pg"),
    ),
    "aws:rds/eventSubscription:EventSubscription": Row(
        "rds",
        "create_event_subscription",
        "$in.name",
        reads=(Read("describe_event_subscriptions", {"SubscriptionName": "$id"}, "EventSubscriptionsList[0]"),),
        update=Call("modify_event_subscription", {"SubscriptionName": "$id"}),
        delete=(Call("delete_event_subscription", {"SubscriptionName": "$id"}),),
        props={
            "name": Prop(api="SubscriptionName", live="CustSubscriptionId"),
            "namePrefix": VIRTUAL,
            "snsTopic": Prop(api="SnsTopicArn"),
            "eventCategories": Prop(live="EventCategoriesList"),
            "sourceIds": Prop(live="SourceIdsList"),
            "enabled": Prop(default=True),
        },
        name="name",
        outputs={"arn": "$el.EventSubscriptionArn", "customerAwsId": "$account"},
        tagging=tagging.rds("es"),
    ),
}

"""CloudWatch alarms, dashboards and logs; EventBridge rules."""

from __future__ import annotations

import json

from localcloud.provider.row import VIRTUAL, Call, Context, Inputs, Prop, Read, Row, Tagging
from localcloud.provider.rows.iam import document_check
from localcloud.provider.rows.tagging import by_arn

_LOG_ARN = "=arn:aws:logs:{region}:{account}:log-group:{id}"
_RULE_ARN = "$el.Arn || answer.RuleArn || out.arn"
_PREDEFINED_RETENTION = [
    "1",
    "3",
    "5",
    "7",
    "14",
    "30",
    "60",
    "90",
    "120",
    "150",
    "180",
    "365",
    "400",
    "545",
    "731",
    "1096",
    "1827",
    "2192",
    "2557",
    "2922",
    "3288",
    "3653",
    "0",
]


def _check_retention(inputs: Inputs) -> list[tuple[str, str]]:
    days = str(inputs.get("retentionInDays", 0))
    if days in _PREDEFINED_RETENTION:
        return []
    return [("retentionInDays", f"{days} days; accepted are {', '.join(_PREDEFINED_RETENTION)}")]


def _check_alarm(inputs: Inputs) -> list[tuple[str, str]]:
    queries = bool(inputs.get("metricQueries"))
    if queries == bool(inputs.get("metricName")):
        return [("metricName", "exactly one of metricName and metricQueries is required")]
    needed = (
        ("comparisonOperator", "evaluationPeriods")
        if queries
        else (
            "comparisonOperator",
            "evaluationPeriods",
            "namespace",
            "period",
        )
    )
    found = [(name, f"missing required property {name!r}") for name in needed if inputs.get(name) is None]
    if not queries and not inputs.get("statistic") and not inputs.get("extendedStatistic"):
        found.append(("statistic", "one of statistic and extendedStatistic is required"))
    if int(inputs.get("datapointsToAlarm") or 0) > int(inputs.get("evaluationPeriods") or 1):
        found.append(("datapointsToAlarm", "datapointsToAlarm cannot be more than evaluationPeriods"))
    return found


def _check_dashboard(inputs: Inputs) -> list[tuple[str, str]]:
    try:
        body = json.loads(inputs["dashboardBody"])
    except ValueError as error:
        return [("dashboardBody", f"dashboardBody is not JSON: {error}")]
    if not isinstance(body, dict) or not isinstance(body.get("widgets"), list):
        return [("dashboardBody", "dashboardBody has no list of widgets")]
    if len(body["widgets"]) > 500:
        return [("dashboardBody", f"{len(body['widgets'])} widgets; accepted are at most 500")]
    return []


def _drop_targets(context: Context) -> None:
    if not context["in"].get("forceDestroy"):
        return
    rule = {"Rule": context["in"]["name"], "EventBusName": context["in"].get("eventBusName", "default")}
    targets = context.call("list_targets_by_rule", rule)["Targets"]
    if targets:
        context.call("remove_targets", {**rule, "Ids": [target["Id"] for target in targets]})


def _of_target(member: str) -> Prop:
    """A property of the one target that put_targets is given."""
    return Prop(
        encode=lambda value: {"Targets": {member: value}}, decode=lambda el: el.get(member), by_value=True, update=True
    )


#: Property of a target -> its member, and the fields inside whose members are not just the name with a capital.
_TARGET_OBJECTS: dict[str, tuple[str, dict[str, str]]] = {
    "deadLetterConfig": ("DeadLetterConfig", {}),
    "retryPolicy": ("RetryPolicy", {}),
    "inputTransformer": ("InputTransformer", {"inputPaths": "InputPathsMap"}),
    "sqsTarget": ("SqsParameters", {}),
    "kinesisTarget": ("KinesisParameters", {}),
    "httpTarget": ("HttpParameters", {}),
    "redshiftTarget": ("RedshiftDataParameters", {"secretsManagerArn": "SecretManagerArn"}),
}


def _of_target_object(member: str, renamed: dict[str, str]) -> Prop:
    """The same for a property with fields."""

    def named(field: str) -> str:
        return renamed.get(field, field[0].upper() + field[1:])

    back = {value: key for key, value in renamed.items()}
    return Prop(
        encode=lambda value: {
            "Targets": {member: {named(field): item for field, item in value.items() if item is not None}}
        },
        decode=lambda el: {
            back.get(key, key[0].lower() + key[1:]): item for key, item in (el.get(member) or {}).items()
        },
        by_value=True,
        update=True,
    )


_BUS = "$in.eventBusName || 'default'"
_TARGET = {"Rule": "$in.rule", "EventBusName": _BUS}
_ALARM_TAGS = by_arn(
    "ResourceARN",
    "=arn:aws:cloudwatch:{region}:{account}:alarm:{id}",
    read=Read(
        "list_tags_for_resource",
        {"ResourceARN": "=arn:aws:cloudwatch:{region}:{account}:alarm:{id}"},
        "Tags",
        into="Tags",
    ),
)

ROWS: dict[str, Row] = {
    "aws:cloudwatch/logGroup:LogGroup": Row(
        "logs",
        "create_log_group",
        "$in.name",
        reads=(Read("describe_log_groups", {"logGroupNamePrefix": "$id"}, "=logGroups[?logGroupName=='{id}'] | [0]"),),
        delete=(Call("delete_log_group", {"logGroupName": "$id"}),),
        props={
            "name": Prop(api="logGroupName"),
            "namePrefix": VIRTUAL,
            "retentionInDays": Prop(
                set=Call("put_retention_policy", {"logGroupName": "$id", "retentionInDays": "$val"}),
                live="retentionInDays",
            ),
            "kmsKeyId": Prop(
                api="kmsKeyId", set=Call("associate_kms_key", {"logGroupName": "$id", "kmsKeyId": "$val"})
            ),
            "logGroupClass": Prop(force=True),
            "deletionProtectionEnabled": Prop(api="", update=True),
            "skipDestroy": Prop(virtual=True, default=False),
        },
        kept=frozenset({"logGroupClass", "deletionProtectionEnabled"}),
        name="name",
        name_rule=(r"[.\-_/#A-Za-z0-9]{1,512}", "1 to 512 letters, digits and ._-/#"),
        check=_check_retention,
        outputs={"arn": _LOG_ARN},
        tagging=by_arn(
            "resourceArn",
            _LOG_ARN,
            tags="$tag_map",
            member="tags",
            at_create="tags",
            keys="tagKeys",
            read=Read("list_tags_for_resource", {"resourceArn": _LOG_ARN}, "tags", into="tags"),
            path="tags",
        ),
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Row(
        "cloudwatch",
        "put_metric_alarm",
        "$in.name",
        reads=(Read("describe_alarms", {"AlarmNames": ["$id"]}, "MetricAlarms[0]"),),
        update=Call("put_metric_alarm"),
        whole=True,
        delete=(Call("delete_alarms", {"AlarmNames": ["$id"]}),),
        props={
            "name": Prop(api="AlarmName"),
            "metricQueries": Prop(api="Metrics"),
            "actionsEnabled": Prop(default=True),
            "treatMissingData": Prop(default="missing"),
            "evaluateLowSampleCountPercentiles": Prop(api="EvaluateLowSampleCountPercentile"),
            "okActions": Prop(api="OKActions"),
        },
        nested={
            "metricQueries.metric": "MetricStat",
            "metricQueries.metric.metricName": "Metric.MetricName",
            "metricQueries.metric.namespace": "Metric.Namespace",
            "metricQueries.metric.dimensions": "Metric.Dimensions",
        },
        name="name",
        check=_check_alarm,
        outputs={"arn": "$el.AlarmArn"},
        tagging=_ALARM_TAGS,
    ),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": Row(
        "cloudwatch",
        "put_composite_alarm",
        "$in.alarmName",
        recorded=True,
        props={"alarmName": Prop(force=True), "actionsEnabled": Prop(default=True), "okActions": Prop(api="OKActions")},
        outputs={"arn": "=arn:aws:cloudwatch:{region}:{account}:alarm:{id}"},
    ),
    "aws:cloudwatch/dashboard:Dashboard": Row(
        "cloudwatch",
        "put_dashboard",
        "$in.dashboardName",
        reads=(Read("get_dashboard", {"DashboardName": "$id"}),),
        update=Call("put_dashboard"),
        whole=True,
        delete=(Call("delete_dashboards", {"DashboardNames": ["$id"]}),),
        props={"dashboardName": Prop(force=True)},
        check=_check_dashboard,
        outputs={"dashboardArn": "=arn:aws:cloudwatch::{account}:dashboard/{id}"},
    ),
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": Row(
        "logs",
        "put_metric_filter",
        "$in.name",
        reads=(
            Read(
                "describe_metric_filters",
                {"logGroupName": "$in.logGroupName", "filterNamePrefix": "$in.name"},
                "=metricFilters[?filterName=='{in.name}'] | [0]",
            ),
        ),
        update=Call("put_metric_filter"),
        whole=True,
        delete=(Call("delete_metric_filter", {"logGroupName": "$in.logGroupName", "filterName": "$in.name"}),),
        props={
            "name": Prop(api="filterName"),
            "pattern": Prop(api="filterPattern"),
            "logGroupName": Prop(api="logGroupName", force=True),
            "metricTransformation": Prop(api="metricTransformations"),
        },
        nested={
            "metricTransformation.name": "metricName",
            "metricTransformation.namespace": "metricNamespace",
            "metricTransformation.value": "metricValue",
        },
        name="name",
    ),
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": Row(
        "logs",
        "put_resource_policy",
        "$in.policyName",
        reads=(Read("describe_resource_policies", {}, "=resourcePolicies[?policyName=='{id}'] | [0]"),),
        update=Call("put_resource_policy"),
        whole=True,
        delete=(Call("delete_resource_policy", {"policyName": "$id"}),),
        props={"policyName": Prop(force=True)},
        required=frozenset({"policyName"}),
        check=document_check("policyDocument"),
    ),
    "aws:cloudwatch/eventBus:EventBus": Row(
        "events",
        "create_event_bus",
        "$in.name",
        reads=(Read("describe_event_bus", {"Name": "$id"}),),
        delete=(Call("delete_event_bus", {"Name": "$id"}),),
        kept=frozenset(
            {"description", "deadLetterConfig", "kmsKeyIdentifier", "logConfig"}
        ),  # moto has no UpdateEventBus
        name="name",
        name_limit=256,
        name_rule=(
            r"(?!default$|aws\.)[/.\-_A-Za-z0-9]{1,256}",
            "1 to 256 letters, digits and /._-; default and aws. are AWS's own",
        ),
        outputs={"arn": "$el.Arn"},
        tagging=Tagging(
            Call("tag_resource", {"ResourceARN": "$el.Arn || out.arn", "Tags": "$tags"}),
            Call("untag_resource", {"ResourceARN": "$el.Arn || out.arn", "TagKeys": "$tag_keys"}),
            Read("list_tags_for_resource", {"ResourceARN": "$el.Arn || out.arn"}, "Tags", into="Tags"),
            at_create="Tags",
        ),
    ),
    "aws:cloudwatch/eventRule:EventRule": Row(
        "events",
        "put_rule",
        "$in.name",
        reads=(Read("describe_rule", {"Name": "$id", "EventBusName": _BUS}),),
        update=Call("put_rule"),
        whole=True,
        before_delete=_drop_targets,
        delete=(Call("delete_rule", {"Name": "$id", "EventBusName": _BUS}),),
        props={
            "namePrefix": VIRTUAL,
            "eventBusName": Prop(default="default", force=True),
            "state": Prop(default=lambda inputs: "DISABLED" if inputs.get("isEnabled") is False else "ENABLED"),
            "isEnabled": VIRTUAL,
            "forceDestroy": Prop(virtual=True, default=False),
        },
        one_of=(("eventPattern", "scheduleExpression"),),
        name="name",
        name_limit=64,
        name_rule=(r"[.\-_A-Za-z0-9]{1,64}", "1 to 64 letters, digits and ._-"),
        outputs={"arn": "$el.Arn"},
        tagging=Tagging(
            Call("tag_resource", {"ResourceARN": _RULE_ARN, "Tags": "$tags"}),
            Call("untag_resource", {"ResourceARN": _RULE_ARN, "TagKeys": "$tag_keys"}),
            Read("list_tags_for_resource", {"ResourceARN": _RULE_ARN}, "Tags", into="Tags"),
            at_create="Tags",
        ),
    ),
    "aws:cloudwatch/eventTarget:EventTarget": Row(
        "events",
        "put_targets",
        "={in.rule}-{in.targetId}",
        reads=(Read("list_targets_by_rule", _TARGET, "=Targets[?Id=='{in.targetId}'] | [0]"),),
        arguments={"EventBusName": _BUS},
        update=Call("put_targets"),
        whole=True,
        delete=(Call("remove_targets", {**_TARGET, "Ids": ["$in.targetId"]}),),
        prepare=lambda arguments: {**arguments, "Targets": [arguments["Targets"]]},
        props={
            "rule": Prop(identity=True),
            "eventBusName": Prop(api="EventBusName", default="default", identity=True),
            "targetId": Prop(encode=lambda value: {"Targets": {"Id": value}}, identity=True),
            **{
                name: _of_target(member)
                for name, member in (
                    ("arn", "Arn"),
                    ("roleArn", "RoleArn"),
                    ("input", "Input"),
                    ("inputPath", "InputPath"),
                )
            },
            **{name: _of_target_object(*form) for name, form in _TARGET_OBJECTS.items()},
            "forceDestroy": Prop(virtual=True, default=False),
        },
        name="targetId",
        name_limit=64,
    ),
}

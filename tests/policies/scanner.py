"""A stack as a Terraform plan, so that a scanner that was written by others (checkov) can judge it too."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from policies.lang.resources import Stack
from policies.lang.values import Sensitive

#: Kinds whose name in Terraform is not aws_<kind>, as in pulumi_aws's own mapping.
_NAMES: Mapping[str, str] = {
    "appautoscaling/policy": "appautoscaling_policy",
    "appautoscaling/target": "appautoscaling_target",
    "cloudfront/cachePolicy": "cloudfront_cache_policy",
    "cloudfront/distribution": "cloudfront_distribution",
    "cloudfront/function": "cloudfront_function",
    "cloudfront/originAccessControl": "cloudfront_origin_access_control",
    "cloudfront/responseHeadersPolicy": "cloudfront_response_headers_policy",
    "cloudfront/vpcOrigin": "cloudfront_vpc_origin",
    "cloudwatch/compositeAlarm": "cloudwatch_composite_alarm",
    "cloudwatch/dashboard": "cloudwatch_dashboard",
    "cloudwatch/logDelivery": "cloudwatch_log_delivery",
    "cloudwatch/logDeliveryDestination": "cloudwatch_log_delivery_destination",
    "cloudwatch/logDeliverySource": "cloudwatch_log_delivery_source",
    "cloudwatch/logGroup": "cloudwatch_log_group",
    "cloudwatch/logMetricFilter": "cloudwatch_log_metric_filter",
    "cloudwatch/logResourcePolicy": "cloudwatch_log_resource_policy",
    "cloudwatch/metricAlarm": "cloudwatch_metric_alarm",
    "ecs/cluster": "ecs_cluster",
    "ecs/clusterCapacityProviders": "ecs_cluster_capacity_providers",
    "ecs/service": "ecs_service",
    "ecs/taskDefinition": "ecs_task_definition",
    "elasticache/parameterGroup": "elasticache_parameter_group",
    "elasticache/replicationGroup": "elasticache_replication_group",
    "elasticache/subnetGroup": "elasticache_subnet_group",
    "iam/role": "iam_role",
    "iam/rolePolicy": "iam_role_policy",
    "iam/rolePolicyAttachment": "iam_role_policy_attachment",
    "kms/alias": "kms_alias",
    "kms/key": "kms_key",
    "lb/listener": "lb_listener",
    "lb/listenerRule": "lb_listener_rule",
    "lb/loadBalancer": "lb",
    "lb/targetGroup": "lb_target_group",
    "rds/eventSubscription": "db_event_subscription",
    "rds/instance": "db_instance",
    "rds/parameterGroup": "db_parameter_group",
    "rds/subnetGroup": "db_subnet_group",
    "secretsmanager/secret": "secretsmanager_secret",
    "secretsmanager/secretVersion": "secretsmanager_secret_version",
    "servicediscovery/httpNamespace": "service_discovery_http_namespace",
    "sns/topic": "sns_topic",
    "sns/topicPolicy": "sns_topic_policy",
    "sns/topicSubscription": "sns_topic_subscription",
    "ssm/parameter": "ssm_parameter",
    "wafv2/webAcl": "wafv2_web_acl",
    "wafv2/webAclAssociation": "wafv2_web_acl_association",
    "wafv2/webAclLoggingConfiguration": "wafv2_web_acl_logging_configuration",
}
#: Modules whose kinds have the module's name in Terraform, or another one, or none.
_PREFIXES = {"ec2": "", "vpc": "vpc_", "s3": "s3_"}
_PROVIDER = "hashicorp/aws"
#: Properties that are maps in Terraform, not blocks.
_MAPS = frozenset({"tags", "tags_all", "variables", "environment_variables", "parameters", "options", "triggers"})
#: Lists of blocks that keep their plural in Terraform.
_PLURALS = frozenset({"redacted_fields", "ingress", "egress", "log_destination_configs"})


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def terraform_type(kind: str) -> str:
    """`aws_vpc` for `aws:ec2/vpc:Vpc`; "" for a kind that Terraform's provider does not have."""
    package, _, rest = kind.partition(":")
    path = rest.partition(":")[0]
    module, _, name = path.partition("/")
    if package != "aws" or not name:
        return ""
    return "aws_" + (_NAMES.get(path) or f"{_PREFIXES.get(module, module + '_')}{_snake(name)}")


def _value(name: str, value: Any) -> tuple[str, Any]:
    """A property's name and value as a plan has them: a block is a list of one object, a list of blocks is named after one."""
    if isinstance(value, Sensitive):
        value = value.value
    if isinstance(value, Mapping):
        if name in _MAPS:
            return name, {key: _value("", item)[1] for key, item in value.items()}
        return name, [_block(value)]
    if isinstance(value, list):
        if any(isinstance(item, Mapping) for item in value) and name not in _PLURALS:
            name = re.sub(r"(?<=[a-z])s$", "", re.sub(r"ies$", "y", name))
        return name, [_block(item) if isinstance(item, Mapping) else item for item in value]
    if isinstance(value, float) and value.is_integer():
        return name, int(value)
    return name, value


def _block(values: Mapping[str, Any]) -> dict[str, Any]:
    return dict(_value(_snake(key), value) for key, value in values.items())


def _references(value: Any, addresses: Mapping[str, str]) -> Any:
    """Which resources a property names, in the form of a plan's configuration; None when it names none."""
    if isinstance(value, Mapping):
        found = {key: _references(item, addresses) for key, item in value.items()}
        return {key: item for key, item in found.items() if item} or None
    if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        return [_references(item, addresses) or {} for item in value]
    texts = [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)]
    named = [addresses[text] for text in texts if text in addresses]
    return {"references": [name for address in named for name in (f"{address}.id", address)]} if named else None


def plan(stack: Stack) -> dict[str, Any]:
    """The stack as `terraform show -json` prints a plan: the resources, and in its configuration which names which."""
    rows = []
    addresses: dict[str, str] = {}
    for index, resource in enumerate(stack.resources):
        kind = terraform_type(resource.type)
        if not kind:
            continue
        name = f"{re.sub(r'[^A-Za-z0-9_]', '_', resource.name)}_{index}"
        values = json.loads(json.dumps(_block(resource.values), default=str))
        who = {"address": f"{kind}.{name}", "mode": "managed", "type": kind, "name": name, "provider_name": _PROVIDER}
        rows.append((who, values))
        called = resource.raw("name")
        # A physical name has the stack's in it; a short one could be any text.
        named = called if isinstance(called, str) and "-" in called else ""
        for identity in (resource.id, resource.raw("arn"), named):
            if isinstance(identity, str) and identity:
                addresses.setdefault(identity, who["address"])
    resources = [{**who, "values": values} for who, values in rows]
    changes = [{**who, "change": {"actions": ["create"], "before": None, "after": values}} for who, values in rows]
    configured = [
        {**who, "provider_config_key": "aws", "expressions": _references(values, addresses) or {}}
        for who, values in rows
    ]
    return {
        "format_version": "1.2",
        "terraform_version": "1.9.0",
        "planned_values": {"root_module": {"resources": resources}},
        "resource_changes": changes,
        "configuration": {"root_module": {"resources": configured}},
    }


def write_plan(stack: Stack, directory: Path) -> Path:
    """Write the plan where a scanner finds it."""
    path = directory / "plan.json"
    path.write_text(json.dumps(plan(stack)), encoding="utf-8")
    return path

"""Which Terraform resource stands behind which kind of pulumi_aws, for the stacks' services and their neighbours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from localcloud.provider import shapes
from localcloud.provider.schema import known_tokens

#: Module of pulumi_aws -> packages of the provider, and what its resources' names begin with (after aws_).
MODULES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "accessanalyzer": (("accessanalyzer",), ("accessanalyzer",)),
    "account": (("account",), ("account",)),
    "acm": (("acm",), ("acm",)),
    "appautoscaling": (("appautoscaling",), ("appautoscaling",)),
    "athena": (("athena",), ("athena",)),
    "autoscaling": (("autoscaling",), ("autoscaling", "")),
    "backup": (("backup",), ("backup",)),
    "budgets": (("budgets",), ("budgets",)),
    "cfg": (("configservice",), ("config",)),
    "chatbot": (("chatbot",), ("chatbot",)),
    "cloudfront": (("cloudfront", "cloudfrontkeyvaluestore"), ("cloudfront", "cloudfrontkeyvaluestore")),
    "cloudtrail": (("cloudtrail",), ("cloudtrail", "")),
    "cloudwatch": (("cloudwatch", "logs", "events"), ("cloudwatch", "cloudwatch_log", "")),
    "codedeploy": (("deploy",), ("codedeploy",)),
    "costexplorer": (("ce",), ("ce",)),
    "dynamodb": (("dynamodb",), ("dynamodb",)),
    "ebs": (("ec2",), ("ebs", "")),
    "ec2": (("ec2",), ("ec2", "", "vpc", "vpc_ipam")),
    "ecr": (("ecr",), ("ecr",)),
    "ecs": (("ecs",), ("ecs",)),
    "efs": (("efs",), ("efs",)),
    "elasticache": (("elasticache",), ("elasticache",)),
    "fis": (("fis",), ("fis",)),
    "glue": (("glue",), ("glue",)),
    "guardduty": (("guardduty",), ("guardduty",)),
    "iam": (("iam",), ("iam",)),
    "inspector2": (("inspector2",), ("inspector2",)),
    "kinesis": (("kinesis", "firehose"), ("kinesis",)),
    "kms": (("kms",), ("kms",)),
    "lambda": (("lambda",), ("lambda",)),
    "lb": (("elbv2",), ("lb", "")),
    "macie2": (("macie2",), ("macie2",)),
    "oam": (("oam",), ("oam",)),
    "ram": (("ram",), ("ram",)),
    "rds": (("rds",), ("rds", "db", "")),
    "resourcegroups": (("resourcegroups",), ("resourcegroups",)),
    "route53": (("route53", "route53resolver"), ("route53", "route53_resolver")),
    "s3": (("s3",), ("s3", "")),
    "s3control": (("s3control",), ("s3control", "s3")),
    "scheduler": (("scheduler",), ("scheduler",)),
    "secretsmanager": (("secretsmanager",), ("secretsmanager",)),
    "securityhub": (("securityhub",), ("securityhub",)),
    "servicediscovery": (("servicediscovery",), ("service_discovery",)),
    "servicequotas": (("servicequotas",), ("servicequotas",)),
    "sns": (("sns",), ("sns",)),
    "sqs": (("sqs",), ("sqs",)),
    "ssm": (("ssm",), ("ssm",)),
    "synthetics": (("synthetics",), ("synthetics",)),
    "vpc": (("ec2",), ("vpc",)),
    "wafv2": (("wafv2",), ("wafv2",)),
    "xray": (("xray",), ("xray",)),
}
#: What the rule does not find.
_NAMED = {
    "aws:ec2/networkInterfaceSecurityGroupAttachment:NetworkInterfaceSecurityGroupAttachment": (
        "network_interface_sg_attachment"
    ),
    "aws:cfg/deliveryChannel:DeliveryChannel": "config_delivery_channel",
    "aws:cfg/recorder:Recorder": "config_configuration_recorder",
    "aws:cfg/recorderStatus:RecorderStatus": "config_configuration_recorder_status",
    "aws:cfg/rule:Rule": "config_config_rule",
    "aws:cloudwatch/eventRule:EventRule": "cloudwatch_event_rule",
    "aws:ec2/eip:Eip": "eip",
    "aws:ec2/securityGroupRule:SecurityGroupRule": "security_group_rule",
    "aws:ec2/routeTableAssociation:RouteTableAssociation": "route_table_association",
    "aws:iam/instanceProfile:InstanceProfile": "iam_instance_profile",
    "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream": "kinesis_firehose_delivery_stream",
    "aws:rds/cluster:Cluster": "rds_cluster",
    "aws:rds/instance:Instance": "db_instance",
    "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup": "db_proxy_default_target_group",
    "aws:rds/clusterSnapshot:ClusterSnapshot": "db_cluster_snapshot",
    "aws:s3/bucketV2:BucketV2": "s3_bucket",
    "aws:s3/bucket:Bucket": "s3_bucket",
    "aws:s3/bucketObjectv2:BucketObjectv2": "s3_object",
    "aws:s3/bucketObject:BucketObject": "s3_bucket_object",
    "aws:s3/inventory:Inventory": "s3_bucket_inventory",
    "aws:s3/analyticsConfiguration:AnalyticsConfiguration": "s3_bucket_analytics_configuration",
    "aws:account/alternativeContact:AlternativeContact": "account_alternate_contact",
    "aws:autoscaling/tag:Tag": "autoscaling_group_tag",
    "aws:cloudtrail/trail:Trail": "cloudtrail",
    "aws:codedeploy/application:Application": "codedeploy_app",
    "aws:ec2/dedicatedHost:DedicatedHost": "ec2_host",
    "aws:ec2/securityGroupAssociation:SecurityGroupAssociation": "vpc_endpoint_security_group_association",
    "aws:ec2/vpcEndpointServiceAllowedPrinciple:VpcEndpointServiceAllowedPrinciple": "vpc_endpoint_service_allowed_principal",
    "aws:iam/sshKey:SshKey": "iam_user_ssh_key",
    "aws:lb/loadBalancer:LoadBalancer": "lb",
    "aws:rds/instanceDesiredState:InstanceDesiredState": "rds_instance_state",
    "aws:rds/roleAssociation:RoleAssociation": "db_instance_role_association",
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig": "s3_bucket_replication_configuration",
    "aws:sns/dataProtectionPolicy:DataProtectionPolicy": "sns_topic_data_protection_policy",
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": "sqs_queue_redrive_allow_policy",
    "aws:sqs/redrivePolicy:RedrivePolicy": "sqs_queue_redrive_policy",
    "aws:s3control/bucketLifecycleConfiguration:BucketLifecycleConfiguration": "s3control_bucket_lifecycle_configuration",
}

#: Module of pulumi_aws -> botocore's services, where they differ.
_APIS: Mapping[str, tuple[str, ...]] = {
    "cfg": ("config",),
    "cloudwatch": ("logs", "events", "cloudwatch"),
    "costexplorer": ("ce",),
    "ebs": ("ec2",),
    "kinesis": ("kinesis", "firehose"),
    "lb": ("elbv2",),
    "appautoscaling": ("application-autoscaling",),
    "resourcegroups": ("resource-groups",),
    "route53": ("route53", "route53resolver"),
    "servicequotas": ("service-quotas",),
    "vpc": ("ec2",),
}
_VERBS = ("create", "put", "register", "request", "enable", "allocate", "start", "add")


def snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def packages() -> list[str]:
    return sorted({package for names, _ in MODULES.values() for package in names})


def terraform_names(source: Path) -> set[str]:
    """Every resource of the packages, by the annotations above their functions."""
    found: set[str] = set()
    for package in packages():
        for path in (source / "internal" / "service" / package).glob("*.go"):
            found |= set(re.findall(r'@(?:SDK|Framework)Resource\("(\w+)"', path.read_text()))
    return found


def kinds(source: Path) -> dict[str, list[str]]:
    """Terraform's name -> the kinds of pulumi_aws that it stands behind."""
    plain = {name.replace("_", ""): name for name in terraform_names(source)}
    made: dict[str, list[str]] = {}
    for token in known_tokens():
        module, name = token.split(":")[1].split("/")[0], token.split(":")[-1]
        if module not in MODULES:
            continue
        prefixes = MODULES[module][1]
        tries = [_NAMED[token]] if token in _NAMED else [f"{prefix}_{snake(name)}" for prefix in prefixes]
        for tried in tries:
            found = plain.get("aws" + tried.replace("_", ""))
            if found:
                made.setdefault(found, []).append(token)
                break
    return made


def operation(token: str) -> tuple[str, str]:
    """The API and its call that most likely makes the kind, for the limits of its model; the call is "" when none is found."""
    module, words = token.split(":")[1].split("/")[0], snake(token.split(":")[-1])
    apis = [api for api in _APIS.get(module, (module,)) if api in shapes.services()]
    for api in apis:
        for verb in _VERBS:
            for noun in (words, f"db_{words}", f"{words}s", f"cache_{words}", f"log_{words}"):
                if shapes.has_operation(api, f"{verb}_{noun}"):
                    return api, f"{verb}_{noun}"
    return (apis or [module])[0], ""

"""ElastiCache replication groups. Their endpoints are where the data plane really listens."""

from __future__ import annotations

from typing import Any

from localcloud.provider.row import VIRTUAL, Call, Context, Inputs, Prop, Read, Row
from localcloud.provider.rows import tagging

_PORT = 6379


def _clustered(inputs: Inputs) -> bool:
    parameter_group = str(inputs.get("parameterGroupName") or "")
    return (
        inputs.get("clusterMode") == "enabled"
        or parameter_group.endswith(".cluster.on")
        or int(inputs.get("numNodeGroups") or 1) > 1
    )


def _outputs(context: Context, outputs: dict[str, Any]) -> dict[str, Any]:
    inputs, name = context["in"], context["id"]
    address = context.lease("elasticache", name)
    groups = int(inputs.get("numNodeGroups") or 1)
    each = int(inputs.get("replicasPerNodeGroup") or 0) + 1
    nodes = int(inputs.get("numCacheClusters") or 0) or groups * each
    if _clustered(inputs):
        members = [
            f"{name}-{group:04d}-{node:03d}" for group in range(1, groups + 1) for node in range(1, nodes // groups + 1)
        ]
        endpoints = {"configurationEndpointAddress": address}
    else:
        members = [f"{name}-{node:03d}" for node in range(1, nodes + 1)]
        endpoints = {"primaryEndpointAddress": address, "readerEndpointAddress": address}
    return {**outputs, **endpoints, "clusterEnabled": _clustered(inputs), "memberClusters": members}


def _check(inputs: Inputs) -> list[tuple[str, str]]:
    found = []
    token = inputs.get("authToken")
    if token and not 16 <= len(str(token)) <= 128:
        found.append(("authToken", f"the AUTH token has {len(str(token))} characters; accepted are 16 to 128"))
    if inputs.get("multiAzEnabled") and not inputs.get("automaticFailoverEnabled"):
        found.append(("multiAzEnabled", "multiAzEnabled needs automaticFailoverEnabled"))
    return found


def _deleted(context: Context) -> None:
    context.release("elasticache", context["id"])


ROWS: dict[str, Row] = {
    "aws:elasticache/replicationGroup:ReplicationGroup": Row(
        "elasticache",
        "create_replication_group",
        "$in.replicationGroupId",
        reads=(
            Read(
                "describe_replication_groups",
                {"ReplicationGroupId": "$id"},
                "(ReplicationGroups[0].Status!='deleting' && ReplicationGroups[0]) || `null`",
            ),
        ),
        update=Call("modify_replication_group", {"ReplicationGroupId": "$id", "ApplyImmediately": True}),
        delete=(Call("delete_replication_group", {"ReplicationGroupId": "$id"}),),
        after_delete=_deleted,
        props={
            "replicationGroupId": Prop(api="ReplicationGroupId"),
            "description": Prop(live="Description"),
            "nodeType": Prop(api="CacheNodeType"),
            "parameterGroupName": Prop(api="CacheParameterGroupName"),
            "subnetGroupName": Prop(api="CacheSubnetGroupName", force=True),
            "maintenanceWindow": Prop(api="PreferredMaintenanceWindow"),
            "engine": Prop(default="redis"),
            "port": Prop(default=_PORT, force=True),
            "automaticFailoverEnabled": Prop(default=False, live="AutomaticFailover"),
            "multiAzEnabled": Prop(default=False, live="MultiAZ"),
            "numNodeGroups": Prop(update=True),
            "replicasPerNodeGroup": Prop(update=True),
            "numCacheClusters": Prop(update=True),
            "applyImmediately": Prop(virtual=True, default=False),
            "authTokenUpdateStrategy": VIRTUAL,
            "finalSnapshotIdentifier": VIRTUAL,
        },
        kept=frozenset(
            {
                "authToken",
                "engine",
                "engineVersion",
                "parameterGroupName",
                "subnetGroupName",
                "securityGroupIds",
                "port",
                "numNodeGroups",
                "replicasPerNodeGroup",
                "numCacheClusters",
                "maintenanceWindow",
                "notificationTopicArn",
                "autoMinorVersionUpgrade",
                "transitEncryptionMode",
                "logDeliveryConfigurations",
                "userGroupIds",
                "clusterMode",
                "automaticFailoverEnabled",
                "multiAzEnabled",
                "snapshotWindow",
                "snapshotRetentionLimit",
            }
        ),
        name="replicationGroupId",
        name_limit=40,
        name_rule=(
            r"[a-zA-Z](?!.*--)[a-zA-Z0-9-]{0,38}[a-zA-Z0-9]|[a-zA-Z]",
            "1 to 40 letters, digits and hyphens, beginning with a letter, no hyphen at the end nor two together",
        ),
        secrets=frozenset({"authToken"}),
        check=_check,
        outputs={"arn": "$el.ARN", "engineVersionActual": "$in.engineVersion"},
        finish=_outputs,
        tagging=tagging.elasticache("replicationgroup"),
        references={"subnetGroupName": "cache subnet group"},
        same_vpc=("subnetGroupName", "securityGroupIds"),
    ),
    "aws:elasticache/subnetGroup:SubnetGroup": Row(
        "elasticache",
        "create_cache_subnet_group",
        "$in.name",
        reads=(Read("describe_cache_subnet_groups", {"CacheSubnetGroupName": "$id"}, "CacheSubnetGroups[0]"),),
        update=Call("modify_cache_subnet_group", {"CacheSubnetGroupName": "$id"}),
        whole=True,
        delete=(Call("delete_cache_subnet_group", {"CacheSubnetGroupName": "$id"}),),
        props={
            "name": Prop(api="CacheSubnetGroupName"),
            "description": Prop(api="CacheSubnetGroupDescription", default="Managed by Pulumi"),
            "subnetIds": Prop(live="Subnets[].SubnetIdentifier"),
        },
        name="name",
        name_rule=(r"[a-z0-9-]{1,255}", "1 to 255 lower-case letters, digits and hyphens"),
        outputs={"arn": "$el.ARN", "vpcId": "$el.VpcId"},
        tagging=tagging.elasticache("subnetgroup"),
        same_vpc=("subnetIds",),
    ),
    "aws:elasticache/parameterGroup:ParameterGroup": Row(
        "elasticache",
        "create_cache_parameter_group",
        "$in.name",
        recorded=True,
        props={
            "name": Prop(api="CacheParameterGroupName"),
            "family": Prop(api="CacheParameterGroupFamily", force=True),
            "description": Prop(default="Managed by Pulumi", force=True),
            "parameters": Prop(api=""),
        },
        name="name",
        name_rule=(
            r"[a-zA-Z][a-zA-Z0-9.-]{0,254}",
            "1 to 255 letters, digits, hyphens and dots, beginning with a letter",
        ),
        outputs={"arn": "=arn:aws:elasticache:{region}:{account}:parametergroup:{id}"},
    ),
    # moto has no user groups. The data plane's Valkey takes its users from what is recorded here (dataplane/observer.py).
    "aws:elasticache/user:User": Row(
        "elasticache",
        "create_user",
        "$in.userId",
        recorded=True,
        secrets=frozenset({"passwords"}),
        outputs={"arn": "=arn:aws:elasticache:{region}:{account}:user:{id}"},
    ),
    "aws:elasticache/userGroup:UserGroup": Row(
        "elasticache",
        "create_user_group",
        "$in.userGroupId",
        recorded=True,
        outputs={"arn": "=arn:aws:elasticache:{region}:{account}:usergroup:{id}"},
    ),
}

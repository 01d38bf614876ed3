"""ECS clusters, task definitions and services."""

from __future__ import annotations

import json
from typing import Any

from localcloud.provider.row import VIRTUAL, Call, Context, Prop, Read, Row
from localcloud.provider.rows.tagging import ECS

_CLUSTER = {"cluster": "$id"}
_SERVICE = {"cluster": "$parts[1]", "service": "$id"}


def _containers(text: str) -> dict[str, Any]:
    return {"containerDefinitions": json.loads(text)}


def _check_containers(inputs: dict[str, Any]) -> list[tuple[str, str]]:
    try:
        containers = json.loads(inputs["containerDefinitions"])
    except ValueError as error:
        return [("containerDefinitions", f"containerDefinitions is not JSON: {error}")]
    if not isinstance(containers, list) or not containers:
        return [("containerDefinitions", "containerDefinitions must be a list of at least one container")]
    names = [container.get("name") for container in containers]
    found = [
        ("containerDefinitions", f"container {container.get('name')!r} lacks {key!r}")
        for container in containers
        for key in ("name", "image")
        if not container.get(key)
    ]
    found += [
        (
            "containerDefinitions",
            f"container {container.get('name')!r} depends on {need.get('containerName')!r}, which is none of: "
            + ", ".join(map(str, names)),
        )
        for container in containers
        for need in container.get("dependsOn", [])
        if need.get("containerName") not in names
    ]
    if "FARGATE" in inputs.get("requiresCompatibilities", []):
        if inputs.get("networkMode") != "awsvpc":
            found.append(("networkMode", f"{inputs.get('networkMode')!r}; FARGATE accepts awsvpc only"))
        found += [(name, f"FARGATE needs the task's {name}") for name in ("cpu", "memory") if not inputs.get(name)]
    return found


def _groups(arguments: dict[str, Any]) -> dict[str, Any]:
    """A service that names no security group has the VPC's default one; moto fails when the member is absent."""
    awsvpc = arguments.get("networkConfiguration", {}).get("awsvpcConfiguration")
    if awsvpc is not None:
        awsvpc.setdefault("securityGroups", [])
    return arguments


def _drain(context: Context) -> None:
    context.call("update_service", {"cluster": context["parts"][1], "service": context["id"], "desiredCount": 0})


ROWS: dict[str, Row] = {
    "aws:ecs/cluster:Cluster": Row(
        "ecs",
        "create_cluster",
        "$answer.cluster.clusterArn",
        reads=(
            Read(
                "describe_clusters",
                {"clusters": ["$id"], "include": ["TAGS", "SETTINGS", "CONFIGURATIONS"]},
                "clusters[?status=='ACTIVE'] | [0]",
            ),
        ),
        update=Call("update_cluster", _CLUSTER),
        delete=(Call("delete_cluster", _CLUSTER),),
        name="name",
        name_rule=(r"[a-zA-Z0-9_-]{1,255}", "1 to 255 letters, digits, hyphens and underscores"),
        outputs={"arn": "$id"},
        tagging=ECS,
    ),
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": Row(
        "ecs",
        "put_cluster_capacity_providers",
        "$in.clusterName",
        reads=(Read("describe_clusters", {"clusters": ["$id"]}, "clusters[?status=='ACTIVE'] | [0]"),),
        update=Call("put_cluster_capacity_providers"),
        whole=True,
        arguments={
            "capacityProviders": "$in.capacityProviders && `null` || `[]`",
            "defaultCapacityProviderStrategy": "$in.defaultCapacityProviderStrategies && `null` || `[]`",
        },
        delete=(
            Call(
                "put_cluster_capacity_providers",
                {**_CLUSTER, "capacityProviders": [], "defaultCapacityProviderStrategy": []},
            ),
        ),
        props={
            "clusterName": Prop(api="cluster", identity=True),
            "defaultCapacityProviderStrategies": Prop(api="defaultCapacityProviderStrategy"),
        },
    ),
    "aws:ecs/taskDefinition:TaskDefinition": Row(
        "ecs",
        "register_task_definition",
        "$answer.taskDefinition.taskDefinitionArn",
        reads=(
            Read(
                "describe_task_definition",
                {"taskDefinition": "$id", "include": ["TAGS"]},
                "(taskDefinition.status=='ACTIVE' && merge(taskDefinition, {tags: tags})) || `null`",
            ),
        ),
        delete=(Call("deregister_task_definition", {"taskDefinition": "$id"}),),
        props={
            "containerDefinitions": Prop(
                encode=_containers, decode=lambda el: json.dumps(el["containerDefinitions"]), force=True
            ),
            "skipDestroy": Prop(virtual=True, default=False),
            "trackLatest": Prop(virtual=True, default=False),
        },
        check=_check_containers,
        outputs={"arn": "$id", "arnWithoutRevision": "=arn:aws:ecs:{region}:{account}:task-definition/{el.family}"},
        tagging=ECS,
        references={"containerDefinitions": None},
    ),
    "aws:ecs/service:Service": Row(
        "ecs",
        "create_service",
        "$answer.service.serviceArn",
        reads=(
            Read(
                "describe_services",
                {"cluster": "$parts[1]", "services": ["$id"], "include": ["TAGS"]},
                "services[?status=='ACTIVE'] | [0]",
            ),
        ),
        update=Call("update_service", _SERVICE),
        prepare=_groups,
        before_delete=_drain,
        delete=(Call("delete_service", {**_SERVICE, "force": True}),),
        props={
            "cluster": Prop(live="clusterArn", force=True),
            "name": Prop(api="serviceName"),
            "launchType": Prop(
                force=True, default=lambda inputs: None if inputs.get("capacityProviderStrategies") else "EC2"
            ),
            "schedulingStrategy": Prop(default="REPLICA", force=True),
            "networkConfiguration": Prop(api="networkConfiguration.awsvpcConfiguration"),
            "capacityProviderStrategies": Prop(api="capacityProviderStrategy"),
            "deploymentCircuitBreaker": Prop(api="deploymentConfiguration.deploymentCircuitBreaker"),
            "deploymentMaximumPercent": Prop(api="deploymentConfiguration.maximumPercent", default=200),
            "deploymentMinimumHealthyPercent": Prop(api="deploymentConfiguration.minimumHealthyPercent", default=100),
            "alarms": Prop(api="deploymentConfiguration.alarms"),
            "deploymentController": Prop(force=True),
            "enableEcsManagedTags": Prop(api="enableECSManagedTags", default=False),
            "enableExecuteCommand": Prop(default=False),
            "orderedPlacementStrategies": Prop(api="placementStrategy"),
            "waitForSteadyState": Prop(virtual=True, default=False),
            "forceDelete": VIRTUAL,
            "forceNewDeployment": VIRTUAL,
            "sigintRollback": VIRTUAL,
            "triggers": VIRTUAL,
        },
        kept=frozenset(
            {
                "capacityProviderStrategies",
                "deploymentCircuitBreaker",
                "deploymentMaximumPercent",
                "deploymentMinimumHealthyPercent",
                "healthCheckGracePeriodSeconds",
                "enableExecuteCommand",
                "availabilityZoneRebalancing",
                "alarms",
                "deploymentConfiguration",
                "serviceConnectConfiguration",
                "propagateTags",
                "enableEcsManagedTags",
            }
        ),
        name="name",
        name_rule=(r"[a-zA-Z0-9_-]{1,255}", "1 to 255 letters, digits, hyphens and underscores"),
        required=frozenset({"cluster", "taskDefinition"}),
        outputs={"arn": "$id"},
        tagging=ECS,
        same_vpc=(
            "networkConfiguration.subnets",
            "networkConfiguration.securityGroups",
            "loadBalancers.targetGroupArn",
        ),
    ),
}

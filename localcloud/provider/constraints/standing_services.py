"""What ECS refuses because of what else exists; the tables that call it are in standing.py.

Sources: CreateService, PutClusterCapacityProviders (API reference, and the sentences of public bug reports), "Using ECS Exec".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.provider.errors import Refused
from localcloud.provider.row import Context

_FARGATE = ("FARGATE", "FARGATE_SPOT")


def _ours(context: Context, arn: str) -> bool:
    """Whether an ARN is of this account and Region: others are not ours to look at."""
    return arn.split(":")[3:5] == [context["region"], context["account"]]


def _associated(context: Context) -> None:
    """Capacity providers of a strategy are the cluster's, or Fargate's (which shared case 36 uses in a plain cluster)."""
    inputs = context["in"]
    strategies = inputs.get("capacityProviderStrategies")
    if not strategies or not context.asks("capacityProviderStrategies"):
        return
    clusters = context.call("describe_clusters", {"clusters": [inputs["cluster"]]})["clusters"]
    held = [str(name) for name in (clusters[0].get("capacityProviders") or () if clusters else ())]
    for item in strategies:
        if item.get("capacityProvider") not in (*held, *_FARGATE):
            raise Refused(
                "InvalidParameterException: the specified capacity provider strategy cannot contain a capacity provider that "
                f"is not associated with the cluster: {item.get('capacityProvider')!r}; associated are "
                f"{', '.join(held) or 'none'}"
            )


def cluster_providers(context: Context) -> None:
    """PutClusterCapacityProviders: each is Fargate's or was made."""
    made = {
        str(name)
        for key, kept in context.recorded("aws:ecs/capacityProvider:CapacityProvider").items()
        for name in (key, kept.get("name"))
    }
    for name in context["in"].get("capacityProviders") or ():
        if name not in _FARGATE and str(name).split("/")[-1] not in made and not _provider(context, str(name)):
            raise Refused(
                f"InvalidParameterException: the specified capacity provider was not found: {name!r}; {', '.join(_FARGATE)} "
                "and those of this account are accepted"
            )


def _provider(context: Context, name: str) -> bool:
    found = context.call("describe_capacity_providers", {"capacityProviders": [name]})
    return bool(found["capacityProviders"])


def _registered(context: Context) -> None:
    """Registries are services of Cloud Map."""
    registries = context["in"].get("serviceRegistries")
    if not registries or not context.asks("serviceRegistries"):
        return
    for item in registries if isinstance(registries, list) else [registries]:
        arn = str(item.get("registryArn") or "")
        name = arn.rsplit("/", 1)[-1]
        if not arn or not _ours(context, arn) or name in context.recorded("aws:servicediscovery/service:Service"):
            continue
        if not context.exists("servicediscovery:get_service", {"Id": name}):
            raise Refused(
                f"InvalidParameterException: serviceRegistries: the registry {arn} does not exist in Cloud Map"
            )


def _namespace(context: Context) -> None:
    """Service Connect's namespace, by name or ARN, is there."""
    name = str((context["in"].get("serviceConnectConfiguration") or {}).get("namespace") or "")
    if not name or not context.asks("serviceConnectConfiguration"):
        return
    if name.startswith("arn:"):
        key = name.rsplit("/", 1)[-1]
        kept = any(key in context.recorded(kind) for kind in _RECORDED_NAMESPACES)
        if not _ours(context, name) or kept or context.exists("servicediscovery:get_namespace", {"Id": key}):
            return
    elif name in _namespaces(context):
        return
    raise Refused(
        f"NamespaceNotFoundException: the specified namespace wasn't found: serviceConnectConfiguration.namespace {name!r}"
    )


_RECORDED_NAMESPACES = ("aws:servicediscovery/publicDnsNamespace:PublicDnsNamespace",)


def _namespaces(context: Context) -> Iterator[str]:
    for found in context.call("servicediscovery:list_namespaces", {})["Namespaces"]:
        yield str(found["Name"])
    for kind in _RECORDED_NAMESPACES:
        for kept in context.recorded(kind).values():
            yield str(kept.get("name"))


def _shells(context: Context, definition: Mapping[str, Any]) -> None:
    """ECS Exec works by the task's role."""
    if not context["in"].get("enableExecuteCommand") or not context.asks("enableExecuteCommand", "taskDefinition"):
        return
    if not definition.get("taskRoleArn"):
        done = "updated" if "changed" in context.environment else "created"
        raise Refused(
            f"InvalidParameterException: the service couldn't be {done} because a valid taskRoleArn is not being used: "
            "enableExecuteCommand needs a task role in the task definition"
        )


def service(context: Context) -> None:
    """CreateService: the name is free."""
    inputs = context["in"]
    asked = {"cluster": inputs["cluster"], "services": [inputs["name"]]}
    if any(found["status"] == "ACTIVE" for found in context.call("describe_services", asked)["services"]):
        raise Refused(
            f"InvalidParameterException: Creation of service was not idempotent: {inputs['name']!r} exists in "
            f"{inputs['cluster']}"
        )
    service_change(context)


def service_change(context: Context) -> None:
    """CreateService, UpdateService: the task definition, the target groups, the network and the names fit together."""
    _associated(context)
    _registered(context)
    _namespace(context)
    inputs = context["in"]
    if not inputs.get("taskDefinition"):
        return
    found = context.call("describe_task_definition", {"taskDefinition": inputs["taskDefinition"]})["taskDefinition"]
    _shells(context, found)
    awsvpc = found.get("networkMode") == "awsvpc"
    if awsvpc and not inputs.get("networkConfiguration"):
        raise Refused("InvalidParameterException: networkConfiguration is required: the task's network mode is awsvpc")
    if inputs.get("networkConfiguration") and not awsvpc:
        raise Refused(
            "InvalidParameterException: networkConfiguration is for tasks of the network mode awsvpc, not "
            f"{found.get('networkMode') or 'bridge'}"
        )
    fargate = inputs.get("launchType") == "FARGATE"
    if fargate and "FARGATE" not in (found.get("requiresCompatibilities") or ["FARGATE"]):
        raise Refused("InvalidParameterException: the task definition does not support the launch type FARGATE")
    for balancer in inputs.get("loadBalancers") or ():
        _attached(context, balancer, found, awsvpc)
    names = {port.get("name") for item in found["containerDefinitions"] for port in item.get("portMappings") or ()}
    connect = inputs.get("serviceConnectConfiguration") or {}
    for service in connect.get("services") or ():
        if service.get("portName") not in names:
            raise Refused(
                f"InvalidParameterException: serviceConnectConfiguration: the port {service.get('portName')!r} is none of the "
                f"task definition's: {', '.join(sorted(map(str, names - {None}))) or 'none has a name'}"
            )


def _attached(context: Context, balancer: Mapping[str, Any], definition: Mapping[str, Any], awsvpc: bool) -> None:
    name, port = balancer.get("containerName"), int(balancer.get("containerPort") or 0)
    container = next((item for item in definition["containerDefinitions"] if item["name"] == name), None)
    if container is None:
        raise Refused(f"InvalidParameterException: the container {name!r} does not exist in the task definition")
    if port not in {mapping.get("containerPort") for mapping in container.get("portMappings") or ()}:
        raise Refused(f"InvalidParameterException: the container {name!r} does not map the port {port}")
    arn = balancer.get("targetGroupArn")
    if not arn:
        return
    group = context.call("elbv2:describe_target_groups", {"TargetGroupArns": [arn]})["TargetGroups"][0]
    kind = group.get("TargetType", "instance")
    if awsvpc and kind != "ip":
        raise Refused(
            f"InvalidParameterException: the target group {arn} has the target type {kind}; the network mode awsvpc needs ip"
        )
    if not group.get("LoadBalancerArns"):
        raise Refused(f"InvalidParameterException: the target group {arn} does not have an associated load balancer")


def cluster_gone(context: Context) -> None:
    arns = context.call("list_services", {"cluster": context["id"]})["serviceArns"]
    found = (
        context.call("describe_services", {"cluster": context["id"], "services": arns[:10]})["services"] if arns else []
    )
    if any(service["status"] == "ACTIVE" for service in found):
        raise Refused(f"ClusterContainsServicesException: the cluster {context['id']} has services")

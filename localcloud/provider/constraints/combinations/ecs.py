"""ECS: task definitions and services. Sources: the API references of RegisterTaskDefinition and CreateService ("Fargate task
definition considerations", "ContainerDependency", "HealthCheck"), and cfn-lint's extensions fargate_cpu_memory and _properties.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from localcloud.provider.constraints.combinations import ecs_containers
from localcloud.provider.constraints.combinations.given import Failure, Given

#: Fargate's sizes: CPU units -> MiB.
_SIZES: dict[int, range | tuple[int, ...]] = {
    256: (512, 1024, 2048),
    512: range(1024, 4097, 1024),
    1024: range(2048, 8193, 1024),
    2048: range(4096, 16385, 1024),
    4096: range(8192, 30721, 1024),
    8192: range(16384, 61441, 4096),
    16384: range(32768, 122881, 8192),
}
_FARGATE_DRIVERS = ("awslogs", "splunk", "awsfirelens")
_HEALTH = (("interval", 5, 300), ("timeout", 2, 120), ("retries", 1, 10), ("startPeriod", 0, 300))
DEFINITIONS = "containerDefinitions"
Container = dict[str, Any]


def containers(text: Any) -> list[Container] | None:
    """The container definitions of a JSON text; None when it is not known or not a list of objects."""
    try:
        found = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return None
    return found if isinstance(found, list) and all(isinstance(item, dict) for item in found) else None


def units(value: Any, per: int) -> int | None:
    """CPU units or MiB of "1024", "1 vCPU" or "2 GB"; None for what is neither."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(vcpu|gb)?\s*", str(value), re.IGNORECASE)
    return None if not found else int(float(found[1]) * (per if found[2] else 1))


def task_definition(given: Given) -> Iterator[Failure]:
    """A task definition: sizes, network mode and the container definitions."""
    fargate = "FARGATE" in (given.items("requiresCompatibilities") or ())
    mode = given.text("networkMode")
    if fargate and given.has("cpu", "memory"):
        yield from _size(given)
    if fargate:
        for name in ("ipcMode", "placementConstraints", "inferenceAccelerators"):
            if given.has(name):
                yield name, f"{name} is not supported by FARGATE"
        if given.text("pidMode") == "host":
            yield "pidMode", "'host'; FARGATE accepts task"
        for volume in given.each("volumes"):
            if volume.has("hostPath") or volume.has("dockerVolumeConfiguration"):
                yield "volumes", "volumes: hostPath and dockerVolumeConfiguration are not supported by FARGATE"
    yield from ecs_containers.volumes(given)
    found = containers(given.get(DEFINITIONS))
    if found:
        volumes = (
            {volume.get("name") for volume in given.each("volumes")} if given.get("volumes", []) is not None else None
        )
        for reason in (
            *_containers(found, fargate, mode),
            *ecs_containers.containers(found, fargate),
            *ecs_containers.execution_role(found, given, fargate),
        ):
            yield DEFINITIONS, reason
        for reason in _sums(found, given, fargate):
            yield DEFINITIONS, reason
        for container in found:
            for mount in container.get("mountPoints") or ():
                if volumes is not None and mount.get("sourceVolume") not in volumes:
                    yield (
                        DEFINITIONS,
                        f"container {container.get('name')!r} mounts {mount.get('sourceVolume')!r}, no volume",
                    )


def _size(given: Given) -> Iterator[Failure]:
    cpu, memory = units(given.get("cpu"), 1024), units(given.get("memory"), 1024)
    if given.get("cpu") is None or given.get("memory") is None:
        return
    if cpu not in _SIZES:
        yield "cpu", f"cpu is {given.get('cpu')!r}; FARGATE accepts {', '.join(map(str, _SIZES))}"
    elif memory not in _SIZES[cpu]:
        sizes = list(_SIZES[cpu])
        yield (
            "memory",
            f"memory is {given.get('memory')!r}; FARGATE accepts {sizes[0]} to {sizes[-1]} with {cpu} CPU units",
        )


def _containers(found: list[Container], fargate: bool, mode: str | None) -> Iterator[str]:
    names = [container.get("name") for container in found]
    for name in {name for name in names if names.count(name) > 1}:
        yield f"two containers are called {name!r}; names are unique in a task definition"
    if not any(_is_essential(container) for container in found):
        yield "no container is essential; at least one must be"
    ports: list[tuple[Any, str]] = []
    port_names: list[Any] = []
    for container in found:
        name = container.get("name")
        if isinstance(name, str) and not re.fullmatch(r"[a-zA-Z0-9_-]{1,255}", name):
            yield f"container name {name!r}; accepted are 1 to 255 letters, digits, hyphens and underscores"
        for reason in (
            *_limits(container, fargate, mode),
            *_dependencies(container, found),
            *_logging(container, fargate, names),
        ):
            yield f"container {name!r}: {reason}"
        for mapping in container.get("portMappings") or ():
            port, protocol = mapping.get("containerPort"), mapping.get("protocol") or "tcp"
            if mode == "awsvpc" and port is not None and (port, protocol) in ports:
                yield f"container {name!r}: port {port}/{protocol} is mapped twice; containers of a task share its ports"
            ports.append((port, protocol))
            if mapping.get("name") and mapping["name"] in port_names:
                yield f"container {name!r}: two port mappings are called {mapping['name']!r}"
            port_names.append(mapping.get("name"))
            if mode == "awsvpc" and mapping.get("hostPort") not in (None, 0, port):
                yield f"container {name!r}: hostPort {mapping['hostPort']} must be {port} or absent in the network mode awsvpc"
            if isinstance(port, int) and not 0 <= port <= 65535:
                yield f"container {name!r}: containerPort {port}; accepted is 1 to 65535"
            if protocol not in ("tcp", "udp"):
                yield f"container {name!r}: protocol {protocol!r}; accepted are tcp and udp"
        for source in container.get("volumesFrom") or ():
            if source.get("sourceContainer") not in names:
                yield f"container {name!r}: volumesFrom {source.get('sourceContainer')!r}, which is no container of the task"
    yield from _cycles(found)


def _is_essential(container: Container) -> bool:
    return str(container.get("essential", True)).lower() != "false"


def _limits(container: Container, fargate: bool, mode: str | None) -> Iterator[str]:
    health = container.get("healthCheck")
    if isinstance(health, dict):
        if not health.get("command"):
            yield "healthCheck needs a command"
        for key, least, most in _HEALTH:
            value = health.get(key)
            if isinstance(value, (int, float)) and not least <= value <= most:
                yield f"healthCheck.{key} is {value}; accepted is {least} to {most}"
    stop = container.get("stopTimeout")
    if fargate and isinstance(stop, (int, float)) and stop > 120:
        yield f"stopTimeout is {stop}; FARGATE accepts at most 120 s"
    start = container.get("startTimeout")
    if fargate and isinstance(start, (int, float)) and start > 120:
        yield f"startTimeout is {start}; FARGATE accepts at most 120 s"
    if fargate and container.get("privileged"):
        yield "privileged is not supported by FARGATE"
    if mode == "awsvpc" and container.get("links"):
        yield "links are not supported in the network mode awsvpc"
    for key in ("hostname", "dnsServers", "dnsSearchDomains", "extraHosts", "dockerSecurityOptions"):
        if container.get(key) and (mode == "awsvpc" if key != "dockerSecurityOptions" else fargate):
            yield f"{key} is not supported " + (
                "by FARGATE" if key == "dockerSecurityOptions" else "in the network mode awsvpc"
            )
    memory, reserved = container.get("memory"), container.get("memoryReservation")
    if isinstance(memory, int) and isinstance(reserved, int) and memory < reserved:
        yield f"memoryReservation {reserved} is more than memory {memory}"
    if isinstance(memory, int) and 0 < memory < 6:
        yield f"memory is {memory} MiB; accepted is at least 6"
    for limit in container.get("ulimits") or ():
        if (
            isinstance(limit.get("softLimit"), int)
            and isinstance(limit.get("hardLimit"), int)
            and limit["softLimit"] > limit["hardLimit"]
        ):
            yield f"ulimit {limit.get('name')!r}: softLimit {limit['softLimit']} is more than hardLimit {limit['hardLimit']}"
    for key, needed in (("environment", "value"), ("secrets", "valueFrom")):
        pairs = container.get(key) or ()
        for pair in pairs:
            if not isinstance(pair, dict) or not pair.get("name") or needed not in pair:
                yield f"each of {key} needs name and {needed}"
            elif key == "environment" and not isinstance(pair["value"], str):
                yield f"environment {pair['name']!r} is {pair['value']!r}; a text is accepted"
        listed = [pair.get("name") for pair in pairs if isinstance(pair, dict)]
        if key == "secrets":
            both = set(listed) & {
                pair.get("name") for pair in container.get("environment") or () if isinstance(pair, dict)
            }
            for name in sorted(map(str, both)):
                yield f"{name!r} is in environment and in secrets"


def _dependencies(container: Container, found: list[Container]) -> Iterator[str]:
    by_name = {other.get("name"): other for other in found}
    for need in container.get("dependsOn") or ():
        on, condition = need.get("containerName"), need.get("condition")
        other = by_name.get(on)
        if condition not in ("START", "COMPLETE", "SUCCESS", "HEALTHY"):
            yield f"dependsOn condition {condition!r}; accepted are START, COMPLETE, SUCCESS, HEALTHY"
        if other is None:
            continue
        if condition in ("SUCCESS", "COMPLETE") and _is_essential(other):
            yield f"it waits for {on!r} to end ({condition}), which is essential; make {on!r} not essential"
        if condition == "HEALTHY" and not other.get("healthCheck"):
            yield f"it waits for {on!r} to be HEALTHY, which has no healthCheck"


def _cycles(found: list[Container]) -> Iterator[str]:
    needs = {c.get("name"): {n.get("containerName") for n in c.get("dependsOn") or ()} for c in found}
    left = dict(needs)
    while left:
        free = [name for name, on in left.items() if not on & left.keys()]
        if not free:
            yield f"the containers {', '.join(map(repr, left))} wait for each other"
            return
        for name in free:
            del left[name]


def _logging(container: Container, fargate: bool, names: list[Any]) -> Iterator[str]:
    logging = container.get("logConfiguration")
    if not isinstance(logging, dict):
        return
    driver, options = logging.get("logDriver"), logging.get("options") or {}
    if fargate and driver not in _FARGATE_DRIVERS:
        yield f"logDriver {driver!r}; FARGATE accepts {', '.join(_FARGATE_DRIVERS)}"
    if driver == "awslogs":
        needed = ("awslogs-group", "awslogs-region", *(("awslogs-stream-prefix",) if fargate else ()))
        for name in needed:
            if name not in options:
                yield f"the log driver awslogs needs the option {name}"


def _sums(found: list[Container], given: Given, fargate: bool) -> Iterator[str]:
    for key, per in (("cpu", 1024), ("memory", 1024)):
        whole = units(given.get(key), per) if given.has(key) else None
        parts = [
            container.get(key) or (container.get("memoryReservation") if key == "memory" else 0) or 0
            for container in found
        ]
        if whole and all(isinstance(part, int) for part in parts) and sum(parts) > whole:
            yield f"the containers ask for {sum(parts)} of {key}; the task has {whole}"
    if not fargate and given.lacks("memory"):
        for container in found:
            if not container.get("memory") and not container.get("memoryReservation"):
                yield f"container {container.get('name')!r}: memory or memoryReservation is required, or memory of the task"


def service(given: Given) -> Iterator[Failure]:
    """A service: launch type, deployment, network."""
    fargate = given.text("launchType") == "FARGATE"
    controller = given.inner("deploymentController").text("type", "ECS")
    strategy = given.text("schedulingStrategy", "REPLICA")
    if given.has("capacityProviderStrategies") and given.has("launchType"):
        yield "launchType", "launchType and capacityProviderStrategies exclude each other"
    yield from _strategies(given)
    count = given.number("desiredCount")
    if count is not None and count < 0:
        yield "desiredCount", f"InvalidParameterException: desiredCount is {count:g}; accepted is at least 0"
    yield from _platform(given, fargate)
    if fargate:
        for name in ("orderedPlacementStrategies", "placementConstraints"):
            if given.has(name):
                yield name, f"{name} are not supported by FARGATE"
        if strategy == "DAEMON":
            yield "schedulingStrategy", "DAEMON is not supported by FARGATE"
        if not given.has("networkConfiguration"):
            yield "networkConfiguration", "networkConfiguration is required: FARGATE tasks use the network mode awsvpc"
    if strategy == "DAEMON":
        if given.has("desiredCount") and given.number("desiredCount") not in (None, 0.0):
            yield "desiredCount", "desiredCount has no place with the scheduling strategy DAEMON"
        if given.has("orderedPlacementStrategies"):
            yield "orderedPlacementStrategies", "placement strategies have no place with the scheduling strategy DAEMON"
    network = given.inner("networkConfiguration")
    for name, most in (("subnets", 16), ("securityGroups", 5)):
        listed = network.get(name)
        if isinstance(listed, list) and len(listed) > most:
            yield (
                "networkConfiguration",
                f"networkConfiguration.{name} has {len(listed)} elements; accepted are at most {most}",
            )
    if given.text("launchType") == "EC2" and network.on("assignPublicIp"):
        yield "networkConfiguration", "networkConfiguration.assignPublicIp is supported by FARGATE only"
    low, high = given.number("deploymentMinimumHealthyPercent"), given.number("deploymentMaximumPercent")
    if strategy == "REPLICA" and controller == "ECS" and _stuck(low, high):
        yield (
            "deploymentMaximumPercent",
            f"{low:g} % to {high:g} % leave no room to deploy: the maximum must be above the minimum",
        )
    if (
        given.has("healthCheckGracePeriodSeconds")
        and given.lacks("loadBalancers")
        and given.number("healthCheckGracePeriodSeconds")
    ):
        yield "healthCheckGracePeriodSeconds", "healthCheckGracePeriodSeconds needs loadBalancers"
    if controller != "ECS" and controller is not None and given.inner("deploymentCircuitBreaker").on("enable"):
        yield (
            "deploymentCircuitBreaker",
            f"the circuit breaker works with the deployment controller ECS only, not {controller}",
        )
    if controller == "CODE_DEPLOY" and given.lacks("loadBalancers"):
        yield "loadBalancers", "the deployment controller CODE_DEPLOY needs loadBalancers"
    if controller == "EXTERNAL" and given.has("taskDefinition"):
        yield "taskDefinition", "taskDefinition has no place with the deployment controller EXTERNAL"
    for balancer in given.each("loadBalancers"):
        if balancer.lacks("targetGroupArn", "elbName"):
            yield "loadBalancers", "each of loadBalancers needs targetGroupArn or elbName"
    connect = given.inner("serviceConnectConfiguration")
    if connect.off("enabled") and connect.has("enabled") and connect.has("services"):
        yield "serviceConnectConfiguration", "serviceConnectConfiguration.services need enabled to be true"


#: "Fargate platform versions" (developer guide): those of Linux, which include that of Windows.
_PLATFORMS = ("LATEST", "1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0")


def _platform(given: Given, fargate: bool) -> Iterator[Failure]:
    asked = given.text("platformVersion")
    if not asked:
        return
    if asked not in _PLATFORMS:
        yield (
            "platformVersion",
            f"PlatformUnknownException: the specified platform version does not exist: {asked!r}; accepted are "
            f"{', '.join(_PLATFORMS)}",
        )
    elif not fargate and given.lacks("capacityProviderStrategies") and asked != "LATEST":
        yield (
            "platformVersion",
            f"InvalidParameterException: the platform version must be null when specifying an EC2 launch type; it is {asked!r}",
        )


def _stuck(low: float | None, high: float | None) -> bool:
    """Whether a deployment may neither start nor stop a task."""
    return low is not None and high is not None and (high < low or low >= 100 >= high)


def _strategies(given: Given) -> Iterator[Failure]:
    name, found = "capacityProviderStrategies", given.each("capacityProviderStrategies")
    yield from strategies(name, found)


def strategies(name: str, found: list[Given]) -> Iterator[Failure]:
    """A capacity provider strategy: one base, some weight, no provider twice, no mixture of Fargate and instances."""
    providers = [item.get("capacityProvider") for item in found]
    known = [provider for provider in providers if provider]
    if len(known) != len(set(known)):
        yield name, f"{name} name a capacity provider twice: {', '.join(known)}"
    if len([item for item in found if item.number("base")]) > 1:
        yield name, f"{name}: only one may have a base"
    if found and all(item.number("weight") == 0 for item in found):
        yield name, f"{name}: at least one needs a weight above 0"
    fargate = [provider in ("FARGATE", "FARGATE_SPOT") for provider in known]
    if any(fargate) and not all(fargate):
        yield name, f"{name} mix Fargate and instances: {', '.join(known)}"


def cluster_providers(given: Given) -> Iterator[Failure]:
    """The capacity providers of a cluster and its default strategy."""
    name, found = "defaultCapacityProviderStrategies", given.each("defaultCapacityProviderStrategies")
    yield from strategies(name, found)
    held = given.items("capacityProviders")
    for item in found:
        provider = item.get("capacityProvider")
        if held is not None and provider and provider not in held:
            yield (
                name,
                f"{name}: {provider!r} is none of the cluster's capacityProviders: {', '.join(map(str, held)) or 'none'}",
            )


_INSIGHTS = ("enabled", "disabled", "enhanced")


def cluster(given: Given) -> Iterator[Failure]:
    """A cluster's settings."""
    for item in given.each("settings"):
        name, value = item.text("name"), item.text("value")
        if name == "containerInsights" and value and value not in _INSIGHTS:
            yield (
                "settings",
                f"InvalidParameterException: settings: containerInsights is {value!r}; accepted are {', '.join(_INSIGHTS)}",
            )


CHECKS = {
    "aws:ecs/cluster:Cluster": (cluster,),
    "aws:ecs/taskDefinition:TaskDefinition": (task_definition,),
    "aws:ecs/service:Service": (service,),
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": (cluster_providers,),
}

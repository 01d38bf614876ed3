"""ECS: what RegisterTaskDefinition refuses of containers and volumes beside what ecs.py judges.

Sources: the API reference's KernelCapabilities, LinuxParameters, ResourceRequirement, PortMapping, ContainerRestartPolicy and
Volume; "IAM roles for task execution" (who needs one).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from localcloud.provider.constraints.combinations.given import Failure, Given

Container = Mapping[str, Any]

#: "If you are using tasks that use the Fargate launch type, the … parameter is not supported" (LinuxParameters).
_NOT_ON_FARGATE = ("devices", "maxSwap", "sharedMemorySize", "swappiness")
_PORT_NAME = r"[a-z0-9_][a-z0-9_-]{0,63}"
_PERIOD = (60, 1800)
_EXIT_CODES = 50
_REGISTRY = re.compile(r"\d{12}\.dkr\.ecr\.")


def containers(found: Sequence[Container], fargate: bool) -> Iterator[str]:
    """What is wrong with each container by itself."""
    for container in found:
        for reason in (*_ports(container), *_restarts(container), *(_fargate(container) if fargate else ())):
            yield f"container {container.get('name')!r}: {reason}"


def _ports(container: Container) -> Iterator[str]:
    for mapping in container.get("portMappings") or ():
        name = mapping.get("name")
        if isinstance(name, str) and name and not re.fullmatch(_PORT_NAME, name):
            yield (
                f"ClientException: the port mapping's name {name!r}; accepted are 1 to 64 lower-case letters, digits, "
                "underscores and hyphens, no hyphen first"
            )


def _restarts(container: Container) -> Iterator[str]:
    policy = container.get("restartPolicy")
    if not isinstance(policy, dict):
        return
    period, codes = policy.get("restartAttemptPeriod"), policy.get("ignoredExitCodes") or ()
    if isinstance(period, (int, float)) and not _PERIOD[0] <= period <= _PERIOD[1]:
        yield f"ClientException: restartPolicy.restartAttemptPeriod is {period}; accepted is {_PERIOD[0]} to {_PERIOD[1]} s"
    if len(codes) > _EXIT_CODES:
        yield f"ClientException: restartPolicy.ignoredExitCodes has {len(codes)}; accepted are at most {_EXIT_CODES}"


def _fargate(container: Container) -> Iterator[str]:
    linux = container.get("linuxParameters")
    linux = linux if isinstance(linux, dict) else {}
    for added in (linux.get("capabilities") or {}).get("add") or ():
        if added != "SYS_PTRACE":
            yield f"ClientException: linuxParameters.capabilities.add {added!r}; FARGATE accepts SYS_PTRACE only"
    for name in _NOT_ON_FARGATE:
        if linux.get(name):
            yield f"ClientException: linuxParameters.{name} is not supported by FARGATE"
    for item in container.get("resourceRequirements") or ():
        if item.get("type") in ("GPU", "InferenceAccelerator", "NeuronDevice"):
            yield f"ClientException: resourceRequirements of the type {item['type']} are not supported by FARGATE"


def execution_role(found: Sequence[Container], given: Given, fargate: bool) -> Iterator[str]:
    """Who pulls a private image or writes a log for a task of Fargate needs a role for it.

    Who reads a secret does too, but shared case 06 registers such a definition: that is left to the start of a task.
    """
    if given.has("executionRoleArn") or not fargate:
        return
    for container in found:
        name, logging = container.get("name"), container.get("logConfiguration") or {}
        if logging.get("logDriver") == "awslogs":
            yield (
                f"container {name!r}: ClientException: Fargate requires task definition to have execution role ARN to "
                "support log driver awslogs (executionRoleArn)"
            )
        elif _REGISTRY.match(str(container.get("image"))):
            yield (
                f"container {name!r}: ClientException: Fargate requires task definition to have execution role ARN to "
                "support ECR images (executionRoleArn)"
            )


def volumes(given: Given) -> Iterator[Failure]:
    """Names of volumes are unique."""
    names = [volume.text("name") for volume in given.each("volumes")]
    for name in sorted({name for name in names if name and names.count(name) > 1}):
        yield (
            "volumes",
            f"ClientException: volumes: two are called {name!r}; a volume's name is unique in a task definition",
        )

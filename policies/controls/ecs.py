"""Controls on ECS services, task sets, clusters and capacity providers."""

from __future__ import annotations

from collections.abc import Callable

from policies.controls.ecs_tasks import TASK, windows
from policies.lang.resources import Resource, Stack
from policies.model import Control, Each, Related, Severity, Verdict, bad, na, ok
from policies.rules import is_false, is_one_of

SERVICE = "aws:ecs/service:Service"
TASK_SET = "aws:ecs/taskSet:TaskSet"
CLUSTER = "aws:ecs/cluster:Cluster"
CAPACITY = "aws:ecs/capacityProvider:CapacityProvider"

_GUIDE = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide"


def _is_fargate(service: Resource) -> bool:
    strategies = [item.text("capacityProvider") for item in service.each("capacityProviderStrategies")]
    named = service.text("launchType").upper() == "FARGATE" or any(text.startswith("FARGATE") for text in strategies)
    return named or service.has("platformVersion")


def _latest_platform(service: Resource, stack: Stack) -> Verdict:
    if not _is_fargate(service):
        return na("does not say that it runs on Fargate")
    version = service.text("platformVersion", "LATEST")
    if version.upper() in ("LATEST", "1.4.0"):
        return ok()
    task = stack.target(service, "taskDefinition", TASK)
    if version == "1.0.0" and task is not None and windows(task):
        return ok()
    return bad("platformVersion", version, "set it to LATEST")


def _insights(cluster: Resource) -> Verdict:
    found = None
    for setting in cluster.each("settings"):
        if setting.text("name").lower() == "containerinsights":
            found = setting.text("value")
    if found in ("enabled", "enhanced"):
        return ok()
    return bad("settings.containerInsights", found, "set it to enabled or enhanced")


def _termination_protection(provider: Resource) -> Verdict:
    if not provider.has("autoScalingGroupProvider"):
        return na("no Auto Scaling group behind it")
    path = "autoScalingGroupProvider.managedTerminationProtection"
    if provider.text(path, "DISABLED") == "ENABLED":
        return ok()
    return bad(path, provider.raw(path), "set it to ENABLED (managed scaling must be on)")


def _with_exec(check: Callable[[Resource], Verdict]) -> Related:
    """Judges clusters where some service lets people run commands in its containers."""

    def judged(cluster: Resource, stack: Stack) -> Verdict:
        services = stack.referrers(cluster, SERVICE, "cluster")
        if not any(service.flag("enableExecuteCommand") for service in services):
            return na("no service of the cluster enables ECS Exec")
        return check(cluster)

    return Related((CLUSTER,), judged)


def _exec_logged(cluster: Resource) -> Verdict:
    path = "configuration.executeCommandConfiguration"
    if cluster.text(f"{path}.logging", "DEFAULT") != "OVERRIDE":
        return bad(f"{path}.logging", cluster.raw(f"{path}.logging"), "set it to OVERRIDE with a log group or bucket")
    log = f"{path}.logConfiguration"
    if cluster.has(f"{log}.cloudWatchLogGroupName") or cluster.has(f"{log}.s3BucketName"):
        return ok()
    return bad(log, cluster.raw(log), "name a log group or bucket for the sessions")


def _exec_encrypted(cluster: Resource) -> Verdict:
    path = "configuration.executeCommandConfiguration.kmsKeyId"
    return ok() if cluster.has(path) else bad(path, None, "name a KMS key for the sessions")


def _rolls_back(service: Resource) -> Verdict:
    kind = service.text("deploymentController.type", "ECS")
    if kind != "ECS":
        return na(f"deployments are run by {kind}")
    for path in ("deploymentCircuitBreaker.enable", "deploymentCircuitBreaker.rollback"):
        if not service.flag(path):
            return bad(path, service.raw(path), "set enable and rollback to true")
    return ok()


def _no_public_ip(type_: str) -> Each:
    return is_false(type_, "networkConfiguration.assignPublicIp")


CONTROLS: tuple[Control, ...] = (
    Control(
        id="ECS.2",
        severity=Severity.HIGH,
        remediation="Set network_configuration.assign_public_ip=False; private subnets reach out through NAT or endpoints.",
        rule=_no_public_ip(SERVICE),
    ),
    Control(
        id="ECS.10",
        severity=Severity.MEDIUM,
        remediation='Set platform_version="LATEST".',
        rule=Related((SERVICE,), _latest_platform),
    ),
    Control(
        id="ECS.12",
        severity=Severity.MEDIUM,
        remediation='Add the setting containerInsights with the value "enabled" or "enhanced".',
        rule=Each((CLUSTER,), _insights),
    ),
    Control(
        id="ECS.16",
        severity=Severity.HIGH,
        remediation="Set network_configuration.assign_public_ip=False.",
        rule=_no_public_ip(TASK_SET),
    ),
    Control(
        id="ECS.19",
        severity=Severity.MEDIUM,
        remediation='Set managed_termination_protection="ENABLED" with managed scaling.',
        rule=Each((CAPACITY,), _termination_protection),
    ),
    Control(
        id="MD.ECS.1",
        title="ECS Exec sessions are logged",
        severity=Severity.MEDIUM,
        remediation='Set execute_command_configuration.logging="OVERRIDE" with a log group or bucket on the cluster.',
        link=f"{_GUIDE}/ecs-exec.html#ecs-exec-logging",
        rule=_with_exec(_exec_logged),
    ),
    Control(
        id="MD.ECS.2",
        title="ECS Exec sessions are encrypted with a KMS key",
        severity=Severity.MEDIUM,
        remediation="Set execute_command_configuration.kms_key_id on the cluster.",
        link=f"{_GUIDE}/ecs-exec.html#ecs-exec-logging",
        rule=_with_exec(_exec_encrypted),
    ),
    Control(
        id="MD.ECS.8",
        title="Failed deployments of services roll back",
        severity=Severity.MEDIUM,
        remediation="Set deployment_circuit_breaker with enable and rollback.",
        link=f"{_GUIDE}/deployment-circuit-breaker.html",
        rule=Each((SERVICE,), _rolls_back),
    ),
    Control(
        id="MD.ECS.11",
        title="Services pass their tags on to tasks",
        severity=Severity.LOW,
        remediation='Set propagate_tags to "SERVICE" or "TASK_DEFINITION".',
        link=f"{_GUIDE}/ecs-using-tags.html",
        rule=is_one_of(SERVICE, "propagateTags", ("SERVICE", "TASK_DEFINITION"), default="NONE"),
    ),
)

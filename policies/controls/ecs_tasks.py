"""Controls on ECS task definitions and their containers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from policies.lang.resources import Resource, Stack
from policies.lang.secrets import secret_in
from policies.lang.values import CannotTell, View
from policies.model import Control, Each, Related, Severity, Verdict, bad, na, ok
from policies.rules import decide, is_none_of, judge_each

TASK = "aws:ecs/taskDefinition:TaskDefinition"
ROLE = "aws:iam/role:Role"

_GUIDE = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide"
_AWS_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "ECS_ENGINE_AUTH_DATA")
_FIX = "pass it under `secrets` from Secrets Manager or Parameter Store"
#: Tags that are moved to another image with each release.
_MOVING = frozenset(
    {"", "latest", "stable", "prod", "production", "main", "master", "dev", "develop", "staging", "edge", "nightly"}
)


def windows(task: Resource) -> bool:
    """Whether a task runs Windows containers."""
    return task.text("runtimePlatform.operatingSystemFamily", "LINUX").upper().startswith("WINDOWS")


def _only_linux(task: Resource) -> str | None:
    return "Windows containers have no such setting" if windows(task) else None


def _only_windows(task: Resource) -> str | None:
    return None if windows(task) else "no Windows containers"


def _containers(check: Callable[[View], Verdict], unless: Callable[[Resource], str | None] | None = None) -> Each:
    """`check` over every container of a task definition."""

    def judged(task: Resource) -> Verdict:
        reason = unless(task) if unless else None
        if reason:
            return na(reason)
        return judge_each(task, "containerDefinitions", check)

    return Each((TASK,), judged)


def _unprivileged(container: View) -> Verdict:
    return bad(container.at("privileged"), True, "set it to false") if container.flag("privileged") else ok()


def _read_only(container: View) -> Verdict:
    path = "readonlyRootFilesystem"
    if container.flag(path):
        return ok()
    return bad(
        container.at(path), container.raw(path), "set it to true and mount a volume where the process must write"
    )


def _no_aws_keys(container: View) -> Verdict:
    for variable in container.each("environment"):
        name = variable.text("name")
        if name in _AWS_KEYS:
            return bad(variable.at("name"), name, "use the task role; keep keys out of the environment")
    return ok()


def _no_plain_secrets(container: View) -> Verdict:
    def check(variable: View) -> Verdict:
        name = variable.text("name")
        if not variable.has("value"):
            return ok()
        kind = secret_in(name, variable.text("value"))
        if kind:
            return bad(variable.at("name"), f"{name} ({kind})", _FIX)
        return ok()

    return decide(
        lambda: judge_each(container, "environment", check),
        *[partial(_no_secret_words, container, path) for path in ("command", "entryPoint", "healthCheck.command")],
        *[partial(_no_secret_values, container, path) for path in ("dockerLabels", "logConfiguration.options")],
    )


def _no_secret_words(container: View, path: str) -> Verdict:
    """No word of a command line is or holds a secret, such as `--password=…`, or `--token` with the next word."""
    words = container.texts(path)
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        option = name.lstrip("-")
        if not equals and word.startswith("-") and index + 1 < len(words):
            value = words[index + 1]
        kind = secret_in(option, value) if value and option != name + equals else secret_in("", word)
        kind = kind or secret_in("", word)
        if kind:
            return bad(container.at(f"{path}.{index}"), f"{name} ({kind})", _FIX)
    return ok()


def _no_secret_values(container: View, path: str) -> Verdict:
    holder = container.view(path)
    for key, value in holder.items():
        kind = secret_in(key.replace(".", "_").replace("-", "_"), value) if isinstance(value, str) else ""
        if kind:
            return bad(holder.at(key), kind, _FIX)
    return ok()


def _logs(container: View) -> Verdict:
    path = "logConfiguration.logDriver"
    return (
        ok()
        if container.has(path)
        else bad(container.at(path), None, "give the container a log driver, such as awslogs")
    )


def _not_root(container: View) -> Verdict:
    user = container.text("user")
    name = user.partition(":")[0].strip()
    root = name == "root" or (name.lstrip("+").isdigit() and int(name.lstrip("+")) == 0)  # 0, 00 and 000 are one user
    if name and not root:
        return ok()
    return bad(container.at("user"), user or None, "run as a user of its own, such as 10001:10001")


def _not_administrator(container: View) -> Verdict:
    user = container.text("user")
    if user and user.lower() != "containeradministrator":
        return ok()
    return bad(container.at("user"), user or None, "run as ContainerUser")


def _host_network_users(task: Resource) -> Verdict:
    """Security Hub's ECS.1: in the host's network, a container is either privileged on purpose or has a user of its own."""
    if task.text("networkMode") != "host":
        return na("not in the host's network")

    def check(container: View) -> Verdict:
        return ok() if container.flag("privileged") else _not_root(container)

    return judge_each(task, "containerDefinitions", check)


def _pinned(container: View) -> Verdict:
    image = container.text("image")
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    if digest or tag.lower() not in _MOVING:
        return ok()
    return bad(container.at("image"), image or None, "name the image by digest or by a tag that does not move")


def _no_capabilities(container: View) -> Verdict:
    added = container.texts("linuxParameters.capabilities.add")
    path = container.at("linuxParameters.capabilities.add")
    return bad(path, added, "add no capability; drop those that are not needed") if added else ok()


def _health_checks(task: Resource) -> Verdict:
    watched = False
    for container in task.documents("containerDefinitions"):
        watched = watched or (container.flag("essential", True) and container.has("healthCheck.command"))
    path = "containerDefinitions.healthCheck"
    return (
        ok()
        if watched
        else bad(path, None, "give an essential container a health check, so that ECS replaces a sick task")
    )


def _efs_tls(task: Resource) -> Verdict:
    mounts = [volume for volume in task.each("volumes") if volume.has("efsVolumeConfiguration")]
    if not mounts:
        return na("no EFS volume")
    path = "efsVolumeConfiguration.transitEncryption"
    for volume in mounts:
        if volume.text(path, "DISABLED").upper() != "ENABLED":
            return bad(volume.at(path), volume.raw(path), "set it to ENABLED")
    return ok()


def _no_host_paths(task: Resource) -> Verdict:
    for volume in task.each("volumes"):
        if volume.has("hostPath"):
            return bad(volume.at("hostPath"), volume.raw("hostPath"), "mount no directory of the host")
    return ok()


def _roles_differ(task: Resource, stack: Stack) -> Verdict:
    if task.raw("taskRoleArn") is None or task.raw("executionRoleArn") is None:
        return ok()  # a task without one of the roles cannot share it
    fix = "give the containers a role of their own, apart from the agent's"
    try:
        same = task.text("taskRoleArn") == task.text("executionRoleArn")
    except CannotTell:
        own, agents = (stack.targets(task, path, ROLE) for path in ("taskRoleArn", "executionRoleArn"))
        if not own or not agents:
            raise
        same = own == agents
    return bad("taskRoleArn", "the execution role", fix) if same else ok()


CONTROLS: tuple[Control, ...] = (
    Control(
        id="ECS.1",
        severity=Severity.HIGH,
        remediation='Set network_mode="awsvpc", or `user` in every container definition.',
        rule=Each((TASK,), _host_network_users),
    ),
    Control(
        id="ECS.3",
        severity=Severity.HIGH,
        remediation='Leave pid_mode out, or set it to "task".',
        rule=is_none_of(TASK, "pidMode", ("host",), 'leave it out or set it to "task"'),
    ),
    Control(
        id="ECS.4",
        severity=Severity.HIGH,
        remediation="Set privileged to false in every container definition.",
        rule=_containers(_unprivileged),
    ),
    Control(
        id="ECS.5",
        severity=Severity.HIGH,
        remediation="Set readonlyRootFilesystem to true in every container definition; mount volumes where it must write.",
        rule=_containers(_read_only, _only_linux),
    ),
    Control(
        id="ECS.8",
        severity=Severity.HIGH,
        remediation="Remove AWS_ACCESS_KEY_ID and its like from `environment`; give the task a role.",
        rule=_containers(_no_aws_keys),
    ),
    Control(
        id="ECS.9",
        severity=Severity.HIGH,
        remediation="Give every container definition a logConfiguration with a logDriver.",
        rule=_containers(_logs),
    ),
    Control(
        id="ECS.17",
        severity=Severity.MEDIUM,
        remediation='Set network_mode="awsvpc".',
        rule=is_none_of(TASK, "networkMode", ("host",), "set it to awsvpc"),
    ),
    Control(
        id="ECS.18",
        severity=Severity.MEDIUM,
        remediation='Set transit_encryption="ENABLED" in every efs_volume_configuration.',
        rule=Each((TASK,), _efs_tls),
    ),
    Control(
        id="ECS.20",
        severity=Severity.MEDIUM,
        remediation='Set `user` in every container definition, such as "10001:10001".',
        rule=_containers(_not_root, _only_linux),
    ),
    Control(
        id="ECS.21",
        severity=Severity.MEDIUM,
        remediation='Set `user` in every container definition to "ContainerUser".',
        rule=_containers(_not_administrator, _only_windows),
    ),
    Control(
        id="MD.ECS.3",
        title="Containers have a role apart from the ECS agent's",
        severity=Severity.HIGH,
        remediation="Give task_role_arn and execution_role_arn two roles.",
        link=f"{_GUIDE}/security-iam-roles.html",
        rule=Related((TASK,), _roles_differ),
    ),
    Control(
        id="MD.ECS.4",
        title="Containers get no secret as plain text in their environment",
        severity=Severity.HIGH,
        remediation="Move passwords, tokens and keys from `environment` to `secrets`.",
        link=f"{_GUIDE}/specifying-sensitive-data.html",
        rule=_containers(_no_plain_secrets),
    ),
    Control(
        id="MD.ECS.5",
        title="Containers run images that are pinned",
        severity=Severity.MEDIUM,
        remediation="Name images by digest or by an immutable tag, never :latest.",
        link=f"{_GUIDE}/container-considerations.html",
        rule=_containers(_pinned),
    ),
    Control(
        id="MD.ECS.6",
        title="Containers add no Linux capabilities",
        severity=Severity.HIGH,
        remediation="Remove linuxParameters.capabilities.add.",
        link=f"{_GUIDE}/security-tasks-containers.html",
        rule=_containers(_no_capabilities, _only_linux),
    ),
    Control(
        id="MD.ECS.7",
        title="Task definitions do not share the host's IPC namespace",
        severity=Severity.HIGH,
        remediation="Leave ipc_mode out.",
        link=f"{_GUIDE}/task_definition_parameters.html#other_task_definition_params",
        rule=is_none_of(TASK, "ipcMode", ("host",), "leave it out"),
    ),
    Control(
        id="MD.ECS.9",
        title="Task definitions mount no directory of the host",
        severity=Severity.MEDIUM,
        remediation="Use EFS, task storage or Docker volumes in place of host_path.",
        link=f"{_GUIDE}/bind-mounts.html",
        rule=Each((TASK,), _no_host_paths),
    ),
    Control(
        id="MD.ECS.10",
        title="Tasks have a health check",
        severity=Severity.LOW,
        remediation="Give the essential container of the task definition a healthCheck.",
        link=f"{_GUIDE}/healthcheck.html",
        rule=Each((TASK,), _health_checks),
    ),
)

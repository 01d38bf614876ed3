"""Cases of policies/controls/ecs_tasks.py."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from policies.controls.ecs_tasks import ROLE, TASK
from tests.policies.build import ABSENT, UNKNOWN, Case, Change, res

OTHER = [res("aws:sqs/queue:Queue")]

TAGS = {"Project": "matchday"}

LOGS = {"logDriver": "awslogs", "options": {"awslogs-group": "/matchday/prod/wallet"}}

WINDOWS = {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}

WEB = {
    "name": "web",
    "image": "111122223333.dkr.ecr.ap-south-1.amazonaws.com/matchday/services:2026.11.21",
    "user": "10001:10001",
    "readonlyRootFilesystem": True,
    "logConfiguration": LOGS,
    "healthCheck": {"command": ["CMD", "python", "-m", "services.common.healthcheck"]},
    "environment": [{"name": "SERVICE", "value": "wallet"}],
    "secrets": [{"name": "DATABASE_PASSWORD", "valueFrom": "arn:aws:secretsmanager:ap-south-1:111122223333:secret:x"}],
}

ROLES = {
    "taskRoleArn": "arn:aws:iam::111122223333:role/task",
    "executionRoleArn": "arn:aws:iam::111122223333:role/agent",
}


def text(*containers: dict[str, Any]) -> str:
    return json.dumps(containers)


def task(*containers: dict[str, Any], **props: Any) -> list[Any]:
    given = {"family": "wallet", "networkMode": "awsvpc", "containerDefinitions": text(*containers), "tags": TAGS}
    return [res(TASK, "task", **(given | ROLES | props))]


def broken(**props: Any) -> list[Any]:
    """The second of two containers differs from `WEB`; None removes a setting."""
    second = {key: value for key, value in (WEB | props).items() if value is not None}
    return task(WEB | {"name": "bootstrap", "essential": False}, second)


def change(**props: Any) -> Change:
    """The task definition's only container differs from `WEB`."""
    return Change({"containerDefinitions": text({k: v for k, v in (WEB | props).items() if v is not None})})


GOOD = task(WEB)

EFS = [{"name": "shared", "efsVolumeConfiguration": {"fileSystemId": "fs-1", "transitEncryption": "ENABLED"}}]

NOT_YET = [Change({"containerDefinitions": UNKNOWN}), Change({"containerDefinitions": "not JSON"})]


def container_case(
    first: Change, *bad: list[Any], good: Sequence[list[Any]] = (), na: Sequence[list[Any]] = ()
) -> Case:
    return Case(
        good=[GOOD, task(WEB, WEB | {"name": "side"}), [res(TASK, containerDefinitions=[WEB])], *good],
        bad=[first, *bad],
        na=[OTHER, *na],
        unknown=NOT_YET,
    )


def unknown_roles(own: str, agents: str) -> list[Any]:
    """A task definition whose roles are not known yet; the engine recorded where they come from."""
    sources = {"taskRoleArn": [f"{ROLE} {own}"], "executionRoleArn": [f"{ROLE} {agents}"]}
    task_ = res(TASK, taskRoleArn=UNKNOWN, executionRoleArn=UNKNOWN, deps=sources)
    return [task_, *(res(ROLE, name) for name in {own, agents})]


CASES = {
    "ECS.1": Case(
        good=[task(WEB, networkMode="host"), task(WEB | {"user": "root", "privileged": True}, networkMode="host")],
        bad=[change(user=None), change(user="root"), task(WEB, WEB | {"user": "0"}, networkMode="host")],
        na=[OTHER, GOOD, broken(user="root")],
        unknown=NOT_YET,
        also=frozenset({"ECS.20"}),
    ),
    "ECS.3": Case(
        good=[GOOD, task(WEB, pidMode="task")],
        bad=[Change({"pidMode": "host"})],
        na=[OTHER],
        unknown=[Change({"pidMode": UNKNOWN})],
    ),
    "ECS.4": container_case(
        change(privileged=True), broken(privileged="true"), good=[task(WEB | {"privileged": False})]
    ),
    "ECS.5": container_case(
        change(readonlyRootFilesystem=False),
        broken(readonlyRootFilesystem=None),
        na=[task(WEB | {"readonlyRootFilesystem": False}, runtimePlatform=WINDOWS)],
    ),
    "ECS.8": container_case(
        change(environment=[{"name": "AWS_ACCESS_KEY_ID", "value": "AKIAEXAMPLE"}]),
        broken(environment=[{"name": "ECS_ENGINE_AUTH_DATA", "value": "{}"}]),
    ),
    "ECS.9": container_case(change(logConfiguration=None), broken(logConfiguration={"options": {}})),
    "ECS.17": Case(
        good=[GOOD, [res(TASK)]],
        bad=[Change({"networkMode": "host"})],
        na=[OTHER],
        unknown=[Change({"networkMode": UNKNOWN})],
    ),
    "ECS.18": Case(
        good=[task(WEB, volumes=EFS)],
        bad=[
            Change({"volumes.0.efsVolumeConfiguration.transitEncryption": "DISABLED"}),
            Change({"volumes.0.efsVolumeConfiguration.transitEncryption": ABSENT}),
        ],
        na=[OTHER, GOOD, task(WEB, volumes=[{"name": "scratch"}])],
        unknown=[Change({"volumes.0.efsVolumeConfiguration.transitEncryption": UNKNOWN})],
    ),
    "ECS.20": container_case(
        change(user="root"),
        broken(user=None),
        broken(user="0"),
        broken(user="0:10001"),
        good=[task(WEB | {"user": "app"})],
        na=[task(WEB | {"user": "root"}, runtimePlatform=WINDOWS)],
    ),
    "ECS.21": Case(
        good=[task(WEB | {"user": "ContainerUser"}, runtimePlatform=WINDOWS)],
        bad=[change(user="ContainerAdministrator"), change(user=None)],
        na=[OTHER, GOOD],
        unknown=NOT_YET,
    ),
    "MD.ECS.3": Case(
        good=[
            GOOD,
            [res(TASK, executionRoleArn="arn:aws:iam::1:role/agent")],
            unknown_roles("task", "agent"),
        ],
        bad=[
            Change({"taskRoleArn": ROLES["executionRoleArn"]}),
            unknown_roles("agent", "agent"),
        ],
        na=[OTHER],
        unknown=[Change({"taskRoleArn": UNKNOWN})],
    ),
    "MD.ECS.4": container_case(
        change(environment=[{"name": "DATABASE_PASSWORD", "value": "hunter2"}]),
        broken(environment=[{"name": "SERVICE", "value": "x"}, {"name": "razorpay_api_key", "value": "rzp"}]),
        good=[
            task(WEB | {"environment": [{"name": "SECRET_ARN", "value": "arn:aws:secretsmanager:…"}]}),
            task(WEB | {"environment": [{"name": "TOKEN", "value": ""}]}),
        ],
    ),
    "MD.ECS.5": container_case(
        change(image="nginx"),
        broken(image="nginx:latest"),
        broken(image="registry.example:5000/nginx"),
        good=[task(WEB | {"image": "registry.example:5000/nginx@sha256:" + "0" * 64})],
    ),
    "MD.ECS.6": container_case(
        change(linuxParameters={"capabilities": {"add": ["SYS_PTRACE"]}}),
        good=[task(WEB | {"linuxParameters": {"capabilities": {"drop": ["ALL"]}, "initProcessEnabled": True}})],
        na=[task(WEB, runtimePlatform=WINDOWS)],
    ),
    "MD.ECS.7": Case(
        good=[GOOD],
        bad=[Change({"ipcMode": "host"})],
        na=[OTHER],
        unknown=[Change({"ipcMode": UNKNOWN})],
    ),
    "MD.ECS.9": Case(
        good=[task(WEB, volumes=EFS), GOOD],
        bad=[Change({"volumes": [{"name": "docker", "hostPath": "/var/run/docker.sock"}]})],
        na=[OTHER],
        unknown=[Change({"volumes": UNKNOWN})],
    ),
    "MD.ECS.10": Case(
        good=[GOOD, task({"name": "side", "image": "x:1", "essential": False}, WEB)],
        bad=[change(healthCheck=None), change(essential=False)],
        na=[OTHER],
        unknown=NOT_YET,
    ),
}

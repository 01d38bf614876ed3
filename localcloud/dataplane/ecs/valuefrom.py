"""Resolves a container's `secrets` as the ECS agent does: Secrets Manager (whole or one JSON key) and SSM parameters."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.dataplane.ecs.images import TaskFailed
from localcloud.dataplane.model import Json
from localcloud.runtime.aws import Aws, acting_as

_INIT = "ResourceInitializationError: unable to pull secrets or registry auth: "


def resolve(aws: Aws, container: Json, execution_role: str) -> dict[str, str]:
    """The container's secrets by name of the variable. No value ever enters a message.

    `execution_role`: the ARN of the role that reads them, as it does in AWS; empty where a definition names none.
    """
    with acting_as(execution_role):
        return {item["name"]: _value(aws, item["valueFrom"]) for item in container.get("secrets") or ()}


def _value(aws: Aws, source: str) -> str:
    try:
        if source.startswith("arn:") and ":secretsmanager:" in source:
            return _secret(aws, source)
        return _parameter(aws, source)
    except (ClientError, BotoCoreError) as error:
        store = "secrets manager" if ":secretsmanager:" in source else "ssm"
        raise TaskFailed(f"{_INIT}unable to retrieve {source} from {store}: {_reason(error)}") from error


def _secret(aws: Aws, source: str) -> str:
    """`arn:aws:secretsmanager:region:account:secret:name[:json-key:version-stage:version-id]`"""
    parts = source.split(":")
    key, stage, version = [*parts[7:], "", "", ""][:3]
    wanted: dict[str, Any] = {"SecretId": ":".join(parts[:7])}
    if stage:
        wanted["VersionStage"] = stage
    if version:
        wanted["VersionId"] = version
    answer = aws.client("secretsmanager").get_secret_value(**wanted)
    if "SecretString" not in answer:
        raise TaskFailed(f"{_INIT}the secret {source} is binary; ECS injects only strings")
    value = str(answer["SecretString"])
    if not key:
        return value
    try:
        fields = json.loads(value)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise TaskFailed(f"{_INIT}invalid secret format: the value of {source} is not a JSON object")
    if key not in fields:
        raise TaskFailed(f"{_INIT}retrieved secret from Secrets Manager did not contain json key {key}")
    found = fields[key]
    return found if isinstance(found, str) else json.dumps(found)


def _parameter(aws: Aws, source: str) -> str:
    name = source
    if source.startswith("arn:"):
        # arn:aws:ssm:region:account:parameter/a/b is the name /a/b; a name without slashes has none in front.
        path = source.split(":parameter/", 1)[-1]
        name = f"/{path}" if "/" in path else path
    return str(aws.client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])


def _reason(error: Exception) -> str:
    if isinstance(error, ClientError):
        return f"{error.response['Error']['Code']}: {error.response['Error'].get('Message', '')}"
    return str(error)

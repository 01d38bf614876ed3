"""Container images on a machine without containers: which checkout an image name stands for, and its commands."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from localcloud.dataplane.model import Json
from localcloud.dataplane.settings import Image
from localcloud.runtime.task_credentials import access_key

_PYTHON = re.compile(r"python(3(\.\d+)?)?")


class TaskFailed(Exception):
    """Why a task could not start or was stopped, in ECS's words."""


def repository_of(image: str) -> str:
    """`registry:5000/team/app:tag@sha256:…` -> `team/app`."""
    name = image.partition("@")[0]
    head, slash, rest = name.partition("/")
    if slash and ("." in head or ":" in head or head == "localhost"):
        name = rest
    last = name.rfind("/")
    tag = name.find(":", last + 1)
    return name if tag < 0 else name[:tag]


def find(image: str, images: Sequence[Image]) -> Image:
    """What stands for `image`, by its repository's name: any registry, any tag."""
    repository = repository_of(image)
    for known in images:
        if known.repository == repository:
            return known
    have = ", ".join(known.repository for known in images) or "none"
    raise TaskFailed(
        f"CannotPullContainerError: failed to resolve ref {image}: not found; this machine knows the repositories: {have}"
    )


def command_line(container: Json, image: Image) -> list[str]:
    """A container's entry point and command; `python` is the image's."""
    words = [*(container.get("entryPoint") or ()), *(container.get("command") or ())]
    if not words:
        raise TaskFailed(
            f"CannotStartContainerError: container {container['name']} has no command, and an image's own is not known here"
        )
    return resolve(words, image)


def resolve(words: Sequence[str], image: Image) -> list[str]:
    """A command whose program is looked up as it would be inside the image."""
    program, *rest = words
    if _PYTHON.fullmatch(program):
        return [str(image.python), *rest]
    if "/" not in program:
        found = shutil.which(program, path=search_path(image))
        if found is None:
            raise TaskFailed(
                f'CannotStartContainerError: exec: "{program}": executable file not found in {search_path(image)}'
            )
        return [found, *rest]
    return [program, *rest]


def search_path(image: Image) -> str:
    """PATH inside the image: its environment's programs first."""
    return f"{image.python.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"


def of_the_agent(endpoint: str, region: str, role_arn: str) -> dict[str, str]:
    """What every container finds of AWS: the Region and the task role's credentials, as from Fargate's agent.

    Here AWS's SDKs are led to the emulator, which refuses what the role may not do. A task without a role has no credentials.
    """
    credentials = {"AWS_ACCESS_KEY_ID": access_key(role_arn), "AWS_SECRET_ACCESS_KEY": "none"} if role_arn else {}
    return {"AWS_REGION": region, "AWS_DEFAULT_REGION": region, "AWS_ENDPOINT_URL": endpoint, **credentials}


def environment(
    container: Json, secrets: Mapping[str, str], image: Image, home: Path, sandbox: Path, agent: Mapping[str, str]
) -> dict[str, str]:
    """Exactly what the task definition says, what the `agent` gives, and what any process needs to start."""
    if files := container.get("environmentFiles"):
        raise TaskFailed(
            f"ResourceInitializationError: environment file {files[0]['value']}: environmentFiles are not read here"
        )
    given = {item["name"]: item["value"] for item in container.get("environment") or ()} | dict(secrets)
    python_path = [str(sandbox), str(image.root), *filter(None, [given.get("PYTHONPATH")])]
    return {
        "PATH": search_path(image),
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        **agent,
        **given,
        "PYTHONPATH": os.pathsep.join(python_path),
    }

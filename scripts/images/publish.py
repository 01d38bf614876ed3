"""Images go to a registry, by digest: each for its architecture, and then a list of architectures for each set of requirements.

    python -m scripts.images.publish push DIRECTORY REPOSITORY TAG     (DIRECTORY: what scripts.images.build wrote)
    python -m scripts.images.publish join FILE REPOSITORY TAG DIRECTORY…

`push` writes DIRECTORY/pushed.json: {"reference", "digest"}; `join` FILE: the same of the services' list, and `targets`: set of
requirements → digest of the list of each other image. REPOSITORY is
<account>.dkr.ecr.<region>.amazonaws.com/<name>, logged in to by the environment's AWS credentials, or oci:/a/folder. Tags there
are immutable: the same TAG again is refused.
Exit code 2: it could not be done, and nothing is listed.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.images import buildah
from scripts.images.build import MAIN

_ECR = re.compile(r"\d{12}\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com/[a-z0-9/_-]+")
_LOOPBACK = re.compile(r"127\.\d+\.\d+\.\d+:\d+/.+")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,120}")


def push(directory: Path, repository: str, tag: str) -> dict[str, str]:
    """Push the built image as `<tag>-<set>-<architecture>`; where it is now."""
    image = json.loads((directory / "image.json").read_text())
    tagged = f"{repository}:{tag}-{image['requirements']}-{image['architecture']}"
    return _pushed(repository, tagged, "push", "--format=oci", image["name"])


def join(repository: str, tag: str, directories: Sequence[Path]) -> dict[str, Any]:
    """Push a list for each set of requirements that was pushed from the directories; where they are now.

    The services' is `<tag>`, another set's `<tag>-<set>`. Raises buildah.Failed where the services' is missing, or where the
    sets are not there for the same architectures.
    """
    sets: dict[str, dict[str, Path]] = {}
    for directory in directories:
        image = json.loads((directory / "image.json").read_text())
        sets.setdefault(image["requirements"], {})[image["architecture"]] = directory
    built = {name: sorted(each) for name, each in sets.items()}
    if MAIN not in sets or len({tuple(each) for each in built.values()}) != 1:
        raise buildah.Failed(f"images: {built}; accepted: {MAIN}, and each other set for the same architectures")
    main = _join(repository, tag, list(sets.pop(MAIN).values()))
    others = {name: _join(repository, f"{tag}-{name}", list(each.values())) for name, each in sorted(sets.items())}
    return {**main, "targets": {name: listed["digest"] for name, listed in others.items()}}


def _join(repository: str, tag: str, directories: Sequence[Path]) -> dict[str, str]:
    name = f"localhost/matchday/list:{tag}"
    buildah.run("buildah", "manifest", "create", name)
    try:
        for directory in directories:
            reference = json.loads((directory / "pushed.json").read_text())["reference"]
            buildah.run("buildah", "manifest", "add", "--all", name, _transport(reference))
        return _pushed(repository, f"{repository}:{tag}", "manifest", "push", "--all", name)
    finally:
        buildah.run("buildah", "manifest", "rm", name)


def _pushed(repository: str, tagged: str, *words: str) -> dict[str, str]:
    with tempfile.TemporaryDirectory(prefix="matchday-push-") as scratch:
        file = Path(scratch) / "digest"
        buildah.run("buildah", *words[:-1], f"--digestfile={file}", words[-1], _transport(tagged))
        digest = file.read_text().strip()
    by_digest = tagged if repository.startswith("oci:") else f"{repository}@{digest}"
    return {"reference": by_digest, "digest": digest}


def _transport(reference: str) -> str:
    return reference if reference.startswith("oci:") else f"docker://{reference}"


def credentials(repository: str) -> tuple[str, str]:
    """User and password of the repository's registry, by the environment's AWS credentials; a loopback's has none."""
    if _LOOPBACK.fullmatch(repository):
        return "", ""
    if not (known := _ECR.fullmatch(repository)):
        raise buildah.Failed(
            f"{repository}; accepted: <account>.dkr.ecr.<region>.amazonaws.com/<name>, or oci:<folder>"
        )
    import boto3

    answer = boto3.client("ecr", region_name=known["region"]).get_authorization_token()
    user, _, password = base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).decode().partition(":")
    return user, password


def log_in(repository: str) -> None:
    """Have buildah know ECR by a password that lasts for hours; it is never on a command line. A folder needs none."""
    if repository.startswith("oci:"):
        return
    user, password = credentials(repository)
    if not user:
        return
    command = ["buildah", "login", "--username", user, "--password-stdin", repository.partition("/")[0]]
    done = subprocess.run(command, input=password, capture_output=True, text=True, check=False)
    if done.returncode:
        raise buildah.Failed(f"`buildah login` ended with {done.returncode}: {done.stderr.strip()}")


def main(words: list[str]) -> int:
    """The script."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        match words:
            case ["push", directory, repository, tag] if _TAG.fullmatch(tag):
                log_in(repository)
                done, file = push(Path(directory), repository, tag), Path(directory) / "pushed.json"
            case ["join", target, repository, tag, first, *more] if _TAG.fullmatch(tag):
                log_in(repository)
                done, file = join(repository, tag, [Path(each) for each in (first, *more)]), Path(target)
            case _:
                sys.stderr.write(
                    "error: usage: publish push DIRECTORY REPOSITORY TAG | join FILE REPOSITORY TAG DIRECTORY…\n"
                )
                return 2
    except (buildah.Failed, OSError, ValueError, KeyError, BotoCoreError, ClientError) as failure:
        sys.stderr.write(f"error: {failure}\n")
        return 2
    file.write_text(json.dumps(done) + "\n")
    sys.stdout.write(f"{done['reference']}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

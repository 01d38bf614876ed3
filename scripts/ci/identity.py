"""The job's identity for AWS, signed by GitHub: identity.py ROLE_ARN REGION, before the steps that act in AWS.

Writes the token into a file that only this user reads, and for the later steps ($GITHUB_ENV) the variables by which every AWS
SDK takes the role with it (AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE): no key is kept anywhere, and no action of a third party
sees the token. The job needs `id-token: write`. Exit code 1: GitHub refused; 2: it could not be asked.
https://docs.github.com/en/actions/reference/security/oidc
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import httpx

from scripts.ci import github

AUDIENCE = "sts.amazonaws.com"
_ROLE = re.compile(r"arn:aws:iam::\d{12}:role/[\w+=,.@/-]{1,128}")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_NEEDED = ("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "GITHUB_ENV", "RUNNER_TEMP")


def token(client: httpx.Client, url: str) -> str:
    """The signed identity. Raises github.Refused or github.Unavailable."""
    asked = str(httpx.URL(url).copy_add_param("audience", AUDIENCE))  # `params` would take the place of its own query
    answer = github.patiently(lambda: github.ask(client, "GET", asked))
    if not isinstance(answer, dict) or not isinstance(answer.get("value"), str):
        raise github.Refused("the identity has no value")
    return str(answer["value"])


def renew() -> None:
    """Have the AWS SDKs of this job go on with an identity of now: one is good for minutes. Nothing, where none was taken.

    Raises github.Refused or github.Unavailable.
    """
    file = os.environ.get("AWS_WEB_IDENTITY_TOKEN_FILE")
    if file and not [name for name in _NEEDED[:2] if not os.environ.get(name)]:
        Path(file).write_text(_signed())


def _signed() -> str:
    headers = {"authorization": f"Bearer {os.environ['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}"}
    with httpx.Client(headers=headers, timeout=20) as client:
        return token(client, os.environ["ACTIONS_ID_TOKEN_REQUEST_URL"])


def main(words: list[str]) -> int:
    """The script."""
    if len(words) != 2 or not _ROLE.fullmatch(words[0]) or not _REGION.fullmatch(words[1]):
        sys.stderr.write("error: usage: identity.py arn:aws:iam::<account>:role/<name> <region>\n")
        return 2
    if missing := [name for name in _NEEDED if not os.environ.get(name)]:
        sys.stderr.write(f"error: {', '.join(missing)} not set: the job needs `id-token: write`\n")
        return 2
    try:
        signed = _signed()
    except github.Refused as error:
        sys.stderr.write(f"error: GitHub refused: {error}\n")
        return 1
    except github.Unavailable as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    sys.stdout.write(f"::add-mask::{signed}\n")
    file = Path(os.environ["RUNNER_TEMP"]) / "aws-identity"
    file.touch(mode=0o600)
    file.write_text(signed)
    role, region = words
    with Path(os.environ["GITHUB_ENV"]).open("a") as variables:
        variables.write(f"AWS_ROLE_ARN={role}\nAWS_WEB_IDENTITY_TOKEN_FILE={file}\nAWS_REGION={region}\n")
        variables.write(f"AWS_ROLE_SESSION_NAME=github-{os.environ.get('GITHUB_RUN_ID', 'run')}\n")
    sys.stdout.write(f"the steps after this one are {role} in {region}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

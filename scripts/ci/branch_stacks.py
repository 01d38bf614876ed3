"""The stacks of pull requests in the backend of their own: which there are, until when each stays, made and taken away.

Their backend (PULUMI_BACKEND_URL) holds no other stacks, and the role that works on it reads no other state (docs/delivery.md).
All that is done here may be cut off at any moment and is done again from the start by the next run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from environments import branches
from scripts.ci import pulumi

#: The stack's tag in the backend that says until when it stays; set before anything is made.
_EXPIRES = "expires"


def file_of(stack: str) -> Path:
    """The stack's file in the checkout of the working folder. Raises SettingsError for what is no pull request's stack."""
    return Path("environments") / f"Pulumi.{branches.name(stack.removeprefix(branches.PREFIX))}.yaml"


def listed() -> list[str]:
    """Every stack of the backend, by name; the caller leaves alone what `branches.number_of` does not know."""
    return sorted(entry["name"] for entry in json.loads(pulumi.read(["stack", "ls", "--json"])))


def expires(stack: str) -> datetime | None:
    """Until when it stays; None where nobody wrote that down, as its making was cut off before anything was made."""
    tags: dict[str, str] = json.loads(pulumi.read(["stack", "tag", "ls", "--json", "--stack", stack]))
    try:
        return datetime.fromisoformat(tags[_EXPIRES]).astimezone(UTC)
    except (KeyError, ValueError):
        return None


def write(stack: str, image: Mapping[str, Any]) -> None:
    """Write the stack's file from dev's of this checkout. Raises SettingsError."""
    base = yaml.safe_load((Path("environments") / f"Pulumi.{branches.BASE}.yaml").read_text())
    file_of(stack).write_text(yaml.safe_dump(branches.document(stack, base, image), sort_keys=False))


def deploy(stack: str) -> tuple[datetime, Mapping[str, int]]:
    """Make the stack as its file says, or bring it up to date; until when it stays, and how many resources changed, by what."""
    existing = listed()
    if stack not in existing:
        others = [each for each in existing if branches.number_of(each) is not None]
        if len(others) >= branches.QUOTA:
            raise pulumi.Failed(
                f"{stack}: there are {len(others)} environments of pull requests ({', '.join(others)}); accepted: at most"
                f" {branches.QUOTA}. Close a pull request and run the clean-up, or wait"
            )
        provider = os.environ.get("PULUMI_SECRETS_PROVIDER", "passphrase")
        pulumi.read(["stack", "init", stack, "--secrets-provider", provider])
    else:
        _know_secrets(stack)
        _unlock(stack)
    until = datetime.now(UTC).replace(microsecond=0) + branches.LIFETIME
    pulumi.read(["stack", "tag", "set", _EXPIRES, until.isoformat(), "--stack", stack])
    return until, pulumi.changes(pulumi.run(["up", "--yes", "--skip-preview"], stack))


def remove(stack: str) -> list[str]:
    """Destroy all that the stack has, and the stack. Raises SettingsError for what is no pull request's stack, or Failed.

    Returns type and name of what may be left in AWS: a run was ended while it was being made, so no state knows its id.
    """
    file = file_of(stack)
    if (
        not file.exists()
    ):  # what is destroyed is what the state says; the file only says with which key the state is read
        file.write_text("{}\n")
    cut_off = _know_secrets(stack)
    _unlock(stack)
    # Refreshed first: an earlier run may have been cut off between a deletion and its note in the state.
    pulumi.run(["destroy", "--yes", "--skip-preview", "--refresh"], stack)
    pulumi.read(["stack", "rm", stack, "--yes"])
    file.unlink(missing_ok=True)
    return cut_off


def _know_secrets(stack: str) -> list[str]:
    """Put into the stack's file what `stack init` once wrote there: it was in the checkout of another job.

    Returns type and name of what was being made when the last run was ended.
    """
    state = json.loads(pulumi.read(["stack", "export", "--stack", stack]))["deployment"]
    cut_off = [
        f"{each['resource']['type']} {each['resource']['urn'].rpartition('::')[2]}"
        for each in state.get("pending_operations") or ()
        if each["type"] == "creating"
    ]
    kept = state["secrets_providers"]
    held = kept["state"]
    lines = (
        {"encryptionsalt": held["salt"]}
        if kept["type"] == "passphrase"
        else {"secretsprovider": held["url"], "encryptedkey": held["encryptedkey"]}
    )
    file = file_of(stack)
    file.write_text(yaml.safe_dump({**(yaml.safe_load(file.read_text()) or {}), **lines}, sort_keys=False))
    return cut_off


def _unlock(stack: str) -> None:
    """Drop the lock of a run that was ended; the workflow lets one run at a time act on these stacks."""
    pulumi.read(["cancel", stack, "--yes"])

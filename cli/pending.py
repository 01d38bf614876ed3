"""Operations that a plain `pulumi up` had begun when it was killed: what was made and not written down enters the state."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli import console, local

if TYPE_CHECKING:
    from localcloud.engine.run import Workspace


#: How long the provider may take to end what it is making.
_SECONDS = 30


def settle(workspace: Workspace, stack: str) -> bool:
    """Clear the state's pending operations; True when there were any, so that a refresh must say what is really there.

    A resource that the provider has made is put into the state, not made again: its name is taken, and others may have
    written into it since. An update or a deletion that was cut off is decided by the refresh.
    """
    file = workspace.state_file(stack)
    if not file.exists() or not _operations((json.loads(file.read_text())["checkpoint"].get("latest")) or {}):
        return False
    exported = json.loads(workspace.call(["stack", "export", "--stack", stack]))
    deployment: dict[str, Any] = exported["deployment"]
    found = _operations(deployment)
    deployment["pending_operations"] = []
    deployment["resources"] = _adopted(found, deployment.get("resources") or [])
    mended = Path(workspace.state) / "mended.json"
    mended.touch(mode=0o600)
    mended.write_text(json.dumps(exported))
    workspace.call(["stack", "import", "--stack", stack, "--file", str(mended), "--force"])
    mended.unlink()
    names = ", ".join(operation["resource"]["urn"].rpartition("::")[2] for operation in found)
    console.say(f"an earlier run of Pulumi was cut off at {names}: looking at what is there")
    return True


def _operations(deployment: dict[str, Any]) -> list[dict[str, Any]]:
    return deployment.get("pending_operations") or []


def _adopted(operations: list[dict[str, Any]], known: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The state with what was being created and is there; a refresh fills in its outputs.

    What it replaces is marked as the engine marks it between the creation and the deletion: the next run deletes it.
    """
    from localcloud.provider.kept import KeptProperties

    kept = KeptProperties(local.STATE / "provider")
    there = {resource["urn"]: resource.get("id") for resource in known if not resource.get("delete")}
    creating = [operation["resource"] for operation in operations if operation["type"] == "creating"]
    deadline = time.monotonic() + _SECONDS
    # The provider goes on with what a killed engine had asked for.
    while any(kept.made(resource["urn"]) == "" for resource in creating) and time.monotonic() < deadline:
        time.sleep(0.1)
    ids = {resource["urn"]: kept.made(resource["urn"]) for resource in creating}
    made = [
        {**resource, "id": ids[urn]}
        for resource in creating
        if ids[urn := resource["urn"]] not in ("", None, there.get(urn))
    ]
    replaced = {resource["urn"] for resource in made}
    old = [
        {**resource, "delete": True} if resource["urn"] in replaced and not resource.get("delete") else resource
        for resource in known
    ]
    return [*old, *made]

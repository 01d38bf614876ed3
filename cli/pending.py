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
    from localcloud.engine import locks

    file = workspace.state_file(stack)
    if not file.exists() or not _operations((json.loads(file.read_text())["checkpoint"].get("latest")) or {}):
        return False
    locks.remove_dead(workspace.backend)
    exported = json.loads(workspace.call(["stack", "export", "--stack", stack]))
    deployment: dict[str, Any] = exported["deployment"]
    found = _operations(deployment)
    made = [*_made(found, deployment.get("resources") or [])]
    deployment["pending_operations"] = []
    deployment["resources"] = [*(deployment.get("resources") or []), *made]
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


def _made(operations: list[dict[str, Any]], known: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The resources that were being created and are there, as the state has them; a refresh fills in their outputs."""
    from localcloud.provider.kept import KeptProperties

    kept, urns = KeptProperties(local.STATE / "provider"), {resource["urn"] for resource in known}
    creating = [o["resource"] for o in operations if o["type"] == "creating" and o["resource"]["urn"] not in urns]
    deadline = time.monotonic() + _SECONDS
    # The provider goes on with what a killed engine had asked for.
    while any(kept.made(resource["urn"]) == "" for resource in creating) and time.monotonic() < deadline:
        time.sleep(0.1)
    return [{**resource, "id": made} for resource in creating if (made := kept.made(resource["urn"]))]

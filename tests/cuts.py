"""What a test waits for that kills an engine half way: what has begun is in its state, and then at the emulator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


def begun_in(state: Path) -> set[str]:
    """The names of the resources that a stack's state says the engine has begun with, and not ended."""
    return {each["resource"]["urn"].rpartition("::")[2] for each in latest(state).get("pending_operations") or ()}


def latest(state: Path) -> dict[str, Any]:
    """The deployment in a state file; nothing while no engine has written one."""
    deployment: dict[str, Any] = json.loads(state.read_text())["checkpoint"].get("latest") or {}
    return deployment


def has_unread_request(endpoint: str) -> bool:
    """Whether the kernel holds a request for the server at this address, which the server has not read."""
    port = f":{urlsplit(endpoint).port:04X}"
    sockets = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(local.endswith(port) and int(queues.partition(":")[2], 16) for _, local, _, _, queues, *_ in sockets)

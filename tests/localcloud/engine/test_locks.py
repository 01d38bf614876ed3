"""A lock of a killed engine heals; a living one's stays."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from localcloud.engine.locks import remove_dead

pytestmark = pytest.mark.process


def _lock(backend: Path, name: str, pid: int, host: str, since: datetime) -> Path:
    path = backend / ".pulumi" / "locks" / "organization" / "matchday" / "local" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"pid": pid, "username": "u", "hostname": host, "timestamp": since.isoformat()}))
    return path


def test_only_what_nobody_holds_goes(tmp_path: Path) -> None:
    here, now = socket.gethostname(), datetime.now(UTC)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    dead = _lock(tmp_path, "dead", ended.pid, here, now)
    another = _lock(tmp_path, "another", os.getpid(), here, now - timedelta(days=30))  # its number is ours by now
    living = _lock(tmp_path, "living", os.getpid(), here, now)
    elsewhere = _lock(tmp_path, "elsewhere", ended.pid, "another-machine", now)
    torn = _lock(tmp_path, "torn", 1, here, now)
    torn.write_text("{")
    assert set(remove_dead(tmp_path)) == {dead, another}
    assert living.exists()
    assert elsewhere.exists()
    assert torn.exists()
    assert remove_dead(tmp_path / "nothing") == []

"""What goes wrong with the platform, and what comes after: a task that cannot start, a cut-off run, drift, down, a kill."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.clones import Clone
from tests.e2e.conftest import until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("platform"), pytest.mark.timeout(900)]


def test_a_task_that_cannot_start_is_named_and_the_old_one_goes_on(up: dict[str, Any], clone: Clone) -> None:
    module = clone.directory / "services" / "wallet" / "app.py"
    original = module.read_text()
    module.write_text(original + "\nraise RuntimeError('broken on purpose')\n")
    try:
        failed = clone.run("up", check=False)
    finally:
        module.write_text(original)
    assert failed.returncode == 1
    assert "matchday-local-wallet-web" in failed.stderr
    assert "RuntimeError: broken on purpose" in failed.stderr, "the log's last lines"
    assert httpx.get(f"{up['url']}wallet/balance").status_code == 401, "the old task still answers"
    assert {name for name, count in clone.json("up")["changes"].items() if count} == {"same"}
    assert clone.json("smoke")["ok"]


def written(log: Path) -> str:
    """What the log holds; nothing while a run puts its own in the place of the last one's."""
    try:
        return log.read_text()
    except FileNotFoundError:
        return ""


def test_an_up_that_is_killed_half_way_is_followed_by_one_that_converges(up: dict[str, Any], clone: Clone) -> None:
    resources = clone.json("status")["resources"]
    settings = clone.directory / "environments" / "Pulumi.local.yaml"
    original = settings.read_text()
    content = yaml.safe_load(original)
    content["config"]["matchday:environment"]["logs"] = {"retention_days": 14}
    settings.write_text(yaml.safe_dump(content))
    phase = clone.directory / ".matchday" / "phase"
    log = clone.directory / ".matchday" / "pulumi" / "up-local.events.jsonl"
    cut = clone.start("up")
    try:
        until(lambda: '"op":"update"' in written(log) and phase.read_text() == "applying", 120, "the first change")
    finally:
        cut.kill()
        cut.wait()
        settings.write_text(original)
    assert phase.read_text() == "applying"
    done = clone.run("up", "--json")
    assert "going back to the last consistent state" in done.stderr
    again = json.loads(done.stdout)
    assert {name for name, count in again["changes"].items() if count} == {"same"}
    assert again["resources"] == resources
    assert clone.json("smoke")["ok"]


def test_drift_is_seen_from_the_command(up: dict[str, Any], clone: Clone) -> None:
    unchanged = clone.json("preview", "local", "--refresh")["changes"]
    assert {name for name, count in unchanged.items() if count} == {"same"}


def test_down_leaves_no_process_and_no_port_and_up_goes_on(up: dict[str, Any], clone: Clone) -> None:
    email = "kept@example.com"
    answer = httpx.post(f"{up['url']}auth/register", json={"email": email, "password": "correct horse battery staple"})
    assert answer.status_code == 202, answer.text
    clone.run("down")
    assert clone.processes() == []
    assert clone.listeners() == []
    again = clone.json("up")
    assert {name for name, count in again["changes"].items() if count} == {"same"}
    answer = httpx.post(f"{up['url']}auth/login", json={"email": email, "password": "correct horse battery staple"})
    assert answer.status_code == 200, answer.text


def test_a_killed_supervisor_leaves_nothing_and_up_recovers(up: dict[str, Any], clone: Clone) -> None:
    pid = json.loads((clone.directory / ".matchday" / "supervisor.json").read_text())["pid"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: clone.processes() == [] and clone.listeners() == [], 20, "the end of every process")
    again = clone.json("up")
    assert {name for name, count in again["changes"].items() if count} == {"same"}
    assert clone.json("smoke")["ok"]

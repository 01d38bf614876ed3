"""What was changed or deleted by hand is in the status without anybody asking for a refresh; what is as deployed is not."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..harness import Platform, make_platform, running, until

pytestmark = pytest.mark.process

QUEUE = "aws:sqs/queue:Queue"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:unreadable"}


@pytest.fixture
def looking(tmp_path: Path) -> Iterator[Platform]:
    """A supervisor that looks for drift all the time."""
    made = make_platform(tmp_path)
    timing = dataclasses.replace(made.config.timing, drift=0.2)
    yield from running(Platform(made.root, dataclasses.replace(made.config, timing=timing)))


def _write_state(platform: Platform, *resources: dict[str, Any]) -> None:
    """The engine's file, as `pulumi up` leaves it."""
    file = platform.config.places.backend / ".pulumi" / "stacks" / "tiny" / "local.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"version": 3, "checkpoint": {"latest": {"resources": resources}}}))


def _queue(url: str, **more: Any) -> dict[str, Any]:
    name = url.rpartition("/")[2]
    inputs = {"name": name, "visibilityTimeoutSeconds": 30, "tags": {"owner": "us"}}
    return {
        "urn": f"urn:pulumi:local::tiny::{QUEUE}::{name}", "type": QUEUE, "custom": True, "id": url,
        "inputs": inputs, "outputs": inputs, **more,
    }  # fmt: skip


def test_drift_is_seen_in_the_background(looking: Platform) -> None:
    sqs, secrets = looking.aws.client("sqs"), looking.aws.client("secretsmanager")
    names = ("same", "changed", "scaled", "gone")
    urls = {
        name: sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "30"}, tags={"owner": "us"})["QueueUrl"]
        for name in names
    }
    secret = secrets.create_secret(Name="hidden", SecretString="x")["ARN"]
    version = f"{secret}|{secrets.describe_secret(SecretId=secret)['VersionIdsToStages'].popitem()[0]}"
    kind = "aws:secretsmanager/secretVersion:SecretVersion"
    said = {"secretId": secret, "secretString": SECRET}
    hidden = {
        "urn": f"urn:pulumi:local::tiny::{kind}::hidden", "type": kind, "custom": True, "id": version,
        "inputs": said, "outputs": said,
    }  # fmt: skip
    ignoring = _queue(urls["scaled"], ignoreChanges=["visibilityTimeoutSeconds"])
    _write_state(looking, *(_queue(urls[name]) for name in ("same", "changed", "gone")), ignoring, hidden)
    clean = until(lambda: looking.running.status()["drift"]["checked"], 60, "the first look")
    assert clean.endswith("Z")
    assert looking.running.status()["drift"]["found"] == []

    for name in ("changed", "scaled"):
        sqs.set_queue_attributes(QueueUrl=urls[name], Attributes={"VisibilityTimeout": "77"})
    sqs.untag_queue(QueueUrl=urls["changed"], TagKeys=["owner"])
    sqs.delete_queue(QueueUrl=urls["gone"])
    secrets.put_secret_value(SecretId=secret, SecretString="y")

    def told() -> list[tuple[Any, ...]]:
        found = looking.running.status()["drift"]["found"]
        return sorted((d["name"], d["property"], d["expected"], d["found"]) for d in found)

    wanted = [
        ("changed", "tags.owner", "us", None),
        ("changed", "visibilityTimeoutSeconds", 30, 77),
        ("gone", "", None, None),
    ]
    until(lambda: len(told()) >= len(wanted), 60, "the drift")
    assert told() == wanted
    # What the engine has written since is not judged by a look of before.
    _write_state(looking)
    assert looking.running.status()["drift"] == {"checked": None, "found": []}

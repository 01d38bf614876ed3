"""The archive component, with Pulumi's own mocks: `pytest` in the project's folder, with `matchday-components` installed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pulumi
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the program's own modules, as the engine has them

KEY = "arn:aws:kms:ap-south-1:123456789012:key/0f"


class Recorder(pulumi.runtime.Mocks):
    """Answers as AWS would, and keeps what was asked for."""

    def __init__(self) -> None:
        self.made: dict[str, dict[str, Any]] = {}

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        self.made[f"{args.typ} {args.name}"] = dict(args.inputs)
        return f"{args.name}-id", {**args.inputs, "arn": f"arn:aws:sqs:ap-south-1:123456789012:{args.name}"}

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[str, Any]:
        return {}


@pytest.fixture
def made() -> dict[str, dict[str, Any]]:
    """What one archive consists of."""
    recorder = Recorder()
    pulumi.runtime.set_mocks(recorder)

    @pulumi.runtime.test
    def program() -> pulumi.Output[str]:
        from archive import Archive, ArchiveArgs

        return Archive("archive", ArchiveArgs(account_id="123456789012", key_arn=KEY, keep_days=30)).arrivals.url

    program()
    return recorder.made


def test_documents_and_arrivals_are_under_the_given_key(made: dict[str, dict[str, Any]]) -> None:
    queues = {name: inputs for name, inputs in made.items() if name.startswith("aws:sqs/queue:Queue ")}
    assert len(queues) == 2
    assert all(inputs["kmsMasterKeyId"] == KEY for inputs in queues.values())
    (encryption,) = (inputs for name, inputs in made.items() if "ServerSideEncryption" in name)
    assert KEY in str(encryption)


def test_what_cannot_be_processed_is_kept_apart(made: dict[str, dict[str, Any]]) -> None:
    assert "archive-dead" in made["aws:sqs/queue:Queue archive-arrivals"]["redrivePolicy"]


def test_documents_are_deleted_at_their_age(made: dict[str, dict[str, Any]]) -> None:
    (lifecycle,) = (inputs for name, inputs in made.items() if "LifecycleConfiguration" in name)
    assert {rule["expiration"]["days"] for rule in lifecycle["rules"] if "expiration" in rule} == {30}

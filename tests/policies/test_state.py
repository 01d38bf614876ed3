"""States and previews as they come: read right, or refused with a sentence."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from policies.audit.state import MAX_BYTES, StateError, parse, read
from policies.lang.values import UNKNOWN

PROVIDER = "urn:pulumi:prod::matchday::pulumi:providers:aws::default_7_51_1"
KEY = "urn:pulumi:prod::matchday::matchday:security:Keys$aws:kms/key:Key::data"


def export(*resources: dict[str, Any], **more: Any) -> bytes:
    """The output of `pulumi stack export`."""
    return json.dumps({"version": 3, "deployment": {"manifest": {}, "resources": list(resources), **more}}).encode()


def row(urn: str = KEY, **more: Any) -> dict[str, Any]:
    """One resource of a state."""
    return {
        "urn": urn,
        "custom": True,
        "id": "k-1",
        "type": urn.split("::")[2].rpartition("$")[2],
        "inputs": {},
        "outputs": {},
    } | more


def test_outputs_count_and_inputs_fill_their_gaps() -> None:
    state = parse(export(row(inputs={"a": 1, "b": 2, "__defaults": []}, outputs={"a": 9, "c": None})), "state.json")
    resource = state.stack.resources[0]
    assert dict(resource.values) == {"a": 9, "b": 2}
    assert (resource.name, resource.id, resource.type) == ("data", "k-1", "aws:kms/key:Key")
    assert (state.name, state.project, state.kind) == ("prod", "matchday", "state")
    assert len(state.sha256) == 64


def test_the_providers_region_reaches_its_resources() -> None:
    provider = row(PROVIDER, id="p-1", inputs={"region": "ap-south-1"})
    state = parse(export(provider, row(provider=f"{PROVIDER}::p-1")), "state.json")
    assert state.stack.by_urn(KEY).region == "ap-south-1"  # type: ignore[union-attr]


def test_what_waits_for_deletion_is_not_judged() -> None:
    assert not parse(export(row(delete=True)), "state.json").stack.resources


def test_a_backends_checkpoint_is_a_state_too() -> None:
    latest = json.loads(export(row()))["deployment"]
    content = json.dumps({"version": 3, "checkpoint": {"stack": "prod", "latest": latest}}).encode()
    assert len(parse(content, "prod.json").stack.resources) == 1


def test_a_preview_is_read_from_its_steps() -> None:
    unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
    steps = [
        {
            "op": "create",
            "urn": KEY,
            "newState": row(outputs={"arn": unknown}, propertyDependencies={"policy": [PROVIDER]}),
        },
        {"op": "delete", "urn": KEY + "2", "newState": row(KEY + "2")},
        {"op": "same", "urn": KEY, "newState": row()},
    ]
    state = parse(json.dumps({"config": {}, "steps": steps}).encode(), "preview.json")
    (resource,) = state.stack.resources
    assert state.kind == "preview"
    assert resource.raw("arn") is UNKNOWN
    assert resource.property_dependencies == {"policy": [PROVIDER]}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"   \n", "is empty"),
        (export(row())[:-30], "looks cut off"),
        (b'{"version": 3, "deployment": {"resources": [', "looks cut off"),
        (gzip.compress(export(), mtime=0), "encrypted or compressed"),
        (b"age-encryption.org/v1\n-> X25519", "encrypted or compressed"),
        (b"-----BEGIN PGP MESSAGE-----\n", "encrypted or compressed"),
        (bytes(range(256)), "encrypted or compressed"),
        (b"resource aws_kms_key {}", "is no JSON"),
        (b"{\xff\xfe}", "not UTF-8"),
        (b"[]", "holds a JSON list"),
        (b'{"a": nope}', "not valid JSON"),
        (b"[" * 100_000, "nested too deeply|not valid JSON"),
        (b'{"version": 4, "terraform_version": "1.9.0", "resources": []}', "a Terraform state"),
        (b'{"format_version": "1.2", "planned_values": {}}', "a Terraform plan"),
        (b'{"AWSTemplateFormatVersion": "2010-09-09", "Resources": {}}', "a CloudFormation template"),
        (b'{"version": "2.1.0", "runs": []}', "a SARIF log"),
        (b'{"hello": 1}', "no state and no preview"),
        (b'{"version": 3, "deployment": null}', "no state and no preview"),
        (b'{"version": 1, "deployment": {}}', "version 1 of the state's format"),
        (b'{"version": 3, "deployment": {"resources": {}}}', "resources is a dict"),
        (b'{"version": 3, "deployment": {"resources": [{"urn": 1}]}}', "resources.0 has no urn"),
        (export({"urn": "x", "type": "y"}), "'x' is no URN"),
    ],
)
def test_what_is_no_state_is_refused(content: bytes, says: str) -> None:
    with pytest.raises(StateError, match=says) as refused:
        parse(content, "file.json")
    assert "file.json" in str(refused.value)


def test_an_empty_state_has_nothing_to_judge() -> None:
    assert parse(export(), "state.json").stack.resources == []


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="No such file"):
        read(tmp_path / "missing.json")
    with pytest.raises(StateError, match="Is a directory"):
        read(tmp_path)
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.truncate(100 << 20)
    with pytest.raises(StateError, match=f"100 MiB; a state of at most {MAX_BYTES >> 20} MiB"):
        read(huge)


def test_a_sealed_secret_cannot_be_told_and_a_plain_one_is_not_shown() -> None:
    mark = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
    state = parse(
        export(row(outputs={"a": mark | {"ciphertext": "v1:x"}, "b": mark | {"plaintext": '"hunter2"'}})), "s"
    )
    resource = state.stack.resources[0]
    assert resource.show("a") == resource.show("b") == "an encrypted secret"
    assert resource.text("b") == "hunter2"

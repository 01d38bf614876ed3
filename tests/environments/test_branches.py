"""Environments of pull requests: which names are one, and that each is dev's, smaller, by dev's own file."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from environments import branches, settings
from environments.source import DIRECTORY, REGION_KEY, SettingsError

DIGEST = "sha256:" + "a" * 64
IMAGE = {"digest": DIGEST, "targets": {"kyc": "sha256:" + "b" * 64}}


def dev() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DIRECTORY / "Pulumi.dev.yaml").read_text())
    return found


@given(st.integers(1, 999_999))
def test_each_pull_request_has_one_name(number: int) -> None:
    assert branches.number_of(branches.name(str(number))) == number


HOSTILE = [
    "",
    "0",
    "01",
    "-1",
    "+1",
    "1.0",
    " 1",
    "1\n",
    "1_0",
    "1/../prod",
    "../prod",
    "*",
    "1000000",
    "prod",
    "\u0661",
    "1;x",
]


@pytest.mark.parametrize("number", HOSTILE)
def test_nothing_else_is_a_number_of_one(number: str) -> None:
    with pytest.raises(SettingsError, match="accepted: its number"):
        branches.name(number)


@pytest.mark.parametrize(
    "stack",
    ["prod", "dev", "pr-", "pr-01", "pr-1/../prod", "pr-1\n", "PR-1", "xpr-1", "pr-1-x", "pr--1", "matchday-pr-1"],
)
def test_no_other_stack_is_one(stack: str) -> None:
    assert branches.number_of(stack) is None
    with pytest.raises(SettingsError, match="accepted: pr-<number"):
        branches.document(stack, dev(), IMAGE)


@given(st.text(max_size=12))
def test_a_name_that_is_one_is_spelled_as_ours(stack: str) -> None:
    number = branches.number_of(stack)
    assert number is None or stack == f"pr-{number}"


def test_it_is_devs_with_a_name_of_its_own_and_smaller(tmp_path: Any) -> None:
    document = branches.document("pr-12", dev(), IMAGE)
    (tmp_path / "Pulumi.pr-12.yaml").write_text(yaml.safe_dump(document))
    config = {key: value if isinstance(value, str) else json.dumps(value) for key, value in document["config"].items()}
    loaded = settings.load("pr-12", config, tmp_path)
    texts = {REGION_KEY: dev()["config"][REGION_KEY], settings.KEY: json.dumps(dev()["config"][settings.KEY])}
    base = settings.load("dev", texts)
    assert (loaded.tier, loaded.region, loaded.endpoints) == (base.tier, base.region, base.endpoints)
    assert (loaded.edge.domain, loaded.edge.zone_id) == (f"pr-12.{base.edge.domain}", base.edge.zone_id)
    assert (loaded.image.digest, loaded.image.targets) == (DIGEST, IMAGE["targets"])
    assert loaded.image.collector == base.image.collector, "no commit builds it"
    assert not loaded.protected and not loaded.network.bastion, "it must be possible to take it away"
    assert (loaded.alarms.page, loaded.alarms.ticket, loaded.recovery, loaded.events) == ((), (), None, {})
    assert loaded.postgres.storage_gb <= base.postgres.storage_gb
    assert document["config"]["aws:defaultTags"] == {"tags": {"Lifetime": "72 hours after the last deployment"}}
    assert dev() == yaml.safe_load((DIRECTORY / "Pulumi.dev.yaml").read_text()), "dev's own is as it was"


def test_dev_without_a_domain_cannot_lend_one() -> None:
    base = dev()
    del base["config"][settings.KEY]["edge"]
    with pytest.raises(SettingsError, match=r"Pulumi.dev.yaml: edge.domain is missing"):
        branches.document("pr-12", base, IMAGE)

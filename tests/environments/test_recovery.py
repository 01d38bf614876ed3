"""Recovery: what the repository's files say, and what each mistake is called."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import Any, cast

import pulumi
import pytest
import yaml

from environments import settings as environment
from environments.recovery import KEY, load
from environments.source import DIRECTORY, REGION_KEY, SettingsError
from model.names import vault_name
from stacks.environment.backups import backups
from stacks.recovery.program import RecoveryRegion
from tests.components.conftest import Run, run

__all__ = ["run"]  # a fixture


def refused(changes: dict[str, Any], region: str = "ap-south-2") -> str:
    document = {"source_region": "ap-south-1", "replicates": ["prod"], **changes}
    with pytest.raises(SettingsError) as caught:
        load("recovery", {REGION_KEY: region, KEY: json.dumps(document)})
    return str(caught.value)


def test_the_recovery_stack_and_production_of_the_repository_name_each_other() -> None:
    recovery = yaml.safe_load((DIRECTORY / "Pulumi.recovery.yaml").read_text())["config"]
    loaded = load("recovery", {REGION_KEY: recovery[REGION_KEY], KEY: json.dumps(recovery[KEY])})
    assert loaded.replicates == ("prod",) and loaded.buckets["prod"] == ("site",)
    prod = yaml.safe_load((DIRECTORY / "Pulumi.prod.yaml").read_text())["config"]
    chosen = environment.load("prod", {key: v if isinstance(v, str) else json.dumps(v) for key, v in prod.items()})
    assert chosen.recovery is not None
    assert (chosen.recovery.region, chosen.recovery.stack) == (loaded.region, loaded.stack)
    assert loaded.source_region == chosen.region


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "its own Region": (
        {"source_region": "ap-south-2"},
        r"source_region: 'ap-south-2' is the stack's own; accepted: the",
    ),
    "no Region": ({"source_region": "Mumbai"}, r"\.source_region: 'Mumbai': accepted: an AWS Region"),
    "twice": ({"replicates": ["prod", "prod"]}, r"replicates: an environment is there twice"),
    "no stack": ({"replicates": ["Prod!"]}, r"replicates\.0: 'Prod!': accepted: a stack's name"),
    "unknown key": (
        {"zones": ["a"]},
        r"matchday:recovery\.zones: no such key; accepted: source_region, replicates, buckets",
    ),
    "a bucket that is not copied": (
        {"buckets": {"prod": ["kyc-documents"]}},
        r"buckets\.prod\.0: 'kyc-documents': .*'site', 'state' or 'trail-records'",
    ),
    "a bucket twice": ({"buckets": {"prod": ["site", "site"]}}, r"buckets\.prod: a bucket is there twice"),
    "other accounts, another Region": (
        {"replicates": [], "takes_from": ["444455556666"]},
        r"takes_from: '444455556666': source_region is 'ap-south-1', .* accepted: source_region 'ap-south-2'",
    ),
    "other accounts and replicas": (
        {"source_region": "ap-south-2", "takes_from": ["444455556666"]},
        r"takes_from: a vault for other accounts has neither `replicates` nor `buckets`",
    ),
    "an account twice": (
        {"source_region": "ap-south-2", "replicates": [], "takes_from": ["444455556666", "444455556666"]},
        r"takes_from: an account is there twice",
    ),
    "no account": (
        {"takes_from": ["4444"]},
        r"takes_from\.0: '4444': accepted: the number of an AWS account, 12 digits",
    ),
    "no bucket": ({"buckets": {"prod": []}}, r"buckets\.prod: .*at least 1 item"),
}


@pytest.mark.parametrize(("changes", "message"), BAD.values(), ids=BAD)
def test_each_mistake_is_one_sentence_with_file_key_and_value(changes: dict[str, Any], message: str) -> None:
    text = refused(changes)
    assert text.startswith("environments/Pulumi.recovery.yaml: matchday:recovery") and "\n" not in text
    assert re.search(message, text), text


def test_an_environment_does_not_copy_its_backups_into_its_own_region() -> None:
    prod = yaml.safe_load((DIRECTORY / "Pulumi.prod.yaml").read_text())["config"]
    document = {**prod[environment.KEY], "recovery": {"region": "ap-south-1"}}
    with pytest.raises(SettingsError, match=r"recovery\.region: 'ap-south-1' is the environment's own"):
        environment.load("prod", {REGION_KEY: "ap-south-1", environment.KEY: json.dumps(document)})


def test_copies_go_to_a_second_account_when_it_is_given(run: Run) -> None:
    """Both ends agree on the vault's name; nothing of it is there where no account is given."""
    prod = yaml.safe_load((DIRECTORY / "Pulumi.prod.yaml").read_text())["config"]
    document = {**prod[environment.KEY], "recovery": {"region": "ap-south-2", "account": {"number": "999988887777"}}}
    chosen = environment.load("prod", {REGION_KEY: "ap-south-1", environment.KEY: json.dumps(document)})
    assert chosen.recovery is not None and chosen.recovery.account is not None
    there = {"source_region": "ap-south-1", "takes_from": ["123456789012"]}
    archive = load("dev", {REGION_KEY: "ap-south-1", KEY: json.dumps(there)})
    recorded = run(lambda: RecoveryRegion(archive), stack_name=chosen.recovery.account.stack)
    vault = recorded.named("vault").inputs["name"]
    assert vault == vault_name("matchday", chosen.recovery.account.stack)
    assert json.loads(recorded.named("vault-policy").inputs["policy"])["Statement"]

    def backed_up() -> None:
        foundation = SimpleNamespace(
            region=chosen.region, account_id=pulumi.Output.from_input("123456789012"), keys=SimpleNamespace(data="arn:k"),
            groups=SimpleNamespace(ids={"postgres": "sg-1"}),
        )  # fmt: skip
        data = SimpleNamespace(postgres=SimpleNamespace(arn="arn:db", identifier="matchday-prod-postgres"))
        assert chosen.recovery is not None
        backups(chosen.recovery, cast(Any, foundation), cast(Any, data))

    rules = run(backed_up, stack_name="prod").named("backups-plan").inputs["rules"]
    for rule in rules:
        assert [copy["destinationVaultArn"] for copy in rule["copyActions"]] == [
            "arn:aws:backup:ap-south-2:123456789012:backup-vault:matchday-recovery-vault",
            f"arn:aws:backup:ap-south-1:999988887777:backup-vault:{vault}",
        ]

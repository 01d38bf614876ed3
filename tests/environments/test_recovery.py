"""Recovery: what the repository's files say, and what each mistake is called."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from environments import settings as environment
from environments.recovery import KEY, load
from environments.source import DIRECTORY, REGION_KEY, SettingsError


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

"""An account's settings: what the repository's file says, and what each mistake is called."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from environments.account import KEY, AccountSettings, load
from environments.source import DIRECTORY, REGION_KEY, SettingsError


def document() -> dict[str, Any]:
    config = yaml.safe_load((DIRECTORY / "Pulumi.account.yaml").read_text())["config"]
    found: dict[str, Any] = config[KEY]
    return found


def settings(**changes: Any) -> AccountSettings:
    return load("account", {REGION_KEY: "ap-south-1", KEY: json.dumps({**document(), **changes})})


def test_the_account_of_the_repository_loads() -> None:
    loaded = settings()
    assert (loaded.stack, loaded.region, loaded.recovery_region) == ("account", "ap-south-1", "ap-south-2")


BUDGET = {"monthly": 4000, "currency": "USD", "emails": ["a@example.com"]}
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "budget without currency": (
        {"budget": {"monthly": 4000, "emails": ["a@example.com"]}},
        r"\.budget\.currency: is missing; it is required",
    ),
    "no currency": (
        {"budget": {**BUDGET, "currency": "$"}},
        r"\.currency: '\$': accepted: the currency that AWS bills in",
    ),
    "nobody hears of it": (
        {"budget": {**BUDGET, "emails": []}},
        r"\.budget\.emails: \[\]: at least 1 items are accepted",
    ),
    "no Region": ({"recovery_region": "Hyderabad"}, r"\.recovery_region: 'Hyderabad': accepted: an AWS Region"),
    "its own Region": ({"recovery_region": "ap-south-1"}, r"recovery_region: 'ap-south-1' is the account's own"),
    "quota": ({"quotas": {"lambda": 3}}, r"\.quotas\.lambda: .*'fargate-vcpu' or 'fargate-spot-vcpu'"),
    "telephone": (
        {"contact": {"name": "a", "email": "a@b.c", "phone": "1"}},
        r"\.phone: '1': accepted: a telephone number",
    ),
    "repository": (
        {"delivery": {"repository": "x", "environments": ["dev"]}},
        r"\.repository: 'x': accepted: a repository",
    ),
    "any environment": (
        {"delivery": {"repository": "a/b", "environments": ["*"]}},
        r"\.environments\.0: '\*': accepted: the name of a deployment environment",
    ),
    "an environment that plans and deploys": (
        {"delivery": {"repository": "a/b", "environments": ["dev"], "planning": ["dev"]}},
        r"planning: 'dev' is in environments, too; accepted: one that deploys, or one that plans",
    ),
    "unknown key": (
        {"colour": "red"},
        r"matchday:account\.colour: no such key; accepted: recovery_region, recovery, contact",
    ),
}


@pytest.mark.parametrize(("changes", "message"), BAD.values(), ids=BAD)
def test_each_mistake_is_one_sentence_with_file_key_and_value(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(**changes)
    text = str(caught.value)
    assert text.startswith("environments/Pulumi.account.yaml: matchday:account")
    assert re.search(message, text), text
    assert "\n" not in text

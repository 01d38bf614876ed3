"""Keys: rotated, one per purpose, and each service of AWS may do only its own part."""

from __future__ import annotations

import json

import pytest

from components.security.key_policies import Purpose, document
from components.security.keys import Keys, KeysArgs

ACCOUNT = "123456789012"


def keys(**changes):
    return lambda: Keys("keys", KeysArgs(**{"account_id": ACCOUNT, "region": "ap-south-1", **changes}))


@pytest.mark.parametrize(
    ("changes", "purposes"),
    [
        ({}, {"data", "logs", "secrets"}),
        ({"edge": True}, {"data", "logs", "secrets", "site", "edge-logs"}),
        ({"edge": True, "region": "us-east-1"}, {"data", "logs", "secrets", "site"}),
    ],
)
def test_one_rotated_key_and_alias_per_purpose(run, changes, purposes):
    recorded = run(keys(**changes))
    found = recorded.of("aws:kms/key:Key")
    assert {item.name for item in found} == {f"keys-{purpose}" for purpose in purposes}
    assert all(item.inputs["enableKeyRotation"] and item.inputs["deletionWindowInDays"] == 30 for item in found)
    assert {item.inputs["name"] for item in recorded.of("Alias")} == {f"alias/matchday/dev/{p}" for p in purposes}
    assert (recorded.result.edge_logs is not None) == changes.get("edge", False)


def test_keys_are_protected_unless_a_reason_says_otherwise(run):
    assert all(item.protect for item in run(keys(edge=True)).of("aws:kms/key:Key"))
    with pytest.raises(ValueError, match=r"deletion_protection does not hold .*say why in relaxed"):
        run(keys(deletion_protection=False))
    loose = run(keys(deletion_protection=False, relaxed={"deletion_protection": "because a test says so"}))
    assert not any(item.protect for item in loose.of("aws:kms/key:Key"))


def test_the_edge_key_and_its_policy_are_in_us_east_1(run):
    recorded = run(keys(edge=True))
    key = recorded.named("keys-edge-logs")
    assert key.inputs["region"] == recorded.named("keys-edge-logs-alias").inputs["region"] == "us-east-1"
    assert "logs.us-east-1.amazonaws.com" in key.inputs["policy"]
    assert "region" not in recorded.named("keys-logs").inputs


@pytest.mark.parametrize("purpose", Purpose)
def test_only_the_account_itself_may_administer(purpose):
    for statement in document(purpose, ACCOUNT, "ap-south-1")["Statement"]:
        if statement["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}:
            continue
        assert set(statement["Principal"]) == {"Service"}
        assert "Condition" in statement, "a service acts for every customer of AWS: say whose"
        assert ACCOUNT in json.dumps(statement["Condition"])
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert not {"kms:*", "*"} & set(actions)
        assert not any(action.startswith(("kms:Put", "kms:Schedule", "kms:Disable")) for action in actions)


def test_who_uses_which_key():
    def services(purpose):
        statements = document(purpose, ACCOUNT, "ap-south-1")["Statement"]
        named = [s["Principal"]["Service"] for s in statements if "Service" in s["Principal"]]
        return {service for names in named for service in ([names] if isinstance(names, str) else names)}

    assert services(Purpose.LOGS) == {
        "logs.ap-south-1.amazonaws.com",
        "cloudwatch.amazonaws.com",
        "events.amazonaws.com",
        "events.rds.amazonaws.com",
    }
    assert services(Purpose.SITE) == {"cloudfront.amazonaws.com"}
    assert services(Purpose.DATA) == set(), "what holds money is read by no service of AWS but for its account"
    assert services(Purpose.SECRETS) == set()

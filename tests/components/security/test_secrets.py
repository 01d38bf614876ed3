"""A generated secret: its value is a secret everywhere, and no output of the component."""

from __future__ import annotations

import json

import pytest

from components.security.secrets import GeneratedSecret, GeneratedSecretArgs


def secret(**changes):
    args = {
        "secret_name": "matchday/dev/wallet/KEK",
        "description": "Seals wallet rows",
        "key_arn": "arn:key",
        **changes,
    }
    return lambda: GeneratedSecret("wallet-kek", GeneratedSecretArgs(**args))


def test_the_value_is_never_plain(run, resolved):
    recorded = run(secret())
    assert "secretString" in recorded.named("wallet-kek-version").secrets
    assert recorded.named("wallet-kek-version").inputs["secretString"] == resolved(recorded.result.value)
    assert not any("value" in outputs for outputs in recorded.outputs.values())
    assert resolved(recorded.result.value) not in str(recorded.outputs)


def test_it_is_encrypted_with_the_given_key_and_has_its_name(run, resolved):
    recorded = run(secret(recovery_window_days=0))
    made = recorded.named("wallet-kek")
    assert (made.inputs["name"], made.inputs["kmsKeyId"]) == ("matchday/dev/wallet/KEK", "arn:key")
    assert made.inputs["recoveryWindowInDays"] == 0
    assert resolved(recorded.result.arn).endswith(":secret:matchday/dev/wallet/KEK-AbCdEf")


def test_its_policy_refuses_other_accounts_and_plain_http(run):
    statements = json.loads(run(secret()).named("wallet-kek").inputs["policy"])["Statement"]
    assert all((s["Effect"], s["Principal"], s["Action"]) == ("Deny", "*", "secretsmanager:*") for s in statements)
    assert [s["Condition"] for s in statements] == [
        {
            "StringNotEquals": {"aws:PrincipalAccount": "${aws:ResourceAccount}"},
            "Bool": {"aws:PrincipalIsAWSService": "false"},
        },
        {"Bool": {"aws:SecureTransport": "false"}},
    ]


def test_it_is_letters_and_digits_of_the_asked_length(run):
    password = run(secret(length=64)).named("wallet-kek-value")
    assert (password.inputs["length"], password.inputs["special"]) == (64, False)


def test_a_manifest_that_asks_for_another_length_changes_no_value(run):
    """EMAIL_KEY's would make every account unfindable, DATABASE_*'s would lock running tasks out."""
    recorded = run(secret())
    assert set(recorded.named("wallet-kek-value").ignore_changes) == {"length", "special"}


def test_what_was_rotated_outside_of_the_program_stays(run):
    """And the first version keeps a label, so that no refresh finds it gone and makes it the current one again."""
    version = run(secret()).named("wallet-kek-version")
    assert set(version.ignore_changes) == {"secretString", "versionStages"}
    assert version.inputs["versionStages"] == ["AWSCURRENT", "FIRST"]


@pytest.mark.parametrize(("days", "kept"), [(30, True), (7, True), (0, False)])
def test_a_secret_whose_deletion_can_be_taken_back_is_protected(run, days, kept):
    recorded = run(secret(recovery_window_days=days))
    assert (recorded.named("wallet-kek").protect, recorded.named("wallet-kek-value").protect) == (kept, kept)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"length": 8}, "length 8; accepted: 16 to 128"),
        ({"recovery_window_days": 3}, "recovery window of 3 days; accepted: 0, or 7 to 30"),
    ],
)
def test_bad_arguments_are_named(run, changes, message):
    with pytest.raises(ValueError, match=f"secret 'matchday/dev/wallet/KEK': {message}"):
        run(secret(**changes))

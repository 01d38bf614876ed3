"""A generated secret: its value is a secret everywhere, and no output of the component."""

from __future__ import annotations

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


def test_it_is_letters_and_digits_of_the_asked_length(run):
    password = run(secret(length=64)).named("wallet-kek-value")
    assert (password.inputs["length"], password.inputs["special"]) == (64, False)


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

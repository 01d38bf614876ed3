"""A password that the program rotates: the user takes the new one first, tasks are given it then, the one before stays good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from components.security.secrets import GeneratedSecret, GeneratedSecretArgs
from tests.localcloud.provider.programs.small_engine import SmallEngine, refused

pytestmark = pytest.mark.process


def program(rotation: int) -> None:
    key = aws.kms.Key("k", description="of a test")

    def user(passwords: Sequence[pulumi.Output[str]]) -> pulumi.Resource:
        return aws.elasticache.User(
            "u", engine="valkey", user_id="u", user_name="u", access_string="on ~u:* +@all", passwords=list(passwords)
        )

    GeneratedSecret(
        "p",
        GeneratedSecretArgs(
            secret_name="t/p", description="of u", key_arn=key.arn, recovery_window_days=30, rotation=rotation,
            accepted_by=user,
        ),
    )  # fmt: skip


def test_each_rotation_brings_one_password_and_ends_the_one_before_the_last(
    stack: SmallEngine, aws_clients: Any
) -> None:
    def given() -> str:
        value: str = aws_clients("secretsmanager").get_secret_value(SecretId="t/p")["SecretString"]
        return value

    stack.up(program, 0)
    used = [given()]
    assert stack.outputs("u")["passwords"] == used
    for rotation in (1, 2, 3):
        done = stack.up(program, rotation)
        assert done.changes["create"] == {f"p-value-{rotation}", f"p-version-{rotation}"}
        assert done.changes["update"] == {"u"}
        assert done.order.index("update u") < done.order.index(f"create p-version-{rotation}")
        assert given() not in used
        assert stack.outputs("u")["passwords"] == [given(), used[-1]]
        used.append(given())
        assert stack.preview(program, rotation).changes == {}
    assert stack.refresh().changes == {}
    assert given() == used[-1]
    with refused("protected"):  # tasks that run use the value of 3
        stack.up(program, 5)
    for held in stack.state.values():
        held.protect = False
    stack.destroy()

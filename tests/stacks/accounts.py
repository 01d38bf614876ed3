"""The account of the repository, composed once per session in the test cloud of the component tests."""

from __future__ import annotations

import json
from functools import cache

import yaml

from environments.account import AccountSettings, load
from environments.source import DIRECTORY
from stacks.account.program import Account
from tests.components.conftest import Recorded, run_program


def account_settings() -> AccountSettings:
    """What the account's own file says."""
    config = yaml.safe_load((DIRECTORY / "Pulumi.account.yaml").read_text())["config"]
    return load(
        "account", {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    )


@cache
def compose_account() -> Recorded:
    """What the account registers; `result` is the Account."""
    return run_program(lambda: Account(account_settings()), stack_name="account")

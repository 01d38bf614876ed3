"""The address of a paging service, such as PagerDuty's integration for CloudWatch: a secret, as it holds the service's key."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from environments.source import PAGER_KEY, SettingsError

_URL = re.compile(r"https://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?/[!-~]{1,900}")


def pager(stack: str, config: Mapping[str, str], secret: Collection[str]) -> str | None:
    """The address, or None where there is none; `secret`: the keys of `config` that the stack's file holds encrypted.

    Raises SettingsError, which never shows it.
    """
    value = config.get(PAGER_KEY)
    if value is None:
        return None
    shown = f"environments/Pulumi.{stack}.yaml: {PAGER_KEY}"
    if PAGER_KEY not in secret:
        raise SettingsError(
            f"{shown}: its value stands in the clear, and whoever has it can page; accepted: encrypted, by "
            f"`pulumi config set --secret {PAGER_KEY}`, and another key of the paging service"
        )
    if not _URL.fullmatch(value):
        raise SettingsError(f"{shown}: its value is no address; accepted: https://<host>/<path>, without spaces")
    return value

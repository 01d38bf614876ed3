"""Secrets that change while processes run.

Such a secret holds one value, or two with a space between: the current one, then the previous one. Whoever proves himself uses
the current one, whoever checks accepts both. So a rotation is two deployments: one with both values, one with the new one alone
(docs/runbooks/rotate-secrets.md). Generated values are letters and digits.
"""

from __future__ import annotations

from pydantic import SecretStr


def accepted(secret: SecretStr, name: str) -> tuple[str, ...]:
    """The values that `secret` holds, the current one first. Raises ValueError, naming the secret and no value."""
    values = tuple(secret.get_secret_value().split())
    if not 1 <= len(values) <= 2:
        raise ValueError(
            f"the secret {name} holds {len(values)} values; accepted: one, or the current and the previous one"
        )
    return values

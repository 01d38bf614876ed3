"""The stack's configuration as a whole: Pulumi's own API reads only keys that one already knows."""

from __future__ import annotations

from pulumi.runtime import config


def secret_keys() -> frozenset[str]:
    """The keys whose text the stack's file holds encrypted."""
    return frozenset(key for key in configuration() if config.is_config_secret(key))


def configuration() -> dict[str, str]:
    """Every key (`namespace:name`) and its text, as the language host handed them over."""
    return {**config.get_config_env(), **config.CONFIG.get()}

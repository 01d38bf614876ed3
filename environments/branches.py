"""Environments of pull requests: which names are one, what such a stack is made of, how many there may be and for how long.

A stack `pr-<number>` is dev's file with another name and the sizes below: what dev changes, they follow.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from environments.compute import COLLECTOR
from environments.settings import KEY
from environments.source import REGION_KEY, SettingsError
from model.merge import merge

#: The stack whose file they start from.
BASE = "dev"

#: What the name of such a stack begins with.
PREFIX = "pr-"

#: What stands for a number: no sign, no zero in front, so that each pull request has exactly one name.
_NAME = re.compile(rf"{PREFIX}([1-9][0-9]{{0,5}})")

#: After the last deployment, a stack stays for so long at most; after its pull request is closed, until the next clean-up.
LIFETIME = timedelta(hours=72)

#: Stacks at a time, and what one may cost in a month (USD, by list prices): more is refused before anything is made.
QUOTA, MONTHLY = 5, 400

#: The AWS provider's own key for tags of every resource.
_TAGS_KEY = "aws:defaultTags"

#: Instead of dev's: one person looks at it, its data may be lost, and nobody is called at night.
_SMALL: Mapping[str, Any] = {
    "network": {"zones": ["a", "b"], "nat": "single", "bastion": False},
    "postgres": {
        "instance_class": "db.t4g.small",
        "storage_gb": 20,
        "max_storage_gb": 40,
        "backup_days": 1,
        "insights": "off",
        "monitoring_seconds": 0,
    },
    "broker": {"node_type": "cache.t4g.micro", "snapshot_days": 0},
    "cache": {"node_type": "cache.t4g.micro", "snapshot_days": 0},
    "compute": {"spot_percent": 100},
    "logs": {"retention_days": 7},
}

#: What is dev's own: who is called, the copy in another Region, announced events.
_NOT_TAKEN = ("alarms", "recovery", "events", "image")


def number_of(stack: str) -> int | None:
    """The pull request whose stack this is; None for every other name.

    >>> number_of("pr-12"), number_of("pr-012"), number_of("prod"), number_of("pr-1/../prod")
    (12, None, None, None)
    """
    found = _NAME.fullmatch(stack)
    return int(found[1]) if found else None


def name(number: str) -> str:
    """The stack of a pull request, given by its number. Raises SettingsError for anything that is no number of one.

    >>> name("12")
    'pr-12'
    """
    stack = f"{PREFIX}{number}"
    if number_of(stack) is None:
        raise SettingsError(f"pull request {number!r}; accepted: its number, 1 to 999999, without a zero in front")
    return stack


def document(stack: str, base: Mapping[str, Any], image: Mapping[str, Any]) -> dict[str, Any]:
    """What environments/Pulumi.<stack>.yaml holds: from the content of dev's, for the images of `image` (`digest`, `targets`).

    Raises SettingsError where `stack` is no pull request's, or dev's file has no domain.
    """
    if number_of(stack) is None:
        raise SettingsError(f"stack {stack!r}; accepted: {PREFIX}<number of a pull request>")
    config = base["config"]
    settings = {key: copy.deepcopy(value) for key, value in config[KEY].items() if key not in _NOT_TAKEN}
    domain = settings.get("edge", {}).get("domain")
    if domain is None:
        raise SettingsError(
            f"Pulumi.{BASE}.yaml: edge.domain is missing; accepted: the name under which {stack} gets its own"
        )
    # What no commit builds is dev's, too.
    others = {key: value for key, value in config[KEY].get("image", {}).items() if key == COLLECTOR}
    settings = merge(settings, {**_SMALL, "edge": {"domain": f"{stack}.{domain}"}, "image": {**others, **image}})
    hours = LIFETIME // timedelta(hours=1)
    return {
        "config": {
            REGION_KEY: config[REGION_KEY],
            _TAGS_KEY: {"tags": {"Lifetime": f"{hours} hours after the last deployment"}},
            KEY: settings,
        }
    }

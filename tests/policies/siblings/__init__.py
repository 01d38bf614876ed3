"""Resource sets of the same kinds as the shared ones, written to break the pack: other spellings, operators and resources."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from policies.lang.resources import Resource

#: Short words for answers.
BAD, OK, NA, TELL = "non-compliant", "compliant", "not applicable", "cannot tell yet"
NOT_HERE = "not assessed here"


@dataclass(frozen=True)
class Sibling:
    """A set of resources and what the named controls must answer."""

    name: str
    right: Mapping[str, str]
    resources: tuple[Resource, ...]


def case(name: str, right: Mapping[str, str], *resources: Resource) -> Sibling:
    """A set of resources by name."""
    return Sibling(name, right, resources)


def policy(*statements: Mapping[str, Any], version: bool = True) -> str:
    """A policy document as text; one statement stands as an object, as AWS allows."""
    document: dict[str, Any] = {"Version": "2012-10-17"} if version else {}
    document["Statement"] = list(statements) if len(statements) != 1 else statements[0]
    return json.dumps(document)


def allow(
    action: Any = "*", resource: Any = "*", *, principal: Any = None, condition: Any = None, **more: Any
) -> dict[str, Any]:
    """An allowing statement; `more` are further elements, such as NotAction."""
    found = {"Effect": "Allow", "Action": action, "Resource": resource, "Principal": principal, "Condition": condition}
    return {key: value for key, value in (found | more).items() if value is not None}


def deny(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    """A denying statement."""
    return allow(action, resource, **more) | {"Effect": "Deny"}

"""How tests read what an environment registered."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.components.conftest import Recorded, Registration
from tests.stacks.conftest import ENVIRONMENTS

every_environment = pytest.mark.parametrize("stack", ENVIRONMENTS)


def custom(recorded: Recorded) -> list[Registration]:
    return [item for item in recorded.registrations if item.custom]


def one(recorded: Recorded, kind: str) -> dict[str, Any]:
    (found,) = recorded.of(kind)
    return found.inputs


def containers(recorded: Recorded) -> dict[str, list[dict[str, Any]]]:
    """Family of a task definition → its containers."""
    return {
        item.inputs["family"]: json.loads(item.inputs["containerDefinitions"]) for item in recorded.of("TaskDefinition")
    }


def shapes(recorded: Recorded) -> dict[str, str]:
    """URN → inputs as text, without the ids, which the test cloud counts in the order of arrival."""
    return {
        item.urn: re.sub(r"[0-9a-f]{16,17}", "<id>", json.dumps(item.inputs, sort_keys=True))
        for item in recorded.registrations
    }

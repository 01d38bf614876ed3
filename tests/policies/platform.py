"""The platform's own stacks, as the program registers them in the test cloud of the component tests."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from typing import Any

from policies.audit.state import State
from policies.lang.resources import Resource, Stack
from policies.lang.values import normalise
from tests.components.conftest import REGION, Recorded
from tests.stacks.accounts import compose_account
from tests.stacks.conftest import registered
from tests.stacks.recoveries import compose_recovery

_INSTANCE = "aws:rds/instance:Instance"
#: What RDS gives a read replica from its source.
_FROM_SOURCE = ("engine", "engineVersion", "port", "username", "dbSubnetGroupName", "parameterGroupName")


def _inherited(item: Any, instances: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """What a deployed read replica has from its source, which the test cloud does not say."""
    if item.type != _INSTANCE or not item.inputs.get("replicateSourceDb"):
        return {}
    source = next(values for name, values in instances.items() if not values.get("replicateSourceDb"))
    return {key: source[key] for key in _FROM_SOURCE if key in source}


@cache
def platform(stack_name: str) -> State:
    """The stack as if it had just been deployed: every value is known."""
    others = {"account": compose_account, "recovery": compose_recovery}
    return deployed(stack_name, others[stack_name]() if stack_name in others else registered(stack_name))


def deployed(stack_name: str, recorded: Recorded) -> State:
    """The same, of whatever was composed."""
    given = {item.name: {**item.inputs, **item.outputs} for item in recorded.registrations if item.type == _INSTANCE}
    resources = [
        Resource(
            item.type,
            item.name,
            item.urn,
            normalise({**_inherited(item, given), **item.inputs, **item.outputs, **recorded.outputs.get(item.urn, {})}),
            id=item.id,
            parent=item.parent,
            dependencies=item.dependencies,
            provider_region=REGION,
        )
        for item in recorded.registrations
    ]
    digest = hashlib.sha256("\n".join(recorded.urns).encode()).hexdigest()
    return State(Stack(resources), stack_name, "matchday", "state", digest)

"""The platform's own stacks, as the program registers them in the test cloud of the component tests."""

from __future__ import annotations

import hashlib
from functools import cache

from policies.audit.state import State
from policies.lang.resources import Resource, Stack
from policies.lang.values import normalise
from tests.components.conftest import REGION
from tests.stacks.conftest import catalog_of, compose, settings_of


@cache
def platform(stack_name: str) -> State:
    """The stack as if it had just been deployed: every value is known."""
    settings = settings_of(stack_name)
    recorded = compose(settings, catalog_of(stack_name))
    resources = [
        Resource(
            item.type,
            item.name,
            item.urn,
            normalise({**item.inputs, **item.outputs, **recorded.outputs.get(item.urn, {})}),
            id=item.id,
            parent=item.parent,
            dependencies=item.dependencies,
            provider_region=REGION,
        )
        for item in recorded.registrations
    ]
    digest = hashlib.sha256("\n".join(recorded.urns).encode()).hexdigest()
    return State(Stack(resources), stack_name, "matchday", "state", digest)

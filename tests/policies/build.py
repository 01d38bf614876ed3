"""How control tests say which resources there are: `res`, and the cases of a control (`Case`) with the ways to break it."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from policies.lang.resources import Resource, Stack
from policies.lang.values import UNKNOWN, normalise

PROJECT, STACK = "matchday", "prod"

#: As a value in `Change`: the property is removed.
ABSENT: Any = object()

__all__ = ["ABSENT", "UNKNOWN", "Case", "Change", "Drop", "Set", "res", "stack"]


def res(
    type_: str,
    name: str = "it",
    /,
    *,
    id: Any = None,  # noqa: A002 - Pulumi's own word
    deps: Any = None,
    provider_region: Any = "ap-south-1",
    **props: Any,
) -> Resource:
    """A resource with these properties (camelCase, as on the wire). Its id is `name` unless given; `deps` are the resources'
    names ("type name") that each property depends on, as the engine records for unknown values."""
    return Resource(
        type_,
        name,
        urn(type_, name),
        normalise(props),
        id=name if id is None else id,
        property_dependencies={
            key: [urn(*source.split(" ")) for source in sources] for key, sources in (deps or {}).items()
        },
        provider_region=provider_region,
    )


def urn(type_: str, name: str) -> str:
    """The URN of a resource of the test stack."""
    return f"urn:pulumi:{STACK}::{PROJECT}::{type_}::{name}"


def stack(resources: Sequence[Resource]) -> Stack:
    """A stack of these resources."""
    return Stack(list(resources))


Set = Sequence[Resource]


@dataclass(frozen=True)
class Change:
    """Breaks the first compliant set: sets properties (dotted paths) of its first resource, or of its first one of `type`."""

    props: Mapping[str, Any]
    type: str = ""

    def __call__(self, resources: Set) -> list[Resource]:
        changed = list(resources)
        index = next(i for i, r in enumerate(changed) if not self.type or r.type == self.type)
        values = copy.deepcopy(dict(changed[index].values))
        for path, value in self.props.items():
            _put(values, path, value)
        changed[index] = remake(changed[index], values)
        return changed


@dataclass(frozen=True)
class Drop:
    """Breaks the first compliant set: takes every resource of `type` away."""

    type: str

    def __call__(self, resources: Set) -> list[Resource]:
        return [resource for resource in resources if resource.type != self.type]


@dataclass(frozen=True, kw_only=True)
class Case:
    """The cases of one control: sets of resources. In `bad`, a `Change` or `Drop` starts from `good[0]`; the first one that is
    a `Change` or `Drop` is also what the mutation test does to a compliant stack. `also`: the other controls that must fire
    with it there, because they depend on the same property."""

    good: Sequence[Set]
    bad: Sequence[Set | Change | Drop]
    na: Sequence[Set]
    unknown: Sequence[Set | Change | Drop] = ()
    also: frozenset[str] = field(default=frozenset())


def remake(resource: Resource, values: Mapping[str, Any]) -> Resource:
    """The same resource with other properties."""
    return Resource(
        resource.token,
        resource.name,
        resource.urn,
        values,
        id=resource.id,
        parent=resource.parent,
        dependencies=resource.dependencies,
        property_dependencies=resource.property_dependencies,
        provider_region=resource.provider_region,
    )


def _put(values: Any, path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for part in parents:
        values = values[int(part)] if isinstance(values, list) else values.setdefault(part, {})
    if isinstance(values, list):
        values[int(last)] = normalise(value)
    elif value is ABSENT:
        values.pop(last, None)
    else:
        values[last] = normalise(value)

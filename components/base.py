"""The base of every component: naming within AWS limits, tags, children, the `transform` escape hatch and signals."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

import pulumi

from components.observability.signals import Signal

#: What `transform` may do to one child: receive its arguments and options, return those to use instead.
Transform = Callable[[Any, pulumi.ResourceOptions], tuple[Any, pulumi.ResourceOptions]]
Transforms = Mapping[str, Transform]

R_co = TypeVar("R_co", bound=pulumi.Resource, covariant=True)


class ResourceClass(Protocol[R_co]):
    """A generated resource class: called with a logical name, its Args object and options."""

    def __call__(self, resource_name: str, args: Any, opts: pulumi.ResourceOptions | None = None) -> R_co: ...


#: Longest physical name that AWS takes, by what is named (AWS service documentation of each). Names that are longer are
#: shortened with a hash of the whole, so that two long names never meet.
NAME_LIMITS: Mapping[str, int] = {
    "alb": 32,
    "target-group": 32,
    "elasticache": 40,
    "bucket": 63,
    "db-instance": 63,
    "iam-role": 64,
    "ecs": 255,
    "waf": 128,
    "default": 255,
}


def shorten(name: str, limit: int) -> str:
    """`name` itself when it fits in `limit` characters, else its head and 6 hex digits of the whole's SHA-256."""
    if len(name) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:6]
    return f"{name[: limit - 7].rstrip('-')}-{digest}"


class Component(pulumi.ComponentResource):
    """A group of resources with one purpose.

    A subclass calls ``super().__init__(name, opts, transform=...)``, makes each child with `make`, sets typed public
    attributes and ends with ``self.register_outputs({...})``. Its type token is ``matchday:<room>:<ClassName>``, the room
    being the package under `components` that the class lives in.

    Children are named ``f"{name}-{role}"`` (the role ``""`` gives ``name`` itself), have this component as parent, and carry
    the tags of `tags`. `signals` is what a component wants watched; `observability.Monitoring` turns the signals of a whole
    stack into alarms and dashboards.
    """

    def __init__(
        self,
        name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        room = type(self).__module__.split(".")[1]
        super().__init__(f"matchday:{room}:{type(self).__name__}", name, None, opts)
        self.name = name
        self.signals: list[Signal] = []
        self._transform = dict(transform or {})
        self._made: set[str] = set()

    def make(
        self, role: str, resource: ResourceClass[R_co], args: Any, opts: pulumi.ResourceOptions | None = None
    ) -> R_co:
        """Create the child `role`: parent, name, tags and transform are applied here and nowhere else.

        A role that is used twice is a mistake in the component and raises ValueError.
        """
        if role in self._made:
            raise ValueError(f"{type(self).__name__} {self.name!r} makes the child {role!r} twice")
        self._made.add(role)
        options = pulumi.ResourceOptions.merge(pulumi.ResourceOptions(parent=self), opts)
        if hasattr(type(args), "tags"):
            given = args.tags
            args.tags = {**self.tags(role), **(given or {})} if given is None or isinstance(given, Mapping) else given
        if role in self._transform:
            args, options = self._transform[role](args, options)
        return resource(self.child_name(role), args, opts=options)

    def register_outputs(self, outputs: Mapping[str, Any]) -> None:
        """End of construction: also refuses a `transform` for a child that this component never made."""
        unknown = sorted(set(self._transform) - self._made)
        if unknown:
            made = ", ".join(sorted(self._made))
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: transform names {unknown[0]!r}, which is none of its children ({made})"
            )
        super().register_outputs(dict(outputs))

    def child_name(self, role: str) -> str:
        """The logical name of the child `role`."""
        return f"{self.name}-{role}" if role else self.name

    def physical_name(self, role: str = "", kind: str = "default") -> str:
        """`<project>-<stack>-<component>[-<role>]`, within the AWS length limit of `kind` (a key of NAME_LIMITS)."""
        parts = [pulumi.get_project(), pulumi.get_stack(), self.name, *([role] if role else [])]
        return shorten("-".join(parts), NAME_LIMITS[kind])

    def tags(self, role: str = "") -> dict[str, str]:
        """The tags that every taggable child carries."""
        return {
            "Name": self.physical_name(role),
            "Project": pulumi.get_project(),
            "Environment": pulumi.get_stack(),
            "Component": self.name,
            "ManagedBy": "pulumi",
        }

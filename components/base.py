"""The base of every component: naming within AWS limits, tags, children, the `transform` escape hatch and signals."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol, TypeVar

import pulumi

from components.observability.signals import Graph, Signal
from components.register import register
from model.names import physical_name

#: What `transform` may do to one child: receive its arguments and options, return those to use instead.
Transform = Callable[[Any, pulumi.ResourceOptions], tuple[Any, pulumi.ResourceOptions]]
Transforms = Mapping[str, Transform]

R_co = TypeVar("R_co", bound=pulumi.Resource, covariant=True)


class ResourceClass(Protocol[R_co]):
    """A generated resource class: called with a logical name, its Args object and options."""

    def __call__(self, resource_name: str, args: Any, opts: pulumi.ResourceOptions | None = None) -> R_co: ...


def _token(kind: type) -> str:
    """The type token of a component's class: part of every URN below it, so by where the class lives, not what it is called
    at import."""
    package, _, inner = kind.__module__.partition(".")
    if package == "stacks" or (package == "components" and not inner):
        raise TypeError(f"{kind.__qualname__} must live in a room under components/, not in {kind.__module__}")
    room = inner.split(".")[0] or "index"
    owner = {"components": "matchday", "__main__": pulumi.get_project()}.get(package, package)
    return f"{owner}:{room}:{kind.__name__}"


class Component(pulumi.ComponentResource):
    """A group of resources with one purpose.

    A subclass calls ``super().__init__(name, opts, transform=...)``, makes each child with `make`, sets typed public
    attributes and ends with ``self.register_outputs({...})``. Its type token is ``matchday:<room>:<ClassName>``, the room
    being the package under `components` that the class lives in. One written elsewhere has ``<package>:<module>:<ClassName>``
    of its own (a program's own file: the project's name, and ``index``).

    Children are named ``f"{name}-{role}"`` (the role ``""`` gives ``name`` itself), have this component as parent, and carry
    the tags of `tags`. `signals` is what a component wants watched, set before `register_outputs`; `observability.Monitoring`,
    made last, turns the signals of every component of the stack into alarms and dashboards. `graphs`: what these only draw.

    `RELAXABLE` names the secure defaults that a caller may give up, each with what is then missing. Whoever gives one up says
    why in `relaxed` (name → reason); the reasons are outputs of the component, where an auditor reads them from the state.

    A child's role or a class's name is part of a URN. Who renames one passes ``opts=ResourceOptions(aliases=[…])`` with the old
    name, or the resource is replaced.
    """

    RELAXABLE: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self,
        name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
        relaxed: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.signals: list[Signal] = []
        self.graphs: list[Graph] = []
        self.relaxed = self._reasons(relaxed or {})
        super().__init__(_token(type(self)), name, None, opts)
        self._transform = dict(transform or {})
        self._made: set[str] = set()
        register().add(self)

    def make(
        self, role: str, resource: ResourceClass[R_co], args: Any, opts: pulumi.ResourceOptions | None = None
    ) -> R_co:
        """Create the child `role`: parent, name, tags, a role's boundary and transform are applied here and nowhere else.

        A role that is used twice is a mistake in the component and raises ValueError.
        """
        if role in self._made:
            raise ValueError(f"{type(self).__name__} {self.name!r} makes the child {role!r} twice")
        self._made.add(role)
        options = pulumi.ResourceOptions.merge(pulumi.ResourceOptions(parent=self), opts)
        args = copy.copy(args)  # one Args may serve several children: what is done to it here is this child's alone
        if _takes_tag_mapping(type(args)):
            args.tags = self._merged_tags(role, args.tags)
        if (boundary := register().boundary) is not None and hasattr(type(args), "permissions_boundary"):
            args.permissions_boundary = boundary
        if role in self._transform:
            args, options = self._transform[role](args, options)
        return resource(self.child_name(role), args, opts=options)

    def register_outputs(self, outputs: Mapping[str, Any]) -> None:
        """End of construction: refuses a `transform` for a child that was never made, and signals that nobody would watch."""
        unknown = sorted(set(self._transform) - self._made)
        if unknown:
            made = ", ".join(sorted(self._made))
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: transform names {unknown[0]!r}, which is none of its children ({made})"
            )
        register().check(self)
        super().register_outputs({**outputs, **({"relaxed": self.relaxed} if self.relaxed else {})})

    def require(self, default: str, held: bool) -> None:
        """Refuse a secure default that does not hold unless it was relaxed with a reason (and one relaxed for nothing)."""
        if held == (default in self.relaxed):
            problem = "is relaxed although it holds" if held else f"does not hold ({self.RELAXABLE[default]})"
            remedy = "drop it from" if held else "say why in"
            raise ValueError(f"{type(self).__name__} {self.name!r}: {default} {problem}; {remedy} relaxed[{default!r}]")

    def child_name(self, role: str) -> str:
        """The logical name of the child `role`."""
        return f"{self.name}-{role}" if role else self.name

    def physical_name(self, role: str = "", kind: str = "default") -> str:
        """`<project>-<stack>-<component>[-<role>]`, within the AWS length limit of `kind` (a key of NAME_LIMITS)."""
        return physical_name(pulumi.get_project(), pulumi.get_stack(), self.name, *([role] if role else []), kind=kind)

    def tags(self, role: str = "") -> dict[str, str]:
        """The tags that every taggable child carries."""
        return {
            "Name": self.physical_name(role),
            "Project": pulumi.get_project(),
            "Environment": pulumi.get_stack(),
            "Component": self.name,
            "ManagedBy": "pulumi",
        }

    def _reasons(self, relaxed: Mapping[str, str]) -> dict[str, str]:
        for default, reason in relaxed.items():
            if default not in self.RELAXABLE:
                accepted = ", ".join(self.RELAXABLE) or "nothing"
                raise ValueError(f"{type(self).__name__} {self.name!r} cannot relax {default!r}; accepted: {accepted}")
            if not reason.strip():
                raise ValueError(f"{type(self).__name__} {self.name!r} relaxes {default!r} without a reason")
        return dict(relaxed)

    def _merged_tags(self, role: str, given: Any) -> Any:
        own = self.tags(role)
        if given is None or isinstance(given, Mapping):
            return {**own, **(given or {})}
        return pulumi.Output.from_input(given).apply(lambda tags: {**own, **(tags or {})})


def _takes_tag_mapping(args_class: type) -> bool:
    """Whether `tags` of an Args class is a mapping. An Auto Scaling group's is a list: its component writes that itself."""
    tags = getattr(args_class, "tags", None)
    return isinstance(tags, property) and "Mapping" in str((tags.fget.__annotations__ or {}).get("return"))

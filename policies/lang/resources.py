"""The resources judged, and ways from one to another: by URN, id, ARN, name, or the engine's record of dependencies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from policies.lang.aliases import canonical
from policies.lang.values import UNKNOWN, CannotTell, Sensitive, View, secret_texts

T = TypeVar("T")

#: Properties by which AWS's other resources call this one, besides its URN and id.
_IDENTITIES = (
    "arn", "name", "bucket", "url", "keyId", "identifier", "clusterIdentifier", "replicationGroupId", "family", "invokeArn",
    "bucketDomainName", "bucketRegionalDomainName", "dnsName", "allocationId", "repositoryUrl",
    "qualifiedArn", "arnWithoutRevision", "aliasName", "functionName", "zoneId", "clusterName", "logGroupName", "alarmName",
)  # fmt: skip


class Resource(View):
    """One resource: its properties (a `View`), and who it is."""

    __slots__ = (
        "_identities",
        "_secrets",
        "dependencies",
        "id",
        "name",
        "parent",
        "property_dependencies",
        "provider_region",
        "token",
        "type",
        "urn",
    )

    def __init__(
        self,
        token: str,
        name: str,
        urn: str,
        values: Mapping[str, Any],
        *,
        id: str = "",  # noqa: A002 - Pulumi's own word
        parent: str = "",
        dependencies: Sequence[str] = (),
        property_dependencies: Mapping[str, Sequence[str]] | None = None,
        provider_region: str = "",
    ) -> None:
        super().__init__(values)
        self.token = token
        self.type = canonical(token)
        self.name = name
        self.urn = urn
        self.id = id
        self.parent = parent
        self.dependencies = tuple(dependencies)
        self.property_dependencies = property_dependencies or {}
        self.provider_region = provider_region
        self._secrets: frozenset[str] | None = None
        self._identities: frozenset[str] | None = None

    def __repr__(self) -> str:
        return f"<{self.token} {self.name}>"

    @property
    def values(self) -> Mapping[str, Any]:
        """All properties, normalised: for copies, not for judging."""
        return self._values

    @property
    def secrets(self) -> frozenset[str]:
        """The texts among its properties that are secret: no message may quote them."""
        if self._secrets is None:
            self._secrets = frozenset(secret_texts(self._values))
        return self._secrets

    @property
    def region(self) -> str:
        """The Region that it lives in: its own property, its ARN's, else its provider's; "" when none says."""
        own = self.raw("region")
        if isinstance(own, str):
            return own
        arn = self.raw("arn")
        if isinstance(arn, str) and arn.count(":") >= 5 and arn.split(":")[3]:
            return arn.split(":")[3]
        return self.provider_region

    @property
    def identities(self) -> frozenset[str]:
        """Every string by which another resource may call this one."""
        if self._identities is None:
            self._identities = frozenset(self._names())
        return self._identities

    def _names(self) -> Iterator[str]:
        yield self.urn
        if self.id:
            yield self.id
        for key in _IDENTITIES:
            value = self._values.get(key)
            if isinstance(value, str) and value:
                yield value
                if key == "dnsName" or key.endswith("DomainName"):
                    yield value.rstrip(".")


@dataclass
class Stack:
    """All resources of one stack. Look-ups follow the strings that are known and, for those that are not, the engine's
    record of which resources a property depends on."""

    resources: Sequence[Resource]
    _types: dict[str, list[Resource]] = field(default_factory=lambda: defaultdict(list), init=False, repr=False)
    _urns: dict[str, Resource] = field(default_factory=dict, init=False, repr=False)
    _named: dict[str, list[Resource]] = field(default_factory=lambda: defaultdict(list), init=False, repr=False)
    _made: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False)
    _referrers: dict[tuple[str, tuple[str, ...]], _Referrers] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        for resource in self.resources:
            self._types[resource.type].append(resource)
            self._urns[resource.urn] = resource
            for identity in resource.identities:
                self._named[identity].append(resource)

    @cached_property
    def secrets(self) -> frozenset[str]:
        """The secret texts of all resources."""
        return frozenset[str]().union(*(resource.secrets for resource in self.resources))

    def memo(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` returns, made once for this stack: for indexes that several resources are looked up in."""
        if key not in self._made:
            self._made[key] = make()
        made: T = self._made[key]
        return made

    def of(self, *types: str) -> list[Resource]:
        """The resources of these types (canonical tokens), in the order of the stack."""
        return [resource for kind in types for resource in self._types.get(kind, ())]

    def by_urn(self, urn: str) -> Resource | None:
        """The resource with this URN."""
        return self._urns.get(urn)

    def targets(self, resource: Resource, path: str, *types: str) -> list[Resource]:
        """The resources of `types` that the property at `path` (a string or a list of them) refers to.

        A reference to something outside this stack finds nothing. Raises `CannotTell` when a reference is unknown and the
        engine did not record where it comes from.
        """
        return self._resolve(resource, resource.raw(path), path, types)

    def target(self, resource: Resource, path: str, *types: str) -> Resource | None:
        """The one resource that `path` refers to, or None."""
        found = self.targets(resource, path, *types)
        return found[0] if found else None

    def named(self, text: str, *types: str) -> list[Resource]:
        """The resources of `types` that some text calls by URN, id, ARN or name."""
        return [resource for resource in self._candidates(text) if resource.type in types]

    def referrers(self, resource: Resource, type_: str, *paths: str) -> list[Resource]:
        """The resources of `type_` whose property at one of `paths` refers to `resource`.

        Raises `CannotTell` when there is none, but one of that type has a reference that cannot be resolved yet.
        """
        key = (type_, paths)
        if key not in self._referrers:
            self._referrers[key] = self._index(type_, paths, resource.type)
        index = self._referrers[key]
        found = index.by_target.get(resource.urn, [])
        if not found and index.open:
            raise CannotTell(f"{index.open[0].name}.{paths[0]}", UNKNOWN.words)
        return found

    def _index(self, type_: str, paths: tuple[str, ...], target_type: str) -> _Referrers:
        index = _Referrers()
        for candidate in self._types.get(type_, ()):
            seen: set[str] = set()
            for path in paths:
                try:
                    for target in self._resolve(candidate, candidate.raw(path), path, ()):
                        if target.urn not in seen:
                            seen.add(target.urn)
                            index.by_target[target.urn].append(candidate)
                except CannotTell:
                    index.open.append(candidate)
        return index

    def _resolve(self, resource: Resource, value: Any, path: str, types: tuple[str, ...]) -> list[Resource]:
        if isinstance(value, Sensitive):
            value = value.value
        sources = resource.property_dependencies.get(path.split(".")[0], ())
        recorded = [self._urns[urn] for urn in sources if urn in self._urns]
        found: list[Resource] = []
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str):
                # What the engine hands over does not always hold a resource's id; then its record has to do.
                found += [other for other in self._candidates(item) if other is not resource] or recorded
            elif item is UNKNOWN:
                if not recorded:
                    raise CannotTell(resource.at(path), UNKNOWN.words)
                found += recorded
            elif item is not None:
                raise CannotTell(resource.at(path), "not a reference that can be followed")
        return list(dict.fromkeys(other for other in found if not types or other.type in types))

    def _candidates(self, text: str) -> Iterable[Resource]:
        found = self._named.get(text, ())
        if found or ":" not in text:
            return found
        # Parts of an ARN that refer to the thing itself: an ECS or Lambda version suffix, a log group's trailing ":*".
        return self._named.get(text.removesuffix(":*"), ()) or self._named.get(text.rpartition(":")[0], ())


@dataclass
class _Referrers:
    by_target: dict[str, list[Resource]] = field(default_factory=lambda: defaultdict(list))
    open: list[Resource] = field(default_factory=list)

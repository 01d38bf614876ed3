"""A row: what the provider must be told about one resource kind that it cannot derive from the schemas.

Everything not said in a row comes from botocore's model of the API (names, types, enumerations, patterns, ranges) and from
pulumi_aws (names, types, required properties).

Templates, in arguments and outputs: "$expr" is a JMESPath expression over the environment below; "={a.b}/{c}" a text with
such expressions in it; dicts and lists are filled inside, and members that come out as null are left out.

    id  the resource's id          in      its inputs               out  its outputs so far
    el  what was read              answer  what create answered     val  the property's value    text  the same as text
    region, account, ingress, parts, colons, bars (id split at "/", ":", "|"), token, token_id, uuid (random; at create only)
    changed (names, without tags), old (inputs) and all_tags: at update only
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

Template = Any
Inputs = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """One API call. Calls of the same operation that set several properties are joined into one, unless `alone`."""

    operation: str
    arguments: Mapping[str, Template] = field(default_factory=dict)
    alone: bool = False


@dataclass(frozen=True)
class Read:
    """One API call that reads, and the JMESPath of what it reads; `into` puts that under a name, else it is merged.

    `pairs`: the answer is a list of Key/Value (or Name/Value) pairs, turned into a mapping. `optional`: a "not found" means
    nothing was set, not that the resource is gone.
    """

    operation: str
    arguments: Mapping[str, Template] = field(default_factory=dict)
    path: str = "@"
    into: str = ""
    pairs: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Prop:
    """What is particular about one property.

    - api: where it goes in the create and update calls (dotted member names); "" keeps it out of them.
    - live: JMESPath of its value in what is read, when that differs from `api`.
    - set: the call that sets it after create (unless `api` says that create takes it) and on change.
    - clear: the call that takes the `old` value away, before `set` sets another, or when there is none any more.
    - default: what Terraform's provider fills in when the program says nothing.
    - virtual: what only steers the provider itself (forceDestroy, …): in no API call, never read back.
    - unread: sent, but not comparable afterwards (contents of an object). `identity`: part of the id: not read either, and
      a change replaces.
    - force: a change replaces the resource. `update`: a change never does: code in the row (or the store) takes it.
    - longer: AWS takes more values than the enumeration in its API's model lists; the row's check knows them.
    - encode, decode: from the property to members of the create/update call (or to `val` of the setter), and from what was
      read back to the property. `by_value` compares the property with what `decode` says, instead of in the API's form.
    - trim: from what was read (in the API's form) to what of it counts: AWS says more than anybody can set.
    """

    api: str | None = None
    live: str | None = None
    set: Call | None = None
    clear: Call | None = None
    default: Any = None
    virtual: bool = False
    unread: bool = False
    identity: bool = False
    by_value: bool = False
    force: bool = False
    update: bool = False
    longer: bool = False
    encode: Callable[[Any], Any] | None = None
    decode: Callable[[dict[str, Any]], Any] | None = None
    trim: Callable[[Any], Any] | None = None


#: A property of which nothing else is to be said.
VIRTUAL = Prop(virtual=True)


@dataclass(frozen=True)
class Tagging:
    """How a kind's tags are written and read when create does not take them or they must change later."""

    tag: Call
    untag: Call
    read: Read | None = None  # None: they are in what is read anyway
    path: str = "Tags"
    at_create: str = ""  # member of the create call that takes them


@dataclass(frozen=True)
class Context:
    """What code in a row may use: API calls in the right Region, the address book, the row's environment.

    `recorded` gives what the provider's store holds of a kind, by id: the emulator knows nothing of recorded kinds; with a
    second text, of those alone in which that stands somewhere. `elsewhere` calls in another Region.
    """

    call: Callable[..., dict[str, Any]]
    environment: dict[str, Any]
    lease: Callable[[str, str], str]
    release: Callable[[str, str], None]
    ingress: str
    recorded: Callable[..., Mapping[str, Mapping[str, Any]]]
    elsewhere: Callable[[str, str, Mapping[str, Any]], dict[str, Any]]

    def __getitem__(self, name: str) -> Any:
        return self.environment[name]

    def exists(self, operation: str, arguments: Mapping[str, Any]) -> bool:
        """Whether a call that describes something finds it."""
        try:
            self.call(operation, arguments)
        except ClientError:
            return False
        return True

    def asks(self, *names: str) -> bool:
        """Whether any of these properties is new, or of an update has changed."""
        return not set(names).isdisjoint(self.environment.get("changed", names))

    def locate(self, resource_id: str) -> None:
        """Put the resource's id, whole and split, into the environment."""
        self.environment.update(
            id=resource_id, parts=resource_id.split("/"), colons=resource_id.split(":"), bars=resource_id.split("|")
        )


Hook = Callable[[Context], None]


@dataclass(frozen=True)
class Row:
    """One resource kind; the field names say what they are for, the rest is in Prop."""

    service: str
    create: str = ""
    #: A template, or code for the APIs that answer with something else than the new thing.
    id: Template | Callable[[Context], str] = "$id"
    #: Another operation to create with, depending on the inputs.
    variant: Callable[[Inputs], str] | None = None
    reads: tuple[Read, ...] = ()
    update: Call | None = None
    #: The update call takes the whole configuration again, not only what changed.
    whole: bool = False
    delete: tuple[Call, ...] = ()
    arguments: Mapping[str, Template] | Callable[[Inputs], dict[str, Any]] = field(default_factory=dict)
    props: Mapping[str, Prop] = field(default_factory=dict)
    nested: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, Template] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    tagging: Tagging | None = None
    name: str | None = None
    name_limit: int = 255
    #: Regular expression of the physical name and, in words, what it accepts.
    name_rule: tuple[str, str] | None = None
    required: frozenset[str] = frozenset()
    one_of: tuple[tuple[str, ...], ...] = ()
    same_vpc: tuple[str, ...] = ()
    references: Mapping[str, str | None] = field(default_factory=dict)
    region: str | None = None
    #: The emulator cannot hold this kind: inputs live in the store, id and ARN are made here.
    recorded: bool = False
    #: It has no row of its own: rows/neighbours.py made this one.
    neighbour: bool = False
    prepare: Callable[[Inputs], Inputs] | None = None
    check: Callable[[Inputs], list[tuple[str, str]]] | None = None
    #: The same, for a resource that is not there yet.
    check_new: Callable[[Inputs], list[tuple[str, str]]] | None = None
    #: Before the setters of a new resource: what AWS puts into it that Terraform takes away.
    fresh: Hook | None = None
    after_create: Hook | None = None
    after_update: Hook | None = None
    before_delete: Hook | None = None
    after_delete: Hook | None = None
    finish: Callable[[Context, dict[str, Any]], dict[str, Any]] | None = None
    #: What a name that we make must end with (.fifo).
    name_ending: Callable[[Inputs], str] = lambda _: ""

    @property
    def locked(self) -> bool:
        """Whether the update call wants something of what is live: a lock token, an ETag."""
        return self.update is not None and "$el." in repr(self.update.arguments)


Rows = Mapping[str, Row]

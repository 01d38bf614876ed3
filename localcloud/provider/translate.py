"""From Pulumi properties to API members and back."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.provider import shapes
from localcloud.provider.comparing import TRUE, covers
from localcloud.provider.constraints import official
from localcloud.provider.row import Prop, Row
from localcloud.provider.schema import Kind, Schema, Type
from localcloud.provider.templates import search
from localcloud.provider.wire import UNKNOWN

_PAIR = {"key", "name", "value"}
PLAIN = Prop()


@dataclass(frozen=True)
class MemberPath:
    """Where a property goes in an API structure: the names on the way (none: it is flattened into it) and the shape there."""

    path: tuple[str, ...]
    shape: Any


class Translator:
    """The translation of one resource kind."""

    def __init__(self, kind: Kind, row: Row, schema: Schema) -> None:
        self.kind, self.row, self._schema = kind, row, schema
        self.noun = kind.token.split(":")[-1]
        #: Properties whose values are shown nowhere.
        self.secrets = row.secrets | {name for name, field in official.fields(kind.token).items() if field.get("sens")}
        self._targets: dict[tuple[str, str, int], MemberPath | None] = {}
        self._top: dict[tuple[str, str], MemberPath | None] = {}

    def prop(self, name: str) -> Prop:
        return self.row.props.get(name, PLAIN)

    # ---- where things go

    def target(self, name: str, operation: str) -> MemberPath | None:
        """Where the top-level property `name` goes in the input of `operation`; None when it has no place there."""
        key = name, operation
        if key not in self._top:
            self._top[key] = self._target(name, operation)
        return self._top[key]

    def _target(self, name: str, operation: str) -> MemberPath | None:
        prop = self.prop(name)
        if prop.virtual or prop.api == "" or (prop.set and prop.api is None):
            return None
        shape = shapes.input_shape(self.row.service, operation)
        if prop.api == ".":
            return MemberPath((), shape)
        if prop.api is not None:
            return _walk(shape, prop.api)
        member = shapes.match(name, shape.members, self.noun)
        if member is not None:
            return MemberPath((member,), shape.members[member])
        # One structure down, when only one has it: rules goes to LifecycleConfiguration.Rules.
        inside = [
            MemberPath((outer, found), inner.members[found])
            for outer, inner in shape.members.items()
            if inner.type_name == "structure"
            and (found := shapes.match(name, inner.members)) is not None
            and shapes.canonical(found) in (shapes.canonical(name), *shapes.plurals(shapes.canonical(name)))
        ]
        return inside[0] if len(inside) == 1 else None

    def _inner(self, path: str, field: str, shape: Any) -> MemberPath | None:
        key = path, field, id(shape)
        if key not in self._targets:
            renamed = self.row.nested.get(f"{path}.{field}")
            if renamed is None:
                member = shapes.match(field, shape.members)
                found = MemberPath((member,), shape.members[member]) if member else None
            elif renamed == ".":
                found = MemberPath((), shape)
            else:
                found = _walk(shape, renamed) if renamed else None
            self._targets[key] = found
        return self._targets[key]

    # ---- Pulumi to API

    def arguments(self, inputs: Mapping[str, Any], operation: str) -> dict[str, Any]:
        """The members of the call `operation` that say what `inputs` say."""
        members: dict[str, Any] = {}
        for name, value in inputs.items():
            _merge(members, self.fragment(name, value, operation))
        return members

    def fragment(self, name: str, value: Any, operation: str) -> dict[str, Any]:
        """What one property contributes to the call."""
        prop = self.prop(name)
        if prop.encode and prop.api != "" and not (prop.set and prop.api is None):
            encoded: dict[str, Any] = prop.encode(value)
            return encoded
        target = self.target(name, operation)
        if target is None:
            return {}
        return _nest(target.path, self.to_api(value, target.shape, name))

    def to_api(self, value: Any, shape: Any, path: str) -> Any:
        """`value` as the API shape `shape` wants it; unknown values stay UNKNOWN."""
        if value == UNKNOWN or value is None:
            return value
        match shape.type_name:
            case "structure":
                return self._structure(value, shape, path)
            case "list":
                pairs = _pairs(value, shape)
                if pairs:
                    return [{pairs[0]: str(key), pairs[1]: str(item)} for key, item in value.items()]
                return [
                    self.to_api(item, shape.member, path) for item in (value if isinstance(value, list) else [value])
                ]
            case "map":
                items = value.items() if isinstance(value, dict) else ()
                return {str(key): self.to_api(item, shape.value, path) for key, item in items}
            case "integer" | "long":
                return int(value) if isinstance(value, (int, float)) or str(value).lstrip("-").isdigit() else value
            case "float" | "double":
                return _number(value)
            case "boolean":
                return value if isinstance(value, bool) else str(value).lower() in TRUE
            case "string":
                return _as_text(value, shape)
            case "blob":
                return value.encode() if isinstance(value, str) else value
            case _:
                return value

    def _structure(self, value: Any, shape: Any, path: str) -> Any:
        if shapes.counted_list(shape) and isinstance(value, list):
            items = self.to_api(value, shape.members["Items"], path)
            return {"Quantity": len(items), "Items": items} if items else {"Quantity": 0}
        if isinstance(value, list):
            value = value[0] if value else {}
        if not isinstance(value, dict):
            return {next(iter(shape.members)): value}
        made: dict[str, Any] = {}
        for field, item in value.items():
            target = self._inner(path, field, shape)
            if target is None or item is None:
                continue
            inner = self.to_api(item, target.shape, f"{path}.{field}")
            _merge(made, _nest(target.path, inner) if target.path else inner)
        return made

    def lost(self, name: str, value: Any) -> list[str]:
        """Paths inside one property's value that have no place in the create call."""
        prop = self.prop(name)
        if not self.row.create or prop.encode or prop.virtual or prop.unread or prop.identity:
            return []
        target = self.target(name, self.row.create)
        return list(self._lost(value, target.shape, name)) if target else []

    def _lost(self, value: Any, shape: Any, path: str) -> Iterator[str]:
        if isinstance(value, list):
            if shapes.counted_list(shape):
                shape = shape.members["Items"]
            inner = shape.member if shape.type_name == "list" else shape
            for item in value:
                yield from self._lost(item, inner, path)
        elif isinstance(value, dict):
            if _pairs(value, shape):
                return
            if shape.type_name == "list":
                shape = shape.member
            if shape.type_name != "structure":
                return
            for field, item in value.items():
                target = self._inner(path, field, shape)
                if target is not None:
                    yield from self._lost(item, target.shape, f"{path}.{field}")
                elif item not in (None, "", [], {}, False):
                    yield f"{path}.{field}"

    # ---- API to Pulumi

    def live_member(self, name: str, element: Mapping[str, Any]) -> Any:
        """The live value of a property, in the API's own form."""
        prop = self.prop(name)
        if prop.live is not None:
            return search(prop.live, element)
        target = self.target(name, self.row.create) if self.row.create else None
        if target is None:
            return None
        found = _dig(element, target.path)
        return found if found is not None else _dig(element, target.path[-1:])

    def decode(self, name: str, element: Mapping[str, Any]) -> Any:
        """The live value of an input property, in Pulumi's form."""
        prop = self.prop(name)
        if prop.decode:
            return prop.decode(dict(element))
        live = self.live_member(name, element)
        if prop.trim and live is not None:
            live = prop.trim(live)
        target = self.target(name, self.row.create) if self.row.create else None
        return self.from_api(live, self.kind.inputs[name], target.shape if target else None, name)

    def from_api(self, live: Any, typ: Type, shape: Any, path: str) -> Any:
        """An API value as the Pulumi type `typ`; `shape` is that of the create call and tells renamed members."""
        if live is None:
            return None
        if hasattr(live, "isoformat"):
            return live.isoformat().replace("+00:00", "Z")
        if isinstance(typ, dict):
            if "list" in typ:
                if isinstance(live, dict) and "Quantity" in live:
                    live = live.get("Items", [])
                    shape = shape.members["Items"] if shape is not None and shapes.counted_list(shape) else None
                inner = shape.member if shape is not None and shape.type_name == "list" else shape
                return [
                    self.from_api(item, typ["list"], inner, path)
                    for item in (live if isinstance(live, list) else [live])
                ]
            if "map" in typ:
                return pairs_to_dict(live) if isinstance(live, list) else live
            return self._object(live, typ, shape, path)
        return _scalar(live, typ)

    def _object(self, live: Any, typ: Type, shape: Any, path: str) -> Any:
        if isinstance(live, list):
            live = live[0] if live else None
        if not isinstance(live, dict):
            return None
        if shape is not None and shape.type_name == "list":
            shape = shape.member
        made = {}
        for field, inner in self._schema.fields(typ).items():
            if shape is not None and shape.type_name == "structure":
                target = self._inner(path, field, shape)
                found, below = (_dig(live, target.path), target.shape) if target else (None, None)
            else:
                member = shapes.match(field, live)
                found, below = (live[member] if member else None), None
            value = self.from_api(found, inner, below, f"{path}.{field}")
            if value is not None and value not in ({}, []):
                made[field] = value
        return made

    # ---- is it so?

    def holds(self, name: str, value: Any, element: Mapping[str, Any]) -> bool:
        """Whether what is live agrees with the property's value in everything that the value says."""
        prop = self.prop(name)
        if prop.by_value and prop.decode:
            wanted = prop.encode(value) if prop.encode and prop.api == "" else value
            return covers(wanted, prop.decode(dict(element)))
        if prop.encode:
            return covers(prop.encode(value), search(prop.live, element) if prop.live else element)
        live = self.live_member(name, element)
        target = self.target(name, self.row.create) if self.row.create else None
        wanted = value if target is None else self.to_api(value, target.shape, name)
        return covers(wanted, live)


def takes(translator: Translator, name: str, operation: str) -> bool:
    """Whether an operation's input has a place for a property."""
    prop = translator.prop(name)
    if prop.encode:
        return operation == translator.row.create or prop.update
    try:
        return translator.target(name, operation) is not None
    except KeyError:  # a renamed member that this operation does not have
        return False


def _number(value: Any) -> Any:
    """A number, also where Pulumi's type is a text ("0", "10.5": bounds, defaults, thresholds)."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return value


def _pairs(value: Any, shape: Any) -> tuple[str, str] | None:
    """The members to write a mapping with, when `shape` wants it as a list of pairs (and `value` is not one such pair)."""
    if not isinstance(value, dict) or {"value"} < {shapes.canonical(key) for key in value} <= _PAIR:
        return None
    return shapes.pair_members(shape)


def _walk(shape: Any, dotted: str) -> MemberPath:
    names = tuple(dotted.split("."))
    for name in names:
        shape = shape.members[name]
    return MemberPath(names, shape)


def _dig(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def _nest(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    return functools.reduce(lambda inner, name: {name: inner}, reversed(path), value)


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        elif isinstance(value, list) and isinstance(into.get(key), list):
            into[key] = [*into[key], *value]
        else:
            into[key] = value


def merged(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Several fragments of one call as one: structures are joined, lists put one after the other."""
    whole: dict[str, Any] = {}
    for part in parts:
        _merge(whole, part)
    return whole


def _as_text(value: Any, shape: Any) -> Any:
    if isinstance(value, (dict, list)):
        return json.dumps(value)
    if isinstance(value, bool):
        words = {word.lower(): word for word in shape.enum or ()}
        for word in ("enabled", "on") if value else ("disabled", "off"):
            if word in words:
                return words[word]
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _scalar(live: Any, typ: Type) -> Any:
    match typ:
        case "boolean":
            return live if isinstance(live, bool) else str(live).lower() in TRUE
        case "integer":
            return int(live) if str(live).lstrip("-").isdigit() else live
        case "string":
            if isinstance(live, (dict, list)):
                return json.dumps(live)
            return str(live).lower() if isinstance(live, bool) else str(live)
    return live


def pairs_to_dict(pairs: list[dict[str, Any]]) -> dict[str, Any]:
    """[{Key: a, Value: b}] as {a: b}, whatever the two members are called."""
    made = {}
    for pair in pairs:
        names = {shapes.canonical(name): name for name in pair}
        key = names.get("key") or names.get("tagkey") or names.get("name") or names.get("parametername")
        value = names.get("value") or names.get("tagvalue") or names.get("parametervalue")
        if key:
            made[pair[key]] = pair[value] if value else ""
    return made

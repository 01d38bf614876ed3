"""Property values on the wire: protobuf Struct to plain Python and back, with secrets and unknown values."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from google.protobuf import struct_pb2

#: What stands for a value that is not known yet (in previews): the engine's own sentinel, one per type; we send the first.
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_UNKNOWNS = frozenset(
    {
        UNKNOWN,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
    }
)

#: The key that marks a struct as something else, and its values.
SIGNATURE = "4dabf18193072939515e22adb298388d"
_HIDDEN = "1b47061264138c4ac30d75fd1eb44270"
_OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
_RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"
ASSET = "c44067f5952c0a294b673a41bacd8c17"

Properties = dict[str, Any]


def load(struct: struct_pb2.Struct) -> Properties:
    """Plain properties: secrets unwrapped, absent values left out, every unknown as UNKNOWN; assets stay marked dicts."""
    return {key: value for key, field in struct.fields.items() if (value := _load(field)) is not None}


def _load(value: struct_pb2.Value) -> Any:
    match value.WhichOneof("kind"):
        case "struct_value":
            return _load_struct(value.struct_value)
        case "list_value":
            return [_load(item) for item in value.list_value.values]
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "string_value":
            return UNKNOWN if value.string_value in _UNKNOWNS else value.string_value
        case "bool_value":
            return value.bool_value
        case _:
            return None


def _load_struct(struct: struct_pb2.Struct) -> Any:
    fields = struct.fields
    signature = fields[SIGNATURE].string_value if SIGNATURE in fields else None
    if signature in (_HIDDEN, _OUTPUT):
        return _load(fields["value"]) if "value" in fields else UNKNOWN
    if signature == _RESOURCE:
        return fields["id"].string_value or fields["urn"].string_value
    return load(struct)


def dump(properties: Mapping[str, Any], secret: Collection[str] = ()) -> struct_pb2.Struct:
    """A Struct of plain properties; those named in `secret` are marked so."""
    struct = struct_pb2.Struct()
    struct.update(
        {
            key: {SIGNATURE: _HIDDEN, "value": value} if key in secret else value
            for key, value in properties.items()
            if value is not None
        }
    )
    return struct


def has_unknown(value: Any) -> bool:
    """Whether anything inside `value` is not known yet."""
    if isinstance(value, dict):
        return any(map(has_unknown, value.values()))
    if isinstance(value, list):
        return any(map(has_unknown, value))
    return bool(value == UNKNOWN)

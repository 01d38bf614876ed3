"""botocore's models of the AWS APIs: shapes by service and operation, and how Pulumi's property names match their members."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import Any

import botocore.loaders
import botocore.model
from botocore import xform_name

Shape = Any


@functools.cache
def _model(service: str) -> Any:
    description = botocore.loaders.Loader().load_service_model(service, "service-2")
    return botocore.model.ServiceModel(description, service)


@functools.cache
def _operations(service: str) -> dict[str, str]:
    return {xform_name(name): name for name in _model(service).operation_names}


@functools.cache
def services() -> frozenset[str]:
    """Every API that botocore models."""
    return frozenset(botocore.loaders.Loader().list_available_services("service-2"))


def has_operation(service: str, operation: str) -> bool:
    """Whether an API has an operation (boto3's method name)."""
    return operation in _operations(service)


@functools.cache
def input_shape(service: str, operation: str) -> Shape:
    """The input structure of an operation (boto3's method name; "other-service:method" for one of another service)."""
    if ":" in operation:
        service, operation = operation.split(":")
    return _model(service).operation_model(_operations(service)[operation]).input_shape


@functools.lru_cache(maxsize=1 << 16)
def canonical(name: str) -> str:
    """Letters and digits in lower case: what two spellings of one name share."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


@functools.cache
def _nouns(kind: str) -> tuple[str, ...]:
    """Every head and tail of the words of a kind's name: SecurityGroup gives securitygroup, group, security."""
    words = re.findall(r"[A-Z][a-z0-9]*", kind)
    tails = ["".join(words[i:]) for i in range(len(words))]
    heads = ["".join(words[:i]) for i in range(1, len(words))]
    return tuple(canonical(part) for part in (*tails, *heads))


def plurals(key: str) -> Iterable[str]:
    """Other grammatical numbers of `key`, and the ways APIs call a list of it."""
    yield from (f"{key}s", f"{key}es", f"{key}list", f"{key}set")
    if key.endswith("ies"):
        yield f"{key[:-3]}y"
    if key.endswith("es"):
        yield key[:-2]
    if key.endswith("s"):
        yield key[:-1]


#: Endings that the API adds to what Terraform calls by the bare word (policy: PolicyDocument, role: RoleName).
_ENDINGS = ("document", "name", "arn", "text", "id", "identifier", "config", "configuration", "description")


def match(key: str, members: Iterable[str], kind: str = "") -> str | None:
    """The member that the Pulumi property `key` means, or None."""
    return _match(key, tuple(members), kind)


@functools.lru_cache(maxsize=1 << 16)
def _match(key: str, members: tuple[str, ...], kind: str) -> str | None:
    by_name = {canonical(member): member for member in members}
    plain = canonical(key)
    if plain in by_name:
        return by_name[plain]
    for variant in plurals(plain):
        if variant in by_name:
            return by_name[variant]
    for noun in _nouns(kind):
        shortened = plain[len(noun) :] if plain.startswith(noun) and len(plain) > len(noun) else ""
        for variant in (noun + plain, shortened, *(plurals(noun + plain))):
            if variant in by_name:
                return by_name[variant]
    if plain not in ("name", "arn", "id"):
        for ending in _ENDINGS:
            if plain + ending in by_name:
                return by_name[plain + ending]
    if plain.endswith("enabled") and "enable" + plain[: -len("enabled")] in by_name:
        return by_name["enable" + plain[: -len("enabled")]]
    return None


def pair_members(shape: Shape) -> tuple[str, str] | None:
    """The names of Key and Value (or Name and Value) when `shape` is a list of such pairs."""
    if shape.type_name == "list" and shape.member.type_name == "structure":
        members = {canonical(member): member for member in shape.member.members}
        for key in ("key", "name"):
            if set(members) == {key, "value"}:
                return members[key], members["value"]
    return None


def counted_list(shape: Shape) -> bool:
    """CloudFront's way of writing a list: {"Quantity": 2, "Items": [...]}."""
    return shape.type_name == "structure" and {"Quantity", "Items"} <= set(shape.members)

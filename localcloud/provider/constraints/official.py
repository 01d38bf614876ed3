"""The official provider's own schema of each kind (official.jsonl, made by scripts/terraform_schema), read when asked for.

A field's keys: t type; req, comp, out: required, computed, output only; new: a change replaces; may: it may; def: default;
n: [least, most elements]; set: order does not matter; conf, one, some, with: conflicts, exactly one, at least one, together;
sens: sensitive; v: rule of the value (judge.py); e: rule of each element; f: fields of a block.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Field = Mapping[str, Any]
Fields = Mapping[str, Field]

_FILE = Path(__file__).with_name("official.jsonl")
_NONE: Fields = {}
#: Their rules are compared by a hash over sorted lists (ec2/vpc_security_group.go, securityGroupRuleHash).
_SORTED = frozenset({"aws:ec2/securityGroup:SecurityGroup", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"})


@functools.cache
def _lines() -> Mapping[str, bytes]:
    """The file's lines by kind; a line is parsed only when its kind is used."""
    return {line[9 : line.index(b'"', 9)].decode(): line for line in _FILE.read_bytes().splitlines()}


def kinds() -> frozenset[str]:
    """Every kind that the table knows."""
    return frozenset(_lines())


@functools.cache
def fields(token: str) -> Fields:
    """The fields of a kind by Pulumi's property names; empty for a kind that the table does not know."""
    line = _lines().get(token)
    if line is None:
        return _NONE
    found: dict[str, dict[str, Any]] = json.loads(line)["fields"]
    if token in _SORTED:
        for name in ("ingress", "egress"):
            for inner in ("cidrBlocks", "ipv6CidrBlocks", "prefixListIds"):
                found[name]["f"][inner]["set"] = 1
    return found


def api(token: str) -> tuple[str, str]:
    """botocore's service and the call that makes a kind; the call is "" when none is known."""
    service, operation = json.loads(_lines()[token])["api"]
    return service, operation


@functools.cache
def terraform(token: str) -> str:
    """Terraform's name of a kind: aws_vpc."""
    line = _lines().get(token)
    return str(json.loads(line)["terraform"]) if line else ""


def at(known: Fields, path: tuple[str, ...]) -> Field:
    """The field at a path of property names (list positions left out); empty when unknown."""
    field: Field = {}
    for name in path:
        field = known.get(name, {})
        known = field.get("f", {})
    return field


def plain(value: Any) -> Any:
    """A value as a list of its elements, whether Pulumi flattened a block of at most one or not."""
    return value if isinstance(value, list) else [value]

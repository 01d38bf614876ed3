"""`aws.iam.getPolicyDocument`: statements in Terraform's form as the JSON that IAM takes."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from typing import Any


def _one_or_all(values: Iterable[str]) -> Any:
    """IAM's habit, and Terraform's: one value stands alone, several are a sorted list."""
    listed = sorted(set(values), reverse=True)
    return listed[0] if len(listed) == 1 else listed


def _principals(blocks: list[dict[str, Any]]) -> Any:
    made: dict[str, list[str]] = {}
    for block in blocks:
        made.setdefault(block["type"], []).extend(block["identifiers"])
    if made in ({"*": ["*"]},):
        return "*"
    return {kind: _one_or_all(names) for kind, names in made.items()}


def _statement(statement: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if statement.get("sid"):
        made["Sid"] = statement["sid"]
    made["Effect"] = statement.get("effect") or "Allow"
    for prop, member in (
        ("actions", "Action"),
        ("notActions", "NotAction"),
        ("resources", "Resource"),
        ("notResources", "NotResource"),
    ):
        if statement.get(prop):
            made[member] = _one_or_all(statement[prop])
    for prop, member in (("principals", "Principal"), ("notPrincipals", "NotPrincipal")):
        if statement.get(prop):
            made[member] = _principals(statement[prop])
    conditions: dict[str, dict[str, Any]] = {}
    for condition in statement.get("conditions") or []:
        values = condition["values"]
        conditions.setdefault(condition["test"], {})[condition["variable"]] = values[0] if len(values) == 1 else values
    if conditions:
        made["Condition"] = conditions
    return made


def _load(text: str) -> list[dict[str, Any]]:
    statements = json.loads(text).get("Statement", [])
    return statements if isinstance(statements, list) else [statements]


def render(arguments: dict[str, Any]) -> dict[str, Any]:
    """The invoke's answer: `json` and `minifiedJson`, with source and override documents merged in by Sid."""
    statements: list[dict[str, Any]] = []
    for source in arguments.get("sourcePolicyDocuments") or []:
        statements += _load(source)
    statements += [_statement(statement) for statement in arguments.get("statements") or []]
    for override in arguments.get("overridePolicyDocuments") or []:
        for statement in _load(override):
            same = [
                i for i, held in enumerate(statements) if statement.get("Sid") and held.get("Sid") == statement["Sid"]
            ]
            if same:
                statements[same[0]] = statement
            else:
                statements.append(statement)
    sids = [statement["Sid"] for statement in statements if statement.get("Sid")]
    twice = next((sid for sid in sids if sids.count(sid) > 1), None)
    if twice:
        raise ValueError(
            f"getPolicyDocument: the statement id {twice!r} is used twice; ids must be unique in a document"
        )
    document: dict[str, Any] = {"Version": arguments.get("version") or "2012-10-17"}
    if arguments.get("policyId"):
        document["Id"] = arguments["policyId"]
    document["Statement"] = statements
    minified = json.dumps(document, separators=(",", ":"))
    return {
        **arguments,
        "id": str(zlib.crc32(minified.encode())),
        "json": json.dumps(document, indent=2),
        "minifiedJson": minified,
    }

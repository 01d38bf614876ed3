"""Reads what is to be audited from a file: an exported state, a backend's checkpoint, or a preview's JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policies.lang.resources import Resource, Stack
from policies.lang.values import normalise

#: A state of 10,000 resources is about 40 MiB; more than this is a mistake or an attack on memory.
MAX_BYTES = 64 << 20

#: Deployment formats that this reader knows (pulumi sdk/go/common/apitype: DeploymentSchemaVersionCurrent and the next).
_VERSIONS = (3, 4)


class StateError(ValueError):
    """The file is not a state or preview that can be judged; the message says what it looks like and what would be accepted."""


@dataclass(frozen=True)
class State:
    """A stack to audit and where it came from."""

    stack: Stack
    name: str
    project: str
    kind: str
    sha256: str


def read(path: Path) -> State:
    """The state in `path`. Raises `StateError`."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise StateError(f"{path} is {size >> 20} MiB; a state of at most {MAX_BYTES >> 20} MiB is accepted")
        content = path.read_bytes()
    except OSError as error:
        raise StateError(f"{path} cannot be read: {error.strerror}") from error
    return parse(content, str(path))


def parse(content: bytes, source: str) -> State:
    """The state in `content`; `source` names it in errors."""
    document = _document(content, source)
    kind, rows = _rows(document, source)
    digest = hashlib.sha256(content).hexdigest()
    regions = {row.get("urn"): _region(row) for row in rows if str(row.get("type", "")).startswith("pulumi:providers:")}
    resources = [_resource(row, regions, source) for row in rows]
    first = resources[0].urn.split("::") if resources else [""]
    name = first[0].removeprefix("urn:pulumi:") or "unknown"
    return State(Stack(resources), name, first[1] if len(first) > 1 else "unknown", kind, digest)


def _document(content: bytes, source: str) -> Mapping[str, Any]:
    if not content.strip():
        raise StateError(f"{source} is empty; expected the output of `pulumi stack export`")
    if b"\0" in content[:4096] or content.lstrip()[:1] not in b"{[":
        looks = "encrypted or compressed" if not content[:200].isascii() or b"\0" in content[:4096] else "no JSON"
        if content.startswith((b"-----BEGIN", b"age-encryption", b"Salted__", b"\x1f\x8b", b"\x85\x02")):
            looks = "encrypted or compressed"
        raise StateError(f"{source} is {looks}; expected the output of `pulumi stack export` as plain JSON")
    try:
        document = json.loads(content)
    except UnicodeDecodeError as error:
        raise StateError(
            f"{source} is not UTF-8 text (byte {error.start}); expected the output of `pulumi stack export`"
        ) from None
    except RecursionError:
        raise StateError(f"{source} is nested too deeply to be a state") from None
    except ValueError as error:
        where = getattr(error, "pos", 0)
        cut = " (it looks cut off)" if where >= len(content.rstrip()) - 2 or "Unterminated" in str(error) else ""
        raise StateError(f"{source} is not valid JSON{cut}: {error}") from None
    if not isinstance(document, dict):
        raise StateError(
            f"{source} holds a JSON {type(document).__name__}; expected the object that `pulumi stack export` writes"
        )
    return document


#: Top-level keys by which other tools' files are known.
_OTHERS = {
    "terraform_version": "a Terraform state",
    "AWSTemplateFormatVersion": "a CloudFormation template",
    "format_version": "a Terraform plan",
    "runs": "a SARIF log",
    "Resources": "a CloudFormation template",
    "apiVersion": "a Kubernetes object",
}


def _rows(document: Mapping[str, Any], source: str) -> tuple[str, list[Mapping[str, Any]]]:
    for key, what in _OTHERS.items():
        if key in document:
            raise StateError(
                f"{source} is {what}; expected the output of `pulumi stack export` or `pulumi preview --json`"
            )
    if isinstance(document.get("steps"), list):
        return "preview", list(_steps(document["steps"]))
    if isinstance(document.get("checkpoint"), dict):
        document = {"version": document.get("version"), "deployment": document["checkpoint"].get("latest")}
    deployment = document.get("deployment")
    if not isinstance(deployment, dict):
        raise StateError(
            f"{source} has no `deployment`, no `checkpoint` and no `steps`: no state and no preview of Pulumi's"
        )
    if document.get("version") not in _VERSIONS:
        accepted = " or ".join(str(number) for number in _VERSIONS)
        raise StateError(
            f"{source}: version {document.get('version')!r} of the state's format; this reader knows {accepted}"
        )
    rows = deployment.get("resources")
    if rows is None:
        rows = []
    if not isinstance(rows, list):
        raise StateError(f"{source}: deployment.resources is a {type(rows).__name__}; expected a list")
    for index, row in enumerate(rows):
        if not isinstance(row, dict) or not isinstance(row.get("urn"), str) or not isinstance(row.get("type"), str):
            raise StateError(f"{source}: deployment.resources.{index} has no urn or no type")
    return "state", [row for row in rows if not row.get("delete")]


def _steps(steps: list[Any]) -> Iterator[Mapping[str, Any]]:
    seen: set[str] = set()
    for step in steps:
        row = step.get("newState") if isinstance(step, dict) else None
        if not isinstance(row, dict) or not isinstance(row.get("urn"), str) or not isinstance(row.get("type"), str):
            continue
        if row["urn"] not in seen and not str(step.get("op", "")).startswith(("delete", "discard", "remove")):
            seen.add(row["urn"])
            yield row


def _region(row: Mapping[str, Any]) -> str:
    for part in ("outputs", "inputs"):
        values = row.get(part)
        if isinstance(values, dict) and isinstance(values.get("region"), str):
            return str(values["region"])
    return ""


def _resource(row: Mapping[str, Any], regions: Mapping[Any, str], source: str) -> Resource:
    urn = str(row["urn"])
    if not urn.startswith("urn:pulumi:") or urn.count("::") < 3:
        raise StateError(f"{source}: {urn!r} is no URN")
    values: dict[str, Any] = {}
    for part in ("inputs", "outputs"):  # outputs are what was deployed; an input that no output repeats still holds
        given = row.get(part)
        if isinstance(given, dict):
            values |= {
                key: normalise(value) for key, value in given.items() if value is not None and not key.startswith("__")
            }
    dependencies = row.get("propertyDependencies")
    provider = str(row.get("provider") or "").rpartition("::")[0]
    identity = row.get("id")
    return Resource(
        str(row["type"]),
        urn.split("::", 3)[3],
        urn,
        values,
        id=identity if isinstance(identity, str) else "",
        parent=str(row.get("parent") or ""),
        dependencies=[str(item) for item in row.get("dependencies") or ()],
        property_dependencies={
            str(key): [str(item) for item in items or ()]
            for key, items in (dependencies if isinstance(dependencies, dict) else {}).items()
        },
        provider_region=regions.get(provider, ""),
    )

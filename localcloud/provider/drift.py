"""`python -m localcloud.provider.drift`: what is live against what the engine's state says, by the provider's read and diff.

Prints one JSON document: `{"resources": n, "drift": [{"type", "name", "urn", "property", "expected", "found"}]}`. A resource
that is gone has the property "". Secrets are encrypted in the state and are not compared. Reads only.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from localcloud.provider import differ, schema
from localcloud.provider.clients import OperationClients
from localcloud.provider.core import Core
from localcloud.provider.errors import Gone
from localcloud.provider.kept import KeptProperties
from localcloud.provider.read import Settings
from localcloud.provider.rows import ROWS
from localcloud.provider.wire import SIGNATURE
from localcloud.runtime.addresses import AddressBook
from localcloud.runtime.aws import check_endpoint, isolate_environment

Resource = Mapping[str, Any]


def resources(state: Path) -> list[Resource]:
    """All resources of a stack's state file; none of a stack that was never up."""
    latest = json.loads(state.read_text())["checkpoint"].get("latest") or {}
    return latest.get("resources") or []


def compare(core: Core, region: str, found: Iterable[Resource]) -> Iterator[dict[str, Any]]:
    """Every property that differs. What `ignoreChanges` names is left out, as `pulumi up` would not mend it either."""
    found = list(found)
    providers = {f"{r['urn']}::{r['id']}": r for r in found if r["type"].startswith("pulumi:providers:")}
    for resource in found:
        if resource["type"] in core.rows and resource.get("custom") and not resource.get("delete"):
            yield from _compare(core, _settings(providers.get(resource.get("provider", "")), region), resource)


def _compare(core: Core, settings: Settings, resource: Resource) -> Iterator[dict[str, Any]]:
    token, urn = resource["type"], resource["urn"]
    subject = {"type": token, "name": urn.rpartition("::")[2], "urn": urn}
    inputs, outputs = _clear(resource.get("inputs") or {}), _clear(resource.get("outputs") or {})
    try:
        live, _ = core.read(settings, token, resource["id"], inputs, outputs)
    except Gone:
        yield {**subject, "property": "", "expected": None, "found": None}
        return
    difference = core.diff(token, live, inputs, frozenset(resource.get("ignoreChanges") or ()), outputs)
    secret = core.translator(token).secrets
    for path in sorted(difference.paths):
        if differ.steps(path)[0] not in secret:
            yield {**subject, "property": path, "expected": _at(inputs, path), "found": _at(live, path)}


def _settings(provider: Resource | None, region: str) -> Settings:
    configured = (provider or {}).get("inputs") or {}
    tags = configured.get("defaultTags") or {}
    tags = json.loads(tags) if isinstance(tags, str) else tags
    return Settings(configured.get("region") or region, tags.get("tags") or {})


def _clear(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The properties without those that hold a secret, which the state has encrypted."""
    return {name: value for name, value in properties.items() if value is not None and not _hides(value)}


def _hides(value: Any) -> bool:
    if isinstance(value, dict):
        return (SIGNATURE in value and "ciphertext" in value) or any(map(_hides, value.values()))
    return isinstance(value, list) and any(map(_hides, value))


def _at(document: Any, path: str) -> Any:
    """The value at a path of the engine's; None where nothing is."""
    for step in differ.steps(path):
        if isinstance(document, list):
            document = document[int(step)] if step.isdigit() and int(step) < len(document) else None
        else:
            document = document.get(step) if isinstance(document, dict) else None
    return document


def main(argv: list[str] | None = None) -> int:
    """Compare once."""
    parser = argparse.ArgumentParser(prog="localcloud.provider.drift", description=__doc__)
    parser.add_argument("--endpoint", required=True, help="URL of the AWS emulator; a loopback address")
    parser.add_argument("--store", type=Path, required=True, help="the provider's store")
    parser.add_argument("--addresses", type=Path, required=True, help="directory of the address book")
    parser.add_argument("--region", default="ap-south-1")
    parser.add_argument("--ingress", default="")
    parser.add_argument("states", type=Path, nargs="+", metavar="STATE", help="files of the engine's backend")
    given = parser.parse_args(argv)
    isolate_environment()
    check_endpoint(given.endpoint)
    core = Core(
        ROWS,
        schema.load(given.store, ROWS),
        OperationClients(given.endpoint, agent="matchday-drift"),
        KeptProperties(given.store),
        AddressBook(given.addresses),
        given.ingress,
    )
    found = [resource for state in given.states for resource in resources(state)]
    document = {"resources": len(found), "drift": [*compare(core, given.region, found)]}
    print(json.dumps(document))  # noqa: T201 - the contract: one document on standard output
    return 0


if __name__ == "__main__":
    sys.exit(main())

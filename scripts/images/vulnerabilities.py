"""Asks OSV (osv.dev) for the known vulnerabilities of what a bill of materials lists, and writes the report beside it.

    python -m scripts.images.vulnerabilities DIRECTORY    (of scripts.images.build; OSV_URL: another server than OSV's own)

DIRECTORY/vulnerabilities.cdx.json is CycloneDX 1.6: the bill's components with the vulnerabilities that affect them. Exit code
1: of one there is a version that mends it, so the image is not to be shipped. Those without are in the report. 2: OSV could not
be asked, and there is no report: what was not looked at is not called clean.
"""

from __future__ import annotations

import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

OSV = "https://api.osv.dev"

#: Queries in one request at most, as OSV documents it.
_BATCH = 1000


def report(client: httpx.Client, bom: Mapping[str, Any]) -> dict[str, Any]:
    """The bill with its `vulnerabilities`. Raises httpx.HTTPError when OSV does not answer as documented."""
    components = {component["bom-ref"]: _query(component) for component in bom["components"]}
    affected: dict[str, list[str]] = defaultdict(list)
    for reference, identifier in _known(client, components):
        affected[identifier].append(reference)
    found = [
        _entry(_ask(client, "GET", f"/v1/vulns/{identifier}"), {name: components[name] for name in sorted(set(names))})
        for identifier, names in sorted(affected.items())
    ]
    return {**bom, "vulnerabilities": found}


def mendable(document: Mapping[str, Any]) -> list[str]:
    """A sentence for each vulnerability that another version of its component does not have."""
    return [
        f"{entry['id']}: {', '.join(affected['ref'] for affected in entry['affects'])}: {entry['recommendation']}"
        for entry in document["vulnerabilities"]
        if "recommendation" in entry
    ]


def _query(component: Mapping[str, Any]) -> dict[str, Any]:
    """OSV knows Debian's packages by their sources, in the ecosystem of a release."""
    properties = {entry["name"]: entry["value"] for entry in component.get("properties", [])}
    if component["purl"].startswith("pkg:deb/"):
        release = component["purl"].rpartition("distro=debian-")[2]
        package = {"name": properties["matchday:source"], "ecosystem": f"Debian:{release}"}
        return {"package": package, "version": properties["matchday:source-version"]}
    return {"package": {"name": component["name"], "ecosystem": "PyPI"}, "version": component["version"]}


def _known(client: httpx.Client, components: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """(component, identifier) of each vulnerability; long answers come in pages."""
    waiting = [(reference, dict(query)) for reference, query in components.items()]
    while waiting:
        batch, waiting = waiting[:_BATCH], waiting[_BATCH:]
        answer = _ask(client, "POST", "/v1/querybatch", json={"queries": [query for _, query in batch]})
        if len(answer["results"]) != len(batch):
            raise httpx.HTTPError(f"OSV answered {len(answer['results'])} of {len(batch)} queries")
        for (reference, query), result in zip(batch, answer["results"], strict=True):
            yield from ((reference, entry["id"]) for entry in result.get("vulns", []))
            if token := result.get("next_page_token"):
                waiting.append((reference, {**query, "page_token": token}))


def _entry(advisory: Mapping[str, Any], components: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    packages = [query["package"] for query in components.values()]
    fixes = sorted(
        {
            event["fixed"]
            for part in advisory.get("affected", [])
            if part.get("package", {}).get("name") in {package["name"] for package in packages}
            and part["package"].get("ecosystem") in {package["ecosystem"] for package in packages}
            for span in part.get("ranges", [])
            if span["type"] != "GIT"
            for event in span["events"]
            if "fixed" in event
        }
    )
    return {
        "id": advisory["id"],
        "source": {"name": "OSV", "url": f"https://osv.dev/vulnerability/{advisory['id']}"},
        "ratings": [{"vector": severity["score"]} for severity in advisory.get("severity", [])],
        "description": advisory.get("summary") or advisory.get("details", "")[:500],
        **({"recommendation": f"mended in {', '.join(fixes)}"} if fixes else {}),
        "affects": [{"ref": reference} for reference in components],
    }


def _ask(client: httpx.Client, method: str, path: str, **asked: Any) -> Any:
    answer = client.request(method, path, **asked)
    answer.raise_for_status()
    try:
        return answer.json()
    except ValueError as error:
        raise httpx.HTTPError(f"{method} {path}: no JSON") from error


def _report_errors(sentences: Iterable[str]) -> None:
    sys.stderr.writelines(f"{sentence}\n" for sentence in sentences)


def main(words: list[str]) -> int:
    """The script."""
    if len(words) != 1:
        _report_errors(["usage: python -m scripts.images.vulnerabilities DIRECTORY"])
        return 2
    directory = Path(words[0])
    url = os.environ.get("OSV_URL") or OSV
    kept = directory / "vulnerabilities.cdx.json"
    kept.unlink(missing_ok=True)
    try:
        bom = json.loads((directory / "sbom.cdx.json").read_text())
        with httpx.Client(base_url=url, timeout=30, transport=httpx.HTTPTransport(retries=2)) as client:
            document = report(client, bom)
    except (OSError, httpx.HTTPError, KeyError) as failure:
        _report_errors([f"error: the advisories at {url} could not be asked: {failure!r}; nothing was checked"])
        return 2
    kept.write_text(json.dumps(document, indent=2) + "\n")
    mended = mendable(document)
    _report_errors([f"error: {sentence}" for sentence in mended])
    count = len(document["vulnerabilities"])
    sys.stdout.write(
        f"{len(bom['components'])} components, {count} known vulnerabilities, {len(mended)} to be mended\n"
    )
    return 1 if mended else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

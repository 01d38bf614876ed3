"""Pages that are made from code: each service's API from its OpenAPI document, background jobs from what services register."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.docs_site.pages import ROOT
from services.common.jobs import Jobs


def services() -> list[str]:
    """Every service, by its folder."""
    return [path.parent.name for path in sorted(ROOT.glob("services/*/openapi.json"))]


def api(service: str) -> str:
    """A service's endpoints with what they take, answer and refuse."""
    document = json.loads((ROOT / "services" / service / "openapi.json").read_text("utf-8"))
    lines = [f"# {document['info']['title']}: API", "", document["info"]["summary"] + ".", ""]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            lines += _operation(f"{method.upper()} {path}", operation)
    lines += ["## Documents", ""]
    for name, schema in sorted(document.get("components", {}).get("schemas", {}).items()):
        lines += _schema(name, schema)
    return "\n".join(lines)


def _operation(title: str, operation: dict[str, Any]) -> Iterator[str]:
    yield from (f"## `{title}`", "", _text(operation.get("description", "")), "")
    given = operation.get("parameters", [])
    if given:
        yield from ("| parameter | in | type | required |", "|---|---|---|---|")
        for each in given:
            required = "yes" if each.get("required") else "no"
            yield f"| `{each['name']}` | {each['in']} | {_type(each.get('schema', {}))} | {required} |"
        yield ""
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        yield from (f"Takes {_type(content.get('schema', {}))} (`{media}`).", "")
    yield from ("| answer | means |", "|---|---|")
    for status, answer in sorted(operation["responses"].items()):
        shapes = [_type(content.get("schema", {})) for content in answer.get("content", {}).values()]
        shape = f" {shapes[0]}" if shapes and status < "400" else ""
        yield f"| {status}{shape} | {_text(answer['description'])} |"
    yield ""


def _schema(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield from (f"### {name}", "", _text(schema.get("description", "")), "")
    properties = schema.get("properties", {})
    if not properties:
        yield from (f"{_type(schema)}.", "")
        return
    yield from ("| field | type | required | meaning |", "|---|---|---|---|")
    for field, inner in properties.items():
        required = "yes" if field in schema.get("required", ()) else "no"
        yield f"| `{field}` | {_type(inner)} | {required} | {_text(inner.get('description', ''))} |"
    yield ""


def _type(schema: dict[str, Any]) -> str:
    """A JSON schema in a few words; a document of its own is linked."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("format", schema.get("type", "any")))


def _text(text: str) -> str:
    """On one line, for a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def jobs() -> str:
    """Every job of the clock and every kind of message, of all services, as their code registers them."""
    intro = (
        "What runs without a request, as the services' code registers it ([how](background-work.md)). Times are UTC."
    )
    lines = ["# Jobs", "", intro, ""]
    lines += ["## By the clock", "", "| job | cron | what | late after | runbook |", "|---|---|---|---|---|"]
    messages = ["## By messages", "", "| service | message | done |", "|---|---|---|"]
    for service, registered in _registered():
        for task, job in sorted(registered.scheduled.items()):
            handler = job.run or job.clean_up
            what = _text(handler.__doc__ or "") if handler else ""
            runbook = f"[{job.runbook}](runbooks/{job.runbook}.md)"
            lines.append(f"| `{task}` | `{job.cron}` | {what} | {job.late_after} | {runbook} |")
        for task in sorted(registered.tasks):
            outside = task in registered.outside
            done = (
                "a call to the outside, no transaction while it waits"
                if outside
                else "in the transaction of its effect"
            )
            messages.append(f"| {service} | `{task}` | {done} |")
    return "\n".join([*lines, "", *messages, ""])


def _registered() -> Iterator[tuple[str, Jobs]]:
    for tasks in sorted(ROOT.glob("services/*/tasks.py")):
        service = tasks.parent.name
        if service != "common":
            found: Jobs = importlib.import_module(f"services.{service}.tasks").jobs
            yield service, found


def made(out: Path) -> None:
    """Write the pages below `out`."""
    (out / "jobs.md").write_text(jobs(), encoding="utf-8")
    for service in services():
        (out / "services" / service / "api.md").write_text(api(service), encoding="utf-8")

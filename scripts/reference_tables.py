"""Writes the tables of docs that are read from models: every setting (environments.md), every manifest field (contracts.md).

`python scripts/reference_tables.py` rewrites what stands between `<!-- table: NAME -->` and `<!-- end -->`; a test compares.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from environments.settings import EnvironmentSettings  # noqa: E402 - the script is run from anywhere
from environments.tiers import TIERS  # noqa: E402
from model.manifest import ServiceManifest  # noqa: E402
from model.validation import words_of  # noqa: E402

#: Keys of EnvironmentSettings that no file gives under `matchday:environment`.
_ELSEWHERE = {"stack", "region", "tier"}


@dataclass(frozen=True, slots=True)
class Field:
    """A leaf of a document: its key path (`processes.*.cpu`, `slos[].name`), and its JSON schema."""

    path: str
    schema: Mapping[str, Any]
    required: bool

    @property
    def meaning(self) -> str:
        """The field's own documentation on one line."""
        return " ".join(str(self.schema.get("description", "")).split())

    @property
    def default(self) -> str:
        """What holds when it is left out."""
        if self.required:
            return "required"
        return _shown(self.schema.get("default"))


def fields(model: type[BaseModel]) -> Iterator[Field]:
    """Every leaf of `model`, in the order of its code."""
    schema = model.model_json_schema()
    yield from _walk("", schema, schema.get("$defs", {}))


def _walk(prefix: str, section: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[Field]:
    for name, raw in section["properties"].items():
        schema = {**_resolved(raw, known), **{key: raw[key] for key in ("description", "default") if key in raw}}
        path = f"{prefix}{name}"
        required = name in section.get("required", ())
        if "properties" in schema:
            yield from _walk(f"{path}.", schema, known)
            continue
        yield Field(path, schema, required)
        for suffix, inner in (("[].", schema.get("items")), (".*.", _values(schema))):
            if isinstance(inner, Mapping) and "properties" in (found := _resolved(inner, known)):
                yield from _walk(f"{path}{suffix}", found, known)


def _resolved(schema: Mapping[str, Any], known: Mapping[str, Any]) -> Mapping[str, Any]:
    """`schema` with its reference followed; of a choice with null, the other one."""
    options = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    if len(options) == 1:
        schema = options[0]
    if "$ref" in schema:
        return _resolved(known[schema["$ref"].rsplit("/", 1)[1]], known)
    return schema


def _values(schema: Mapping[str, Any]) -> Any:
    patterns = schema.get("patternProperties")
    return next(iter(patterns.values())) if patterns else schema.get("additionalProperties")


def accepted(schema: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    """What a field takes, in words."""
    schema = _resolved(schema, known)
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "pattern" in schema:
        return words_of(schema["pattern"]).replace("<", "&lt;")  # no HTML
    kind = schema.get("type")
    if kind == "array":
        inner = accepted(schema["items"], known)
        least = f"{schema['minItems']} or more, " if "minItems" in schema else ""
        return f"list ({least}each: {inner})" if inner else "list"
    if kind == "object":
        return "mapping"
    if kind == "boolean":
        return "true, false"
    if kind in ("integer", "number"):
        low, high = schema.get("minimum"), schema.get("maximum", schema.get("exclusiveMaximum"))
        below = "below " if "exclusiveMaximum" in schema else ""
        return kind if low is None else f"{low:,} to {below}{high:,}" if high is not None else f"{low:,} and up"
    return "text"


def _shown(value: Any) -> str:
    if value is None or value in ([], {}, ""):
        return "none"
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def settings_table() -> str:
    """Every setting with what each tier starts from."""
    known = EnvironmentSettings.model_json_schema().get("$defs", {})
    lines = ["| key | meaning | accepted | " + " | ".join(TIERS) + " |", "|---" * (3 + len(TIERS)) + "|"]
    for field in fields(EnvironmentSettings):
        if field.path.split(".")[0] in _ELSEWHERE:
            continue
        starts = [_at(TIERS[tier], field.path, field.schema.get("default")) for tier in TIERS]
        lines.append(f"| `{field.path}` | {field.meaning} | {accepted(field.schema, known)} | {' | '.join(starts)} |")
    return "\n".join(lines)


def _at(tier: Mapping[str, Any], path: str, default: Any) -> str:
    value: Any = tier
    for part in path.split("."):
        value = value.get(part, default) if isinstance(value, Mapping) else default
    if path == "relaxed":
        return ", ".join(f"`{key}`" for key in value or ()) or "none"
    return _shown(value)


def manifest_table() -> str:
    """Every field of a service.yaml."""
    known = ServiceManifest.model_json_schema().get("$defs", {})
    lines = ["| key | meaning | accepted | left out |", "|---|---|---|---|"]
    lines += [
        f"| `{field.path}` | {field.meaning} | {accepted(field.schema, known)} | {field.default} |"
        for field in fields(ServiceManifest)
    ]
    return "\n".join(lines)


#: Name in the marker → page, and what makes the table.
TABLES = {"settings": ("docs/environments.md", settings_table), "manifest": ("docs/contracts.md", manifest_table)}


def page(name: str, text: str) -> str:
    """`text` of a page with the table `name` renewed. Raises ValueError where the markers are missing."""
    start, end = f"<!-- table: {name} -->\n", "\n<!-- end -->"
    before, found, rest = text.partition(start)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"{TABLES[name][0]} lacks {start.strip()} … {end.strip()}")
    return f"{before}{start}{TABLES[name][1]()}{end}{after}"


def main() -> None:
    """Renew every table."""
    for name, (file, _) in TABLES.items():
        path = ROOT / file
        path.write_text(page(name, path.read_text()))


if __name__ == "__main__":
    main()

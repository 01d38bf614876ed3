"""Reading rules documents and vocabularies: the schema, parameters, content hashes, and typed values out of JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing import Registry, Resource

from scoring.engine.conditions import parse_condition
from scoring.engine.document import (
    Attribute,
    Bands,
    Bounds,
    Case,
    Cases,
    Chip,
    Counting,
    Each,
    Form,
    Having,
    Measure,
    Milestones,
    Multiplier,
    Office,
    Parameter,
    ProfileSource,
    RosterRules,
    Rules,
    ScoringRule,
    Stated,
    Table,
    Transfers,
    Vocabulary,
)
from scoring.engine.errors import RulesError
from scoring.engine.exact import interval

RULES_DIRECTORY = Path(__file__).resolve().parent.parent / "rules"
_BOUNDS = ("at_least", "above", "at_most", "below")


def parse_vocabulary(document: Any, place: str) -> Vocabulary:
    """A vocabulary from its JSON document; RulesError if it does not keep to the schema."""
    _validate("vocabulary", document, place)
    return Vocabulary(
        sport=document["sport"],
        version=document["version"],
        context=document["context"],
        profile=tuple(
            ProfileSource(source["event"], source["player"], tuple(source["attributes"]))
            for source in document["profile"]
        ),
        events={
            kind: {
                name: Attribute(
                    given["type"],
                    tuple(given["values"]) if "values" in given else None,
                    given.get("required", False),
                    given.get("least"),
                )
                for name, given in event["attributes"].items()
            }
            for kind, event in document["events"].items()
        },
        scopes={name: tuple(attributes) for name, attributes in document["scopes"].items()},
        measures={name: _parse_measure(name, given) for name, given in document["measures"].items()},
        document=document,
    )


def _parse_measure(name: str, given: Mapping[str, Any]) -> Measure:
    kind = next(kind for kind in ("count", "sum", "min", "max", "count_groups") if kind in given)
    groups = given.get("count_groups", {})
    return Measure(
        name=name,
        title=given["title"],
        event=given["event"],
        players=tuple(given["player"]),
        where=parse_condition(given.get("where", {})),
        kind=kind,
        attribute=given[kind] if kind in ("sum", "min", "max") else None,
        by=tuple(groups.get("by", ())),
        having=tuple(
            Having(test["sum"], test.get("equals"), test.get("at_least_greatest")) for test in groups.get("having", ())
        ),
    )


def parse_rules(
    document: Any, vocabulary: Vocabulary, place: str, parameters: Mapping[str, str | int] | None = None
) -> Rules:
    """Rules from their JSON document; `parameters` overrides values of the document's own parameters.

    RulesError, with the path inside the document, if it does not keep to the schema or a parameter is not one of its
    choices. What the schema cannot see (unknown measures, gaps between bands) is `lint`'s to find.
    """
    settled = _settle(document, dict(parameters or {}), place)
    _validate("rules", settled, place)
    if settled["sport"] != vocabulary.sport:
        raise RulesError(place, f"sport {settled['sport']!r} with the vocabulary of {vocabulary.sport!r}")
    return Rules(
        id=settled["id"],
        version=settled["version"],
        title=settled["title"],
        summary=settled.get("summary", ""),
        sport=settled["sport"],
        made_for=parse_condition(settled.get("made_for", {})),
        sources=settled["sources"],
        parameters={
            name: Parameter(
                given["title"], given["value"], {choice["value"]: choice["source"] for choice in given["choices"]}
            )
            for name, given in settled.get("parameters", {}).items()
        },
        parametrised=frozenset(
            rule["id"] for rule, given in zip(settled["rules"], document["rules"], strict=True) if rule != given
        ),
        counts={kind: parse_condition(given) for kind, given in settled.get("counts", {}).items()},
        rules=tuple(_parse_rule(given) for given in settled["rules"]),
        multipliers=tuple(
            Multiplier(
                given["id"],
                given["title"],
                given["office"],
                Fraction(given["factor"]),
                given.get("unless_played"),
                given.get("excludes"),
            )
            for given in settled.get("multipliers", [])
        ),
        chips=tuple(_parse_chip(given) for given in settled.get("chips", [])),
        roster=_parse_roster(settled["roster"]),
        vocabulary=vocabulary,
        document=settled,
        sha256=content_hash({"rules": settled, "vocabulary": vocabulary.document}),
        counting=tuple(
            Counting(
                parse_condition(given.get("during", {})),
                tuple((part.get("matches"), part["best"]) for part in given["parts"]),
            )
            for given in settled.get("counting", [])
        ),
        stated=Stated(**{"player": "driver", **settled["stated"]}) if "stated" in settled else None,
    )


def content_hash(document: Any) -> str:
    """SHA-256 of a JSON value's canonical form (sorted keys, no spaces, UTF-8)."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _settle(document: Any, overrides: dict[str, str | int], place: str) -> Any:
    """The document with the overrides in its parameters and every {"parameter": NAME} replaced."""
    if not isinstance(document, Mapping):
        raise RulesError(place, f"a {type(document).__name__} where an object is expected")
    declared = document.get("parameters", {})
    if not isinstance(declared, Mapping) or not all(
        isinstance(given, Mapping)
        and "value" in given
        and isinstance(given.get("choices"), list)
        and all(isinstance(choice, Mapping) for choice in given["choices"])
        for given in declared.values()
    ):
        raise RulesError(f"{place}: parameters", "each needs a title, a value and a list of choices with their sources")
    values: dict[str, Any] = {name: given["value"] for name, given in declared.items()}
    for name, value in overrides.items():
        if name not in values:
            known = ", ".join(sorted(values)) or "none"
            raise RulesError(f"{place}: parameter {name!r}", f"there is no such parameter (there are: {known})")
        # A command line gives text; a parameter whose value is a number takes the number that the text spells.
        whole = isinstance(values[name], int) and isinstance(value, str) and value.isascii() and value.isdigit()
        values[name] = int(value) if whole else value
    for name, given in declared.items():
        choices = [choice.get("value") for choice in given["choices"]]
        if values[name] not in choices:
            listed = ", ".join(str(choice) for choice in choices)
            raise RulesError(f"{place}: parameter {name!r}", f"{values[name]!r} is not one of its choices ({listed})")

    def replaced(node: Any, path: str) -> Any:
        if isinstance(node, Mapping):
            if set(node) == {"parameter"}:
                if not isinstance(node["parameter"], str) or node["parameter"] not in values:
                    raise RulesError(f"{place}: {path}", f"parameter {node['parameter']!r} is not declared")
                return values[node["parameter"]]
            return {key: replaced(value, f"{path}.{key}" if path else key) for key, value in node.items()}
        if isinstance(node, list):
            return [replaced(value, f"{path}[{index}]") for index, value in enumerate(node)]
        return node

    settled = {key: replaced(value, key) for key, value in document.items() if key != "parameters"}
    if declared:
        settled["parameters"] = {name: {**given, "value": values[name]} for name, given in declared.items()}
    return settled


def _parse_chip(given: Mapping[str, Any]) -> Chip:
    ((effect, value),) = given["effect"].items()
    return Chip(given["id"], given["title"], effect, value, given.get("uses"))


def _parse_rule(given: Mapping[str, Any]) -> ScoringRule:
    return ScoringRule(
        id=given["id"],
        title=given["title"],
        category=given["category"],
        note=given.get("note", ""),
        scope=given.get("scope", "match"),
        during=parse_condition(given.get("during", {})),
        eligible=parse_condition(given.get("eligible", {})),
        when=parse_condition(given.get("when", {})),
        form=_parse_form(given),
    )


def _parse_form(given: Mapping[str, Any]) -> Form:
    if "each" in given:
        each = given["each"]
        return Each(each["measure"], Fraction(each["points"]), each.get("every", 1))
    if "milestones" in given:
        steps = given["milestones"]["steps"]
        return Milestones(
            given["milestones"]["measure"], tuple((step["at"], Fraction(step["points"])) for step in steps)
        )
    if "bands" in given:
        of = given["bands"]["of"]
        return Bands(
            of["measure"],
            of.get("times", 1),
            of.get("per"),
            of.get("unit", ""),
            tuple(
                (
                    interval(**{bound: Fraction(step[bound]) for bound in _BOUNDS if bound in step}),
                    Fraction(step["points"]),
                )
                for step in given["bands"]["steps"]
            ),
        )
    if "table" in given:
        table = given["table"]
        return Table(
            table["measure"],
            {int(value): Fraction(points) for value, points in table["points"].items()},
            table.get("divided_by"),
        )
    return Cases(
        tuple(
            Case(parse_condition(case["when"]), Fraction(case["points"]), case.get("title", ""))
            for case in given["cases"]
        )
    )


def _parse_roster(given: Mapping[str, Any]) -> RosterRules:
    def bounds(table: Mapping[str, Any]) -> dict[str, Bounds]:
        return {role: Bounds(bound.get("at_least", 0), bound.get("at_most")) for role, bound in table.items()}

    teams, lineup, transfers = given.get("teams", {}), given.get("lineup", {}), given.get("transfers")
    return RosterRules(
        size=given["size"],
        budget=Fraction(given["budget"]) if "budget" in given else None,
        unit=given.get("unit", ""),
        roles=bounds(given.get("roles", {})),
        team_at_most=teams.get("at_most"),
        teams_different=teams.get("different"),
        offices={
            office: Office(rule["required"], tuple(rule["roles"]) if "roles" in rule else None)
            for office, rule in given.get("offices", {}).items()
        },
        lineup_size=lineup.get("size"),
        lineup_roles=bounds(lineup.get("roles", {})),
        substitutes=lineup.get("substitutes", False),
        transfers=None
        if transfers is None
        else Transfers(
            transfers["free"], transfers["kept"], Fraction(transfers["cost"]), tuple(transfers.get("filled", ()))
        ),
    )


@cache
def _validator(name: str) -> Draft202012Validator:
    schemas = {
        path.name: json.loads(path.read_text(encoding="utf-8")) for path in (RULES_DIRECTORY / "schema").glob("*.json")
    }
    registry: Registry[Any] = Registry().with_resources(
        (file, Resource.from_contents(schema)) for file, schema in schemas.items()
    )
    return Draft202012Validator({"$ref": f"{name}.schema.json"}, registry=registry)


def _validate(schema: str, document: Any, place: str) -> None:
    errors = sorted(
        _validator(schema).iter_errors(document), key=lambda error: (-len(error.absolute_path), str(error.path))
    )
    if errors:
        path, reason = _explain(errors[0])
        raise RulesError(f"{place}: {path}" if path else place, reason)


def _explain(error: ValidationError) -> tuple[str, str]:
    """Path and one-line reason of a schema error; of an alternative, those of the part that came nearest."""
    while error.context and not (
        error.validator == "oneOf" and isinstance(error.instance, Mapping) and "id" in error.instance
    ):
        error = max(error.context, key=lambda inner: len(inner.absolute_path))
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path).lstrip(".")
    if error.validator == "oneOf":
        return path, "a rule has exactly one of each, milestones, bands, table, cases"
    reason = " ".join(error.message.split())
    return path, reason if len(reason) <= 200 else f"{reason[:197]}…"

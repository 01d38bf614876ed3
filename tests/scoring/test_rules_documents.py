"""The rules documents that ship: they are valid, and a published version never changes. Documents that are not are refused."""

from __future__ import annotations

import json
from copy import deepcopy
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from scoring.engine import registry
from scoring.engine.errors import RulesError
from scoring.engine.linting import lint
from scoring.engine.parsing import RULES_DIRECTORY, parse_rules

IDS = [
    "cricket-odi", "cricket-t10", "cricket-t20-a", "cricket-t20-b", "cricket-test", "f1-constructors", "f1-fantasy-2026",
    "f1-league", "fpl",
]  # fmt: skip
LOCK = Path(__file__).parent / "published_hashes.json"


def document(rules_id: str = "cricket-t20-b") -> dict[str, Any]:
    return json.loads((RULES_DIRECTORY / f"{rules_id}@1.0.0.json").read_text())


def write(folder: Path, content: dict[str, Any]) -> str:
    path = folder / "rules.json"
    path.write_text(json.dumps(content))
    return str(path)


def test_the_rules_that_the_platform_promises_are_there() -> None:
    assert list(registry.published()) == IDS


@pytest.mark.slow
def test_a_published_version_never_changes() -> None:
    """Contests refer to `id@version`; to change a document, publish a new version and add its hash to the lock."""
    lock = json.loads(LOCK.read_text())
    hashes = {
        f"{id_}@{version}": registry.load(f"{id_}@{version}").sha256
        for id_, versions in registry.published().items()
        for version in versions
    }
    assert hashes == lock


@pytest.mark.parametrize("rules_id", IDS)
def test_what_ships_is_clean(rules_id: str) -> None:
    rules = registry.load(rules_id)
    newest = {"f1-constructors": "1.0.0", "f1-league": "1.2.0", "f1-fantasy-2026": "1.2.0", "fpl": "1.3.0"}.get(
        rules_id, "1.1.0"
    )
    assert (rules.id, rules.version) == (rules_id, newest)
    assert [str(finding) for finding in lint(rules)] == []
    assert rules.sources


@pytest.mark.parametrize("rules_id", IDS)
def test_every_variant_that_a_parameter_allows_is_usable_and_has_a_hash_of_its_own(rules_id: str) -> None:
    standard = registry.load(rules_id)
    hashes = {standard.sha256}
    for name, parameter in standard.parameters.items():
        assert parameter.value in parameter.choices
        for choice in parameter.choices:
            variant = registry.load(rules_id, {name: choice})
            assert variant.parameters[name].value == choice
            assert (variant.sha256 == standard.sha256) == (choice == parameter.value)
            hashes.add(variant.sha256)
    assert len(hashes) == 1 + sum(len(parameter.choices) - 1 for parameter in standard.parameters.values())


def test_a_parameter_changes_the_points() -> None:
    def wicket(**parameters: str) -> Fraction:
        rules = registry.load("cricket-t20-b", parameters)
        return next(rule.form.points for rule in rules.rules if rule.id == "wicket")  # type: ignore[union-attr, return-value]

    assert (wicket(), wicket(wicket="25")) == (30, 25)
    assert registry.load("cricket-t20-b", {"team_limit": "7"}).roster.team_at_most == 7


@pytest.mark.parametrize(
    ("reference", "parameters", "message"),
    [
        ("cricket", {}, "rules 'cricket': unknown id 'cricket' .known: cricket-odi, cricket-t10"),
        ("fpl@9.9.9", {}, "rules 'fpl@9.9.9': fpl has no version '9.9.9' .it has: 1.0.0, 1.1.0, 1.2.0"),
        ("../fpl@1.0.0", {}, "unknown id '../fpl'"),
        ("fpl@../x", {}, "has no version '../x'"),
        ("fpl", {"wicket": "25"}, "parameter 'wicket': there is no such parameter .there are: goalkeeper_goal"),
        ("f1-league", {"x": "1"}, "there is no such parameter .there are: none"),
        ("fpl", {"goalkeeper_goal": "7"}, "parameter 'goalkeeper_goal': '7' is not one of its choices .10, 6"),
        ("/nowhere/rules.json", {}, "/nowhere/rules.json: No such file or directory"),
    ],
)
def test_unknown_ids_versions_and_parameters_are_refused(
    reference: str, parameters: dict[str, str], message: str
) -> None:
    with pytest.raises(RulesError, match=message):
        registry.load(reference, parameters)


def test_without_a_version_the_newest_counts(tmp_path: Path) -> None:
    for version in ("1.0.0", "1.10.0", "1.9.0"):
        (tmp_path / f"fpl@{version}.json").write_text(json.dumps({**document("fpl"), "version": version}))
    assert registry.load("fpl", directory=tmp_path).version == "1.10.0"
    assert registry.load("fpl@1.9.0", directory=tmp_path).version == "1.9.0"
    assert registry.published(tmp_path) == {"fpl": ["1.0.0", "1.9.0", "1.10.0"]}


def altered(path: str, value: Any) -> dict[str, Any]:
    content = deepcopy(document())
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    node: Any = content
    for step in steps:
        node = node[step]
    node[last] = value
    return content


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("version", "1.0", r"rules\.json: version: '1\.0' does not match"),
        ("version", "01.0.0", r"rules\.json: version: '01\.0\.0' does not match"),
        ("id", "Cricket", r"id: 'Cricket' does not match"),
        ("sport", "chess", r"sport: 'chess' is not one of cricket, f1, football"),
        ("sport", "f1", r"counts\.delivery: there is no event kind 'delivery'"),
        ("surprise", 1, r"Additional properties are not allowed \('surprise' was unexpected\)"),
        ("rules", [], r"rules: \[\] should be non-empty"),
        ("rules.1.each.points", 1, r"rules\[1\]\.each\.points: 1 is not of type 'string'"),
        ("rules.1.each.points", "1/2", r"rules\[1\]\.each\.points: '1/2' does not match"),
        ("rules.1.each.points", 1.5, r"the number 1\.5; write"),
        ("rules.1.each.every", 1, r"rules\[1\]\.each\.every: 1 is less than the minimum of 2"),
        ("rules.1.each", {"measure": "runs"}, r"rules\[1\]\.each: 'points' is a required property"),
        ("rules.1.cases", [{"when": {}, "points": "1"}], r"rules\[1\]: a rule has exactly one of each"),
        ("rules.1.each.points", {"parameter": "nope"}, r"rules\[1\]\.each\.points: parameter 'nope' is not declared"),
        ("rules.1.each.measure", "goals", r"rules\.run: there is no measure 'goals'"),
        ("rules.1.scope", "over", r"rules\.run: there is no scope 'over' \(there are: match, innings\)"),
        ("rules.1.eligible", {"height": 2}, r"'height' is no attribute of a player's profile"),
        ("rules.1.eligible", {"role": "goalkeeper"}, r"role is compared with 'goalkeeper'; it is one of wicketkeeper"),
        ("parameters.wicket.value", "7", r"parameter 'wicket': '7' is not one of its choices"),
        ("parameters.wicket", 3, r"parameters: each needs a title, a value and a list of choices"),
        ("parameters", [], r"parameters: each needs a title, a value and a list of choices"),
        ("roster.size", 0, r"roster\.size: 0 is less than the minimum of 1"),
        ("counts.delivery", {"super_over": "no"}, r"counts\.delivery: super_over is compared with 'no'; it is of type boolean"),
        ("counts.goal", {}, r"counts\.goal: there is no event kind 'goal'"),
        ("made_for", {"weather": "fine"}, r"made_for: 'weather' is no attribute of the match"),
    ],
)  # fmt: skip
def test_an_invalid_document_is_refused_with_path_and_reason(
    path: str, value: Any, message: str, tmp_path: Path
) -> None:
    with pytest.raises(RulesError, match=message):
        registry.load(write(tmp_path, altered(path, value)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not JSON: Expecting value"),
        (b"[1, 2", "not JSON: .*line 1, column"),
        (b"[]", "sport: None is not one of"),
        (b'"text"', "sport: None is not one of"),
        (b"\xff\xfe{}", r"not UTF-8 \(byte 0\)"),
        (b'{"id": 1, "id": 2}', "the key 'id' stands twice"),
        (b'{"every": 2.0}', r"the number 2\.0; write what is no whole number as a decimal string"),
        (b'{"every": 1e400}', "the number 1e400"),
        (b'{"every": NaN}', "the number NaN"),
        (b"[" * 100_000, "too deep"),
        (b"1" * 5000, "a number too long"),
        (b" " * 1_000_001, "larger than 1000000 bytes"),
    ],
)
def test_what_is_no_document_at_all_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "rules.json"
    path.write_bytes(content)
    with pytest.raises(RulesError, match=message):
        registry.load(str(path))


def test_several_errors_are_counted(tmp_path: Path) -> None:
    content = altered("rules.1.each.measure", "goals")
    content["rules"][2]["each"]["measure"] = "points"
    with pytest.raises(RulesError, match=r"there is no measure 'goals' \(and 1 more; see `matchday rules lint`\)"):
        registry.load(write(tmp_path, content))


def test_the_hash_covers_the_vocabulary_and_ignores_the_order_of_keys() -> None:
    content = document()
    words = registry.vocabulary("cricket", "here", "1.0.0")
    rules = parse_rules(content, words, "here")
    assert parse_rules(dict(reversed(content.items())), words, "here").sha256 == rules.sha256
    assert parse_rules({**content, "title": "Other"}, words, "here").sha256 != rules.sha256
    assert rules.sha256 == registry.load("cricket-t20-b@1.0.0").sha256

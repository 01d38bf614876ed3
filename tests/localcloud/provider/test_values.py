"""Values on the wire, equality of what is asked and what is live, random values, the store: pure properties."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.provider import coverage, differ, policy_document, random_kinds, references
from localcloud.provider.comparing import covers, same_json
from localcloud.provider.kept import KeptProperties
from localcloud.provider.schema import Schema
from localcloud.provider.wire import SIGNATURE, UNKNOWN, dump, has_unknown, load

SCALARS = st.text(max_size=8) | st.integers(-1000, 1000) | st.booleans()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=5), inner, max_size=3),
)
PROPERTIES = st.dictionaries(st.text(min_size=1, max_size=5).filter(lambda k: k != SIGNATURE), VALUES, max_size=4)


@pytest.mark.slow
@given(PROPERTIES)
def test_properties_survive_the_wire(properties: dict[str, Any]) -> None:
    assert load(dump(properties)) == properties
    assert load(dump(properties, secret=list(properties))) == properties


def test_every_unknown_is_one_unknown() -> None:
    assert has_unknown(load(dump({"a": [{"b": "3eeb2bf0-c639-47a8-9e75-3b44932eb421"}]})))
    assert load(dump({"a": {SIGNATURE: "d0e6a833031e9bbcd3f4e8bde6ca49a4", "secret": True}})) == {"a": UNKNOWN}
    assert load(dump({"a": {SIGNATURE: "5cf8f73096256a8f31e491e813e4eb8e", "urn": "u", "id": "i"}})) == {"a": "i"}


@given(VALUES)
def test_a_value_covers_itself_and_has_no_difference(value: Any) -> None:
    assert covers(value, value)
    assert differ.same(value, value)
    assert list(differ.changed({"a": value}, {"a": value}, frozenset())) == []


@given(st.dictionaries(st.sampled_from("abc"), st.text(min_size=1), min_size=1), st.text(min_size=1))
def test_live_may_say_more_but_not_otherwise(wanted: dict[str, str], other: str) -> None:
    assert covers(wanted, {**wanted, "more": "default"})
    key = next(iter(wanted))
    assert covers(wanted, {**wanted, key: other}) == (other == wanted[key])


@pytest.mark.parametrize(
    ("wanted", "live", "equal"),
    [
        (False, None, True), (True, None, False), (30, "30", True), (True, "true", True), (False, "true", False),
        ("", None, True), (0, None, True), ("a", None, False), ({}, None, True), ([], None, True),
        (["a", "b"], ["b", "a"], True), (["a"], ["a", "b"], False), ({"Quantity": 0}, {"Quantity": 0, "Items": []}, True),
        ('{"a": ["x"]}', '{"a":"x"}', True), ('{"a": 1}', '{"a": 2}', False), ('{"a": 1}', {"a": 1}, True),
        ("arn:aws:kms:r:1:key/abc", "abc", True), ("abc", "arn:aws:kms:r:1:key/abd", False),
    ],
)  # fmt: skip
def test_equality_across_the_ways_of_writing(wanted: Any, live: Any, equal: bool) -> None:
    assert covers(wanted, live) is equal


def test_paths_of_a_difference_are_pulumis() -> None:
    old, new = {"tags": {"a": "1", "b.c": "1"}, "list": [1]}, {"tags": {"a": "2", "b.c": "2"}, "list": [1, 2]}
    found = {leaf.path: leaf.kind for key in old for leaf in differ.leaves(old[key], new[key], {}, (key,), key)}
    assert found == {"tags.a": "UPDATE", 'tags["b.c"]': "UPDATE", "list[1]": "ADD"}
    assert same_json("{", "{") is False


@given(st.integers(8, 40), st.integers(0, 4), st.integers(0, 4))
def test_random_texts_have_the_length_and_the_classes_asked_for(length: int, upper: int, numeric: int) -> None:
    inputs = {"length": length, "special": False, "minUpper": upper, "minNumeric": numeric}
    _, made = random_kinds.create("random:index/randomString:RandomString", inputs)
    result = made["result"]
    assert len(result) == length and result.isalnum()
    assert sum(map(str.isupper, result)) >= upper and sum(map(str.isdigit, result)) >= numeric


@given(st.integers(-50, 50), st.integers(0, 50))
def test_random_integers_are_in_range(low: int, span: int) -> None:
    _, made = random_kinds.create("random:index/randomInteger:RandomInteger", {"min": low, "max": low + span})
    assert low <= made["result"] <= low + span


def test_random_values_that_cannot_be_are_refused() -> None:
    with pytest.raises(random_kinds.BadArguments, match="cannot be made"):
        random_kinds.create("random:index/randomString:RandomString", {"length": 2, "minUpper": 3})
    with pytest.raises(random_kinds.BadArguments, match="min 2 is more than max 1"):
        random_kinds.create("random:index/randomInteger:RandomInteger", {"min": 2, "max": 1})
    assert random_kinds.check("random:index/randomId:RandomId", {"bytes": 1})[0][0] == "byteLength"


def test_random_ids_agree_with_themselves() -> None:
    _, made = random_kinds.create("random:index/randomId:RandomId", {"byteLength": 6, "prefix": "p-"})
    assert int(made["hex"].removeprefix("p-"), 16) == int(made["dec"].removeprefix("p-"))


def test_policy_documents_merge_by_statement_id() -> None:
    source = json.dumps({"Statement": [{"Sid": "A", "Effect": "Allow"}]})
    override = json.dumps({"Statement": [{"Sid": "A", "Effect": "Deny"}, {"Effect": "Allow"}]})
    made = policy_document.render({"sourcePolicyDocuments": [source], "overridePolicyDocuments": [override]})
    assert [s["Effect"] for s in json.loads(made["json"])["Statement"]] == ["Deny", "Allow"]
    with pytest.raises(ValueError, match="'A' is used twice"):
        policy_document.render({"sourcePolicyDocuments": [source, source]})


def test_the_store_keeps_for_others_and_only_for_the_owner(tmp_path: Path) -> None:
    store = KeptProperties(tmp_path / "store")
    store.keep("t", "i", {"authToken": "x"})
    assert KeptProperties(tmp_path / "store").kept("t", "i") == {"authToken": "x"}
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in (tmp_path / "store").iterdir())
    store.forget("t", "i")
    assert store.find("t", "i") is None
    store.keep("t", "i", {})
    store.clear()
    assert store.kept("t", "i") == {}


@pytest.mark.slow
def test_the_coverage_table_is_current(schemas: Schema) -> None:
    written = (Path(__file__).parents[3] / "docs" / "local-provider-coverage.md").read_text()
    current = "\n".join(coverage.lines(schemas)) + "\n"
    assert written == current, "run: python -m localcloud.provider.coverage > docs/local-provider-coverage.md"


def test_a_list_of_ids_in_a_text_is_looked_at_each_by_itself() -> None:
    """AWS Backup's overrides are a mapping of texts: several security groups stand in one as JSON."""
    inputs = {"restoreMetadataOverrides": {"vpcSecurityGroupIds": '["sg-1", "sg-2"]', "dbSubnetGroupName": "data"}}
    assert list(references.named(inputs, {})) == [
        ("restoreMetadataOverrides.vpcSecurityGroupIds", "security group", "sg-1"),
        ("restoreMetadataOverrides.vpcSecurityGroupIds", "security group", "sg-2"),
        ("restoreMetadataOverrides.dbSubnetGroupName", "DB subnet group", "data"),
    ]

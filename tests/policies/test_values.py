"""Views of values: dotted paths, types, unknowns, secrets."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.lang.values import SECRET, UNKNOWN, CannotTell, Sensitive, View, normalise, redact, show

SIGNATURE = "4dabf18193072939515e22adb298388d"
HIDDEN = "1b47061264138c4ac30d75fd1eb44270"
UNKNOWN_STRING = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

VIEW = View(
    normalise(
        {
            "name": "wallet",
            "empty": "",
            "port": "8080",
            "on": "true",
            "one": [{"size": 3}],
            "many": [{"size": 1}, {"size": 2}],
            "later": UNKNOWN_STRING,
            "mixed": ["a", UNKNOWN_STRING],
            "password": {SIGNATURE: HIDDEN, "plaintext": json.dumps("hunter2")},
            "sealed": {SIGNATURE: HIDDEN, "ciphertext": "v1:abc"},
            "document": json.dumps({"Statement": {"Effect": "Allow"}}),
        }
    )
)


def test_paths_enter_objects_lists_and_lists_of_one() -> None:
    assert VIEW.number("one.size") == 3
    assert VIEW.number("many.1.size") == 2
    assert VIEW.raw("many.7.size") is None
    assert VIEW.text("nothing.at.all", "default") == "default"
    with pytest.raises(CannotTell, match=r"many\.size is a list where one object is expected"):
        VIEW.number("many.size")
    with pytest.raises(CannotTell, match="out of reach"):
        VIEW.text("name.first")


def test_types_are_read_as_aws_takes_them() -> None:
    assert VIEW.number("port") == 8080
    assert VIEW.text("port") == "8080"
    assert VIEW.flag("on") is True
    assert VIEW.texts("name") == ["wallet"]
    assert VIEW.has("empty") is False
    with pytest.raises(CannotTell, match="name is text where a number is expected"):
        VIEW.number("name")
    with pytest.raises(CannotTell, match="true or false is expected"):
        VIEW.flag("name")


def test_unknown_values_cannot_be_told() -> None:
    for read in (VIEW.has, VIEW.text, VIEW.flag, VIEW.number, VIEW.texts, VIEW.view, VIEW.document):
        with pytest.raises(CannotTell, match="later is not known before deployment"):
            read("later")
    assert VIEW.known_texts("mixed") == (["a"], False)
    with pytest.raises(CannotTell):
        VIEW.texts("mixed")


def test_secrets_are_read_and_never_shown() -> None:
    assert VIEW.text("password") == "hunter2"
    assert VIEW.show("password") == "an encrypted secret"
    assert VIEW.has("sealed")
    with pytest.raises(CannotTell, match="sealed is an encrypted secret"):
        VIEW.text("sealed")
    assert normalise("[secret]") is SECRET
    assert show({"a": Sensitive("hunter2")}) == '{"a": "(secret)"}'
    assert redact("the key is hunter2!", {"hunter2"}) == "the key is an encrypted secret!"


def test_documents_are_text_or_objects() -> None:
    assert VIEW.document("document").text("Statement.Effect") == "Allow"
    with pytest.raises(CannotTell, match="not a JSON document"):
        VIEW.document("name")


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.just(UNKNOWN_STRING),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "0", SIGNATURE, "value"]), inner, max_size=3)
    ),
)


@given(json_values, st.sampled_from(["a", "a.b", "a.0", "0.a.b", "a.a.a"]))
def test_readers_raise_nothing_but_cannot_tell(value: Any, path: str) -> None:
    view = View(normalise({"a": value, "0": value}))
    for read in (view.has, view.text, view.flag, view.number, view.texts, view.view, view.document, view.known_texts):
        try:
            read(path)
        except CannotTell as reason:
            assert reason.path and reason.why
    for lists in (view.each, view.documents):
        with contextlib.suppress(CannotTell):
            list(lists(path))
    assert len(view.show(path)) <= 200


@given(json_values)
def test_normalised_values_keep_no_engine_marks(value: Any) -> None:
    assert UNKNOWN_STRING not in repr(normalise(value))
    assert normalise(UNKNOWN_STRING) is UNKNOWN

"""No control raises, whatever the values of properties are: missing, of another type, unknown, secret."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.catalog import all_controls
from policies.lang.resources import Stack
from policies.lang.values import SECRET, UNKNOWN, Sensitive
from policies.model import Control, Status
from tests.policies.build import remake, stack
from tests.policies.test_controls import CASES
from tests.tables import every_row

CONTROLS = {control.id: control for control in all_controls()}

SCALARS: list[Any] = [
    None,
    "",
    "x",
    "*",
    "{",
    "[]",
    '{"Statement": 1}',
    "true",
    -1,
    0,
    1e308,
    True,
    False,
    UNKNOWN,
    SECRET,
]
values = st.recursive(
    st.sampled_from(SCALARS),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["Statement", "name", "a"]), inner, max_size=3)
        | inner.map(Sensitive)
    ),
    max_leaves=6,
)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a value that can be replaced."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += _paths(item, (*path, key))
    return found


def _replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _replaced(copy[path[0]], path[1:], new)
    return copy


def _evaluates(control: Control, whole: Stack) -> None:
    for finding in control.evaluate(whole):
        assert finding.verdict.status in Status
        assert "Sensitive" not in finding.verdict.message


#: What every place is replaced by.
EVERYTHING: list[Any] = [
    *SCALARS, [], {}, [None], [UNKNOWN], [{}], {"a": UNKNOWN}, [[1]], Sensitive("x"), Sensitive({"a": 1}),
]  # fmt: skip


def _can_be(control_id: str, chosen: Callable[[], Iterable[Any]]) -> None:
    """Every place in the compliant sets, replaced by what is chosen for it."""
    for given_set in CASES[control_id].good:
        for index, resource in enumerate(given_set):
            for path in _paths(dict(resource.values)):
                for value in chosen():
                    broken = remake(resource, _replaced(dict(resource.values), path, value))
                    whole = stack([*given_set[:index], broken, *given_set[index + 1 :]])
                    _evaluates(CONTROLS[control_id], whole)


@pytest.mark.slow
@every_row("control_id", sorted(CASES))
def test_each_property_can_be_anything(control_id: str, request: pytest.FixtureRequest) -> None:
    """Each place by two of the values: others in each run (the seed is in its header), all of them by night."""
    draw = random.Random(f"{request.config.option.hypothesis_seed} {control_id}")
    _can_be(control_id, lambda: draw.sample(EVERYTHING, 2))


@pytest.mark.nightly
@every_row("control_id", sorted(CASES))
def test_each_property_can_be_everything(control_id: str) -> None:
    _can_be(control_id, lambda: EVERYTHING)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_arbitrary_trees_of_values(data: st.DataObject) -> None:
    """Arbitrary trees in several places at once, under all controls together."""
    control_id = data.draw(st.sampled_from(sorted(CASES)))
    given_set = list(data.draw(st.sampled_from(list(CASES[control_id].good))))
    for index, resource in enumerate(given_set):
        broken = dict(resource.values)
        for key in broken:
            if data.draw(st.booleans()):
                broken[key] = data.draw(values)
        given_set[index] = remake(resource, broken)
    whole = stack(given_set)
    for control in CONTROLS.values():
        _evaluates(control, whole)


@pytest.mark.slow
def test_secrets_are_never_quoted() -> None:
    """A secret whose text is at hand does not reach any message."""
    word = "hunter2-" + "".join(random.Random(1).choices("abcdef", k=12))
    for control_id, case in CASES.items():
        for given_set in case.good:
            for index, resource in enumerate(given_set):
                for path in _paths(dict(resource.values)):
                    broken = remake(resource, _replaced(dict(resource.values), path, Sensitive(word)))
                    changed = [*given_set[:index], broken, *given_set[index + 1 :]]
                    for finding in CONTROLS[control_id].evaluate(stack(changed)):
                        assert word not in finding.verdict.message, (control_id, path, finding.verdict.message)

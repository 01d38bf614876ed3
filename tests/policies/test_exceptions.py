"""The exception register and the levels: what is refused, what is excused, what expires."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from policies import exceptions, levels
from policies.audit.report import Report, Result, audit
from policies.audit.state import State
from policies.catalog import all_controls
from policies.exceptions import Excuses, Register, RegisterError
from policies.lang.resources import Resource, Stack
from policies.levels import Choice, Level, Levels, LevelsError
from tests.policies.build import res, stack

KEY = "aws:kms/key:Key"
TODAY = datetime(2026, 11, 21, 12, tzinfo=UTC)
ROW = {
    "control": "KMS.4",
    "resource": "old-*",
    "environments": ["prod"],
    "reason": "Signed archives of 2024 need this key as it is.",
    "owner": "security-team",
    "expires": "2027-01-31",
}
CONTROLS = [control for control in all_controls() if control.service == "kms"]


def _audit(
    resources: list[Resource], rows: Sequence[Mapping[str, object]], *, today: datetime = TODAY, **more: object
) -> Report:
    register = Register.model_validate({"exceptions": rows, **more})
    state = State(stack(resources), "prod", "matchday", "state", "0" * 64)
    return audit(state, source="test", levels=levels.load(), register=register, now=today, controls=CONTROLS)


def _result(report: Report, control: str = "KMS.4") -> Result:
    return next(result.result for result in report.results if result.control.id == control)


def test_an_exception_covers_what_it_names() -> None:
    report = _audit([res(KEY, "old-archive")], [ROW])
    assert _result(report) is Result.EXCEPTED
    assert not report.mandatory
    assert [state for _, state in report.excuses] == ["used"]


@pytest.mark.parametrize(
    "change", [{"resource": "new-*"}, {"environments": ["dev"]}, {"control": "KMS.5"}, {"resource": "stack"}]
)
def test_and_nothing_else(change: dict[str, object]) -> None:
    assert _result(_audit([res(KEY, "old-archive")], [ROW | change])) is Result.VIOLATION


def test_it_holds_on_its_last_day_and_not_after() -> None:
    resources = [res(KEY, "old-archive")]
    assert _result(_audit(resources, [ROW], today=datetime(2027, 1, 31, 23, tzinfo=UTC))) is Result.EXCEPTED
    late = _audit(resources, [ROW], today=datetime(2027, 2, 1, tzinfo=UTC))
    assert _result(late) is Result.VIOLATION
    assert [state for _, state in late.excuses] == ["expired"]


def test_one_that_holds_wins_over_an_expired_one() -> None:
    rows = [ROW | {"expires": "2020-01-01"}, ROW | {"resource": "*"}]
    assert _result(_audit([res(KEY, "old-archive")], rows)) is Result.EXCEPTED


def test_an_unused_one_is_reported() -> None:
    report = _audit([res(KEY, "old-archive", enableKeyRotation=True)], [ROW])
    assert [state for _, state in report.excuses] == ["excuses nothing"]


def test_a_missing_thing_is_excused_by_the_word_stack() -> None:
    excuses = Excuses(Register.model_validate({"exceptions": [ROW | {"resource": "stack"}]}), "prod", TODAY.date())
    assert excuses.find("KMS.4", None) is not None


def test_what_a_component_relaxed_is_excused_below_it_with_its_reason() -> None:
    parts = {"control": "KMS.4", "owner": "team", "expires": "2027-01-31", "environments": ["*"]}
    row = {key: value for key, value in parts.items() if key != "control"} | {
        "component": "matchday:security:Keys",
        "input": "rotation",
        "controls": ["KMS.4"],
    }
    component = res("matchday:security:Keys", "keys", relaxed={"rotation": "this key signs archives"})
    inside, outside = res(KEY, "inside"), res(KEY, "outside")
    inside.parent = component.urn
    report = _audit([component, inside, outside], [], relaxations=[row])
    answers = {answer.name: answer for answer in report.answers if answer.control.id == "KMS.4"}
    assert answers["inside"].result is Result.EXCEPTED
    assert answers["inside"].excuse and answers["inside"].excuse.reason == "this key signs archives"
    assert answers["outside"].result is Result.VIOLATION


def test_a_relaxation_without_a_reason_excuses_nothing() -> None:
    row = {
        "component": "c",
        "input": "i",
        "controls": ["KMS.4"],
        "owner": "o",
        "expires": "2027-01-31",
        "environments": ["*"],
    }
    excuses = Excuses(Register.model_validate({"relaxations": [row]}), "prod", TODAY.date())
    excuses.read_relaxations(Stack([res("c", relaxed={"i": ""}), res("c", "d", relaxed="x"), res("c", "e")]))
    assert not excuses.entries


def _entry(**change: object) -> str:
    row = {key: value for key, value in (ROW | change).items() if value is not None}
    return json.dumps({"exceptions": [row]})


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (_entry(reason=None), "reason"),
        (_entry(owner=None), r"exceptions.0.owner \(KMS.4\): field required"),
        (_entry(owner=" "), "owner"),
        (_entry(reason="old"), "at least 10 characters"),
        (_entry(reason=" " * 20), "at least 10 characters"),
        (_entry(expires="never"), "expires"),
        (_entry(expires=None), "expires"),
        (_entry(environments=[]), "environments"),
        (_entry(expires="2099-01-31"), r"more than a year after"),
        (_entry(approved="2025-01-01", expires="2027-01-31"), r"more than a year after 2025-01-01"),
        (_entry(control="KMS.44"), r"there is no control 'KMS\.44'"),
        (_entry(until="2027-01-01"), "until"),
        ("exemptions: []", "exemptions"),
        ("- a list", "valid"),
        ("exceptions: [", "cannot be read"),
    ],
)
def test_an_incomplete_register_is_refused(content: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "exceptions.yaml"
    path.write_text(content)
    with pytest.raises(RegisterError, match=says):
        exceptions.load(path, known={"KMS.4"})


def test_an_empty_register_is_fine_and_a_missing_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "exceptions.yaml"
    with pytest.raises(RegisterError, match="cannot be read"):
        exceptions.load(path)
    path.write_text("")
    assert exceptions.load(path) == Register()


def test_levels_go_by_environment_and_the_first_rule_that_fits() -> None:
    rules = [
        {"environments": ["dev"], "severities": ["critical"], "level": "mandatory"},
        {"frameworks": ["house"], "services": ["kms"], "level": "disabled"},
    ]
    found = Levels.model_validate({"environments": {"dev": "advisory", "*": "mandatory"}, "rules": rules})
    controls = {control.id: control for control in CONTROLS}
    assert found.of(controls["KMS.4"], "dev") is Level.ADVISORY
    assert found.of(controls["KMS.4"], "prod") is Level.MANDATORY
    assert found.of(controls["KMS.5"], "dev") is Level.MANDATORY
    assert found.of(controls["MD.KMS.1"], "prod") is Level.DISABLED


def test_the_repositorys_levels_are_advisory_in_dev_and_mandatory_in_prod() -> None:
    found = levels.load()
    assert {found.of(control, "dev") for control in all_controls()} == {Level.ADVISORY}
    assert {found.of(control, "prod") for control in all_controls()} == {Level.MANDATORY}
    assert found.of(CONTROLS[0], "one-nobody-wrote-down") is Level.MANDATORY


@pytest.mark.parametrize(
    "content", ["environments: {}", "environments: {dev: loud}", "rules: []", "[", "rules: [{level: x}]"]
)
def test_wrong_levels_are_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "levels.yaml"
    path.write_text(content)
    with pytest.raises(LevelsError, match=r"levels\.yaml"):
        levels.load(path)


def test_a_choice_of_a_framework_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValidationError, match="fsbp, cis5, cis7"):
        Choice(frameworks=("iso9001",))

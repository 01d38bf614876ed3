"""The platform's own stacks: prod violates nothing that is mandatory and not excepted, and no exception has become useless."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from policies import exceptions, levels
from policies.audit.report import Report, Result, audit
from policies.catalog import all_controls
from tests.policies.platform import platform

pytestmark = pytest.mark.slow

#: A fixed day: what was accepted when the register was last reviewed. `matchday audit` and the pack use today's.
REVIEWED = datetime(2026, 11, 21, tzinfo=UTC)


def _audit(stack: str) -> Report:
    register = exceptions.load(known={control.id for control in all_controls()})
    return audit(platform(stack), source="program", levels=levels.load(), register=register, now=REVIEWED)


@pytest.mark.parametrize("stack", ["prod", "account", "recovery"])
def test_it_violates_nothing_mandatory_without_an_exception(stack: str) -> None:
    assert not [f"{answer.control.id} {answer.name}: {answer.message}" for answer in _audit(stack).mandatory]


@pytest.mark.parametrize("stack", ["local", "dev", "prod", "account"])
def test_every_answer_is_given_once_all_values_are_known(stack: str) -> None:
    report = _audit(stack)
    assert not [f"{a.control.id} {a.name}: {a.message}" for a in report.answers if a.result is Result.CANNOT_TELL]
    assert len([result for result in report.results if result.result is not Result.NOT_APPLICABLE]) > 100


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_no_exception_excuses_nothing(stack: str) -> None:
    assert not [entry.source for entry, state in _audit(stack).excuses if state == "excuses nothing"]


def test_no_exception_of_the_account_excuses_nothing() -> None:
    """Those of every environment are about what an account does not have."""
    own = {row.control for row in exceptions.load().exceptions if list(row.environments) == ["account"]}
    used = {control for entry, state in _audit("account").excuses if state == "used" for control in entry.controls}
    assert own and own <= used


@pytest.mark.parametrize("stack", ["local", "dev"])
def test_what_components_relaxed_reaches_the_report_with_its_reason(stack: str) -> None:
    report = _audit(stack)
    relaxed = [answer for answer in report.answers if answer.excuse and answer.excuse.below]
    assert relaxed
    assert all(answer.result is Result.EXCEPTED and answer.excuse and answer.excuse.reason for answer in relaxed)

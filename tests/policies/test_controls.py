"""Every control against its cases: compliant, non-compliant, not applicable, and what cannot be told yet."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from policies.catalog import all_controls
from policies.model import Control, Status, Whole, status_of
from tests.policies import cases
from tests.policies.build import Case, stack
from tests.tables import every_row

CONTROLS = {control.id: control for control in all_controls()}


def _cases() -> dict[str, Case]:
    found: dict[str, Case] = {}
    for info in pkgutil.iter_modules(cases.__path__):
        found |= getattr(importlib.import_module(f"{cases.__name__}.{info.name}"), "CASES", {})
    return found


CASES = _cases()


def _sets(kind: str) -> dict[str, tuple[Control, Case, Any]]:
    return {
        f"{control_id}-{number}": (CONTROLS[control_id], case, given)
        for control_id, case in CASES.items()
        for number, given in enumerate(getattr(case, kind))
    }


def _apply(case: Case, given: Any) -> list[Any]:
    return given(case.good[0]) if callable(given) else list(given)


def test_every_control_has_cases_and_every_case_a_control() -> None:
    assert sorted(CASES) == sorted(CONTROLS)
    thin = [key for key, case in CASES.items() if not (case.good and case.bad and case.na)]
    assert not thin, f"controls without a compliant, non-compliant or not-applicable case: {thin}"


@every_row("control, case, given", _sets("good"))
def test_compliant(control: Control, case: Case, given: Any) -> None:
    findings = control.evaluate(stack(given))
    assert status_of(findings) is Status.COMPLIANT, [finding.verdict.message for finding in findings]


@every_row("control, case, given", _sets("bad"))
def test_non_compliant(control: Control, case: Case, given: Any) -> None:
    findings = control.evaluate(stack(_apply(case, given)))
    assert status_of(findings) is Status.NON_COMPLIANT, [finding.verdict.message for finding in findings]
    for finding in findings:
        if finding.verdict.status is Status.NON_COMPLIANT:
            assert finding.verdict.path and finding.verdict.value and finding.verdict.fix
            assert len(finding.verdict.message) < 500


@every_row("control, case, given", _sets("na"))
def test_not_applicable(control: Control, case: Case, given: Any) -> None:
    elsewhere = isinstance(control.rule, Whole) and control.rule.elsewhere
    wanted = Status.NOT_ASSESSED if elsewhere else Status.NOT_APPLICABLE
    findings = control.evaluate(stack(given))
    assert status_of(findings) is wanted
    assert all(finding.verdict.reason for finding in findings)


@every_row("control, case, given", _sets("unknown"))
def test_cannot_tell_yet(control: Control, case: Case, given: Any) -> None:
    findings = control.evaluate(stack(_apply(case, given)))
    assert status_of(findings) is Status.CANNOT_TELL
    assert any(finding.verdict.reason for finding in findings)

"""Resource sets that the pack once judged wrongly (tests/policies/shared_cases/*.json), each with what is right.

The sets came with an outside audit of the pack (AWS's Security Hub texts, AWS Config's rule pages, prowler and checkov as
second opinions, public bug reports). `<unknown>` stands for a value that a preview does not know.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from policies.catalog import all_controls
from policies.lang.resources import Resource, Stack
from policies.lang.values import UNKNOWN
from policies.model import Severity, Status, status_of
from tests.tables import every_row

SETS = Path(__file__).with_name("shared_cases")
CONTROLS = {control.id: control for control in all_controls()}
#: "A control should fire", in the sets' own words: any control of high or critical severity.
ANY = ("some control should fire", "a control should fire")


def _plain(value: Any) -> Any:
    if value == "<unknown>":
        return UNKNOWN
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def stack_of(case: dict[str, Any]) -> Stack:
    """The set as a stack."""
    return Stack(
        [
            Resource(item["token"], item["urn"].rpartition("::")[2], item["urn"], _plain(item["values"]), id=item["id"])
            for item in case["resources"]
        ]
    )


def _cases() -> dict[str, Any]:
    found = [
        (case["name"], case)
        for path in sorted(SETS.glob("*.json"))
        for case in json.loads(path.read_text(encoding="utf-8"))
    ]
    assert len(dict(found)) == len(found), "two cases of one name"
    return dict(found)


@every_row("case", _cases())
def test_the_answer_is_the_right_one(case: dict[str, Any]) -> None:
    stack = stack_of(case)
    for control_id, wanted in case["right"].items():
        if wanted in ANY:
            grave = [c for c in CONTROLS.values() if c.severity in (Severity.HIGH, Severity.CRITICAL)]
            assert any(status_of(control.evaluate(stack)) is Status.NON_COMPLIANT for control in grave), case["name"]
            continue
        findings = CONTROLS[control_id].evaluate(stack)
        assert status_of(findings).value == wanted, (control_id, [finding.verdict.message for finding in findings])

"""The controls: complete, unique, documented, selectable."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

import policies
from policies.audit.outside import OUTSIDE
from policies.catalog import all_controls, select
from policies.frameworks import coverage, mappings, references
from policies.lang.unscoped import ACTIONS
from policies.model import FRAMEWORK_KEYS, Control, Each, Framework, Severity, ok
from policies.rules_page import PAGE, render
from tests.policies.reference_data import expected

CONTROLS = all_controls()


def test_there_are_enough_of_them() -> None:
    assert len(CONTROLS) == 433  # a control that goes is seen here


def test_titles_are_sentences_that_differ() -> None:
    # IAM.7 and IAM.10 are AWS's two controls of one name.
    twice = [title for title, count in Counter(control.title for control in CONTROLS).items() if count > 1]
    assert twice == ["Password policies for IAM users should have strong configurations"]
    assert not [control.id for control in CONTROLS if control.title.endswith(".") or not control.title[0].isupper()]


def test_severities_are_security_hubs() -> None:
    """As AWS's table has them; a control that AWS has retired keeps its last."""
    table = yaml.safe_load((Path(policies.__file__).parent / "data" / "security_hub.yaml").read_text(encoding="utf-8"))
    wanted = {name: severity for severity, names in table["severities"].items() for name in names} | table["retired"]
    assert sum(map(len, table["severities"].values())) + len(table["retired"]) == len(wanted)
    assert {c.id: c.severity.value for c in CONTROLS if not c.id.startswith("MD.")} == wanted
    assert (wanted["CloudTrail.5"], wanted["CloudFront.7"]) == ("medium", "low")


def test_every_control_says_what_to_do_and_where_to_read() -> None:
    assert not [control.id for control in CONTROLS if len(control.remediation) < 10]
    assert not [control.id for control in CONTROLS if not control.link.startswith("https://docs.aws.amazon.com/")]
    assert all(references and all(references) for control in CONTROLS for references in control.frameworks.values())


def test_references_to_security_hub_are_the_controls_own_id() -> None:
    for control in CONTROLS:
        for framework in (Framework.FSBP, Framework.TAGGING):
            if framework in control.frameworks and not control.id.startswith("MD."):
                assert control.frameworks[framework] == (control.id,)


def test_references_have_the_form_of_their_framework() -> None:
    forms = {
        Framework.CIS5: r"\d+\.\d+(\.\d+)?",
        Framework.CIS7: r"\d+\.\d+(\.\d+)?",
        Framework.PCI: r"\d+\.\d+(\.\d+){0,2}",
        Framework.NIST: r"[A-Z]{2}-\d+(\(\d+\))*",
    }
    for control in CONTROLS:
        for framework, form in forms.items():
            for reference in control.frameworks.get(framework, ()):
                assert re.fullmatch(form, reference), (control.id, framework.name, reference)


def test_nothing_is_both_decided_and_out_of_scope() -> None:
    assert not {row.id for row in OUTSIDE} & {control.id for control in CONTROLS}


def test_the_rules_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run: .venv/bin/python -m policies.rules_page"


@pytest.mark.slow
def test_the_actions_without_resources_are_awss() -> None:
    assert ACTIONS.read_text(encoding="utf-8") == expected(), "run: .venv/bin/python -m tests.policies.reference_data"


def test_controls_can_be_chosen() -> None:
    chosen = select(
        CONTROLS, frameworks=[Framework.PCI], severities=[Severity.HIGH, Severity.CRITICAL], services=["cloudtrail"]
    )
    assert [control.id for control in chosen] == ["CloudTrail.3", "CloudTrail.6"]
    assert select(CONTROLS) == CONTROLS


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"id": "kms4"}, "expected Security Hub's form"),
        ({"id": "KMS.98"}, "title missing"),
        ({"title": "A title"}, "a title of its own goes with an id of its own"),
        ({"id": "MD.KMS.9", "link": "https://example.com"}, "a title of its own goes with an id of its own"),
        ({"remediation": ""}, "remediation missing"),
        (
            {"id": "MD.KMS.9", "title": "A title", "link": "https://example.com", "frameworks": {}},
            "frameworks missing",
        ),
        ({"id": "MD.KMS.9", "title": "A title"}, "needs a link"),
        ({"rule": Each(("aws:alb/listener:Listener",), lambda _: ok())}, "is an alias of aws:lb/listener:Listener"),
        ({"rule": Each((), lambda _: ok())}, "names no resource type"),
    ],
)
def test_a_control_with_a_part_missing_is_refused(change: dict[str, object], says: str) -> None:
    whole = {
        "id": "KMS.4",
        "severity": Severity.LOW,
        "frameworks": {Framework.FSBP: ("KMS.4",)},
        "remediation": "Do something about it.",
        "rule": Each(("aws:kms/key:Key",), lambda _: ok()),
    }
    Control(**whole)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=re.escape(says)):
        Control(**{**whole, **change})  # type: ignore[arg-type]


def test_framework_files_name_controls_that_exist_and_say_where_they_come_from() -> None:
    ids = {control.id for control in CONTROLS}
    assert set(mappings()) == set(FRAMEWORK_KEYS)
    for key, mapping in mappings().items():
        assert mapping.name == FRAMEWORK_KEYS[key].value
        assert mapping.version and mapping.source and re.fullmatch(r"\d{4}-\d\d-\d\d", mapping.read)
        named = {control for controls in mapping.controls.values() for control in controls}
        assert not named - ids, key
        assert not set(mapping.controls) & set(mapping.elsewhere)


def test_coverage_says_what_is_covered_what_no_stack_can_tell_and_what_is_missing() -> None:
    found = coverage("cis7")
    assert len(found.covered) + len(found.not_assessable) + len(found.missing) == 70
    assert len(found.covered) >= 54
    assert "2.4" in found.not_assessable
    assert coverage("cis5").missing == ()


@pytest.mark.parametrize("control_id", ["ECS.1", "ECS.17", "RDS.38", "RDS.39"])
def test_what_left_fsbp_is_not_claimed_for_it(control_id: str) -> None:
    assert "fsbp" not in references(control_id)


def test_mappings_that_aws_took_back_are_not_claimed() -> None:
    assert "pci" not in references("IAM.10") and "pci" not in references("IAM.13")
    assert "8.3.6" in references("IAM.7")["pci"]

"""Resource sets of the same kinds as the shared ones, written to break the pack: each answers as AWS's texts say."""

from __future__ import annotations

from policies.catalog import all_controls
from policies.model import status_of
from tests.policies.build import stack
from tests.policies.siblings import (
    Sibling,
    account,
    bearers,
    buckets,
    containers,
    edge,
    elsewhere,
    groups,
    identities,
    public,
    routes,
    spellings,
    stores,
    watching,
    web,
)
from tests.tables import every_row

CONTROLS = {control.id: control for control in all_controls()}
MODULES = (
    elsewhere,
    public,
    buckets,
    bearers,
    identities,
    account,
    groups,
    routes,
    spellings,
    web,
    edge,
    containers,
    stores,
    watching,
)
CASES = [sibling for module in MODULES for sibling in module.CASES]


@every_row("sibling", {sibling.name: sibling for sibling in CASES})
def test_the_answer_is_the_right_one(sibling: Sibling) -> None:
    held = stack(sibling.resources)
    for control_id, wanted in sibling.right.items():
        findings = CONTROLS[control_id].evaluate(held)
        assert status_of(findings).value == wanted, (control_id, [finding.verdict.message for finding in findings])


def test_names_are_unique() -> None:
    names = [sibling.name for sibling in CASES]
    assert len(set(names)) == len(names)

"""Each control's property is broken in turn in a compliant stack: that control fires, and no other that does not depend on it.

The stack is prod's own where prod has the resource, else the compliant set of the control's cases.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import pytest

from policies.catalog import all_controls
from policies.lang.resources import Resource, Stack
from policies.model import Control, Each, Status, status_of
from tests.policies.build import Case, Change, Drop, stack
from tests.policies.platform import platform
from tests.policies.test_controls import CASES
from tests.tables import every_row

pytestmark = pytest.mark.slow

CONTROLS = all_controls()
BY_ID = {control.id: control for control in CONTROLS}

#: What else fires with the broken control beyond the `also` of its cases, and why.
ALSO: Mapping[str, frozenset[str]] = {
    "MD.EC2.4": frozenset({"MD.EC2.12"}),  # an open default ACL is open for every port
    "MD.Backup.6": frozenset({"DynamoDB.4", "RDS.26"}),  # a plan that selects nothing backs up no table and no server
    "RDS.26": frozenset({"MD.Backup.6"}),  # the server is what prod's plan selects
    "RDS.3": frozenset({"Backup.1"}),  # what a plan saves of a server that is not encrypted is not either
    "MD.Config.1": frozenset({"Config.1"}),  # Security Hub's own control asks for a recorder that is on, and for IAM
    "MD.Config.2": frozenset({"Config.1"}),
    "MD.IAM.1": frozenset({"MD.IAM.2"}),  # who may do everything can raise its own rights
    "MD.S3.4": frozenset({"S3.5"}),  # the new policy has no statement on TLS
    "S3.6": frozenset({"S3.5"}),
    "SecretsManager.1": frozenset({"SecretsManager.4"}),  # what never rotates does not rotate in time
    "CloudTrail.3": frozenset({"CloudTrail.1"}),
    "EC2.2": frozenset({"MD.EC2.22"}),  # a rule in the default group is a rule without a description
    "ELB.18": frozenset({"ELB.1"}),  # the broken listener is the one that redirects
    "RDS.20": frozenset({"RDS.21"}),  # one subscription tells of instances and of parameter groups
    "RDS.21": frozenset({"RDS.20"}),
    "RDS.36": frozenset({"RDS.9"}),  # PostgreSQL's logs are the engine's logs
    "RDS.40": frozenset({"RDS.9"}),  # and so are SQL Server's
    "SNS.4": frozenset({"MD.SNS.2"}),  # the new policy has no statement on TLS
    "CloudTrail.6": frozenset({"S3.8"}),  # a trail's bucket is a bucket
    "CloudTrail.7": frozenset({"S3.9"}),
    "S3.2": frozenset({"MD.S3.2", "MD.S3.4", "S3.8"}),  # public reads need what blocks them to be off
    "S3.3": frozenset({"MD.S3.3", "MD.S3.4", "S3.8"}),
    "S3.22": frozenset({"CloudTrail.1"}),  # the trail's selectors leave management events out as well
    "S3.23": frozenset({"CloudTrail.1"}),
    "MD.EC2.6": frozenset({"EC2.2", "EC2.6", "EC2.46"}),  # a default VPC brings all that the house's own would not
    "MD.ECR.3": frozenset({"ECR.4"}),  # nor has a public repository tags
    # The house's tags are tags.
    **dict.fromkeys(("EC2.46", "ECS.13", "ECS.14", "RDS.30", "SecretsManager.5"), frozenset({"MD.Tagging.1"})),
}


@cache
def _by_itself(control_id: str, resource: Resource) -> bool:
    """Whether a resource violates a control that asks for nothing else: prod's others are the same in every broken stack."""
    return BY_ID[control_id].judge(resource).status is Status.NON_COMPLIANT


def _violates(control: Control, subject: Stack) -> bool:
    if isinstance(control.rule, Each):
        return any(_by_itself(control.id, resource) for resource in subject.of(*control.rule.types))
    return status_of(control.evaluate(subject)) is Status.NON_COMPLIANT


def _violated(subject: Stack) -> frozenset[str]:
    return frozenset(control.id for control in CONTROLS if _violates(control, subject))


def _break(case: Case) -> Change | Drop | None:
    return next((item for item in case.bad if isinstance(item, Change | Drop)), None)


@cache
def _violated_in_prod() -> frozenset[str]:
    return _violated(platform("prod").stack)


@cache
def _new_in_prod(control_id: str) -> frozenset[str] | None:
    """What is violated beyond what is anyway when one resource of prod is broken so that the control fires; None when prod has
    none that it holds for."""
    subject, control, case = platform("prod").stack, BY_ID[control_id], CASES[control_id]
    change = _break(case)
    if change is None or status_of(control.evaluate(subject)) is not Status.COMPLIANT:
        return None
    for candidate in subject.of(change.type or case.good[0][0].type):
        first = [candidate, *(resource for resource in subject.resources if resource is not candidate)]
        try:
            changed = change(first)
        except (LookupError, TypeError, AttributeError):
            continue  # this one has no such property to break
        broken = stack(changed)
        if _violates(control, broken):
            return _violated(broken) - _violated_in_prod()
    return None


@every_row("control_id", sorted(CASES))
def test_only_what_depends_on_it_fires(control_id: str) -> None:
    case = CASES[control_id]
    change = _break(case)
    new = _new_in_prod(control_id)
    allowed = {control_id, *case.also, *ALSO.get(control_id, ())}
    if new is not None:
        expected = {control_id, *case.also} - _violated_in_prod()
    else:
        good: Sequence[Resource] = case.good[0]
        bad = change(good) if change else case.bad[0]
        assert not callable(bad)
        new = _violated(stack(bad)) - _violated(stack(good))
        expected = {control_id, *case.also}
    assert expected <= new <= allowed


def test_most_mutations_start_from_prods_own_stack() -> None:
    """So that a change of the program which takes resources out of prod's judgement is seen."""
    assert sum(_new_in_prod(control_id) is not None for control_id in CASES) >= 100

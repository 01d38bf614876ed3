"""The account stack as a whole: what is in it, what is kept, and that it is judged like the others."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from components.observability.signals import Severity
from model.names import IMAGE_REPOSITORY
from tests.components.conftest import Lint
from tests.stacks.accounts import compose_account
from tests.stacks.conftest import lint

pytestmark = pytest.mark.slow

__all__ = ["lint"]  # a fixture

RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"

#: What an account cannot lose, by its URN: a rename would replace it.
KEPT = {
    "urn:pulumi:account::matchday::matchday:data:Bucket$aws:s3/bucket:Bucket::access-logs",
    "urn:pulumi:account::matchday::matchday:data:Bucket$aws:s3/bucket:Bucket::state",
    "urn:pulumi:account::matchday::matchday:delivery:ImageRegistry$aws:ecr/repository:Repository::images",
    "urn:pulumi:account::matchday::matchday:delivery:Pipeline$aws:kms/key:Key::ci-signing",
    "urn:pulumi:account::matchday::matchday:security:Key$aws:kms/key:Key::audit-key",
    "urn:pulumi:account::matchday::matchday:security:Key$aws:kms/key:Key::images-key",
    "urn:pulumi:account::matchday::matchday:security:Key$aws:kms/key:Key::state-key",
    "urn:pulumi:account::matchday::matchday:security:Key$aws:kms/key:Key::questions-key",
    "urn:pulumi:account::matchday::matchday:edge:Zone$aws:route53/zone:Zone::zone-matchday-example",
    "urn:pulumi:account::matchday::matchday:edge:Zone$aws:kms/key:Key::zone-matchday-example-signing",
    "urn:pulumi:account::matchday::matchday:security:Trail$aws:cloudtrail/trail:Trail::trail",
    "urn:pulumi:account::matchday::matchday:security:Trail$matchday:data:Bucket$aws:s3/bucket:Bucket::trail-records",
}


def test_what_it_cannot_lose_is_protected_under_its_pinned_names() -> None:
    assert {item.urn for item in compose_account().registrations if item.protect} == KEPT


def test_every_resource_belongs_to_a_component() -> None:
    for item in compose_account().registrations:
        assert not item.custom or "::matchday:" in item.parent or "$matchday:" in item.parent, item.urn


def test_the_registry_is_where_environments_look_for_their_image() -> None:
    assert compose_account().named("images").inputs["name"] == IMAGE_REPOSITORY
    assert compose_account().result.outputs["image_repository"] is not None


def test_the_facts_are_names_and_no_secret() -> None:
    assert set(compose_account().result.outputs) == {
        "image_repository",
        "state_bucket",
        "secrets_provider",
        "preview_role_arn",
        "deploy_role_arn",
        "branch_role_arn",
        "records_bucket",
        "zone_ids",
        "name_servers",
        "ds_records",
    }
    assert (
        compose_account().result.outputs["secrets_provider"]
        == "awskms://alias/matchday/account/state?region=ap-south-1"
    )


def test_every_event_of_the_trail_is_an_alarm_with_a_runbook() -> None:
    alarms = {item.name for item in compose_account().of("MetricAlarm")}
    watched = compose_account().result.monitoring.watched
    trail, baseline, *copies = watched
    assert [component.name for component in copies] == ["state-replication", "trail-records-replication"]
    assert [signal.name for signal in baseline.signals] == ["fargate-vcpu-near", "fargate-spot-vcpu-near"]
    for component in watched:
        for signal in component.signals:
            assert f"monitoring-{component.name}-{signal.name}" in alarms
            assert (RUNBOOKS / f"{signal.runbook}.md").exists()
    (page,) = compose_account().of("CompositeAlarm")
    paging = [signal for signal in trail.signals if signal.severity is Severity.PAGE]
    assert len(re.findall("ALARM", page.inputs["alarmRule"])) == len(paging) >= 5


def test_whatever_roles_may_do_passes_the_linter(lint: Lint) -> None:
    for item in compose_account().of("RolePolicy"):
        assert lint(json.loads(item.inputs["policy"])) == [], item.urn


def test_each_zone_says_what_the_registrar_and_the_environments_are_given() -> None:
    facts = compose_account().result.facts
    for given in (facts.zone_ids, facts.name_servers, facts.ds_records):
        assert set(given) == {"matchday.example"}

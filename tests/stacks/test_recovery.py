"""Recovery: production copies into the vault that the recovery stack makes, and what docs promise is what the settings give."""

from __future__ import annotations

import json
import re
from pathlib import Path

from components.recovery.backup_plan import RULES
from components.recovery.replica import DAYS
from model.objectives import OBJECTIVES
from tests.stacks.accounts import compose_account
from tests.stacks.conftest import Composed, settings_of
from tests.stacks.recoveries import compose_recovery

PAGE = Path(__file__).parents[2] / "docs" / "recovery.md"


def test_production_copies_into_the_vault_that_the_recovery_stack_makes(composed: Composed) -> None:
    recovery = compose_recovery()
    vault = recovery.named("vault").inputs["name"]
    rules = composed("prod").named("backups-plan").inputs["rules"]
    destinations = {copy["destinationVaultArn"] for rule in rules for copy in rule["copyActions"]}
    assert destinations == {f"arn:aws:backup:ap-south-2:123456789012:backup-vault:{vault}"}
    assert recovery.result.facts.vault_arn is recovery.result.vault.arn


def test_the_database_that_is_replicated_is_productions(composed: Composed) -> None:
    (replicated,) = compose_recovery().of("InstanceAutomatedBackupsReplication")
    (database,) = composed("prod").of("aws:rds/instance:Instance")
    assert replicated.inputs["sourceDbInstanceArn"] == database.outputs["arn"]
    assert replicated.inputs["kmsKeyId"] == compose_recovery().named("backups-key").outputs["arn"], (
        "a key of one Region opens nothing in another"
    )


def test_what_is_lost_when_the_region_is_lost_can_be_opened_in_the_other() -> None:
    recorded = compose_recovery()
    assert recorded.named("backups-key").protect and recorded.named("vault").protect
    assert set(recorded.result.outputs) == {"vault_arn", "key_arn"}


def test_copies_go_to_the_buckets_and_keys_that_the_recovery_stack_makes(composed: Composed) -> None:
    recovery = compose_recovery()
    made = {item.outputs["arn"]: item for item in recovery.of("aws:s3/bucket:Bucket")}
    aliases = {
        f"arn:aws:kms:ap-south-2:123456789012:{item.inputs['name']}" for item in recovery.of("aws:kms/alias:Alias")
    }
    copied = {}
    for recorded in (composed("prod"), compose_account()):
        for item in recorded.of("BucketReplicationConfig"):
            (rule,) = item.inputs["rules"]
            copied[item.inputs["bucket"]] = made.pop(rule["destination"]["bucket"]).name
            assert rule["destination"]["encryptionConfiguration"]["replicaKmsKeyId"] in aliases
    assert copied == {
        "matchday-prod-site-123456789012": "prod-site",
        "matchday-account-state-123456789012": "account-state",
        "matchday-account-trail-records-123456789012": "account-trail-records",
    }
    assert [item.name for item in made.values()] == ["access-logs"], "every copy is written by somebody"
    # Objects under a lock are only copied into a bucket that has one.
    assert recovery.named("account-trail-records").inputs["objectLockEnabled"] is True
    assert (
        recovery.named("account-trail-records-lock").inputs["rule"]
        == compose_account().named("trail-records-lock").inputs["rule"]
    )


def test_the_distribution_falls_back_to_the_copy_of_the_site_which_lets_it_read(composed: Composed) -> None:
    (distribution,) = composed("prod").of("Distribution")
    origins = {origin["originId"]: origin["domainName"] for origin in distribution.inputs["origins"]}
    copy = compose_recovery().named("prod-site").inputs["bucket"]
    assert origins["site-replica"] == f"{copy}.s3.ap-south-2.amazonaws.com"
    (read,) = [
        each
        for each in json.loads(compose_recovery().named("prod-site-policy").inputs["policy"])["Statement"]
        if each["Effect"] == "Allow"
    ]
    assert (read["Action"], read["Resource"]) == ("s3:GetObject", f"arn:aws:s3:::{copy}/*")
    (opens,) = [
        each
        for each in json.loads(compose_recovery().named("site-key").inputs["policy"])["Statement"]
        if each["Principal"] == read["Principal"]
    ]
    assert opens["Condition"] == read["Condition"], "what it may read it may decrypt"


def test_only_what_cannot_be_made_again_is_backed_up(composed: Composed) -> None:
    for stack in ("local", "dev"):
        assert settings_of(stack).recovery is None and not composed(stack).of("aws:backup/plan:Plan")


def promised() -> dict[str, list[str]]:
    """Row of the table of objectives → its cells."""
    rows = [line.strip("| ").split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    return {cells[0]: cells[1:] for cells in rows if len(cells) == 4}


def test_every_objective_is_what_productions_settings_give() -> None:
    prod, rows = settings_of("prod"), promised()
    assert prod.highly_available, "a zone: the standby takes over by itself"
    assert prod.postgres.backup_days == DAYS == 35, "what both Regions' point-in-time backups reach back"
    half_day = re.findall(r"\d+", RULES[0].schedule.split()[1])
    assert len(half_day) == 2 and rows["PostgreSQL deleted with its backups"][0] == "12 h"
    assert rows["PostgreSQL, a mistake of up to 35 days"][0] == "5 min"
    assert rows["Broker, a zone"][0] == "seconds" and prod.broker.replicas >= 1
    assert rows["Broker, all of it"][0].startswith("nothing") and prod.broker.snapshot_days >= 1
    assert rows["Cache, a zone"][0] == "seconds" and prod.cache.replicas >= 1


def test_what_drills_measure_against_is_what_the_page_promises() -> None:
    rows = promised()
    for objective in OBJECTIVES.values():
        assert rows[objective.row][:2] == [_words(objective.lost_seconds), _words(objective.still_seconds)]


def _words(seconds: float) -> str:
    return "nothing" if seconds == 0 else f"{seconds / 60:g} min" if seconds < 3600 else f"{seconds / 3600:g} h"

"""What the platform promises of production, the account and the recovery Region, clause by clause, in what they register.

A row is a clause: the stack, the kind of resource that fulfils it, how many there are at least, and what each of them, or one
of them, says. Sizes, names and policies have tests of their own; here nothing that was promised can go unnoticed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.components.conftest import Recorded
from tests.stacks.accounts import compose_account
from tests.stacks.conftest import registered
from tests.stacks.recoveries import compose_recovery
from tests.tables import every_row

pytestmark = pytest.mark.slow

Inputs = Mapping[str, Any]
Clause = tuple[str, str, int, Callable[[Inputs], bool]]

_STACKS: Mapping[str, Callable[[], Recorded]] = {
    "prod": lambda: registered("prod"),
    "account": compose_account,
    "recovery": compose_recovery,
}


def _says(**wanted: Any) -> Callable[[Inputs], bool]:
    """These properties have these values."""
    return lambda inputs: all(inputs.get(name) == value for name, value in wanted.items())


def _given(*names: str) -> Callable[[Inputs], bool]:
    return lambda inputs: all(inputs.get(name) for name in names)


def _governance(inputs: Inputs) -> bool:
    """A lock of governance: whoever may change vaults may lift it. One of compliance has days in which to change one's mind."""
    return 0 < inputs["minRetentionDays"] <= inputs["maxRetentionDays"] and "changeableForDays" not in inputs


def _copies(inputs: Inputs) -> bool:
    return all(
        ":ap-south-2:" in copy["destinationVaultArn"] for rule in inputs["rules"] for copy in rule["copyActions"]
    ) and all(rule["copyActions"] for rule in inputs["rules"])


EACH: dict[str, Clause] = {
    # ---- observability
    "canaries for log-in and read paths": ("prod", "Canary", 2, _given("schedule", "artifactS3Location", "startCanary")),
    "an incident pages once": ("prod", "CompositeAlarm", 10, _given("alarmRule", "alarmActions", "okActions")),
    "an account's incident, too": ("account", "CompositeAlarm", 1, _given("alarmRule", "alarmActions")),
    "every alarm links its runbook": (
        "prod", "MetricAlarm", 150, lambda i: "Runbook: docs/runbooks/" in i["alarmDescription"] and bool(i["alarmActions"])
    ),
    "saved questions": ("prod", "QueryDefinition", 4, _given("queryString", "logGroupNames")),
    "a dashboard, and one for each service": ("prod", "Dashboard", 6, _given("dashboardBody")),
    "pages and tickets are sealed": ("prod", "Topic", 4, _given("kmsMasterKeyId")),
    "tables over the logs": (
        "prod", "CatalogTable", 3,
        lambda i: bool(i["storageDescriptor"]["columns"]) and bool(i["storageDescriptor"]["location"])
    ),
    "a limit to what a question reads": (
        "prod", "Workgroup", 1, lambda i: 0 < i["configuration"]["bytesScannedCutoffPerQuery"] <= 1 << 40
    ),
    "the name is asked for from outside": ("prod", "HealthCheck", 1, _says(type="HTTPS", requestInterval=30)),
    # ---- network and edge
    "DNS firewall": ("prod", "ResolverFirewallRuleGroupAssociation", 1, _given("vpcId", "firewallRuleGroupId")),
    "flow logs of production are in S3": (
        "prod", "FlowLog", 1, lambda i: i["logDestinationType"] == "s3" and i["destinationOptions"]["fileFormat"] == "parquet"
    ),
    "emptied default group": ("prod", "DefaultSecurityGroup", 1, lambda i: not i.get("ingress") and not i.get("egress")),
    "viewers come by IPv6, too": ("prod", "Distribution", 1, _says(isIpv6Enabled=True)),
    "the origin's copy answers for it": (
        "prod", "Distribution", 1,
        lambda i: {"site", "site-replica"} == {m["originId"] for m in i["originGroups"][0]["members"]}
    ),
    "no jurisdiction names production, so no country is shut out": (
        "prod", "Distribution", 1, lambda i: i["restrictions"]["geoRestriction"]["restrictionType"] == "none"
    ),
    "HSTS and a content policy": (
        "prod", "ResponseHeadersPolicy", 1,
        lambda i: {"strictTransportSecurity", "contentSecurityPolicy"} <= set(i["securityHeadersConfig"])
    ),
    "endpoints have policies": ("prod", "VpcEndpoint", 9, _given("policy")),
    "the bastion is reached by nobody": (
        "prod", "LaunchTemplate", 1, lambda i: i["metadataOptions"]["httpTokens"] == "required",
    ),
    "its sessions are recorded": ("prod", "Document", 1, lambda i: bool(json.loads(i["content"])["inputs"]["kmsKeyId"])),
    # ---- data and recovery
    "secrets have versions": ("prod", "SecretVersion", 50, lambda i: i["versionStages"][0] == "AWSCURRENT"),
    "databases survive a deletion": (
        "prod", "Instance", 1,
        lambda i: bool(i["deletionProtection"] and i["backupRetentionPeriod"] >= 7 and i["storageEncrypted"])
    ),
    "the site is copied to the recovery Region": (
        "prod", "BucketReplicationConfig", 1, lambda i: "recovery" in i["rules"][0]["destination"]["bucket"]
    ),
    "backups are copied to the recovery Region": ("prod", "Plan", 1, _copies),
    "the vault is locked": ("prod", "VaultLockConfiguration", 1, _governance),
    "the other Region's vault is, too": ("recovery", "VaultLockConfiguration", 1, _governance),
    "restores are rehearsed": ("prod", "RestoreTestingPlan", 1, _given("scheduleExpression", "recoveryPointSelection")),
    "of the database": ("prod", "RestoreTestingSelection", 1, lambda i: i["protectedResourceType"] == "RDS"),
    "RDS's own backups are there, too": ("recovery", "InstanceAutomatedBackupsReplication", 1, _given("kmsKeyId")),
    "copies keep versions": (
        "recovery", "BucketVersioning", 4, lambda i: i["versioningConfiguration"]["status"] == "Enabled"
    ),
    "images are copied": ("account", "ReplicationConfiguration", 1, lambda i: bool(i["replicationConfiguration"]["rules"])),
    # ---- the account
    "CloudTrail": ("account", "Trail", 1, _says(isMultiRegionTrail=True, enableLogFileValidation=True)),
    "its records under Object Lock": ("account", "BucketObjectLockConfiguration", 1, _given("rule")),
    "Config is on": ("account", "RecorderStatus", 1, _says(isEnabled=True)),
    "Config looks at everything": ("account", "Recorder", 1, lambda i: i["recordingGroup"]["allSupported"]),
    "GuardDuty is on": ("account", "Detector", 1, _says(enable=True)),
    "and so are its features": ("account", "DetectorFeature", 6, _says(status="ENABLED")),
    "Security Hub's standards": ("account", "StandardsSubscription", 2, _given("standardsArn")),
    "Inspector": ("account", "Enabler", 1, lambda i: {"EC2", "ECR"} <= set(i["resourceTypes"])),
    "Access Analyzer": ("account", "Analyzer", 1, _says(type="ACCOUNT")),
    "volumes are encrypted": ("account", "EncryptionByDefault", 1, _says(enabled=True)),
    "buckets are nobody's": ("account", "AccountPublicAccessBlock", 1, _says(blockPublicAcls=True, blockPublicPolicy=True)),
    "passwords": ("account", "AccountPasswordPolicy", 1, lambda i: i["minimumPasswordLength"] >= 14),
    "quotas are asked for": ("account", "ServiceQuota", 2, _given("quotaCode", "value")),
    "a budget tells people": ("account", "Budget", 1, lambda i: len(i["notifications"]) >= 3),
    "a spent budget acts by itself": (
        "account", "BudgetAction", 1, _says(actionType="APPLY_IAM_POLICY", approvalModel="AUTOMATIC", notificationType="ACTUAL")
    ),
    "unusual spending": ("account", "AnomalySubscription", 1, _given("thresholdExpression", "subscribers")),
    "costs have tags": ("account", "CostAllocationTag", 3, _says(status="Active")),
}  # fmt: skip


def _found(stack: str, kind: str) -> list[Inputs]:
    return [item.inputs for item in _STACKS[stack]().of(kind) if item.custom]


@every_row("stack, kind, least, holds", EACH)
def test_each_says_it(stack: str, kind: str, least: int, holds: Callable[[Inputs], bool]) -> None:
    found = _found(stack, kind)
    assert len(found) >= least, f"{stack} has {len(found)} of {kind}"
    assert [inputs for inputs in found if not holds(inputs)] == []


SOME: dict[str, Clause] = {
    "objectives page by how fast they are spent, in a long and a short window": (
        "prod", "CompositeAlarm", 1, lambda i: " AND " in i["alarmRule"] and "-availability-" in i["alarmRule"]
    ),
    "what is unusual is a ticket": ("prod", "MetricAlarm", 4, lambda i: "thresholdMetricId" in i),
    "age of messages": ("prod", "MetricAlarm", 40, lambda i: i.get("metricName") in ("JobAge", "OutboxAge")),
    "certificates that end": ("prod", "MetricAlarm", 2, lambda i: i.get("metricName") == "DaysToExpiry"),
    "what the firewall blocks": ("prod", "MetricAlarm", 1, lambda i: i.get("metricName") == "BlockedRequests"),
    "canaries that fail": ("prod", "MetricAlarm", 2, lambda i: i.get("namespace") == "CloudWatchSynthetics"),
    "names that are not known are blocked": ("prod", "ResolverFirewallRule", 1, lambda i: i["action"] == "BLOCK"),
    "interfaces and gateways": ("prod", "VpcEndpoint", 1, lambda i: i.get("vpcEndpointType") == "Gateway"),
}  # fmt: skip


@every_row("stack, kind, least, holds", SOME)
def test_some_say_it(stack: str, kind: str, least: int, holds: Callable[[Inputs], bool]) -> None:
    found = [inputs for inputs in _found(stack, kind) if holds(inputs)]
    assert len(found) >= least, f"{len(found)} of {stack}'s {kind}"

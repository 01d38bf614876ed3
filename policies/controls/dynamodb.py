"""Controls on DynamoDB tables and DAX clusters."""

from __future__ import annotations

from policies.lang.links import backed_up
from policies.lang.resources import Resource, Stack
from policies.model import Control, Related, Severity, Verdict, bad, ok, refs
from policies.rules import is_one_of, is_true

TABLE = "aws:dynamodb/table:Table"
DAX = "aws:dax/cluster:Cluster"
TARGET = "aws:appautoscaling/target:Target"


def _scales(table: Resource, stack: Stack) -> Verdict:
    if table.text("billingMode", "PROVISIONED") == "PAY_PER_REQUEST":
        return ok()
    wanted = f"table/{table.text('name', table.id)}"
    scaled = {target.text("scalableDimension") for target in stack.of(TARGET) if target.text("resourceId") == wanted}
    for dimension in ("dynamodb:table:ReadCapacityUnits", "dynamodb:table:WriteCapacityUnits"):
        if dimension not in scaled:
            return bad(
                "billingMode",
                table.raw("billingMode"),
                f"use PAY_PER_REQUEST, or add an appautoscaling.Target for {dimension}",
            )
    return ok()


def _in_a_plan(table: Resource, stack: Stack) -> Verdict:
    if backed_up(table, stack, "arn:aws:dynamodb:*:*:table/*"):
        return ok()
    return bad("Selection", None, "let a backup.Selection choose the table by tag or ARN")


CONTROLS: tuple[Control, ...] = (
    Control(
        id="DynamoDB.1",
        title="Tables scale with demand",
        severity=Severity.MEDIUM,
        frameworks=refs(fsbp="DynamoDB.1"),
        remediation='Set billing_mode="PAY_PER_REQUEST", or add appautoscaling targets for reads and writes.',
        rule=Related((TABLE,), _scales),
    ),
    Control(
        id="DynamoDB.2",
        title="Tables can be brought back to any moment",
        severity=Severity.MEDIUM,
        frameworks=refs(fsbp="DynamoDB.2"),
        remediation="Set point_in_time_recovery.enabled=True on the dynamodb.Table.",
        rule=is_true(TABLE, "pointInTimeRecovery.enabled"),
    ),
    Control(
        id="DynamoDB.3",
        title="DAX clusters are encrypted at rest",
        severity=Severity.MEDIUM,
        frameworks=refs(fsbp="DynamoDB.3"),
        remediation="Set server_side_encryption.enabled=True on the dax.Cluster.",
        rule=is_true(DAX, "serverSideEncryption.enabled"),
    ),
    Control(
        id="DynamoDB.4",
        title="Tables are in a backup plan",
        severity=Severity.MEDIUM,
        frameworks=refs(nist="CP-10, CP-6, CP-6(1), CP-6(2), CP-9, SC-5(2), SI-12, SI-13(5)"),
        remediation="Let a backup.Selection choose the table by tag or ARN.",
        rule=Related((TABLE,), _in_a_plan),
    ),
    Control(
        id="DynamoDB.6",
        title="Tables cannot be deleted by one call",
        severity=Severity.MEDIUM,
        frameworks=refs(fsbp="DynamoDB.6"),
        remediation="Set deletion_protection_enabled=True on the dynamodb.Table.",
        rule=is_true(TABLE, "deletionProtectionEnabled"),
    ),
    Control(
        id="DynamoDB.7",
        title="DAX clusters are encrypted in transit",
        severity=Severity.MEDIUM,
        frameworks=refs(fsbp="DynamoDB.7", pci="4.2.1"),
        remediation='Set cluster_endpoint_encryption_type="TLS" on the dax.Cluster.',
        rule=is_one_of(DAX, "clusterEndpointEncryptionType", {"TLS"}, default="NONE"),
    ),
)

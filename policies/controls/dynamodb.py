"""Controls on DynamoDB tables and DAX clusters."""

from __future__ import annotations

from policies.lang.links import backed_up
from policies.lang.resources import Resource, Stack
from policies.model import Control, Related, Severity, Verdict, bad, ok
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
        severity=Severity.MEDIUM,
        remediation='Set billing_mode="PAY_PER_REQUEST", or add appautoscaling targets for reads and writes.',
        rule=Related((TABLE,), _scales),
    ),
    Control(
        id="DynamoDB.2",
        severity=Severity.MEDIUM,
        remediation="Set point_in_time_recovery.enabled=True on the dynamodb.Table.",
        rule=is_true(TABLE, "pointInTimeRecovery.enabled"),
    ),
    Control(
        id="DynamoDB.3",
        severity=Severity.MEDIUM,
        remediation="Set server_side_encryption.enabled=True on the dax.Cluster.",
        rule=is_true(DAX, "serverSideEncryption.enabled"),
    ),
    Control(
        id="DynamoDB.4",
        severity=Severity.MEDIUM,
        remediation="Let a backup.Selection choose the table by tag or ARN.",
        rule=Related((TABLE,), _in_a_plan),
    ),
    Control(
        id="DynamoDB.6",
        severity=Severity.MEDIUM,
        remediation="Set deletion_protection_enabled=True on the dynamodb.Table.",
        rule=is_true(TABLE, "deletionProtectionEnabled"),
    ),
    Control(
        id="DynamoDB.7",
        severity=Severity.MEDIUM,
        remediation='Set cluster_endpoint_encryption_type="TLS" on the dax.Cluster.',
        rule=is_one_of(DAX, "clusterEndpointEncryptionType", {"TLS"}, default="NONE"),
    ),
)

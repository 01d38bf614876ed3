"""Secrets Manager secrets and SSM parameters."""

from __future__ import annotations

from typing import Any

from localcloud.provider.row import VIRTUAL, Call, Context, Inputs, Prop, Read, Row, Tagging
from localcloud.provider.rows.tagging import by_arn

_SECRET_NAME = (r"[A-Za-z0-9/_+=.@!-]{1,512}", "1 to 512 letters, digits and /_+=.@!-")


def _value(inputs: Inputs) -> list[tuple[str, str]]:
    given = [name for name in ("value", "insecureValue", "valueWo") if inputs.get(name) is not None]
    if len(given) == 1:
        return []
    return [
        ("value", f"exactly one of value, insecureValue and valueWo is required; given: {', '.join(given) or 'none'}")
    ]


def _shown(context: Context, outputs: dict[str, Any]) -> dict[str, Any]:
    """`value` is secret whatever the type; a second, plain copy is given only where the program chose to show it."""
    if outputs.get("type") == "SecureString":
        return {name: value for name, value in outputs.items() if name != "insecureValue"}
    return {**outputs, "insecureValue": outputs.get("value", outputs.get("insecureValue"))}


def _no_copies(context: Context) -> None:
    """A secret goes when its copies in other Regions have gone (secretsmanager/secret.go)."""
    found = context.call("describe_secret", {"SecretId": context["id"]})
    regions = [copy["Region"] for copy in found.get("ReplicationStatus") or ()]
    if regions:
        context.call("remove_regions_from_replication", {"SecretId": context["id"], "RemoveReplicaRegions": regions})


_VALUE = Prop(api="Value", live="Value")
_PARAMETER = {"ResourceType": "Parameter", "ResourceId": "$id"}

ROWS: dict[str, Row] = {
    "aws:ssm/parameter:Parameter": Row(
        "ssm",
        "put_parameter",
        "$in.name",
        reads=(
            Read("get_parameter", {"Name": "$id", "WithDecryption": True}, "Parameter"),
            Read(
                "describe_parameters",
                {"ParameterFilters": [{"Key": "Name", "Values": ["$id"]}]},
                "Parameters[0].{Description: Description, Tier: Tier, KeyId: KeyId, AllowedPattern: AllowedPattern}",
            ),
        ),
        update=Call("put_parameter", {"Overwrite": True}),
        whole=True,
        delete=(Call("delete_parameter", {"Name": "$id"}),),
        props={
            "name": Prop(api="Name"),
            "value": _VALUE,
            "insecureValue": _VALUE,
            "valueWo": Prop(api="Value", unread=True),
            "valueWoVersion": VIRTUAL,
            "arn": VIRTUAL,
            "overwrite": Prop(api="Overwrite", unread=True, update=True),
            "dataType": Prop(default="text"),
            "tier": Prop(default="Standard"),
            "type": Prop(force=True),
        },
        name="name",
        name_rule=(r"[A-Za-z0-9_./-]{1,1011}", "1 to 1011 letters, digits and _./-"),
        secrets=frozenset({"value"}),
        check=_value,
        outputs={"arn": "$el.ARN", "version": "$el.Version", "value": "$el.Value"},
        finish=_shown,
        tagging=Tagging(
            Call("add_tags_to_resource", {**_PARAMETER, "Tags": "$tags"}),
            Call("remove_tags_from_resource", {**_PARAMETER, "TagKeys": "$tag_keys"}),
            Read("list_tags_for_resource", _PARAMETER, "TagList", into="Tags"),
        ),
    ),
    "aws:secretsmanager/secret:Secret": Row(
        "secretsmanager",
        "create_secret",
        "$answer.ARN",
        reads=(
            Read("describe_secret", {"SecretId": "$id"}, "(!DeletedDate && @) || `null`"),
            Read("get_resource_policy", {"SecretId": "$id"}, "ResourcePolicy", into="policy", optional=True),
        ),
        update=Call("update_secret", {"SecretId": "$id"}),
        before_delete=_no_copies,
        delete=(
            Call(
                "delete_secret",
                {
                    "SecretId": "$id",
                    "RecoveryWindowInDays": "$in.recoveryWindowInDays > `0` && in.recoveryWindowInDays || `null`",
                    "ForceDeleteWithoutRecovery": "$in.recoveryWindowInDays == `0` || `null`",
                },
            ),
        ),
        props={
            "policy": Prop(
                set=Call("put_resource_policy", {"SecretId": "$id", "ResourcePolicy": "$val"}), live="policy"
            ),
            "namePrefix": VIRTUAL,
            "recoveryWindowInDays": Prop(virtual=True, default=30),
            "forceOverwriteReplicaSecret": Prop(virtual=True, default=False),
            "replicas": Prop(api="AddReplicaRegions", force=True),
        },
        name="name",
        name_limit=512,
        name_rule=_SECRET_NAME,
        outputs={"arn": "$id"},
        tagging=by_arn("SecretId"),
    ),
    "aws:secretsmanager/secretVersion:SecretVersion": Row(
        "secretsmanager",
        "put_secret_value",
        "={in.secretId}|{answer.VersionId}",
        reads=(Read("get_secret_value", {"SecretId": "$bars[0]", "VersionId": "$bars[1]"}),),
        props={
            "secretId": Prop(live="ARN", force=True),
            "secretString": Prop(force=True),
            "secretStringWo": Prop(api="SecretString", unread=True),
            "secretStringWoVersion": VIRTUAL,
        },
        one_of=(("secretString", "secretBinary", "secretStringWo"),),
        secrets=frozenset({"secretString", "secretBinary"}),
        outputs={
            "arn": "$el.ARN",
            "secretArn": "$el.ARN",
            "versionId": "$el.VersionId",
            "hasSecretStringWo": "$in.secretStringWo != `null`",
        },
    ),
}

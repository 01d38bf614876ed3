"""KMS keys and aliases."""

from __future__ import annotations

from localcloud.provider.row import VIRTUAL, Call, Context, Prop, Read, Row, Tagging


def _switches(context: Context) -> None:
    """Rotation and use of a key are switched by calls of their own."""
    inputs, key = context["in"], context["id"]
    rotates = context.call("get_key_rotation_status", {"KeyId": key})["KeyRotationEnabled"]
    wanted = bool(inputs.get("enableKeyRotation"))
    if wanted:
        period = inputs.get("rotationPeriodInDays")
        arguments = {"KeyId": key, **({"RotationPeriodInDays": int(period)} if period else {})}
        context.call("enable_key_rotation", arguments)
    elif rotates:
        context.call("disable_key_rotation", {"KeyId": key})
    enabled = context.call("describe_key", {"KeyId": key})["KeyMetadata"]["Enabled"]
    if enabled != inputs.get("isEnabled", True):
        context.call("disable_key" if enabled else "enable_key", {"KeyId": key})


ROWS: dict[str, Row] = {
    "aws:kms/key:Key": Row(
        "kms",
        "create_key",
        "$answer.KeyMetadata.KeyId",
        reads=(
            Read(
                "describe_key", {"KeyId": "$id"}, "(KeyMetadata.KeyState!='PendingDeletion' && KeyMetadata) || `null`"
            ),
            Read("get_key_rotation_status", {"KeyId": "$id"}, "KeyRotationEnabled", into="rotation", optional=True),
            Read("get_key_policy", {"KeyId": "$id", "PolicyName": "default"}, "Policy", into="policy"),
        ),
        update=Call("update_key_description", {"KeyId": "$id"}),
        after_create=_switches,
        after_update=_switches,
        delete=(Call("schedule_key_deletion", {"KeyId": "$id", "PendingWindowInDays": "$in.deletionWindowInDays"}),),
        props={
            "policy": Prop(
                set=Call("put_key_policy", {"KeyId": "$id", "PolicyName": "default", "Policy": "$val"}), live="policy"
            ),
            "customerMasterKeySpec": Prop(api="KeySpec", default="SYMMETRIC_DEFAULT"),
            "keyUsage": Prop(default="ENCRYPT_DECRYPT"),
            "enableKeyRotation": Prop(api="", live="rotation", default=False, update=True),
            "rotationPeriodInDays": Prop(api="", update=True),
            "isEnabled": Prop(api="", live="Enabled", default=True, update=True),
            "deletionWindowInDays": Prop(virtual=True, default=30),
            "bypassPolicyLockoutSafetyCheck": Prop(virtual=True, default=False),
            "description": Prop(default="Managed by Pulumi"),
            "multiRegion": Prop(default=False),
        },
        kept=frozenset({"rotationPeriodInDays"}),
        check=lambda inputs: (
            []
            if 7 <= int(inputs["deletionWindowInDays"]) <= 30
            else [("deletionWindowInDays", f"{inputs['deletionWindowInDays']} days; accepted are 7 to 30")]
        ),
        outputs={"keyId": "$id"},
        tagging=Tagging(
            Call("tag_resource", {"KeyId": "$id", "Tags": "$tags[].{TagKey: Key, TagValue: Value}"}),
            Call("untag_resource", {"KeyId": "$id", "TagKeys": "$tag_keys"}),
            Read("list_resource_tags", {"KeyId": "$id"}, "Tags", into="Tags"),
        ),
    ),
    "aws:kms/alias:Alias": Row(
        "kms",
        "create_alias",
        "$in.name",
        reads=(Read("list_aliases", {}, "=Aliases[?AliasName=='{id}'] | [0]"),),
        update=Call("update_alias", {"AliasName": "$id"}),
        delete=(Call("delete_alias", {"AliasName": "$id"}),),
        props={"name": Prop(api="AliasName"), "namePrefix": VIRTUAL},
        name="name",
        name_rule=(
            r"alias/(?!aws/)[a-zA-Z0-9/_-]{1,250}",
            "alias/ and letters, digits, /, _ and -; alias/aws/ is AWS's own",
        ),
        outputs={"arn": "$el.AliasArn", "targetKeyArn": "=arn:aws:kms:{region}:{account}:key/{el.TargetKeyId}"},
    ),
}

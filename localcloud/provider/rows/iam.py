"""IAM roles and policies."""

from __future__ import annotations

import json
from collections.abc import Callable

from localcloud.provider.errors import Refused
from localcloud.provider.row import VIRTUAL, Call, Context, Inputs, Prop, Read, Row
from localcloud.provider.rows.tagging import by_arn

_USER = {"UserName": "$in.name"}
_RENAMED = {"UserName": "$old.name || in.name"}
_NAME = (r"[\w+=,.@-]+", "letters, digits and +=,.@_-")


def _no_inline(inputs: Inputs) -> list[tuple[str, str]]:
    instead = {"inlinePolicies": "aws.iam.RolePolicy", "managedPolicyArns": "aws.iam.RolePolicyAttachment"}
    found = [
        (name, f"{name} is not supported by the local provider: use {kind}")
        for name, kind in instead.items()
        if inputs.get(name)
    ]
    return found + document_check("assumeRolePolicy")(inputs)


def document_check(prop: str) -> Callable[[Inputs], list[tuple[str, str]]]:
    """A check that a property holds a policy document."""

    def check(inputs: Inputs) -> list[tuple[str, str]]:
        text = inputs.get(prop)
        try:
            document = json.loads(text) if isinstance(text, str) else text
        except ValueError as error:
            return [(prop, f"{prop} is not JSON: {error}")]
        if not isinstance(document, dict) or "Statement" not in document:
            return [(prop, f"{prop} is not a policy document: it has no Statement")]
        return []

    return check


def _old_versions(context: Context) -> None:
    """A policy holds five versions at most, and none but the default one when it is deleted."""
    versions = context.call("list_policy_versions", {"PolicyArn": context["id"]})["Versions"]
    for version in versions:
        if not version["IsDefaultVersion"]:
            context.call("delete_policy_version", {"PolicyArn": context["id"], "VersionId": version["VersionId"]})


def _release_role(context: Context) -> None:
    if not context["in"].get("forceDetachPolicies"):
        return
    name = {"RoleName": context["id"]}
    for policy in context.call("list_attached_role_policies", name)["AttachedPolicies"]:
        context.call("detach_role_policy", {**name, "PolicyArn": policy["PolicyArn"]})
    for policy in context.call("list_role_policies", name)["PolicyNames"]:
        context.call("delete_role_policy", {**name, "PolicyName": policy})


def _tag_again(context: Context) -> None:
    """moto finds a user's tags by its ARN, which changes with its name and path."""
    if context["all_tags"]:
        context.call("tag_user", {"UserName": context["in"]["name"], "Tags": context["all_tags"]})


def _release_user(context: Context) -> None:
    """What else a user has goes with it where the program says so; else the user stays, with a DeleteConflict."""
    name = {"UserName": context["in"]["name"]}
    keys = context.call("list_access_keys", name)["AccessKeyMetadata"]
    groups = context.call("list_groups_for_user", name)["Groups"]
    if not context["in"].get("forceDestroy"):
        for found, words in ((keys, "access keys"), (groups, "its groups' membership")):
            if found:
                raise Refused(
                    f"delete_user: DeleteConflict: cannot delete entity {context['id']}, must delete {words} first"
                )
    for key in keys:
        context.call("delete_access_key", {**name, "AccessKeyId": key["AccessKeyId"]})
    for group in groups:
        context.call("remove_user_from_group", {**name, "GroupName": group["GroupName"]})


ROWS: dict[str, Row] = {
    "aws:iam/role:Role": Row(
        "iam",
        "create_role",
        "$answer.Role.RoleName",
        reads=(Read("get_role", {"RoleName": "$id"}, "Role"),),
        update=Call("update_role", {"RoleName": "$id"}),
        before_delete=_release_role,
        delete=(Call("delete_role", {"RoleName": "$id"}),),
        props={
            "assumeRolePolicy": Prop(
                api="AssumeRolePolicyDocument",
                set=Call("update_assume_role_policy", {"RoleName": "$id", "PolicyDocument": "$val"}),
            ),
            "permissionsBoundary": Prop(
                api="PermissionsBoundary",
                set=Call("put_role_permissions_boundary", {"RoleName": "$id", "PermissionsBoundary": "$val"}),
                live="PermissionsBoundary.PermissionsBoundaryArn",
            ),
            "maxSessionDuration": Prop(default=3600),
            "path": Prop(default="/", force=True),
            "forceDetachPolicies": Prop(virtual=True, default=False),
            "namePrefix": VIRTUAL,
        },
        name="name",
        name_limit=64,
        name_rule=_NAME,
        check=_no_inline,
        outputs={"uniqueId": "$el.RoleId"},
        tagging=by_arn("RoleName", tag="tag_role", untag="untag_role"),
    ),
    # Read by its name and not by its id: a user that is renamed stays the same resource.
    "aws:iam/user:User": Row(
        "iam",
        "create_user",
        "$answer.User.UserName",
        reads=(Read("get_user", _USER, "User"),),
        after_update=_tag_again,
        before_delete=_release_user,
        delete=(Call("delete_user", _USER),),
        props={
            "name": Prop(api="UserName", set=Call("update_user", {**_RENAMED, "NewUserName": "$val"})),
            "permissionsBoundary": Prop(
                api="PermissionsBoundary",
                set=Call("put_user_permissions_boundary", {**_USER, "PermissionsBoundary": "$val"}),
                live="PermissionsBoundary.PermissionsBoundaryArn",
            ),
            "path": Prop(default="/", api="Path", set=Call("update_user", {**_RENAMED, "NewPath": "$val"})),
            "forceDestroy": Prop(virtual=True, default=False),
        },
        kept=frozenset({"permissionsBoundary"}),
        name="name",
        name_limit=64,
        name_rule=_NAME,
        outputs={"uniqueId": "$el.UserId"},
        tagging=by_arn(
            "UserName",
            "$in.name",
            tag="tag_user",
            untag="untag_user",
            read=Read("list_user_tags", _USER, "Tags", into="Tags"),
        ),
    ),
    "aws:iam/rolePolicy:RolePolicy": Row(
        "iam",
        "put_role_policy",
        "={in.role}:{in.name}",
        reads=(Read("get_role_policy", {"RoleName": "$colons[0]", "PolicyName": "$colons[1]"}),),
        update=Call("put_role_policy"),
        whole=True,
        delete=(Call("delete_role_policy", {"RoleName": "$colons[0]", "PolicyName": "$colons[1]"}),),
        props={"role": Prop(force=True), "name": Prop(api="PolicyName"), "namePrefix": VIRTUAL},
        name="name",
        name_limit=128,
        name_rule=_NAME,
        check=document_check("policy"),
    ),
    "aws:iam/policy:Policy": Row(
        "iam",
        "create_policy",
        "$answer.Policy.Arn",
        reads=(
            Read("get_policy", {"PolicyArn": "$id"}, "Policy"),
            Read(
                "get_policy_version",
                {"PolicyArn": "$id", "VersionId": "$el.DefaultVersionId"},
                "PolicyVersion.Document",
                into="document",
            ),
        ),
        after_update=_old_versions,
        before_delete=_old_versions,
        delete=(Call("delete_policy", {"PolicyArn": "$id"}),),
        props={
            "policy": Prop(
                api="PolicyDocument",
                set=Call("create_policy_version", {"PolicyArn": "$id", "PolicyDocument": "$val", "SetAsDefault": True}),
                live="document",
            ),
            "path": Prop(default="/", force=True),
            "description": Prop(force=True),
            "namePrefix": VIRTUAL,
            "delayAfterPolicyCreationInMs": VIRTUAL,
        },
        name="name",
        name_limit=128,
        name_rule=_NAME,
        check=document_check("policy"),
        tagging=by_arn("PolicyArn", tag="tag_policy", untag="untag_policy"),
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Row(
        "iam",
        "attach_role_policy",
        "={in.role}/{in.policyArn}",
        reads=(
            Read(
                "list_attached_role_policies",
                {"RoleName": "$in.role"},
                "=AttachedPolicies[?PolicyArn=='{in.policyArn}'] | [0]",
            ),
        ),
        delete=(Call("detach_role_policy", {"RoleName": "$in.role", "PolicyArn": "$in.policyArn"}),),
        props={"role": Prop(identity=True), "policyArn": Prop(force=True)},
    ),
}

"""How each AWS service tags: the same few calls for all of its kinds."""

from __future__ import annotations

from typing import Any

from localcloud.provider.row import Call, Read, Tagging

LOWER = "$tags[].{key: Key, value: Value}"


def ec2(kind: str) -> Tagging:
    """`kind` as TagSpecifications calls it."""
    return Tagging(
        Call("ec2:create_tags", {"Resources": ["$id"], "Tags": "$tags", "kind": kind}),
        Call("ec2:delete_tags", {"Resources": ["$id"], "Tags": "$tags"}),
        at_create="TagSpecifications",
    )


def by_arn(
    key: str,
    arn: str = "$id",
    *,
    tag: str = "tag_resource",
    untag: str = "untag_resource",
    tags: Any = "$tags",
    at_create: str = "Tags",
    member: str = "Tags",
    keys: str = "TagKeys",
    read: Read | None = None,
    path: str = "Tags",
) -> Tagging:
    """The common form: tag(key=arn, Tags=…), untag(key=arn, TagKeys=…)."""
    return Tagging(
        Call(tag, {key: arn, member: tags}), Call(untag, {key: arn, keys: "$tag_keys"}), read, path, at_create=at_create
    )


ELBV2 = Tagging(
    Call("add_tags", {"ResourceArns": ["$id"], "Tags": "$tags"}),
    Call("remove_tags", {"ResourceArns": ["$id"], "TagKeys": "$tag_keys"}),
    Read("describe_tags", {"ResourceArns": ["$id"]}, "TagDescriptions[0].Tags", into="Tags"),
    at_create="Tags",
)
ECS = by_arn("resourceArn", tags=LOWER, at_create="tags", member="tags", keys="tagKeys", path="tags")


def rds(kind: str) -> Tagging:
    arn = f"=arn:aws:rds:{{region}}:{{account}}:{kind}:{{id}}"
    return by_arn(
        "ResourceName",
        arn,
        tag="add_tags_to_resource",
        untag="remove_tags_from_resource",
        read=Read("list_tags_for_resource", {"ResourceName": arn}, "TagList", into="TagList"),
        path="TagList",
    )


def elasticache(kind: str) -> Tagging:
    arn = f"=arn:aws:elasticache:{{region}}:{{account}}:{kind}:{{id}}"
    return by_arn(
        "ResourceName",
        arn,
        tag="add_tags_to_resource",
        untag="remove_tags_from_resource",
        read=Read("list_tags_for_resource", {"ResourceName": arn}, "TagList", into="TagList"),
        path="TagList",
    )

"""Container image repositories."""

from __future__ import annotations

from localcloud.provider.row import VIRTUAL, Call, Prop, Read, Row
from localcloud.provider.rows.tagging import by_arn

_NAME = {"repositoryName": "$id"}
_ARN = "=arn:aws:ecr:{region}:{account}:repository/{id}"

ROWS: dict[str, Row] = {
    "aws:ecr/repository:Repository": Row(
        "ecr",
        "create_repository",
        "$in.name",
        reads=(Read("describe_repositories", {"repositoryNames": ["$id"]}, "repositories[0]"),),
        delete=(Call("delete_repository", {**_NAME, "force": "$in.forceDelete || `false`"}),),
        props={
            "name": Prop(api="repositoryName"),
            "imageTagMutability": Prop(
                api="imageTagMutability",
                default="MUTABLE",
                set=Call("put_image_tag_mutability", {**_NAME, "imageTagMutability": "$val"}),
            ),
            "imageScanningConfiguration": Prop(
                api="imageScanningConfiguration",
                set=Call("put_image_scanning_configuration", {**_NAME, "imageScanningConfiguration": "$val"}),
            ),
            "encryptionConfigurations": Prop(api="encryptionConfiguration", force=True),
            "forceDelete": VIRTUAL,
        },
        name="name",
        name_rule=(
            r"[a-z0-9]+(?:[._/-][a-z0-9]+)*",
            "lower-case letters and digits, separated by ., _, - or /",
        ),
        outputs={"repositoryUrl": "$el.repositoryUri", "registryId": "$el.registryId"},
        tagging=by_arn(
            "resourceArn",
            _ARN,
            at_create="tags",
            member="tags",
            keys="tagKeys",
            read=Read("list_tags_for_resource", {"resourceArn": _ARN}, "tags", into="tags"),
            path="tags",
        ),
    ),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": Row(
        "ecr",
        "put_lifecycle_policy",
        "$in.repository",
        reads=(Read("get_lifecycle_policy", _NAME),),
        update=Call("put_lifecycle_policy"),
        whole=True,
        delete=(Call("delete_lifecycle_policy", _NAME),),
        props={"repository": Prop(identity=True), "policy": Prop(api="lifecyclePolicyText")},
    ),
}

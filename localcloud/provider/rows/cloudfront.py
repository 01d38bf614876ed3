"""CloudFront distributions, origin access controls and the three kinds of policy (recorded: moto has none)."""

from __future__ import annotations

from typing import Any

from localcloud.provider.row import Call, Context, Prop, Read, Row
from localcloud.provider.rows.tagging import by_arn

_ARN = "=arn:aws:cloudfront::{account}:distribution/{id}"


def _behaviour(path: str) -> dict[str, str]:
    return {
        f"{path}.cachedMethods": "AllowedMethods.CachedMethods",
        f"{path}.lambdaFunctionAssociations.lambdaArn": "LambdaFunctionARN",
        f"{path}.functionAssociations.functionArn": "FunctionARN",
    }


def _complete(arguments: dict[str, Any]) -> dict[str, Any]:
    """Members that the API wants and Terraform fills in."""
    config = arguments["DistributionConfig"]
    config.setdefault("Comment", "")
    for origin in config.get("Origins", {}).get("Items", []):
        if not {"CustomOriginConfig", "VpcOriginConfig"} & origin.keys():
            origin.setdefault("S3OriginConfig", {"OriginAccessIdentity": ""})
        protocols = origin.get("CustomOriginConfig", {}).get("OriginSslProtocols")
        if protocols:
            protocols["Quantity"] = len(protocols.get("Items", []))
    for behaviour in (config.get("DefaultCacheBehavior", {}), *config.get("CacheBehaviors", {}).get("Items", [])):
        allowed = behaviour.get("AllowedMethods", {})
        if allowed:
            allowed.setdefault("Items", [])
            allowed["Quantity"] = len(allowed["Items"])
    restriction = config.get("Restrictions", {}).get("GeoRestriction")
    if restriction is not None:
        restriction["Quantity"] = len(restriction.get("Items", []))
    return arguments


def _disable(context: Context) -> None:
    """Only a disabled distribution can be deleted."""
    found = context.call("get_distribution_config", {"Id": context["id"]})
    config = found["DistributionConfig"]
    if config["Enabled"]:
        arguments = {"Id": context["id"], "DistributionConfig": {**config, "Enabled": False}, "IfMatch": found["ETag"]}
        found = context.call("update_distribution", arguments)
    context.environment["etag"] = found["ETag"]


def _read_etag(context: Context) -> None:
    context.environment["etag"] = context.call("get_origin_access_control", {"Id": context["id"]})["ETag"]


def _policy(operation: str, kind: str) -> Row:
    return Row(
        "cloudfront",
        operation,
        "$uuid",
        recorded=True,
        region="us-east-1",
        name="name",
        props={"name": Prop(api="")},
        outputs={"arn": f"=arn:aws:cloudfront::{{account}}:{kind}/{{id}}", "etag": "$id"},
    )


ROWS: dict[str, Row] = {
    "aws:cloudfront/distribution:Distribution": Row(
        "cloudfront",
        "create_distribution",
        "$answer.Distribution.Id",
        reads=(
            Read("get_distribution", {"Id": "$id"}, "Distribution"),
            Read("get_distribution", {"Id": "$id"}, "ETag", into="etag"),
        ),
        arguments={"DistributionConfig": {"CallerReference": "$el.DistributionConfig.CallerReference || token"}},
        update=Call(
            "update_distribution",
            {
                "Id": "$id",
                "IfMatch": "$el.etag",
                "DistributionConfig": {"CallerReference": "$el.DistributionConfig.CallerReference"},
            },
        ),
        whole=True,
        prepare=_complete,
        before_delete=_disable,
        delete=(Call("delete_distribution", {"Id": "$id", "IfMatch": "$etag"}),),
        region="us-east-1",
        props={
            "loggingConfig": Prop(api="DistributionConfig.Logging"),
            "orderedCacheBehaviors": Prop(api="DistributionConfig.CacheBehaviors"),
            "isIpv6Enabled": Prop(api="DistributionConfig.IsIPV6Enabled", default=False),
            "webAclId": Prop(api="DistributionConfig.WebACLId"),
            "comment": Prop(api="DistributionConfig.Comment"),
            "enabled": Prop(api="DistributionConfig.Enabled"),
            "staging": Prop(api="DistributionConfig.Staging", default=False),
            "httpVersion": Prop(api="DistributionConfig.HttpVersion", default="http2"),
            "priceClass": Prop(api="DistributionConfig.PriceClass", default="PriceClass_All"),
            "retainOnDelete": Prop(virtual=True, default=False),
            "waitForDeployment": Prop(virtual=True, default=True),
        },
        nested={
            **_behaviour("defaultCacheBehavior"),
            **_behaviour("orderedCacheBehaviors"),
            "origins.originId": "Id",
            "originGroups.originId": "Id",
            "restrictions.geoRestriction.locations": "Items",
            "loggingConfig.includeCookies": "IncludeCookies",
        },
        kept=frozenset(
            {
                "origins",
                "originGroups",
                "viewerCertificate",
                "defaultCacheBehavior",
                "orderedCacheBehaviors",
                "restrictions",
            }
        ),
        outputs={
            "arn": _ARN,
            "callerReference": "$el.DistributionConfig.CallerReference",
            "hostedZoneId": "Z2FDTNDATAQYW2",
            "etag": "$el.etag",
        },
        tagging=by_arn(
            "Resource",
            _ARN,
            tags={"Items": "$tags"},
            at_create="",
            keys="TagKeys",
            read=Read("list_tags_for_resource", {"Resource": _ARN}, "Tags.Items", into="Tags"),
        ),
    ),
    "aws:cloudfront/originAccessControl:OriginAccessControl": Row(
        "cloudfront",
        "create_origin_access_control",
        "$answer.OriginAccessControl.Id",
        reads=(
            Read("get_origin_access_control", {"Id": "$id"}, "OriginAccessControl.OriginAccessControlConfig"),
            Read("get_origin_access_control", {"Id": "$id"}, "ETag", into="etag"),
        ),
        update=Call("update_origin_access_control", {"Id": "$id", "IfMatch": "$el.etag"}),
        whole=True,
        before_delete=_read_etag,
        delete=(Call("delete_origin_access_control", {"Id": "$id", "IfMatch": "$etag"}),),
        region="us-east-1",
        props={
            "name": Prop(api="OriginAccessControlConfig.Name"),
            "description": Prop(api="OriginAccessControlConfig.Description", default="Managed by Pulumi"),
        },
        name="name",
        name_limit=64,
        outputs={"arn": "=arn:aws:cloudfront::{account}:origin-access-control/{id}", "etag": "$el.etag"},
    ),
    "aws:cloudfront/cachePolicy:CachePolicy": _policy("create_cache_policy", "cache-policy"),
    "aws:cloudfront/originRequestPolicy:OriginRequestPolicy": _policy(
        "create_origin_request_policy", "origin-request-policy"
    ),
    "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": _policy(
        "create_response_headers_policy", "response-headers-policy"
    ),
}

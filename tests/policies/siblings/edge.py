"""Distributions: siblings of the shared sets of group c."""

from __future__ import annotations

from typing import Any

from policies.lang.resources import Resource
from tests.policies.build import UNKNOWN, res
from tests.policies.siblings import BAD, NA, OK, Sibling, case

_DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
_S3_ORIGIN = {
    "originId": "o",
    "domainName": "b.s3.ap-south-1.amazonaws.com",
    "s3OriginConfig": {"originAccessIdentity": ""},
}
_CUSTOM = {
    "originId": "c",
    "domainName": "api.example.com",
    "customOriginConfig": {
        "originProtocolPolicy": "https-only",
        "httpPort": 80,
        "httpsPort": 443,
        "originSslProtocols": ["TLSv1.2"],
    },
}


def _cdn(name: str, right: dict[str, str], *more: Resource, **props: Any) -> Sibling:
    given = {
        "arn": "arn:cdn",
        "defaultCacheBehavior": {"viewerProtocolPolicy": "https-only"},
        "origins": [_S3_ORIGIN | {"originAccessControlId": "oac1"}],
    } | props
    return case(f"cdn-{name}", right, res(_DISTRIBUTION, "d", **given), *more)


EDGE: list[Sibling] = [
    _cdn("allow-all", {"CloudFront.3": BAD}, defaultCacheBehavior={"viewerProtocolPolicy": "allow-all"}),
    _cdn(
        "second-behaviour-allows-all",
        {"CloudFront.3": BAD},
        orderedCacheBehaviors=[
            {"pathPattern": "/a", "viewerProtocolPolicy": "redirect-to-https"},
            {"pathPattern": "/b", "viewerProtocolPolicy": "allow-all"},
        ],
    ),
    _cdn("logs-legacy", {"CloudFront.5": OK, "MD.CloudFront.5": OK}, loggingConfig={"bucket": "b.s3.amazonaws.com"}),
    _cdn(
        "logs-source-alone",
        {"CloudFront.5": BAD, "MD.CloudFront.5": BAD},
        res(
            "aws:cloudwatch/logDeliverySource:LogDeliverySource",
            "s",
            name="s",
            resourceArn="arn:cdn",
            logType="ACCESS_LOGS",
        ),
    ),
    _cdn(
        "logs-version-two",
        {"CloudFront.5": BAD, "MD.CloudFront.5": OK},
        res(
            "aws:cloudwatch/logDeliverySource:LogDeliverySource",
            "s",
            name="s",
            resourceArn="arn:cdn",
            logType="ACCESS_LOGS",
        ),
        res("aws:cloudwatch/logDelivery:LogDelivery", "dl", deliverySourceName="s", deliveryDestinationArn="arn:dest"),
    ),
    _cdn("no-access-control", {"CloudFront.13": BAD}, origins=[_S3_ORIGIN]),
    _cdn(
        "signs-always",
        {"CloudFront.13": OK},
        res("aws:cloudfront/originAccessControl:OriginAccessControl", "a", id="oac1", signingBehavior="always"),
    ),
    _cdn(
        "signs-unless-told",
        {"CloudFront.13": OK},
        res("aws:cloudfront/originAccessControl:OriginAccessControl", "a", id="oac1", signingBehavior="no-override"),
    ),
    _cdn(
        "second-origin-never-signs",
        {"CloudFront.13": BAD},
        res("aws:cloudfront/originAccessControl:OriginAccessControl", "a", id="oac2", signingBehavior="never"),
        origins=[
            _S3_ORIGIN | {"originAccessControlId": "oac1"},
            _S3_ORIGIN | {"originId": "p", "originAccessControlId": "oac2"},
        ],
    ),
    _cdn(
        "website-origin",
        {"CloudFront.12": NA, "CloudFront.13": NA, "CloudFront.1": NA},
        origins=[
            {
                "originId": "w",
                "domainName": "b.s3-website.ap-south-1.amazonaws.com",
                "customOriginConfig": {"originProtocolPolicy": "http-only"},
            }
        ],
    ),
    _cdn(
        "website-origin-with-a-dash",
        {"CloudFront.12": NA},
        origins=[{"originId": "w", "domainName": "b.s3-website-us-east-1.amazonaws.com"}],
    ),
    _cdn("bucket-that-nobody-has", {"CloudFront.12": BAD}),
    _cdn("bucket-of-the-stack", {"CloudFront.12": OK}, res("aws:s3/bucket:Bucket", "b", bucket="b")),
    _cdn(
        "whitelist",
        {"MD.CloudFront.3": OK},
        restrictions={"geoRestriction": {"restrictionType": "whitelist", "locations": ["IN"]}},
    ),
    _cdn(
        "blacklist",
        {"MD.CloudFront.3": BAD},
        restrictions={"geoRestriction": {"restrictionType": "blacklist", "locations": ["KP"]}},
    ),
    _cdn(
        "whitelist-of-nothing",
        {"MD.CloudFront.3": BAD},
        restrictions={"geoRestriction": {"restrictionType": "whitelist", "locations": []}},
    ),
    _cdn(
        "http-to-origin",
        {"CloudFront.9": BAD},
        origins=[_CUSTOM | {"customOriginConfig": {"originProtocolPolicy": "http-only"}}],
    ),
    _cdn(
        "match-viewer-over-https",
        {"CloudFront.9": OK},
        origins=[_CUSTOM | {"customOriginConfig": {"originProtocolPolicy": "match-viewer"}}],
    ),
    _cdn(
        "match-viewer-over-http",
        {"CloudFront.9": BAD},
        origins=[_CUSTOM | {"customOriginConfig": {"originProtocolPolicy": "match-viewer"}}],
        defaultCacheBehavior={"viewerProtocolPolicy": "allow-all"},
    ),
    _cdn(
        "old-tls-to-origin",
        {"MD.CloudFront.4": BAD, "CloudFront.10": OK},
        origins=[
            _CUSTOM
            | {
                "customOriginConfig": {
                    "originProtocolPolicy": "https-only",
                    "originSslProtocols": ["TLSv1.1", "TLSv1.2"],
                }
            }
        ],
    ),
    _cdn(
        "http-origin-beside-an-unknown-one",
        {"CloudFront.9": BAD},
        origins=[UNKNOWN, _CUSTOM | {"customOriginConfig": {"originProtocolPolicy": "http-only"}}],
    ),
    _cdn(
        "ssl3-to-origin",
        {"CloudFront.10": BAD},
        origins=[
            _CUSTOM | {"customOriginConfig": {"originProtocolPolicy": "https-only", "originSslProtocols": ["SSLv3"]}}
        ],
    ),
    _cdn(
        "default-certificate",
        {"CloudFront.7": BAD, "CloudFront.8": OK, "CloudFront.15": NA},
        viewerCertificate={"cloudfrontDefaultCertificate": True},
    ),
    _cdn(
        "static-address",
        {"CloudFront.8": BAD},
        viewerCertificate={"acmCertificateArn": "arn:cert", "sslSupportMethod": "vip"},
    ),
    _cdn(
        "old-tls-for-viewers",
        {"CloudFront.15": BAD},
        viewerCertificate={
            "acmCertificateArn": "arn:cert",
            "sslSupportMethod": "sni-only",
            "minimumProtocolVersion": "TLSv1.2_2019",
        },
    ),
    _cdn(
        "trusted-signers",
        {"CloudFront.17": BAD},
        defaultCacheBehavior={"viewerProtocolPolicy": "https-only", "trustedSigners": ["self"]},
    ),
    _cdn(
        "failover",
        {"CloudFront.4": OK},
        originGroups=[{"originId": "g", "members": [{"originId": "o"}, {"originId": "p"}]}],
    ),
    _cdn("failover-to-one", {"CloudFront.4": BAD}, originGroups=[{"originId": "g", "members": [{"originId": "o"}]}]),
]

CASES: list[Sibling] = [
    *EDGE,
    *(
        case(
            f"vpc-origin-{name}",
            {"CloudFront.9": nine, "CloudFront.10": ten, "MD.CloudFront.4": four},
            res("aws:cloudfront/vpcOrigin:VpcOrigin", vpcOriginEndpointConfig={"arn": "arn:lb", **settings}),
        )
        for name, nine, ten, four, settings in (
            ("https", OK, OK, OK, {"originProtocolPolicy": "https-only", "originSslProtocols": {"items": ["TLSv1.2"]}}),
            ("http", BAD, OK, OK, {"originProtocolPolicy": "http-only", "originSslProtocols": {"items": ["TLSv1.2"]}}),
            (
                "as-asked",
                BAD,
                OK,
                BAD,
                {"originProtocolPolicy": "match-viewer", "originSslProtocols": {"items": ["TLSv1"]}},
            ),
            (
                "old-tls",
                OK,
                BAD,
                BAD,
                {"originProtocolPolicy": "https-only", "originSslProtocols": {"items": ["SSLv3"]}},
            ),
        )
    ),
]

"""Cases of policies/controls/cloudfront.py."""

from __future__ import annotations

from typing import Any

from policies.controls.cloudfront import DISTRIBUTION, HEADERS, LOG_DELIVERY, LOG_SOURCE, VPC_ORIGIN
from policies.lang.buckets import BUCKET
from tests.policies.build import ABSENT, UNKNOWN, Case, Change, Drop, res

OTHER = [res("aws:sqs/queue:Queue")]
DOMAIN = "files.s3.ap-south-1.amazonaws.com"
ARN = "arn:aws:cloudfront::111122223333:distribution/E1"
S3 = {"originId": "files", "domainName": DOMAIN, "originAccessControlId": "E2"}
CUSTOM = {"httpPort": 80, "httpsPort": 443, "originProtocolPolicy": "https-only", "originSslProtocols": ["TLSv1.2"]}
ALB = {"originId": "web", "domainName": "web.elb.amazonaws.com", "customOriginConfig": CUSTOM}
LAMBDA = {"originId": "fn", "domainName": "x.lambda-url.ap-south-1.on.aws", "originAccessControlId": "E3"}
BEHAVIOUR = {"viewerProtocolPolicy": "redirect-to-https", "responseHeadersPolicyId": "headers", "targetOriginId": "web"}
HSTS = {"strictTransportSecurity": {"accessControlMaxAgeSec": 63072000, "override": True, "includeSubdomains": True}}


def distribution(**props: Any) -> Any:
    given = {
        "arn": ARN,
        "defaultCacheBehavior": BEHAVIOUR,
        "orderedCacheBehaviors": [BEHAVIOUR | {"pathPattern": "/files/*", "targetOriginId": "files"}],
        "defaultRootObject": "index.html",
        "loggingConfig": {"bucket": "logs.s3.amazonaws.com"},
        "originGroups": [{"originId": "group", "members": [{"originId": "web"}, {"originId": "files"}]}],
        "origins": [S3, ALB],
        "restrictions": {"geoRestriction": {"restrictionType": "whitelist", "locations": ["IN"]}},
        "tags": {"Project": "matchday"},
        "viewerCertificate": {
            "acmCertificateArn": "arn:aws:acm:us-east-1:111122223333:certificate/1",
            "minimumProtocolVersion": "TLSv1.2_2021",
            "sslSupportMethod": "sni-only",
        },
        "webAclId": "arn:aws:wafv2:us-east-1:111122223333:global/webacl/edge/1",
    }
    return res(DISTRIBUTION, "edge", **(given | props))


GOOD = [distribution(), res(BUCKET, "files", bucket="files"), res(HEADERS, "headers", securityHeadersConfig=HSTS)]
PRIVATE = res(
    VPC_ORIGIN,
    "private",
    vpcOriginEndpointConfig={"originProtocolPolicy": "https-only", "originSslProtocols": {"items": ["TLSv1.2"]}},
)
DEFAULT_CERTIFICATE = [distribution(viewerCertificate={"cloudfrontDefaultCertificate": True})]
ONLY_ALB = [distribution(origins=[ALB], defaultRootObject=None)]
ONLY_S3 = [distribution(origins=[S3])]

#: Standard logging (v2): a source alone delivers nothing.
DELIVERED = [
    res(LOG_SOURCE, "source", name="source", resourceArn=ARN, logType="ACCESS_LOGS"),
    res(
        LOG_DELIVERY,
        "delivery",
        deliverySourceName="source",
        deliveryDestinationArn="arn:aws:logs:::d",
    ),
]

CASES = {
    "CloudFront.1": Case(
        good=[GOOD],
        bad=[
            Change({"defaultRootObject": ABSENT}),
            [distribution(defaultRootObject="", origins=[{"domainName": DOMAIN, "s3OriginConfig": {}}])],
        ],
        na=[OTHER, ONLY_ALB, [distribution(defaultRootObject=None, origins=[LAMBDA])]],
        unknown=[Change({"defaultRootObject": UNKNOWN})],
    ),
    "CloudFront.3": Case(
        good=[GOOD, [distribution(orderedCacheBehaviors=None)]],
        bad=[
            Change({"defaultCacheBehavior.viewerProtocolPolicy": "allow-all"}),
            Change({"orderedCacheBehaviors.0.viewerProtocolPolicy": "allow-all"}),
            Change(
                {
                    "defaultCacheBehavior.viewerProtocolPolicy": UNKNOWN,
                    "orderedCacheBehaviors.0.viewerProtocolPolicy": ABSENT,
                }
            ),
        ],
        na=[OTHER],
        unknown=[Change({"defaultCacheBehavior.viewerProtocolPolicy": UNKNOWN})],
    ),
    "CloudFront.4": Case(
        good=[GOOD],
        bad=[Change({"originGroups": ABSENT}), Change({"originGroups.0.members": [{"originId": "web"}]})],
        na=[OTHER],
        unknown=[Change({"originGroups": UNKNOWN})],
    ),
    "CloudFront.5": Case(
        good=[GOOD],
        bad=[
            Change({"loggingConfig": ABSENT}),
            # Standard logging (v2) is logging, but not what AWS's control looks at.
            [distribution(loggingConfig=None), *DELIVERED],
        ],
        na=[OTHER],
        unknown=[Change({"loggingConfig": UNKNOWN})],
        also=frozenset({"MD.CloudFront.5"}),
    ),
    "MD.CloudFront.5": Case(
        good=[GOOD, [distribution(loggingConfig=None), *DELIVERED]],
        bad=[
            Change({"loggingConfig": ABSENT}),
            [distribution(loggingConfig=None), DELIVERED[0]],
            [distribution(loggingConfig=None), res(LOG_SOURCE, resourceArn="arn:aws:other")],
            [
                distribution(loggingConfig=None),
                res(LOG_SOURCE, name="s", resourceArn=ARN, logType="OTHER"),
                DELIVERED[1],
            ],
        ],
        na=[OTHER],
        unknown=[
            Change({"loggingConfig": UNKNOWN}),
            [distribution(loggingConfig=None), res(LOG_SOURCE, resourceArn=UNKNOWN)],
        ],
        also=frozenset({"CloudFront.5"}),
    ),
    "CloudFront.17": Case(
        good=[GOOD, [distribution(defaultCacheBehavior=BEHAVIOUR | {"trustedKeyGroups": ["k"]})]],
        bad=[
            Change({"defaultCacheBehavior.trustedSigners": ["self"]}),
            Change({"orderedCacheBehaviors.0.trustedSigners": ["111122223333"]}),
        ],
        na=[OTHER],
        unknown=[Change({"defaultCacheBehavior.trustedSigners": UNKNOWN})],
    ),
    "CloudFront.6": Case(
        good=[GOOD, [res(DISTRIBUTION, webAclId=UNKNOWN, deps={"webAclId": ["aws:wafv2/webAcl:WebAcl edge"]})]],
        bad=[Change({"webAclId": ABSENT}), Change({"webAclId": ""})],
        na=[OTHER],
        unknown=[Change({"webAclId": UNKNOWN})],
    ),
    "CloudFront.7": Case(
        good=[
            GOOD,
            [distribution(viewerCertificate={"iamCertificateId": "x"})],
            [
                res(
                    DISTRIBUTION,
                    viewerCertificate={"acmCertificateArn": UNKNOWN},
                    deps={"viewerCertificate": ["aws:acm/certificate:Certificate c"]},
                )
            ],
        ],
        bad=[
            Change({"viewerCertificate": {"cloudfrontDefaultCertificate": True}}),
            Change({"viewerCertificate": ABSENT}),
        ],
        na=[OTHER],
        unknown=[Change({"viewerCertificate": UNKNOWN})],
    ),
    "CloudFront.8": Case(
        good=[GOOD, DEFAULT_CERTIFICATE],
        bad=[Change({"viewerCertificate.sslSupportMethod": "vip"})],
        na=[OTHER],
        unknown=[Change({"viewerCertificate.sslSupportMethod": UNKNOWN})],
    ),
    "CloudFront.9": Case(
        good=[
            GOOD,
            [distribution(origins=[ALB | {"customOriginConfig": CUSTOM | {"originProtocolPolicy": "match-viewer"}}])],
        ],
        bad=[
            Change({"origins.1.customOriginConfig.originProtocolPolicy": "http-only"}),
            Change(
                {
                    "origins.1.customOriginConfig.originProtocolPolicy": "match-viewer",
                    "defaultCacheBehavior.viewerProtocolPolicy": "allow-all",
                }
            ),
        ],
        na=[OTHER, ONLY_S3],
        unknown=[Change({"origins.1.customOriginConfig.originProtocolPolicy": UNKNOWN}), Change({"origins": UNKNOWN})],
    ),
    "CloudFront.10": Case(
        good=[[*GOOD, PRIVATE], GOOD],
        bad=[
            Change({"vpcOriginEndpointConfig.originSslProtocols.items": ["SSLv3", "TLSv1.2"]}, type=VPC_ORIGIN),
            Change({"origins.1.customOriginConfig.originSslProtocols": ["SSLv3", "TLSv1.2"]}),
        ],
        na=[OTHER, ONLY_S3],
        unknown=[Change({"origins.1.customOriginConfig.originSslProtocols": UNKNOWN})],
        also=frozenset({"MD.CloudFront.4"}),
    ),
    "CloudFront.12": Case(
        good=[
            GOOD,
            [distribution(), res(BUCKET, "other", bucketRegionalDomainName=DOMAIN)],
            [
                res(DISTRIBUTION, origins=[S3 | {"domainName": UNKNOWN}], deps={"origins": [f"{BUCKET} files"]}),
                res(BUCKET, "files"),
            ],
        ],
        bad=[Change({"origins.0.domainName": "gone.s3.amazonaws.com"}), Drop(BUCKET)],
        na=[OTHER, ONLY_ALB],
        unknown=[Change({"origins.0.domainName": UNKNOWN})],
    ),
    "CloudFront.13": Case(
        good=[
            GOOD,
            [
                res(
                    DISTRIBUTION,
                    origins=[S3 | {"originAccessControlId": UNKNOWN}],
                    deps={"origins": ["aws:x/oac:Oac oac"]},
                )
            ],
        ],
        bad=[
            Change({"origins.0.originAccessControlId": ABSENT}),
            Change(
                {
                    "origins.0": {
                        "domainName": DOMAIN,
                        "s3OriginConfig": {"originAccessIdentity": "origin-access-identity/cloudfront/E1"},
                    }
                }
            ),
        ],
        na=[OTHER, ONLY_ALB],
        unknown=[Change({"origins.0.originAccessControlId": UNKNOWN})],
    ),
    "CloudFront.15": Case(
        good=[
            GOOD,
            [distribution(viewerCertificate={"acmCertificateArn": "a", "minimumProtocolVersion": "TLSv1.3_2025"})],
        ],
        bad=[
            Change({"viewerCertificate.minimumProtocolVersion": "TLSv1.2_2019"}),
            Change({"viewerCertificate.minimumProtocolVersion": ABSENT}),
        ],
        na=[
            OTHER,
            DEFAULT_CERTIFICATE,
            [distribution(viewerCertificate={"acmCertificateArn": "a", "sslSupportMethod": "vip"})],
        ],
        unknown=[Change({"viewerCertificate.minimumProtocolVersion": UNKNOWN})],
    ),
    "CloudFront.16": Case(
        good=[[distribution(origins=[LAMBDA, ALB])]],
        bad=[Change({"origins.0.originAccessControlId": ABSENT})],
        na=[OTHER, GOOD],
        unknown=[Change({"origins.0.originAccessControlId": UNKNOWN})],
    ),
    "MD.CloudFront.1": Case(
        good=[GOOD],
        bad=[
            Change({"defaultCacheBehavior.responseHeadersPolicyId": ABSENT}),
            Change({"orderedCacheBehaviors.0.responseHeadersPolicyId": ABSENT}),
        ],
        na=[OTHER],
        unknown=[Change({"orderedCacheBehaviors": UNKNOWN})],
        also=frozenset({"MD.CloudFront.2"}),
    ),
    "MD.CloudFront.2": Case(
        good=[
            GOOD,
            [
                distribution(
                    defaultCacheBehavior=BEHAVIOUR | {"responseHeadersPolicyId": "67f7725c-6f97-4210-82d7-5512b31e9d03"}
                )
            ],
        ],
        bad=[
            Change({"securityHeadersConfig.strictTransportSecurity.accessControlMaxAgeSec": 300}, type=HEADERS),
            Change({"securityHeadersConfig": ABSENT}, type=HEADERS),
            Change({"defaultCacheBehavior.responseHeadersPolicyId": ABSENT}),
        ],
        na=[OTHER],
        unknown=[Drop(HEADERS), Change({"securityHeadersConfig": UNKNOWN}, type=HEADERS)],
    ),
    "MD.CloudFront.3": Case(
        good=[GOOD],
        bad=[Change({"restrictions.geoRestriction.restrictionType": "none"}), Change({"restrictions": ABSENT})],
        na=[OTHER],
        unknown=[Change({"restrictions": UNKNOWN})],
    ),
    "MD.CloudFront.4": Case(
        good=[[*GOOD, PRIVATE], GOOD],
        bad=[
            Change({"vpcOriginEndpointConfig.originSslProtocols.items": ["TLSv1", "TLSv1.2"]}, type=VPC_ORIGIN),
            Change({"origins.1.customOriginConfig.originSslProtocols": ["TLSv1", "TLSv1.2"]}),
        ],
        na=[OTHER, ONLY_S3],
        unknown=[Change({"origins.1.customOriginConfig.originSslProtocols": UNKNOWN})],
    ),
}

"""The reference graph: cloudFront and WAF."""

from __future__ import annotations

from tests.localcloud.provider.graph.case import TAGS, Case, Inputs, ref


def _visibility(name: str) -> Inputs:
    return {"cloudwatchMetricsEnabled": True, "metricName": name, "sampledRequestsEnabled": True}


CASES: dict[str, Case] = {
    "access-control": Case(
        "aws:cloudfront/originAccessControl:OriginAccessControl",
        {
            "name": "graph",
            "originAccessControlOriginType": "s3",
            "signingBehavior": "always",
            "signingProtocol": "sigv4",
        },
        {"description": "other"},
    ),
    "headers": Case(
        "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy",
        {"name": "graph", "securityHeadersConfig": {"contentTypeOptions": {"override": True}}},
        {"comment": "other"},
    ),
    "cache-policy": Case(
        "aws:cloudfront/cachePolicy:CachePolicy",
        {
            "name": "graph",
            "parametersInCacheKeyAndForwardedToOrigin": {
                "cookiesConfig": {"cookieBehavior": "none"},
                "headersConfig": {"headerBehavior": "none"},
                "queryStringsConfig": {"queryStringBehavior": "none"},
            },
        },
        {"defaultTtl": 60},
    ),
    "origin-policy": Case(
        "aws:cloudfront/originRequestPolicy:OriginRequestPolicy",
        {
            "name": "graph",
            "cookiesConfig": {"cookieBehavior": "none"},
            "headersConfig": {"headerBehavior": "none"},
            "queryStringsConfig": {"queryStringBehavior": "none"},
        },
        {"comment": "other"},
    ),
    "distribution": Case(
        "aws:cloudfront/distribution:Distribution",
        {
            "enabled": True,
            "defaultRootObject": "index.html",
            "origins": [
                {
                    "originId": "site",
                    "domainName": ref("bucket.bucketRegionalDomainName"),
                    "originAccessControlId": ref("access-control.id"),
                },
                # Not a bucket, and not public: its name need not end as AWS's do.
                {
                    "originId": "api",
                    "domainName": "load-balancer.internal.example",
                    "vpcOriginConfig": {"vpcOriginId": "vo_AbCdEfGhIjKlMnOpQrStUv"},
                },
            ],
            "defaultCacheBehavior": {
                "targetOriginId": "site",
                "viewerProtocolPolicy": "redirect-to-https",
                "allowedMethods": ["GET", "HEAD"],
                "cachedMethods": ["GET", "HEAD"],
                "cachePolicyId": ref("cache-policy.id"),
            },
            "restrictions": {"geoRestriction": {"restrictionType": "none"}},
            "viewerCertificate": {"cloudfrontDefaultCertificate": True},
            "tags": TAGS,
        },
        {"defaultRootObject": "home.html", "comment": "other"},
    ),
    "ips": Case(
        "aws:wafv2/ipSet:IpSet",
        {
            "name": "graph",
            "scope": "REGIONAL",
            "ipAddressVersion": "IPV4",
            "addresses": ["192.0.2.0/24"],
            "tags": TAGS,
        },
        {"addresses": ["192.0.2.0/24", "198.51.100.0/24"]},
    ),
    "acl-waf": Case(
        "aws:wafv2/webAcl:WebAcl",
        {
            "name": "graph",
            "scope": "REGIONAL",
            "defaultAction": {"allow": {}},
            "visibilityConfig": _visibility("graph"),
            "rules": [
                {
                    "name": "managed",
                    "priority": 1,
                    "overrideAction": {"none": {}},
                    "visibilityConfig": _visibility("managed"),
                    "statement": {
                        "managedRuleGroupStatement": {"name": "AWSManagedRulesCommonRuleSet", "vendorName": "AWS"}
                    },
                },
                {
                    "name": "rate",
                    "priority": 2,
                    "action": {"block": {}},
                    "visibilityConfig": _visibility("rate"),
                    "statement": {"rateBasedStatement": {"limit": 2000, "aggregateKeyType": "IP"}},
                },
            ],
            "tags": TAGS,
        },
        {
            "rules": [
                {
                    "name": "rate",
                    "priority": 2,
                    "action": {"block": {}},
                    "visibilityConfig": _visibility("rate"),
                    "statement": {"rateBasedStatement": {"limit": 500, "aggregateKeyType": "IP"}},
                }
            ]
        },
    ),
    "waf-association": Case(
        "aws:wafv2/webAclAssociation:WebAclAssociation",
        {"resourceArn": ref("balancer.arn"), "webAclArn": ref("acl-waf.arn")},
    ),
    "waf-log-group": Case("aws:cloudwatch/logGroup:LogGroup", {"name": "aws-waf-logs-graph"}),
    "waf-logging": Case(
        "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
        {"resourceArn": ref("acl-waf.arn"), "logDestinationConfigs": [ref("waf-log-group.arn")]},
    ),
}

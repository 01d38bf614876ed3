"""Reads the distributions that are deployed: from the emulator, and what it drops from the provider's store."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from localcloud.dataplane.cdn.distribution import MANAGED, Behavior, CachePolicy, Distribution, ErrorPage, Origin
from localcloud.dataplane.firewall.deployed import firewall
from localcloud.runtime.aws import Aws

Json = Mapping[str, Any]
Kept = Callable[[str, str], Json]

_DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
_CACHE_POLICY = "aws:cloudfront/cachePolicy:CachePolicy"
_HEADERS_POLICY = "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy"
_FUNCTION = "aws:cloudfront/function:Function"

#: The Region of CloudFront's API and of the web ACLs of distributions.
REGION = "us-east-1"
_BUCKET = re.compile(r"(?P<bucket>.+)\.s3[.-](?:[a-z0-9-]+\.)?amazonaws\.com(?:\.cn)?")


class Deployed:
    """Reads distributions."""

    def __init__(self, aws: Aws, kept: Kept) -> None:
        self._aws, self._kept = aws, kept

    def read(self) -> Iterable[Distribution]:
        """Every enabled distribution that the provider knows."""
        cloudfront = self._aws.client("cloudfront", REGION)
        for page in cloudfront.get_paginator("list_distributions").paginate():
            for row in page["DistributionList"].get("Items", []):
                kept = self._kept(_DISTRIBUTION, row["Id"])
                if row["Enabled"] and kept.get("defaultCacheBehavior"):
                    config = cloudfront.get_distribution_config(Id=row["Id"])["DistributionConfig"]
                    yield self._distribution(row, config, kept)

    def _distribution(self, row: Json, config: Json, kept: Json) -> Distribution:
        unjudged: list[str] = []
        if (kept.get("restrictions") or {}).get("geoRestriction", {}).get("restrictionType", "none") != "none":
            unjudged.append("the restriction to countries: a loopback address is in none")
        origins = {each["originId"]: self._origin(each) for each in kept.get("origins") or []}
        behaviors = [*(kept.get("orderedCacheBehaviors") or []), {**kept["defaultCacheBehavior"], "pathPattern": ""}]
        groups = {
            each["originId"]: (
                [member["originId"] for member in each["members"]],
                frozenset(int(code) for code in each["failoverCriteria"]["statusCodes"]),
            )
            for each in kept.get("originGroups") or []
        }
        found = [self._behavior(each, unjudged) for each in behaviors]
        straight = [each for each in found if each.origin in origins and not origins[each.origin].bucket]
        if any(each.functions for each in straight):
            unjudged.append("functions of paths that a server answers: requests go to it straight from the ingress")
        if any(each.cache.keeps for each in straight):
            unjudged.append("the cache policy of paths that a server answers")
        acl = str(config.get("WebACLId") or "")
        return Distribution(
            identity=row["Id"],
            arn=row["ARN"],
            domain=row["DomainName"],
            root=str(config.get("DefaultRootObject") or "").lstrip("/"),
            behaviors=found,
            origins=origins,
            groups=groups,
            errors={
                int(each["ErrorCode"]): ErrorPage(
                    path=str(each.get("ResponsePagePath") or ""),
                    status=int(each.get("ResponseCode") or each["ErrorCode"]),
                    ttl=float(10 if each.get("ErrorCachingMinTTL") is None else each["ErrorCachingMinTTL"]),
                )
                for each in (config.get("CustomErrorResponses") or {}).get("Items", [])
            },
            firewall=firewall(self._aws.client("wafv2", REGION), acl) if acl.startswith("arn:") else None,
            invalidations=self._invalidations(row["Id"]),
            unjudged=unjudged,
        )

    def _invalidations(self, identity: str) -> Mapping[str, Sequence[str]]:
        cloudfront = self._aws.client("cloudfront", REGION)
        listed = cloudfront.list_invalidations(DistributionId=identity)["InvalidationList"].get("Items", [])
        return {
            each["Id"]: cloudfront.get_invalidation(DistributionId=identity, Id=each["Id"])["Invalidation"][
                "InvalidationBatch"
            ]["Paths"]["Items"]
            for each in listed
        }

    def _behavior(self, given: Json, unjudged: list[str]) -> Behavior:
        listed = {
            each["eventType"]: self._code(each["functionArn"]) for each in given.get("functionAssociations") or []
        }
        named = given.get("pathPattern") or "the default behavior"
        if given.get("lambdaFunctionAssociations"):
            unjudged.append(f"{named}: Lambda@Edge")
        if given.get("trustedKeyGroups") or given.get("trustedSigners"):
            unjudged.append(f"{named}: signatures of addresses and cookies")
        return Behavior(
            pattern=str(given.get("pathPattern") or ""),
            origin=given["targetOriginId"],
            methods=frozenset(given.get("allowedMethods") or ("GET", "HEAD")),
            cache=self._cache(given, unjudged),
            headers=self._kept(_HEADERS_POLICY, str(given.get("responseHeadersPolicyId") or "")),
            functions=listed,
            compress=bool(given.get("compress")),
        )

    def _cache(self, given: Json, unjudged: list[str]) -> CachePolicy:
        identity = str(given.get("cachePolicyId") or "")
        if identity in MANAGED:
            return MANAGED[identity]
        policy = self._kept(_CACHE_POLICY, identity) if identity else {}
        if not policy:
            unjudged.append(f"the cache policy {identity or '(the older forwardedValues)'}: nothing is kept")
            return CachePolicy()
        key = policy.get("parametersInCacheKeyAndForwardedToOrigin") or {}
        return CachePolicy(
            minimum=float(policy.get("minTtl") or 0),
            default=float(policy.get("defaultTtl", 86_400)),
            maximum=float(policy.get("maxTtl", 31_536_000)),
            queries=_choice(key.get("queryStringsConfig"), "queryStringBehavior", "queryStrings"),
            cookies=_choice(key.get("cookiesConfig"), "cookieBehavior", "cookies"),
            headers=frozenset(
                str(name).lower() for name in ((key.get("headersConfig") or {}).get("headers") or {}).get("items") or []
            ),
            gzip=bool(key.get("enableAcceptEncodingGzip")),
        )

    def _code(self, arn: str) -> str:
        return str(self._kept(_FUNCTION, arn.rpartition("/")[2]).get("code") or "")

    def _origin(self, given: Json) -> Origin:
        found = _BUCKET.fullmatch(given["domainName"])
        bucket = found["bucket"] if found else ""
        return Origin(
            domain=given["domainName"],
            path=str(given.get("originPath") or ""),
            bucket=bucket,
            policy=self._policy(bucket) if bucket else None,
        )

    def _policy(self, bucket: str) -> Json | None:
        try:
            found: Json = json.loads(self._aws.client("s3").get_bucket_policy(Bucket=bucket)["Policy"])
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("NoSuchBucketPolicy", "NoSuchBucket"):
                raise
            return None
        return found


def _choice(given: Json | None, kind: str, names: str) -> tuple[str, frozenset[str]]:
    given = given or {}
    items = (given.get(names) or {}).get("items") or []
    return str(given.get(kind) or "none"), frozenset(map(str, items))

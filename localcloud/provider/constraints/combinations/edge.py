"""CloudFront, Route 53, ACM. Sources: CreateDistribution, "Supported DNS record types", RequestCertificate."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

from localcloud.provider.constraints.combinations.given import Failure, Given


def distribution(given: Given) -> Iterator[Failure]:
    """A distribution: origins by id, caching by policy or by hand, certificate."""
    origins = {item.get("originId") for item in given.each("origins")} | {
        item.get("originId") for item in given.each("originGroups")
    }
    ids = [item.get("originId") for item in given.each("origins") if item.get("originId")]
    for name in sorted({str(name) for name in ids if ids.count(name) > 1}):
        yield "origins", f"origins: two have the originId {name!r}"
    behaviours = [
        ("defaultCacheBehavior", given.inner("defaultCacheBehavior")),
        *(("orderedCacheBehaviors", item) for item in given.each("orderedCacheBehaviors")),
    ]
    for prop, item in behaviours:
        yield from _behaviour(prop, item, origins if None not in origins and given.get("origins") is not None else None)
    patterns = [item.text("pathPattern") for item in given.each("orderedCacheBehaviors")]
    for name in sorted({str(name) for name in patterns if name and patterns.count(name) > 1}):
        yield "orderedCacheBehaviors", f"orderedCacheBehaviors: two have the pathPattern {name!r}"
    for item in given.each("origins"):
        found = [name for name in ("s3OriginConfig", "customOriginConfig", "vpcOriginConfig") if item.has(name)]
        if len(found) > 1:
            yield (
                "origins",
                "origins: one of s3OriginConfig, customOriginConfig and vpcOriginConfig is accepted; "
                f"given: {', '.join(found)}",
            )
        domain = item.text("domainName")
        if domain and re.match(r"https?://", domain):
            yield "origins", f"origins: domainName is {domain!r}; a host name is accepted, without a scheme"
        path = item.text("originPath")
        if path and (not path.startswith("/") or path.endswith("/")):
            yield "origins", f"origins: originPath is {path!r}; it begins with / and does not end with it"
        if item.has("originAccessControlId") and item.inner("s3OriginConfig").text("originAccessIdentity"):
            yield "origins", "origins: originAccessControlId and s3OriginConfig.originAccessIdentity exclude each other"
    certificate = given.inner("viewerCertificate")
    own = certificate.has("acmCertificateArn") or certificate.has("iamCertificateId")
    if given.has("viewerCertificate") and given.get("viewerCertificate") is not None:
        found = [name for name in ("acmCertificateArn", "iamCertificateId") if certificate.has(name)]
        if certificate.on("cloudfrontDefaultCertificate") and found:
            yield (
                "viewerCertificate",
                f"viewerCertificate: cloudfrontDefaultCertificate and {found[0]} exclude each other",
            )
        if own and certificate.lacks("sslSupportMethod"):
            yield "viewerCertificate", "viewerCertificate.sslSupportMethod is required with a certificate of your own"
        arn = certificate.text("acmCertificateArn")
        if arn and ":acm:" in arn and ":us-east-1:" not in arn:
            yield "viewerCertificate", f"viewerCertificate: {arn!r}; CloudFront accepts certificates of us-east-1"
    if given.has("aliases") and not own and given.get("viewerCertificate", {}) is not None:
        yield "aliases", "aliases need a certificate of your own (viewerCertificate)"
    restriction = given.inner("restrictions").inner("geoRestriction")
    kind = restriction.text("restrictionType")
    if kind in ("whitelist", "blacklist") and restriction.lacks("locations"):
        yield "restrictions", f"restrictions: locations are required with the restrictionType {kind}"
    if kind == "none" and restriction.has("locations"):
        yield "restrictions", "restrictions: locations have no place with the restrictionType none"
    for location in restriction.items("locations") or ():
        if not re.fullmatch(r"[A-Z]{2}", str(location)):
            yield "restrictions", f"restrictions: the location {location!r}; accepted is a code of two capital letters"
    for item in given.each("customErrorResponses"):
        code, page = item.number("responseCode"), item.text("responsePagePath")
        if (code is None) != (not page) and item.has("responseCode") != item.has("responsePagePath"):
            yield "customErrorResponses", "customErrorResponses: responseCode and responsePagePath go together"
        error = item.number("errorCode")
        if error is not None and error not in (400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504):
            yield (
                "customErrorResponses",
                f"customErrorResponses: errorCode {error:g}; accepted are 400, 403, 404, 405, 414, 416 and 500 to 504",
            )
    codes = [item.number("errorCode") for item in given.each("customErrorResponses")]
    if None not in codes and len(codes) != len(set(codes)):
        yield "customErrorResponses", "InvalidArgument: customErrorResponses name one errorCode twice"
    root = given.text("defaultRootObject")
    if root and root.startswith("/"):
        yield "defaultRootObject", f"defaultRootObject is {root!r}; it does not begin with /"
    acl = given.text("webAclId")
    if acl and acl.startswith("arn:") and ":global/webacl/" not in acl:
        yield "webAclId", f"webAclId is {acl!r}; CloudFront accepts a web ACL of the scope CLOUDFRONT"


def _behaviour(prop: str, item: Given, origins: set[Any] | None) -> Iterator[Failure]:
    target = item.text("targetOriginId")
    if origins and target and target not in origins:
        yield prop, f"{prop}: targetOriginId {target!r} is none of the origins: {', '.join(map(str, origins))}"
    if item.has("cachePolicyId") and item.has("forwardedValues"):
        yield prop, f"{prop}: cachePolicyId and forwardedValues exclude each other"
    if target and item.lacks("cachePolicyId", "forwardedValues"):
        yield prop, f"{prop}: one of cachePolicyId and forwardedValues is required"
    if item.has("cachePolicyId"):
        for name in ("minTtl", "defaultTtl", "maxTtl"):
            if item.number(name):
                yield prop, f"{prop}: {name} has no place with cachePolicyId"
    low, middle, high = (item.number(name) for name in ("minTtl", "defaultTtl", "maxTtl"))
    if (low is not None and high is not None and low > high) or (
        middle is not None and high is not None and middle > high
    ):
        yield prop, f"{prop}: minTtl, defaultTtl and maxTtl must rise"
    allowed, cached = item.items("allowedMethods"), item.items("cachedMethods")
    sets = ({"GET", "HEAD"}, {"GET", "HEAD", "OPTIONS"}, {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"})
    if allowed and set(allowed) not in sets:
        yield (
            prop,
            f"{prop}: allowedMethods are {', '.join(map(str, allowed))}; accepted are GET HEAD, with OPTIONS, or all seven",
        )
    if cached and set(cached) not in sets[:2]:
        yield (
            prop,
            f"{prop}: cachedMethods are {', '.join(map(str, cached))}; accepted are GET HEAD, with OPTIONS or without",
        )
    if allowed and cached and not set(cached) <= set(allowed):
        yield prop, f"{prop}: cachedMethods must be among allowedMethods"
    events = [
        event
        for name in ("functionAssociations", "lambdaFunctionAssociations")
        for part in item.each(name)
        if (event := part.text("eventType"))
    ]
    for name in sorted({event for event in events if events.count(event) > 1}):
        yield prop, f"{prop}: two functions are called at {name}"
    for part in item.each("functionAssociations"):
        if part.text("eventType") in ("origin-request", "origin-response"):
            yield (
                prop,
                f"{prop}: functionAssociations: {part.text('eventType')!r}; accepted are viewer-request and viewer-response",
            )


def cache_policy(given: Given) -> Iterator[Failure]:
    """A cache policy: times that rise; lists where the behaviour says so."""
    low, middle, high = (given.number(name) for name in ("minTtl", "defaultTtl", "maxTtl"))
    if low is not None and high is not None and low > high:
        yield "maxTtl", f"maxTtl {high:g} is less than minTtl {low:g}"
    if middle is not None and ((low is not None and middle < low) or (high is not None and middle > high)):
        yield "defaultTtl", f"defaultTtl {middle:g} is not between minTtl and maxTtl"
    yield from _lists(
        "parametersInCacheKeyAndForwardedToOrigin", given.inner("parametersInCacheKeyAndForwardedToOrigin")
    )


def origin_request_policy(given: Given) -> Iterator[Failure]:
    """An origin request policy: lists where the behaviour says so."""
    for name in ("cookiesConfig", "headersConfig", "queryStringsConfig"):
        yield from _lists(name, Given({name: given.get(name)}))


def _lists(prop: str, given: Given) -> Iterator[Failure]:
    for name, behaviour, values in (
        ("cookiesConfig", "cookieBehavior", "cookies"),
        ("headersConfig", "headerBehavior", "headers"),
        ("queryStringsConfig", "queryStringBehavior", "queryStrings"),
    ):
        inner = given.inner(name)
        kind = inner.text(behaviour)
        if kind in ("whitelist", "allExcept") and inner.lacks(values):
            yield prop, f"{name}: {values} are required with {behaviour} {kind}"
        if kind in ("none", "all") and inner.has(values):
            yield prop, f"{name}: {values} have no place with {behaviour} {kind}"


_DOMAIN = re.compile(r"(?=.{1,255}$)(?!-)([A-Za-z0-9_*/-]{1,63}\.)*[A-Za-z0-9_/-]{1,63}\.?")


def record(given: Given) -> Iterator[Failure]:
    """A record: values that fit the type; alias or values; one routing policy with an identifier."""
    kind, name = given.text("type"), given.text("name")
    policies = [
        prop
        for prop in (
            "weightedRoutingPolicies",
            "failoverRoutingPolicies",
            "latencyRoutingPolicies",
            "geolocationRoutingPolicies",
            "geoproximityRoutingPolicy",
            "multivalueAnswerRoutingPolicy",
            "cidrRoutingPolicy",
        )
        if given.has(prop)
    ]
    if policies and given.lacks("setIdentifier"):
        yield "setIdentifier", f"setIdentifier is required with {policies[0]}"
    if given.has("setIdentifier") and not policies:
        yield "setIdentifier", "setIdentifier needs a routing policy"
    if given.has("aliases"):
        for prop in ("ttl", "records"):
            if given.has(prop):
                yield prop, f"{prop} and aliases exclude each other"
    elif given.has("records") and given.lacks("ttl") and given.get("ttl") is None:
        yield "ttl", "ttl is required with records"
    elif given.lacks("records", "aliases"):
        yield "records", "one of records and aliases is required"
    values = given.items("records") or []
    for value in map(str, values):
        reason = _value(kind, value)
        if reason:
            yield "records", f"records: {value!r} of the type {kind}; {reason}"
    if kind == "CNAME" and len(values) > 1:
        yield "records", f"records has {len(values)} values; CNAME accepts one"
    if len(values) != len({str(value) for value in values}):
        yield "records", "records name one value twice"
    if name and re.search(r"\s", name):
        yield "name", f"name is {name!r}; it has no spaces"


def _value(kind: str | None, value: str) -> str | None:
    if kind in ("A", "AAAA"):
        try:
            right = ipaddress.ip_address(value).version == (4 if kind == "A" else 6)
        except ValueError:
            right = False
        return None if right else f"accepted is an {'IPv4' if kind == 'A' else 'IPv6'} address"
    if kind == "MX" and not re.fullmatch(r"\d+\s+\S+", value):
        return "accepted is a preference and a host"
    if kind == "SRV" and not re.fullmatch(r"\d+\s+\d+\s+\d+\s+\S+", value):
        return "accepted are priority, weight, port and host"
    if kind == "CAA" and not re.fullmatch(r"\d+\s+(issue|issuewild|iodef|issuemail|\w+)\s+\"?[^\"]*\"?", value):
        return "accepted are flags, a tag and a quoted value"
    if kind == "TXT" and len(value) > 255 and '" "' not in value and '""' not in value:
        return 'a text of more than 255 characters is split by ""'
    return None


def health_check(given: Given) -> Iterator[Failure]:
    """A health check: what its type takes."""
    kind = given.text("type")
    if kind in ("HTTP", "HTTPS", "HTTP_STR_MATCH", "HTTPS_STR_MATCH", "TCP") and given.lacks("fqdn", "ipAddress"):
        yield "fqdn", f"one of fqdn and ipAddress is required with the type {kind}"
    if kind in ("HTTP_STR_MATCH", "HTTPS_STR_MATCH") and given.lacks("searchString"):
        yield "searchString", f"searchString is required with the type {kind}"
    if given.has("searchString") and kind and not kind.endswith("STR_MATCH"):
        yield "searchString", f"searchString has no place with the type {kind}"
    if kind == "TCP" and given.has("resourcePath"):
        yield "resourcePath", "resourcePath has no place with the type TCP"
    if kind == "CALCULATED" and given.lacks("childHealthchecks"):
        yield "childHealthchecks", "childHealthchecks are required with the type CALCULATED"
    if kind == "CLOUDWATCH_METRIC" and given.lacks("cloudwatchAlarmName"):
        yield "cloudwatchAlarmName", "cloudwatchAlarmName is required with the type CLOUDWATCH_METRIC"
    if kind == "TCP" and given.lacks("port"):
        yield "port", "port is required with the type TCP"
    interval = given.number("requestInterval")
    if interval is not None and interval not in (10, 30):
        yield "requestInterval", f"requestInterval is {interval:g}; accepted are 10 and 30"


def zone(given: Given) -> Iterator[Failure]:
    """A hosted zone: a domain's; public, or of VPCs."""
    name = given.text("name")
    if name and not _DOMAIN.fullmatch(name):
        yield "name", f"InvalidDomainName: name is {name!r}; accepted is a domain such as example.com"
    if given.has("vpcs") and given.has("delegationSetId"):
        yield "delegationSetId", "delegationSetId and vpcs exclude each other"


_CODE = 10_240


def function(given: Given) -> Iterator[Failure]:
    """A function of CloudFront: its code is short."""
    size = len((given.text("code") or "").encode())
    if size > _CODE:
        yield "code", f"FunctionSizeLimitExceeded: the code has {size} bytes; accepted are at most {_CODE}"


def certificate(given: Given) -> Iterator[Failure]:
    """A certificate: its names and how they are proved."""
    domain = given.text("domainName")
    for name, prop in (
        (domain, "domainName"),
        *((str(item), "subjectAlternativeNames") for item in given.items("subjectAlternativeNames") or ()),
    ):
        if name and not re.fullmatch(r"(\*\.)?(?!-)([a-zA-Z0-9_-]{1,63}\.)+[a-zA-Z]{2,63}\.?", name):
            yield prop, f"{prop}: {name!r}; accepted is a domain name such as example.com or *.example.com"
    if domain and given.lacks("validationMethod", "certificateAuthorityArn", "privateKey") and given.has("domainName"):
        return
    for option in given.each("validationOptions"):
        parent, name = option.text("validationDomain"), option.text("domainName")
        if parent and name and not name.endswith(parent):
            yield "validationOptions", f"validationOptions: {parent!r} is not above {name!r}"


#: A domain of a DNS firewall's list: its labels, of which the first may be or begin with `*`.
_LISTED = re.compile(r"\*|\*?\.?([A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?")


def firewall_domains(given: Given) -> Iterator[Failure]:
    """Domains of a list of the DNS firewall (CreateFirewallDomainList, UpdateFirewallDomains)."""
    for name in given.get("domains") or []:
        if isinstance(name, str) and (len(name) > 255 or not _LISTED.fullmatch(name)):
            yield (
                "domains",
                f"domains: {name!r}; accepted is a domain of 255 characters at most, such as example.com or *.example.com",
            )


CHECKS = {
    "aws:route53/resolverFirewallDomainList:ResolverFirewallDomainList": (firewall_domains,),
    "aws:cloudfront/distribution:Distribution": (distribution,),
    "aws:cloudfront/cachePolicy:CachePolicy": (cache_policy,),
    "aws:cloudfront/originRequestPolicy:OriginRequestPolicy": (origin_request_policy,),
    "aws:route53/record:Record": (record,),
    "aws:route53/healthCheck:HealthCheck": (health_check,),
    "aws:route53/zone:Zone": (zone,),
    "aws:cloudfront/function:Function": (function,),
    "aws:acm/certificate:Certificate": (certificate,),
}

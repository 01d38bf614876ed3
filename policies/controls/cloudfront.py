"""Controls on CloudFront distributions: TLS towards viewers and origins, origins, logs, headers."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from policies.lang.buckets import BUCKET
from policies.lang.links import coming
from policies.lang.resources import Resource, Stack
from policies.lang.values import UNKNOWN, CannotTell, View
from policies.model import Control, Each, Related, Severity, Verdict, bad, na, ok
from policies.rules import decide, is_set

DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
VPC_ORIGIN = "aws:cloudfront/vpcOrigin:VpcOrigin"
HEADERS = "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy"
LOG_SOURCE = "aws:cloudwatch/logDeliverySource:LogDeliverySource"
LOG_DELIVERY = "aws:cloudwatch/logDelivery:LogDelivery"
ACCESS_CONTROL = "aws:cloudfront/originAccessControl:OriginAccessControl"

_GUIDE = "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide"

#: Security Hub's list for CloudFront.15 (securityPolicies, not customisable).
RECOMMENDED_TLS = ("TLSv1.2_2021", "TLSv1.2_2025", "TLSv1.3_2025")

#: AWS's managed response headers policies that send Strict-Transport-Security for a year.
_MANAGED_HSTS = (
    "67f7725c-6f97-4210-82d7-5512b31e9d03",
    "e61eb60c-9c35-4d20-a928-2b84e02af89c",
    "eaab4381-ed33-4a86-88ca-d9558dc6cd63",
)
_YEAR = 31_536_000
#: A bucket's REST endpoint; its website endpoint (`.s3-website`) is a custom origin like any web server.
_S3_DOMAIN = re.compile(r"^(?P<bucket>.+?)\.s3[.-](?!website)(?:[a-z0-9-]+\.)*amazonaws\.com(?:\.cn)?$")
_WEBSITE = re.compile(r"\.s3-website[.-]")
_LAMBDA_URL = re.compile(r"\.lambda-url\.")


def _custom(origin: View) -> bool:
    return origin.raw("customOriginConfig") is not None or origin.raw("vpcOriginConfig") is not None


def _bucket(origin: View) -> bool:
    named = origin.raw("s3OriginConfig") is not None or not _at(origin, _LAMBDA_URL)
    return named and not _custom(origin) and not _at(origin, _WEBSITE)


def _s3_origins(distribution: Resource) -> list[View]:
    """The origins that are buckets (not their website endpoints, which are custom origins)."""
    return [origin for origin in distribution.each("origins") if _bucket(origin)]


def _at(origin: View, domains: re.Pattern[str]) -> bool:
    domain = origin.raw("domainName")
    return isinstance(domain, str) and domains.search(domain) is not None


def _behaviours(distribution: Resource) -> list[View]:
    return [distribution.view("defaultCacheBehavior"), *distribution.each("orderedCacheBehaviors")]


def _over_behaviours(check: Callable[[View], Verdict]) -> Each:
    return Each((DISTRIBUTION,), lambda item: decide(*[partial(check, behaviour) for behaviour in _behaviours(item)]))


def _root_object(distribution: Resource) -> Verdict:
    if not _s3_origins(distribution):
        return na("no S3 origin")
    if distribution.has("defaultRootObject"):
        return ok()
    return bad("defaultRootObject", None, "name the object that answers for /, such as index.html")


def _https_viewers(behaviour: View) -> Verdict:
    path = "viewerProtocolPolicy"
    if behaviour.text(path, "allow-all") in ("https-only", "redirect-to-https"):
        return ok()
    return bad(behaviour.at(path), behaviour.raw(path), "set it to redirect-to-https or https-only")


def _failover(distribution: Resource) -> Verdict:
    for group in distribution.each("originGroups"):
        if len(list(group.each("members"))) >= 2:
            return ok()
    return bad("originGroups", None, "add an origin group with a second origin")


def _logged(distribution: Resource) -> Verdict:
    if distribution.has("loggingConfig.bucket"):
        return ok()
    return bad(
        "loggingConfig", None, "name a bucket for standard logging (legacy): AWS's control looks at nothing else"
    )


def _delivers_logs(distribution: Resource, stack: Stack) -> Verdict:
    """Standard logging of either kind; a delivery source alone delivers nothing."""
    if distribution.has("loggingConfig.bucket"):
        return ok()
    for source in stack.referrers(distribution, LOG_SOURCE, "resourceArn"):
        if source.text("logType", "ACCESS_LOGS") == "ACCESS_LOGS" and stack.referrers(
            source, LOG_DELIVERY, "deliverySourceName"
        ):
            return ok()
    return bad(
        "loggingConfig", None, "name a bucket, or add a LogDeliverySource and a LogDelivery for the distribution"
    )


def _own_certificate(distribution: Resource) -> bool:
    certificate = "viewerCertificate"
    named = (f"{certificate}.acmCertificateArn", f"{certificate}.iamCertificateId")
    if any(coming(distribution, path) for path in named):
        return True
    return not distribution.flag(f"{certificate}.cloudfrontDefaultCertificate") and any(
        distribution.has(path) for path in named
    )


def _certificate(distribution: Resource) -> Verdict:
    if _own_certificate(distribution):
        return ok()
    path = "viewerCertificate.acmCertificateArn"
    return bad(path, distribution.raw(path), "name a certificate of ACM in us-east-1 for the domain")


def _default_certificate(distribution: Resource) -> str | None:
    return None if _own_certificate(distribution) else "CloudFront's own certificate; CloudFront.7 judges that"


def _tls_policy(distribution: Resource) -> Verdict:
    reason = _default_certificate(distribution)
    if reason:
        return na(reason)
    if distribution.text("viewerCertificate.sslSupportMethod", "sni-only") != "sni-only":
        return na("serves legacy clients; CloudFront.8 judges that")
    path = "viewerCertificate.minimumProtocolVersion"
    if distribution.text(path, "TLSv1") in RECOMMENDED_TLS:
        return ok()
    return bad(path, distribution.raw(path), f"set it to {RECOMMENDED_TLS[0]} or later")


def _custom_origins(check: Callable[[Resource, View], Verdict]) -> Each:
    # The settings of a VPC origin are a resource of their own.
    def judged(subject: Resource) -> Verdict:
        if subject.type == VPC_ORIGIN:
            return check(subject, subject.view("vpcOriginEndpointConfig"))
        found, undecided = subject.each_known("origins")
        origins = [
            origin.view("customOriginConfig") for origin in found if origin.raw("customOriginConfig") is not None
        ]
        verdict = decide(*[partial(check, subject, origin) for origin in origins])
        if verdict == ok() and undecided:
            raise undecided
        return verdict if origins else na("no custom origin")

    return Each((DISTRIBUTION, VPC_ORIGIN), judged)


def _encrypted_origin(subject: Resource, origin: View) -> Verdict:
    policy = origin.text("originProtocolPolicy")
    viewers = _behaviours(subject) if policy == "match-viewer" and subject.type == DISTRIBUTION else []
    if policy == "https-only" or (viewers and all(_https_viewers(behaviour) == ok() for behaviour in viewers)):
        return ok()
    return bad(origin.at("originProtocolPolicy"), policy or None, "set it to https-only")


def _origin_protocols(refused: tuple[str, ...]) -> Callable[[Resource, View], Verdict]:
    def check(subject: Resource, origin: View) -> Verdict:
        path = "originSslProtocols.items" if subject.type == VPC_ORIGIN else "originSslProtocols"
        old = [text for text in origin.texts(path) if text in refused]
        return bad(origin.at(path), old, "set it to TLSv1.2") if old else ok()

    return check


def _existing_buckets(distribution: Resource, stack: Stack) -> Verdict:
    origins = _s3_origins(distribution)
    if not origins:
        return na("no S3 origin")

    def check(origin: View) -> Verdict:
        domain = origin.raw("domainName")
        if domain is UNKNOWN:
            sources = distribution.property_dependencies.get("origins", ())
            if any(source is not None and source.type == BUCKET for source in map(stack.by_urn, sources)):
                return ok()
            raise CannotTell(origin.at("domainName"), UNKNOWN.words)
        name = _S3_DOMAIN.match(origin.text("domainName"))
        if stack.named(origin.text("domainName"), BUCKET) or (name and stack.named(name["bucket"], BUCKET)):
            return ok()
        return bad(origin.at("domainName"), domain, "point it to a bucket that this stack has")

    return decide(*[partial(check, origin) for origin in origins])


def _access_control(distribution: Resource, origins: list[View], what: str, stack: Stack) -> Verdict:
    if not origins:
        return na(f"no {what} origin")

    def check(origin: View) -> Verdict:
        path = "originAccessControlId"
        if origin.raw(path) is UNKNOWN and distribution.property_dependencies.get("origins"):
            return ok()
        if not origin.has(path):
            return bad(origin.at(path), None, "name a cloudfront.OriginAccessControl")
        for control in stack.named(origin.text(path), ACCESS_CONTROL):
            if control.text("signingBehavior", "always") == "never":
                return bad(
                    f"{control.name}.signingBehavior", "never", "set it to always: unsigned requests are anonymous"
                )
        return ok()

    return decide(*[partial(check, origin) for origin in origins])


def _s3_access(distribution: Resource, stack: Stack) -> Verdict:
    return _access_control(distribution, _s3_origins(distribution), "S3", stack)


def _lambda_origins(distribution: Resource, stack: Stack) -> Verdict:
    origins = [item for item in distribution.each("origins") if _at(item, _LAMBDA_URL)]
    return _access_control(distribution, origins, "Lambda URL", stack)


def _sni(distribution: Resource) -> Verdict:
    path = "viewerCertificate.sslSupportMethod"
    if _own_certificate(distribution) and distribution.text(path) in ("vip", "static-ip"):
        return bad(path, distribution.raw(path), "set it to sni-only")
    return ok()


def _chosen_countries(distribution: Resource) -> Verdict:
    path = "restrictions.geoRestriction"
    if distribution.text(f"{path}.restrictionType", "none") != "whitelist" or not distribution.has(f"{path}.locations"):
        return bad(
            f"{path}.restrictionType",
            distribution.raw(f"{path}.restrictionType"),
            "set it to whitelist with the countries served",
        )
    return ok()


def _key_groups(behaviour: View) -> Verdict:
    """Signed URLs by a key group, not by an account's own key pair (which only root manages)."""
    if behaviour.has("trustedSigners"):
        return bad(behaviour.at("trustedSigners"), behaviour.raw("trustedSigners"), "use trusted_key_groups")
    return ok()


def _headers(behaviour: View) -> Verdict:
    path = "responseHeadersPolicyId"
    if behaviour.raw(path) is UNKNOWN:
        return ok()  # an id that will be known is an id
    return ok() if behaviour.has(path) else bad(behaviour.at(path), None, "name a cloudfront.ResponseHeadersPolicy")


def _hsts(distribution: Resource, stack: Stack) -> Verdict:
    path = "defaultCacheBehavior.responseHeadersPolicyId"
    if distribution.raw(path) in _MANAGED_HSTS:
        return ok()
    policy = stack.target(distribution, path, HEADERS)
    if policy is None:
        if distribution.raw(path) is None:
            return bad(path, None, "name a policy that sends Strict-Transport-Security")
        raise CannotTell(path, "a policy outside this stack")
    age = "securityHeadersConfig.strictTransportSecurity.accessControlMaxAgeSec"
    if (policy.number(age, 0) or 0) >= _YEAR:
        return ok()
    return bad(f"{policy.name}.{age}", policy.raw(age), f"set it to {_YEAR} (a year) or more")


CONTROLS: tuple[Control, ...] = (
    Control(
        id="CloudFront.1",
        severity=Severity.HIGH,
        remediation='Set default_root_object, such as "index.html".',
        rule=Each((DISTRIBUTION,), _root_object),
    ),
    Control(
        id="CloudFront.3",
        severity=Severity.MEDIUM,
        remediation='Set viewer_protocol_policy="redirect-to-https" in every cache behaviour.',
        rule=_over_behaviours(_https_viewers),
    ),
    Control(
        id="CloudFront.4",
        severity=Severity.LOW,
        remediation="Add an origin group with two members.",
        rule=Each((DISTRIBUTION,), _failover),
    ),
    Control(
        id="CloudFront.5",
        severity=Severity.MEDIUM,
        remediation="Set logging_config: AWS's control sees standard logging (legacy) alone; MD.CloudFront.5 takes both.",
        rule=Each((DISTRIBUTION,), _logged),
    ),
    Control(
        id="CloudFront.6",
        severity=Severity.MEDIUM,
        remediation="Set web_acl_id to a wafv2.WebAcl with scope CLOUDFRONT.",
        rule=is_set(DISTRIBUTION, "webAclId", "name a web ACL with scope CLOUDFRONT"),
    ),
    Control(
        id="CloudFront.7",
        severity=Severity.LOW,
        remediation="Set viewer_certificate.acm_certificate_arn.",
        rule=Each((DISTRIBUTION,), _certificate),
    ),
    Control(
        id="CloudFront.8",
        severity=Severity.LOW,
        remediation='Set viewer_certificate.ssl_support_method="sni-only".',
        rule=Each((DISTRIBUTION,), _sni),
    ),
    Control(
        id="CloudFront.9",
        severity=Severity.MEDIUM,
        remediation='Set custom_origin_config.origin_protocol_policy="https-only".',
        rule=_custom_origins(_encrypted_origin),
    ),
    Control(
        id="CloudFront.10",
        severity=Severity.MEDIUM,
        remediation='Set custom_origin_config.origin_ssl_protocols=["TLSv1.2"].',
        rule=_custom_origins(_origin_protocols(("SSLv3",))),
    ),
    Control(
        id="CloudFront.12",
        severity=Severity.HIGH,
        remediation="Take the origin's domain name from the s3.Bucket's bucket_regional_domain_name.",
        rule=Related((DISTRIBUTION,), _existing_buckets),
    ),
    Control(
        id="CloudFront.13",
        severity=Severity.MEDIUM,
        remediation="Set origin_access_control_id on every S3 origin.",
        rule=Related((DISTRIBUTION,), _s3_access),
    ),
    Control(
        id="CloudFront.15",
        severity=Severity.MEDIUM,
        remediation='Set viewer_certificate.minimum_protocol_version="TLSv1.2_2021" or later.',
        rule=Each((DISTRIBUTION,), _tls_policy),
    ),
    Control(
        id="CloudFront.16",
        severity=Severity.MEDIUM,
        remediation="Set origin_access_control_id on every origin that is a Lambda function URL.",
        rule=Related((DISTRIBUTION,), _lambda_origins),
    ),
    Control(
        id="MD.CloudFront.1",
        title="Distributions send security headers",
        severity=Severity.MEDIUM,
        remediation="Set response_headers_policy_id in every cache behaviour.",
        link=f"{_GUIDE}/adding-response-headers.html",
        rule=_over_behaviours(_headers),
    ),
    Control(
        id="MD.CloudFront.2",
        title="Distributions send Strict-Transport-Security for a year",
        severity=Severity.MEDIUM,
        remediation="Set strict_transport_security with access_control_max_age_sec of 31536000 in the headers policy.",
        link=f"{_GUIDE}/understanding-response-headers-policies.html",
        rule=Related((DISTRIBUTION,), _hsts),
    ),
    Control(
        id="MD.CloudFront.3",
        title="Distributions serve chosen countries",
        severity=Severity.LOW,
        remediation="Set restrictions.geo_restriction to a whitelist of countries where the platform may serve.",
        link=f"{_GUIDE}/georestrictions.html",
        rule=Each((DISTRIBUTION,), _chosen_countries),
    ),
    Control(
        id="MD.CloudFront.5",
        title="CloudFront distributions deliver access logs",
        severity=Severity.MEDIUM,
        remediation="Set logging_config, or add a cloudwatch.LogDeliverySource, LogDeliveryDestination and LogDelivery.",
        link=f"{_GUIDE}/standard-logging.html",
        rule=Related((DISTRIBUTION,), _delivers_logs),
    ),
    Control(
        id="CloudFront.17",
        severity=Severity.MEDIUM,
        remediation="Set trusted_key_groups in the cache behaviour in place of trusted_signers.",
        rule=_over_behaviours(_key_groups),
    ),
    Control(
        id="MD.CloudFront.4",
        title="Distributions speak TLS 1.2 to origins",
        severity=Severity.MEDIUM,
        remediation='Set custom_origin_config.origin_ssl_protocols=["TLSv1.2"].',
        link=f"{_GUIDE}/DownloadDistValuesOrigin.html#DownloadDistValuesOriginSSLProtocols",
        rule=_custom_origins(_origin_protocols(("SSLv3", "TLSv1", "TLSv1.1"))),
    ),
)

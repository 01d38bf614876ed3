"""The CDN as the engine sees it."""

from __future__ import annotations

import pytest

from components.edge.cdn import ALL_VIEWER, ALL_VIEWER_EXCEPT_HOST, CACHING_DISABLED, Cdn, CdnArgs, read_statement
from components.edge.waf_rules import VIEWER_ADDRESS
from localcloud.dataplane.cdn.functions import function, request_event

OWN_NAME = {"aliases": ["play.example.com"], "certificate_arn": "arn:certificate"}


def cdn(**changes):
    args = {
        "region": "ap-south-1",
        "site_bucket_domain": "site.s3.ap-south-1.amazonaws.com",
        "api_domain": "balancer.example.com",
        "api_patterns": ["/wallet/*", "/auth/*"],
        "web_acl_arn": "arn:acl",
        "log_bucket_arn": "arn:aws:s3:::logs",
        **OWN_NAME,
        **changes,
    }
    return lambda: Cdn("cdn", CdnArgs(**args))


BARE = {
    "aliases": (),
    "certificate_arn": None,
    "log_bucket_arn": None,
    "api_https": False,
    "relaxed": {"certificate": "a laptop", "access_logs": "a laptop", "origin_tls": "a laptop"},
}


def test_the_bucket_is_read_by_signed_requests_only(run):
    recorded = run(cdn())
    (distribution,) = recorded.of("Distribution")
    site = next(origin for origin in distribution.inputs["origins"] if origin["originId"] == "site")
    assert site["originAccessControlId"].startswith("EOAC")
    (access,) = recorded.of("OriginAccessControl")
    assert (access.inputs["signingBehavior"], access.inputs["signingProtocol"]) == ("always", "sigv4")


def test_the_site_s_copy_is_asked_when_its_bucket_cannot_answer_and_not_when_an_object_is_missing(run):
    (distribution,) = run(cdn(replica_bucket_domain="copy.s3.ap-south-2.amazonaws.com")).of("Distribution")
    origins = {origin["originId"]: origin for origin in distribution.inputs["origins"]}
    (group,) = distribution.inputs["originGroups"]
    first, second = (origins[member["originId"]] for member in group["members"])
    assert (first["domainName"], second["domainName"]) == (
        "site.s3.ap-south-1.amazonaws.com",
        "copy.s3.ap-south-2.amazonaws.com",
    )
    assert first["originAccessControlId"] == second["originAccessControlId"], "requests to both are signed"
    assert group["failoverCriteria"] == {"statusCodes": [500, 502, 503, 504]}
    default = distribution.inputs["defaultCacheBehavior"]
    assert default["targetOriginId"] == group["originId"]
    assert set(default["allowedMethods"]) == {"GET", "HEAD", "OPTIONS"}, "CloudFront fails over for these alone"
    assert {each["targetOriginId"] for each in distribution.inputs["orderedCacheBehaviors"]} == {"api"}, (
        "nothing of the API is repeated elsewhere: it might move money twice"
    )


def test_without_a_copy_the_site_has_one_origin(run):
    (distribution,) = run(cdn()).of("Distribution")
    assert "originGroups" not in distribution.inputs
    assert distribution.inputs["defaultCacheBehavior"]["targetOriginId"] == "site"


@pytest.mark.parametrize(
    ("countries", "restriction"),
    [(("IN", "GB"), {"restrictionType": "whitelist", "locations": ["GB", "IN"]}), ((), {"restrictionType": "none"})],
)
def test_countries_are_served_alone_where_some_are_named(run, countries, restriction):
    (distribution,) = run(cdn(countries=countries)).of("Distribution")
    assert distribution.inputs["restrictions"] == {"geoRestriction": restriction}


def test_the_api_is_uncached_and_encrypted_all_the_way(run):
    (distribution,) = run(cdn()).of("Distribution")
    behaviours = distribution.inputs["orderedCacheBehaviors"]
    assert [behaviour["pathPattern"] for behaviour in behaviours] == ["/wallet/*", "/auth/*"]
    for behaviour in behaviours:
        assert behaviour["cachePolicyId"] == CACHING_DISABLED
        assert behaviour["viewerProtocolPolicy"] == "https-only"
        assert "POST" in behaviour["allowedMethods"]
    api = next(origin for origin in distribution.inputs["origins"] if origin["originId"] == "api")
    assert api["customOriginConfig"]["originProtocolPolicy"] == "https-only"
    assert api["customOriginConfig"]["originSslProtocols"] == ["TLSv1.2"]
    assert distribution.inputs["defaultCacheBehavior"]["viewerProtocolPolicy"] == "redirect-to-https"


def test_an_internal_load_balancer_is_reached_by_an_origin_that_is_this_account_s_alone(run):
    recorded = run(cdn(api_load_balancer_arn="arn:balancer"))
    (origin,) = recorded.of("VpcOrigin")
    endpoint = origin.inputs["vpcOriginEndpointConfig"]
    assert (endpoint["arn"], endpoint["originProtocolPolicy"]) == ("arn:balancer", "https-only")
    assert endpoint["originSslProtocols"] == {"items": ["TLSv1.2"], "quantity": 1}
    (distribution,) = recorded.of("Distribution")
    api = next(each for each in distribution.inputs["origins"] if each["originId"] == "api")
    assert api["vpcOriginConfig"] == {"vpcOriginId": origin.id}
    assert "customOriginConfig" not in api


def test_pages_of_the_site_are_its_one_document_and_api_errors_stay_the_api_s(run):
    """An error page would replace the API's 404 too: CloudFront has them for a distribution and not for a path."""
    recorded = run(cdn())
    (distribution,) = recorded.of("Distribution")
    assert "customErrorResponses" not in distribution.inputs
    functions = {item.outputs["arn"]: item.inputs for item in recorded.of("aws:cloudfront/function:Function")}
    (site,) = distribution.inputs["defaultCacheBehavior"]["functionAssociations"]
    assert site["eventType"] == "viewer-request"
    for path, shown in (("/", "/index.html"), ("/contests/12", "/index.html"), ("/app.1f2e.js", "/app.1f2e.js")):
        event = request_event("GET", path, "", {}, "203.0.113.9")
        assert function(functions[site["functionArn"]]["code"])(event)["uri"] == shown
    for behaviour in distribution.inputs["orderedCacheBehaviors"]:
        (api,) = behaviour["functionAssociations"]
        forged = request_event("GET", "/wallet/balance", "", {VIEWER_ADDRESS: "10.0.0.1"}, "203.0.113.9")
        sent = function(functions[api["functionArn"]]["code"])(forged)["headers"]
        assert sent[VIEWER_ADDRESS]["value"] == "203.0.113.9", "whatever the viewer says of himself is written over"
    assert all(each["publish"] and each["runtime"] == "cloudfront-js-2.0" for each in functions.values())


def test_objects_are_kept_as_long_as_they_say(run):
    recorded = run(cdn())
    (policy,) = recorded.of("CachePolicy")
    assert policy.inputs["minTtl"] == 0, "no-cache of the page holds"
    parameters = policy.inputs["parametersInCacheKeyAndForwardedToOrigin"]
    assert parameters["cookiesConfig"] == {"cookieBehavior": "none"}
    assert parameters["enableAcceptEncodingBrotli"] and parameters["enableAcceptEncodingGzip"]
    (distribution,) = recorded.of("Distribution")
    assert distribution.inputs["defaultCacheBehavior"]["cachePolicyId"] == policy.id


@pytest.mark.parametrize(
    ("changes", "policy"), [({}, ALL_VIEWER), (BARE, ALL_VIEWER_EXCEPT_HOST)], ids=["own", "default"]
)
def test_the_viewer_s_host_is_passed_on_only_if_the_balancer_can_have_a_certificate_for_it(run, changes, policy):
    (distribution,) = run(cdn(**changes)).of("Distribution")
    assert {behaviour["originRequestPolicyId"] for behaviour in distribution.inputs["orderedCacheBehaviors"]} == {
        policy
    }


def test_viewers_need_modern_tls_on_our_own_name(run, resolved):
    recorded = run(cdn())
    (distribution,) = recorded.of("Distribution")
    assert distribution.inputs["viewerCertificate"] == {
        "acmCertificateArn": "arn:certificate",
        "minimumProtocolVersion": "TLSv1.2_2021",
        "sslSupportMethod": "sni-only",
    }
    assert distribution.inputs["webAclId"] == "arn:acl"
    assert distribution.inputs["defaultRootObject"] == "index.html"
    assert resolved(recorded.result.url) == "https://play.example.com"


def test_every_answer_carries_security_headers(run):
    recorded = run(cdn())
    (policy,) = recorded.of("ResponseHeadersPolicy")
    security = policy.inputs["securityHeadersConfig"]
    assert security["strictTransportSecurity"]["accessControlMaxAgeSec"] >= 31_536_000
    assert set(security) == {
        "strictTransportSecurity",
        "contentTypeOptions",
        "frameOptions",
        "referrerPolicy",
        "contentSecurityPolicy",
    }
    (distribution,) = recorded.of("Distribution")
    behaviours = [distribution.inputs["defaultCacheBehavior"], *distribution.inputs["orderedCacheBehaviors"]]
    assert len({behaviour["responseHeadersPolicyId"] for behaviour in behaviours}) == 1
    assert all(behaviour["responseHeadersPolicyId"] for behaviour in behaviours)


def test_requests_are_logged_from_us_east_1(run, resolved):
    recorded = run(cdn())
    (source,) = recorded.of("LogDeliverySource")
    (destination,) = recorded.of("LogDeliveryDestination")
    (delivery,) = recorded.of("LogDelivery")
    assert {item.inputs["region"] for item in (source, destination, delivery)} == {"us-east-1"}
    assert source.inputs["resourceArn"] == resolved(recorded.result.arn)
    assert destination.inputs["deliveryDestinationConfiguration"] == {"destinationResourceArn": "arn:aws:s3:::logs"}
    assert delivery.inputs["deliverySourceName"] == source.inputs["name"]
    assert len(source.inputs["name"]) <= 60


def test_a_bare_one(run, resolved):
    recorded = run(cdn(**BARE))
    (distribution,) = recorded.of("Distribution")
    assert distribution.inputs["viewerCertificate"] == {"cloudfrontDefaultCertificate": True}
    assert not recorded.of("LogDelivery")
    assert resolved(recorded.result.url).endswith(".cloudfront.net")


def test_only_this_distribution_may_read_the_bucket(run, resolved):
    statement = resolved(run(lambda: read_statement("arn:aws:s3:::site", "arn:distribution")).result)
    assert statement["Condition"] == {"StringEquals": {"AWS:SourceArn": "arn:distribution"}}
    assert (statement["Action"], statement["Resource"]) == ("s3:GetObject", "arn:aws:s3:::site/*")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"certificate_arn": None}, "aliases and certificate_arn; accepted: both or neither"),
        ({"aliases": ()}, "aliases and certificate_arn; accepted: both or neither"),
        ({"aliases": (), "certificate_arn": None}, "certificate does not hold"),
        ({"api_https": False}, "origin_tls does not hold"),
        ({"log_bucket_arn": None}, "access_logs does not hold"),
    ],
)
def test_bad_arguments_are_named(run, changes, message):
    with pytest.raises(ValueError, match=message):
        run(cdn(**changes))

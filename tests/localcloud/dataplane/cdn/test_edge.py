"""A distribution's site as viewers get it, through the real Caddy, from a bucket in the emulator."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from components.edge.viewer_functions import FUNCTIONS, SITE_PAGES
from localcloud.dataplane.cdn.distribution import Behavior, CachePolicy, Distribution, ErrorPage, Origin
from localcloud.dataplane.cdn.edge import Edge
from localcloud.dataplane.firewall.firewalls import Firewalls
from localcloud.dataplane.ingress.caddy import Ingress
from localcloud.dataplane.model import DesiredState, Firewall, Listener, ListenerRule
from localcloud.dataplane.settings import Config
from localcloud.dataplane.watch.metrics import Metric
from localcloud.runtime.addresses import INGRESS_ADMIN_HOST, AddressBook
from localcloud.runtime.aws import Aws
from tests.ports import free_port

pytestmark = pytest.mark.process

ARN = "arn:aws:cloudfront::123456789012:distribution/E1"
PAGE, SCRIPT = b"<html>the page</html>", b"// " + b"x" * 2000
SECURITY = {
    "securityHeadersConfig": {
        "strictTransportSecurity": {"accessControlMaxAgeSec": 60, "includeSubdomains": True, "override": True},
        "frameOptions": {"frameOption": "DENY", "override": True},
        "contentSecurityPolicy": {"contentSecurityPolicy": "default-src 'self'", "override": False},
    }
}
SITE = Behavior(
    origin="site",
    methods=frozenset({"GET", "HEAD", "OPTIONS"}),
    cache=CachePolicy(default=3600, maximum=31_536_000, gzip=True),
    headers=SECURITY,
    functions={"viewer-request": FUNCTIONS[SITE_PAGES][1]},
    compress=True,
)


class View:
    """A distribution before an ingress, and a viewer of it."""

    def __init__(self, state: Path, endpoint: str, bucket: str) -> None:
        self.now = 1_000_000.0
        self.metrics: list[tuple[str, float]] = []
        self.s3 = Aws(endpoint, "ap-south-1").client("s3")
        self.bucket = bucket
        book = AddressBook(state)
        self.config = Config(state=state, ingress_port=free_port(), emulator=endpoint)
        self.edge = Edge(book.host(INGRESS_ADMIN_HOST), endpoint, self._put, lambda: self.now)
        firewalls = Firewalls(state / "rates", "ap-south-1", self._put)
        self.ingress = Ingress(
            self.config, book, lambda _: [], lambda problem: pytest.fail(problem), None, firewalls, self.edge
        )
        self.alone = f"http://{book.lease('elbv2', 'main')}:{self.config.ingress_port}"
        unkept = httpx.Limits(max_keepalive_connections=0)
        self.http = httpx.AsyncClient(base_url=f"http://{self.config.ingress}", trust_env=False, limits=unkept)
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "cloudfront.amazonaws.com"},
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{bucket}/*",
            "Condition": {"StringEquals": {"AWS:SourceArn": ARN}},
        }
        api = Behavior(pattern="/api/*", origin="api", methods=frozenset({"GET", "HEAD", "POST"}), headers=SECURITY)
        self.distribution = Distribution(
            identity="E1",
            arn=ARN,
            domain="d1.cloudfront.net",
            root="index.html",
            behaviors=[api, SITE],
            origins={
                "site": Origin(domain=f"{bucket}.s3.amazonaws.com", bucket=bucket, policy={"Statement": [statement]}),
                "api": Origin(domain=self.config.ingress),
            },
        )

    def _put(self, metric: Metric, value: float, now: float) -> None:
        self.metrics.append((metric.name, value))

    def put(self, key: str, body: bytes, kind: str = "text/html", control: str = "") -> None:
        more = {"CacheControl": control} if control else {}
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType=kind, **more)

    async def serve(self, **changes: Any) -> None:
        """Deploy the distribution with `changes`."""
        self.distribution = replace(self.distribution, **changes)
        await self._apply([self.distribution])

    async def _apply(self, distributions: list[Distribution]) -> None:
        answer = {
            "Type": "fixed-response",
            "FixedResponseConfig": {"StatusCode": "418", "MessageBody": "balancer", "ContentType": "text/plain"},
        }
        rules = [ListenerRule(priority="default", conditions=[], actions=[answer])]
        listener = Listener(arn="a", load_balancer="main", port=80, protocol="HTTP", rules=rules)
        await self.ingress.apply(DesiredState(listeners=[listener], distributions=distributions))

    async def withdraw(self) -> None:
        await self._apply([])

    async def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, str, Mapping[str, str], bytes]:
        """Status, X-Cache, headers and body; headers' `_` is `-`."""
        given = {"Accept-Encoding": "identity", **{name.replace("_", "-"): value for name, value in headers.items()}}
        async with self.http.stream(method, path, headers=given) as answer:
            body = b"".join([part async for part in answer.aiter_raw()])
        return answer.status_code, answer.headers.get("x-cache", ""), answer.headers, body

    async def cached(self, path: str) -> str:
        return (await self.ask(path))[1].removesuffix(" from cloudfront")


@pytest_asyncio.fixture
async def view(tmp_path: Path, endpoint: str, request: pytest.FixtureRequest) -> AsyncIterator[View]:
    bucket = f"site-{abs(hash(request.node.name))}"
    view = View(tmp_path / "state", endpoint, bucket)
    view.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})
    view.put("index.html", PAGE)
    view.put("app.js", SCRIPT, "text/javascript")
    await view.ingress.start()
    await view.serve()
    yield view
    await view.http.aclose()
    await view.ingress.stop()


async def test_pages_are_the_document_files_are_files_and_the_api_is_the_load_balancer_s(view: View) -> None:
    for path in ("/", "/index.html", "/teams/7", "/api"):
        status, _, headers, body = await view.ask(path)
        assert (status, body, headers["content-type"]) == (200, PAGE, "text/html"), path
    assert (await view.ask("/app.js"))[3] == SCRIPT
    status, _, headers, body = await view.ask("/api/teams")
    assert (status, body) == (418, b"balancer")
    assert headers["x-frame-options"] == "DENY", "the headers policy is of every behavior"
    assert headers["content-security-policy"] == "default-src 'self'"


async def test_the_load_balancer_by_itself_knows_nothing_of_the_site(view: View) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{view.alone}/index.html")
    assert (answer.status_code, answer.text) == (418, "balancer")
    assert "x-frame-options" not in answer.headers
    await view.withdraw()
    assert (await view.ask("/index.html"))[3] == b"balancer", "no distribution: the ingress is the load balancer"


async def test_a_method_that_a_behavior_does_not_take_is_refused_without_asking(view: View) -> None:
    for path, method in (("/", "POST"), ("/app.js", "DELETE"), ("/api/x", "DELETE"), ("/api/x", "PATCH")):
        assert (await view.ask(path, method))[0] == 403, (path, method)
    assert (await view.ask("/api/x", "POST"))[0] == 418


async def test_what_is_kept_is_given_out_until_it_is_stale_and_then_asked_for_by_its_etag(view: View) -> None:
    view.put("short.css", b"1", "text/css", "max-age=60")
    view.put("never.html", b"1", "text/html", "no-cache")
    assert [await view.cached("/short.css") for _ in range(2)] == ["Miss", "Hit"]
    assert [await view.cached("/never.html") for _ in range(2)] == ["Miss", "Miss"]
    view.put("short.css", b"2", "text/css", "max-age=60")
    view.now += 59
    _, how, headers, body = await view.ask("/short.css")
    assert (how, headers["age"], body) == ("Hit from cloudfront", "59", b"1")
    view.now += 2
    assert (await view.ask("/short.css"))[1::2] == ("Miss from cloudfront", b"2")
    view.now += 61
    assert (await view.ask("/short.css"))[1::2] == ("RefreshHit from cloudfront", b"2")
    hits = [value for name, value in view.metrics if name == "CacheHitRate"]
    assert hits == [0, 100, 0, 0, 100, 0, 100]


async def test_an_invalidation_and_another_definition_end_what_is_kept(view: View) -> None:
    assert [await view.cached("/app.js") for _ in range(2)] == ["Miss", "Hit"]
    await view.serve(invalidations={"I1": ["/other*"]})
    assert await view.cached("/app.js") == "Hit"
    await view.serve(invalidations={"I1": ["/other*"], "I2": ["/app.*"]})
    assert [await view.cached("/app.js") for _ in range(2)] == ["Miss", "Hit"]
    await view.serve(invalidations={"I1": ["/other*"], "I2": ["/app.*"]})
    assert await view.cached("/app.js") == "Hit", "an invalidation acts once"
    await view.serve(root="app.js")
    assert await view.cached("/app.js") == "Miss"


async def test_what_is_not_there_is_forbidden_as_s3_says_to_who_may_not_list(view: View) -> None:
    status, how, _, body = await view.ask("/missing.png")
    assert (status, how) == (403, "Error from cloudfront")
    assert b"AccessDenied" in body
    view.put("missing.png", b"now", "image/png")
    assert (await view.ask("/missing.png"))[0] == 403, "an error is kept for ten seconds"
    view.now += 11
    assert (await view.ask("/missing.png"))[3] == b"now"


async def test_a_bucket_without_a_policy_that_admits_the_distribution_is_closed(view: View) -> None:
    site = view.distribution.origins["site"]
    another: dict[str, Any] = json.loads(json.dumps(site.policy).replace("E1", "E2"))
    nobody: dict[str, Any] = {"Statement": []}
    for policy in (None, nobody, another):
        await view.serve(origins={**view.distribution.origins, "site": replace(site, policy=policy)})
        assert (await view.ask("/"))[0] == 403, policy


async def test_error_pages_are_given_with_the_status_that_is_configured(view: View) -> None:
    view.put("sorry.html", b"sorry")
    page = ErrorPage(path="/sorry.html", status=404, ttl=1)
    await view.serve(errors={403: page})
    assert (await view.ask("/missing.png"))[::3] == (404, b"sorry")
    await view.serve(errors={403: replace(page, path="/gone.html")})
    assert (await view.ask("/missing.png"))[0] == 403, "a page that is not there itself"


async def test_the_next_origin_of_a_group_is_asked_when_the_first_cannot_answer(view: View) -> None:
    site = view.distribution.origins["site"]
    other = replace(site, bucket=f"{view.bucket}-gone", policy={"Statement": [{"Effect": "Allow", "Principal": "*"}]})
    origins = {**view.distribution.origins, "first": other}
    default = replace(SITE, origin="either")
    behaviors = [view.distribution.behaviors[0], default]
    await view.serve(origins=origins, behaviors=behaviors, groups={"either": (["first", "site"], frozenset({404}))})
    assert (await view.ask("/index.html"))[3] == PAGE
    await view.serve(groups={"either": (["first", "site"], frozenset({500, 502}))})
    assert (await view.ask("/index.html"))[0] == 404, "not for a status that the group does not name"


async def test_conditions_ranges_and_compression(view: View) -> None:
    status, _, headers, body = await view.ask("/app.js")
    etag = headers["etag"]
    assert (await view.ask("/app.js", If_None_Match=f'"other", {etag}'))[::3] == (304, b"")
    assert (await view.ask("/app.js", Range="bytes=0-2"))[::3] == (206, b"// ")
    assert (await view.ask("/app.js", Range="bytes=-3"))[::3] == (206, b"xxx")
    assert (await view.ask("/app.js", Range="bytes=9999-"))[0] == 416
    assert (await view.ask("/app.js", Range="bytes=-"))[::3] == (200, SCRIPT)
    status, _, headers, body = await view.ask("/app.js", "HEAD")
    assert (status, headers["content-length"], body) == (200, str(len(SCRIPT)), b"")
    _, _, headers, body = await view.ask("/app.js", Accept_Encoding="gzip")
    assert (headers["content-encoding"], headers["etag"]) == ("gzip", f"W/{etag}")
    assert len(body) < 200
    assert "content-encoding" not in (await view.ask("/index.html", Accept_Encoding="gzip"))[2], "below 1,000 bytes"
    assert (await view.ask("/app.js", If_None_Match=f"W/{etag}", Accept_Encoding="gzip"))[0] == 304


async def test_a_function_that_fails_is_503_and_one_that_answers_is_the_answer(view: View) -> None:
    def behaving(code: str) -> list[Behavior]:
        return [view.distribution.behaviors[0], replace(SITE, functions={"viewer-request": code})]

    await view.serve(behaviors=behaving("function handler(event) { throw 'x'; }"))
    assert (await view.ask("/"))[:2] == (503, "FunctionExecutionError from cloudfront")
    moved = "{ statusCode: 308, headers: { location: { value: '/new' } } }"
    await view.serve(behaviors=behaving(f"function handler(event) {{ return {moved}; }}"))
    status, _, headers, _ = await view.ask("/")
    assert (status, headers["location"]) == (308, "/new")
    own = "function handler(event) { event.request.uri = '/' + event.viewer.ip + '.txt'; return event.request; }"
    view.put("127.0.0.1.txt", b"it is you", "text/plain")
    await view.serve(behaviors=behaving(own))
    assert (await view.ask("/", X_Forwarded_For="192.0.2.9"))[3] == b"it is you", (
        "no header of the viewer's is believed"
    )


#: No form that CloudFront takes; the fourth would let a viewer write headers: `to` holds a line's end.
_NO_FORM = (
    "{ statusCode: 'soon' }",
    "{ statusCode: 99 }",
    "{ statusCode: 302, headers: { location: '/x' } }",
    "{ statusCode: 302, headers: { location: { value: event.request.querystring.to.value } } }",
    "{ statusCode: 200, body: { encoding: 'base64', data: '%' } }",
    "{ uri: '/', headers: 7 }",
    "{ uri: '/', querystring: { a: 'b' } }",
    "{ uri: '/', cookies: { a: 1 } }",
)


async def test_what_a_function_returns_in_another_form_is_503(view: View) -> None:
    """One ingress for all forms, as each is deployed in its turn."""
    for returned in _NO_FORM:
        code = f"function handler(event) {{ return {returned}; }}"
        behaviors = [view.distribution.behaviors[0], replace(SITE, functions={"viewer-request": code})]
        await view.serve(behaviors=behaviors)
        status, how, headers, _ = await view.ask("/?to=%2Fx%0D%0Aset-cookie:%20a=b")
        assert (status, how) == (503, "FunctionExecutionError from cloudfront"), returned
        assert "set-cookie" not in headers, returned


async def test_its_web_acl_judges_what_the_load_balancer_never_sees(view: View) -> None:
    seen = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "no-script"}
    statement = {
        "ByteMatchStatement": {
            "SearchString": b"app.js",
            "FieldToMatch": {"UriPath": {}},
            "PositionalConstraint": "ENDS_WITH",
            "TextTransformations": [{"Priority": 0, "Type": "NONE"}],
        }
    }
    rule = {"Name": "no", "Priority": 1, "Action": {"Block": {}}, "Statement": statement, "VisibilityConfig": seen}
    await view.serve(firewall=Firewall(name="acl", rules=[rule], default_action={"Allow": {}}))
    assert (await view.ask("/app.js"))[0] == 403
    assert (await view.ask("/index.html"))[0] == 200
    assert (await view.ask("/api/app.js"))[0] == 418, "this is the load balancer's web ACL's to judge"


_HOSTILE = (
    "/../index.html",
    "/%2e%2e/%2e%2e/etc/passwd.txt",
    "/a%00.html",
    "//other-bucket/x.html",
    "/?list-type=2",
    "/%ff.html",
)


async def test_no_path_leads_out_of_the_bucket(view: View) -> None:
    view.s3.put_object(Bucket=view.bucket, Key="../secret.html", Body=b"secret", ContentType="text/html")
    for path in _HOSTILE:
        status, _, _, body = await view.ask(path)
        assert status in (200, 400, 403), path
        assert body in (PAGE, b"") or b"AccessDenied" in body or b"<Contents>" not in body, path
        assert b"secret" not in body, path

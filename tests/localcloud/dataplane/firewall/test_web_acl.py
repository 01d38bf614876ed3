"""Web ACLs before a listener, by the real Caddy: which requests each statement finds, and what becomes of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from localcloud.dataplane.firewall.firewalls import NAMESPACE, Firewalls
from localcloud.dataplane.ingress.caddy import Ingress
from localcloud.dataplane.model import DesiredState, Firewall, Listener, ListenerRule
from localcloud.dataplane.settings import Config
from localcloud.dataplane.watch.metrics import Metric
from localcloud.dataplane.watch.traffic import Traffic
from localcloud.runtime.addresses import INGRESS_ADMIN_HOST, AddressBook
from tests.eventually import eventually
from tests.ports import free_port

pytestmark = pytest.mark.process

Statement = Mapping[str, Any]
PLAIN = [{"Priority": 0, "Type": "NONE"}]
ALLOW: Statement = {"Allow": {}}
BLOCK: Statement = {"Block": {}}
COUNT: Statement = {"Count": {}}


class Gate:
    """An ingress with a web ACL before a listener that answers 200 to everything."""

    def __init__(self, state: Path) -> None:
        book = AddressBook(state)
        self.config = Config(state=state, ingress_port=free_port())
        self.metrics: Counter[tuple[str, str]] = Counter()
        self.firewalls = Firewalls(state / "rates", "ap-south-1", self._put)
        traffic = Traffic(book.host(INGRESS_ADMIN_HOST), self._put, lambda _: None, self.firewalls.note)
        self.ingress = Ingress(self.config, book, lambda _: [], self._problem, traffic, self.firewalls)
        self.http = self.client()

    def client(self, source: str = "127.0.0.1") -> httpx.AsyncClient:
        """A client that comes from the loopback address `source`."""
        transport = httpx.AsyncHTTPTransport(local_address=source, limits=httpx.Limits(max_keepalive_connections=0))
        return httpx.AsyncClient(base_url=f"http://{self.config.ingress}", transport=transport)

    def _problem(self, sentence: str) -> None:
        raise AssertionError(sentence)

    def _put(self, metric: Metric, value: float, when: float) -> None:
        if metric.namespace == NAMESPACE:
            self.metrics[metric.name, dict(metric.dimensions)["Rule"]] += int(value)

    async def serve(self, *rules: Statement, default: Statement = ALLOW, **sets: Any) -> None:
        acl = Firewall(name="acl", rules=rules, default_action=default, **sets)
        answer = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}
        rest = ListenerRule(priority="default", conditions=[], actions=[answer])
        listener = Listener(arn="a", load_balancer="main", port=80, protocol="HTTP", rules=[rest], firewall=acl)
        await self.ingress.apply(DesiredState(listeners=[listener]))

    async def ask(self, path: str = "/", method: str = "GET", **arguments: Any) -> httpx.Response:
        """An answer. Just after a change Caddy's old listener may still take a connection and close it."""
        for _ in range(3):
            with contextlib.suppress(httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError):
                return await self.http.request(method, path, **arguments)
        return await self.http.request(method, path, **arguments)

    async def until_refused(self, path: str = "/", **arguments: Any) -> None:
        """Ask until it is too often: what the ingress's log loses on a busy machine is not counted."""
        async with asyncio.timeout(120):
            while (await self.ask(path, **arguments)).status_code == 200:
                pass

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for what follows from the ingress's log, which comes in its own time."""
        await eventually(holds)


@pytest_asyncio.fixture
async def gate(tmp_path: Path) -> AsyncIterator[Gate]:
    gate = Gate(tmp_path / "state")
    await gate.ingress.start()
    yield gate
    await gate.http.aclose()
    await gate.ingress.stop()


def rule(name: str, priority: int, statement: Statement, action: Statement = BLOCK, **more: Any) -> dict[str, Any]:
    acting = {"OverrideAction": {"None": {}}} if "ManagedRuleGroupStatement" in statement else {"Action": action}
    seen = {"MetricName": name, "SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True}
    return {"Name": name, "Priority": priority, "Statement": statement, "VisibilityConfig": seen, **acting, **more}


def find(field: Statement, text: str | bytes, where: str = "CONTAINS", *transformed: str) -> Statement:
    kinds = [{"Priority": number, "Type": kind} for number, kind in enumerate(transformed)] or PLAIN
    given = {"FieldToMatch": field, "SearchString": text, "PositionalConstraint": where, "TextTransformations": kinds}
    return {"ByteMatchStatement": given}


def size(field: Statement, comparison: str, number: int) -> Statement:
    given = {"FieldToMatch": field, "ComparisonOperator": comparison, "Size": number, "TextTransformations": PLAIN}
    return {"SizeConstraintStatement": given}


def group(name: str, **more: Any) -> Statement:
    return {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": name, **more}}


def rate(limit: int, scope: Statement | None = None, **more: Any) -> Statement:
    given = {"Limit": limit, "EvaluationWindowSec": 60, "AggregateKeyType": "IP", **more}
    return {"RateBasedStatement": given | ({"ScopeDownStatement": scope} if scope else {})}


PATH: Statement = {"UriPath": {}}
QUERY: Statement = {"QueryString": {}}
BODY: Statement = {"Body": {"OversizeHandling": "CONTINUE"}}
KIND: Statement = {"SingleHeader": {"Name": "x-kind"}}
COMMON, BAD, LINUX = (f"AWSManagedRules{name}RuleSet" for name in ("Common", "KnownBadInputs", "Linux"))

#: statement, request (path, what httpx takes), whether it is found
CASES: list[tuple[Statement, str, dict[str, Any], bool]] = [
    (find(PATH, "/a", "EXACTLY"), "/a", {}, True),
    (find(PATH, "/a", "EXACTLY"), "/a?b", {}, True),
    (find(PATH, "/a", "EXACTLY"), "/ab", {}, False),
    (find(PATH, b"/auth", "STARTS_WITH"), "/auth/login", {}, True),
    (find(PATH, "/auth", "STARTS_WITH"), "/x/auth", {}, False),
    (find(PATH, "/auth", "STARTS_WITH"), "/AUTH/login", {}, False),
    (find(PATH, "/auth", "STARTS_WITH", "LOWERCASE"), "/AUTH/login", {}, True),
    (find(PATH, "/Auth", "STARTS_WITH", "LOWERCASE"), "/Auth/login", {}, False),
    (find(PATH, "/auth/login", "STARTS_WITH"), "/auth%2Flogin", {}, False),
    (find(PATH, "/auth/login", "STARTS_WITH"), "/auth/%2E%2E/auth/login", {}, False),
    (find(PATH, '/a"\\{x}', "STARTS_WITH"), '/a"\\{x}', {}, False),
    (find(PATH, "/a%22%5C%7Bx%7D", "STARTS_WITH"), '/a"\\{x}', {}, True),
    (find(PATH, "/auth/login", "STARTS_WITH", "URL_DECODE"), "/auth%2Flogin", {}, True),
    (find(PATH, "/auth/login", "STARTS_WITH", "URL_DECODE", "NORMALIZE_PATH"), "/auth%2Flogin", {}, True),
    (find(PATH, "/auth/login", "STARTS_WITH", "URL_DECODE", "NORMALIZE_PATH"), "/x/../auth//login", {}, True),
    (find(PATH, ".php", "ENDS_WITH"), "/a.php", {}, True),
    (find(PATH, ".php", "ENDS_WITH"), "/a.php5", {}, False),
    (find(PATH, "a.c"), "/abc", {}, False),
    (find(QUERY, "cat", "CONTAINS_WORD"), "/?a=cat", {}, True),
    (find(QUERY, "cat", "CONTAINS_WORD"), "/?a=cats", {}, False),
    (find({"AllQueryArguments": {}}, "x=1"), "/?y=2&x=1", {}, True),
    (find(KIND, "bad"), "/", {"headers": {"X-Kind": "a bad one"}}, True),
    (find(KIND, "bad"), "/", {}, False),
    (find({"Method": {}}, "DELETE", "EXACTLY"), "/", {"method": "DELETE"}, True),
    (find({"Method": {}}, "DELETE", "EXACTLY"), "/", {}, False),
    ({"NotStatement": {"Statement": find(PATH, "/a")}}, "/a", {}, False),
    ({"NotStatement": {"Statement": find(PATH, "/a")}}, "/b", {}, True),
    ({"AndStatement": {"Statements": [find(PATH, "/a"), find(QUERY, "b")]}}, "/a?b", {}, True),
    ({"AndStatement": {"Statements": [find(PATH, "/a"), find(QUERY, "b")]}}, "/a", {}, False),
    ({"AndStatement": {"Statements": [find(PATH, "a"), find(PATH, "b")]}}, "/xab", {}, True),
    ({"AndStatement": {"Statements": [find(PATH, "a"), find(PATH, "b")]}}, "/a", {}, False),
    ({"OrStatement": {"Statements": [find(PATH, "/a"), find(QUERY, "b")]}}, "/?b", {}, True),
    ({"OrStatement": {"Statements": [find(PATH, "/a"), find(QUERY, "b")]}}, "/c", {}, False),
    ({"GeoMatchStatement": {"CountryCodes": ["IN", "GB"]}}, "/", {"headers": {"CloudFront-Viewer-Country": "IN"}}, True),
    ({"GeoMatchStatement": {"CountryCodes": ["IN", "GB"]}}, "/", {"headers": {"CloudFront-Viewer-Country": "US"}}, False),
    ({"GeoMatchStatement": {"CountryCodes": ["IN"]}}, "/", {}, False),
    ({"IPSetReferenceStatement": {"ARN": "here"}}, "/", {}, True),
    ({"IPSetReferenceStatement": {"ARN": "elsewhere"}}, "/", {"headers": {"X-Forwarded-For": "10.1.1.1"}}, False),
    ({"IPSetReferenceStatement": {"ARN": "empty"}}, "/", {}, False),
    (
        {"RegexMatchStatement": {"FieldToMatch": PATH, "RegexString": "^/v[0-9]+$", "TextTransformations": PLAIN}},
        "/v12",
        {},
        True,
    ),
    (
        {"RegexPatternSetReferenceStatement": {"FieldToMatch": PATH, "ARN": "odd", "TextTransformations": PLAIN}},
        "/y",
        {},
        True,
    ),
    (size(PATH, "GT", 4), "/1234", {}, True),
    (size(PATH, "GT", 5), "/1234", {}, False),
    (size(QUERY, "EQ", 3), "/?a=1", {}, True),
    (size(KIND, "GE", 2), "/", {"headers": {"X-Kind": "12"}}, True),
    (size(KIND, "LT", 2), "/", {}, False),
    (size(BODY, "GT", 10), "/", {"method": "POST", "content": b"x" * 11}, True),
    (size(BODY, "GT", 10), "/", {"method": "POST", "content": b"x" * 10}, False),
    (size(BODY, "GT", 10), "/", {}, False),
    (group(COMMON), "/", {}, False),
    (group(COMMON), "/", {"headers": {"User-Agent": ""}}, True),
    (group(COMMON), "/", {"headers": {"User-Agent": "Nmap scripting"}}, True),
    (group(COMMON), "/?" + "a" * 2049, {}, True),
    (group(COMMON), "/?" + "a" * 2048, {}, False),
    (group(COMMON), "/" + "a" * 1024, {}, True),
    (group(COMMON), "/" + "a" * 1023, {}, False),
    (group(COMMON), "/", {"headers": {"Cookie": "a=" + "b" * 10_239}}, True),
    (group(COMMON), "/", {"method": "POST", "content": b"x" * 8193}, True),
    (group(COMMON), "/", {"method": "POST", "content": b"x" * 8192}, False),
    (group(COMMON), "/?to=../../etc", {}, True),
    (group(COMMON), "/?to=..%2F..%2Fetc", {}, True),
    (group(COMMON), "/?score=1..2", {}, False),
    (group(COMMON), "/app.ini", {}, True),
    (group(COMMON), "/catalog", {}, False),
    (group(COMMON), "/?to=http://10.0.0.1/x", {}, True),
    (group(COMMON), "/?to=https://example.com/x", {}, False),
    (group(COMMON), "/?to=http://169.254.169.254/", {}, True),
    (group(COMMON, RuleActionOverrides=[{"Name": "SizeRestrictions_BODY", "ActionToUse": COUNT}]), "/",
     {"method": "POST", "content": b"x" * 8193}, False),
    (group(COMMON, ExcludedRules=[{"Name": "NoUserAgent_HEADER"}]), "/", {"headers": {"User-Agent": ""}}, False),
    (group(COMMON, ScopeDownStatement=find(PATH, "/in")), "/out/app.ini", {}, False),
    (group(COMMON, ScopeDownStatement=find(PATH, "/in")), "/in/app.ini", {}, True),
    (group(BAD), "/", {"method": "PROPFIND"}, True),
    (group(BAD), "/WEB-INF/web.xml", {}, True),
    (group(BAD), "/?a=$%7Bjndi:ldap://x/%7D", {}, True),
    (group(BAD), "/", {"headers": {"User-Agent": "${jndi:ldap://x/}"}}, True),
    (group(BAD), "/", {}, False),
    (group(LINUX), "/proc/version", {}, True),
    (group(LINUX), "/process/version", {}, False),
]  # fmt: skip


async def test_statements(gate: Gate) -> None:
    sets = {
        "addresses": {"here": ["127.0.0.0/8"], "elsewhere": ["10.0.0.0/8"], "empty": []},
        "patterns": {"odd": ["x", "y"]},
    }
    wrong = []
    for number, (statement, target, given, found) in enumerate(CASES):
        await gate.serve(rule("it", 1, statement), **sets)
        answer = await gate.ask(target, **given)
        if answer.status_code != (403 if found else 200):
            wrong.append((number, statement, target[:40], answer.status_code))
    assert wrong == []


async def test_the_first_that_decides_decides_and_what_counts_goes_on(gate: Gate) -> None:
    await gate.serve(
        rule("seen", 0, find(PATH, "/"), COUNT, RuleLabels=[{"Name": "here"}]),
        rule("let", 1, find(PATH, "/let"), ALLOW),
        rule("late", 2, find(PATH, "/let"), COUNT),
        rule("labelled", 3, {"LabelMatchStatement": {"Scope": "LABEL", "Key": "here"}}, BLOCK),
    )
    assert [(await gate.ask(target)).status_code for target in ("/let", "/other")] == [200, 403]
    await gate.until(lambda: gate.metrics["BlockedRequests", "ALL"] == 1)
    assert gate.metrics == {
        ("AllowedRequests", "ALL"): 1,
        ("AllowedRequests", "let"): 1,
        ("BlockedRequests", "ALL"): 1,
        ("BlockedRequests", "labelled"): 1,
        ("CountedRequests", "seen"): 2,
    }


async def test_refusals_are_the_load_balancers_or_the_rules_own(gate: Gate) -> None:
    custom = {
        "ResponseCode": 429,
        "CustomResponseBodyKey": "slow",
        "ResponseHeaders": [{"Name": "x-amzn-waf-why", "Value": "rate"}],
    }
    await gate.serve(
        rule("plain", 1, find(PATH, "/plain"), BLOCK),
        rule("bare", 2, find(PATH, "/bare"), {"Block": {"CustomResponse": {"ResponseCode": 418}}}),
        rule("own", 3, find(PATH, "/own"), {"Block": {"CustomResponse": custom}}),
        default={"Block": {"CustomResponse": {"ResponseCode": 403}}},
        bodies={"slow": {"ContentType": "APPLICATION_JSON", "Content": '{"slow": true}'}},
    )
    plain, bare, own, other = [await gate.ask(target) for target in ("/plain", "/bare", "/own", "/other")]
    assert (plain.status_code, plain.headers["content-type"]) == (403, "text/html")
    assert "<h1>403 Forbidden</h1>" in plain.text
    assert (bare.status_code, bare.content) == (418, b"")
    assert (own.status_code, own.json(), own.headers["x-amzn-waf-why"]) == (429, {"slow": True}, "rate")
    assert (other.status_code, other.content) == (403, b"")


async def test_an_address_above_its_rate_is_refused_and_no_other(gate: Gate) -> None:
    login = rule(
        "login", 1, rate(10, find(PATH, "/login", "STARTS_WITH")), {"Block": {"CustomResponse": {"ResponseCode": 429}}}
    )
    await gate.serve(login)
    assert {(await gate.ask("/login")).status_code for _ in range(10)} == {200}
    assert {(await gate.ask("/else")).status_code for _ in range(15)} == {200}
    await gate.until_refused("/login")
    assert gate.firewalls.status()["held"] == {"login": ["127.0.0.1"]}
    assert (await gate.ask("/login", headers={"X-Forwarded-For": "10.9.9.9"})).status_code == 429
    assert (await gate.ask("/else")).status_code == 200
    async with gate.client("127.0.0.77") as other:
        assert (await other.get("/login")).status_code == 200
    # A new rule beside it, and nothing is forgotten; when the rule goes, so does what it held.
    await gate.serve(login, rule("more", 2, find(PATH, "/never")))
    assert (await gate.ask("/login")).status_code == 429
    await gate.serve()
    assert (await gate.ask("/login")).status_code == 200


async def test_behind_a_cdn_the_address_is_what_the_header_says(gate: Gate) -> None:
    for fallback, without in (("NO_MATCH", 200), ("MATCH", 403)):
        header = {"HeaderName": "x-viewer-address", "FallbackBehavior": fallback}
        forwarded = rate(10, AggregateKeyType="FORWARDED_IP", ForwardedIPConfig=header)
        await gate.serve(rule(f"viewers-{fallback}", 1, forwarded))
        assert (await gate.ask(headers={"X-Viewer-Address": "nobody"})).status_code == without
        for _ in range(11):
            assert (await gate.ask()).status_code == 200  # nobody's, and counted for nobody
        await gate.until_refused(headers={"X-Viewer-Address": "203.0.113.9"})
        assert (await gate.ask(headers={"X-Viewer-Address": "203.0.113.8"})).status_code == 200
        await gate.until_refused(headers={"X-Viewer-Address": "203.0.113.7, 203.0.113.9"})
        assert (await gate.ask(headers={"X-Viewer-Address": "203.0.113.7"})).status_code == 403
        for odd in ("*", "../", "at-*", "203.0.113.*"):
            assert (await gate.ask(headers={"X-Viewer-Address": odd})).status_code == without
        assert (await gate.ask()).status_code == 200  # without the header it is not the rule's


async def test_what_is_not_judged_is_said_and_lets_pass(gate: Gate) -> None:
    await gate.serve(
        rule("bodies", 1, find(BODY, "x")),
        rule("captcha", 2, find(PATH, "/"), {"Captcha": {}}),
        rule("keys", 3, rate(10, AggregateKeyType="CUSTOM_KEYS", CustomKeys=[{"Header": {"Name": "x"}}])),
        rule("sql", 4, group("AWSManagedRulesSQLiRuleSet")),
        rule("packed", 5, find(PATH, "x", "CONTAINS", "BASE64_DECODE")),
        rule("attack", 6, {"XssMatchStatement": {"FieldToMatch": PATH, "TextTransformations": PLAIN}}),
    )
    assert (await gate.ask("/x")).status_code == 200
    assert gate.firewalls.status()["not_evaluated"] == {
        "acl": {
            "bodies": "Body is not looked into here",
            "captcha": "Captcha needs a browser's answer",
            "keys": "requests are counted by address here, not by CUSTOM_KEYS",
            "sql": "what AWSManagedRulesSQLiRuleSet looks for is not published",
            "packed": "the transformation BASE64_DECODE is not judged here",
            "attack": "XssMatchStatement is not judged here",
        }
    }

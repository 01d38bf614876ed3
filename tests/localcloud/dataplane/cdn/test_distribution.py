"""Which behavior a path meets, and how long an answer is kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.dataplane.cdn.cache import EdgeCache, Key, Response, seconds
from localcloud.dataplane.cdn.distribution import Behavior, CachePolicy, Distribution, chosen, lifetime
from localcloud.emulator.authorization.decisions import service_may

WIDE = CachePolicy(minimum=0, default=3600, maximum=31_536_000)
NOW = 1_000_000.0


def _distribution(*patterns: str) -> Distribution:
    behaviors = [Behavior(pattern=each, origin=each) for each in (*patterns, "")]
    return Distribution(identity="E1", arn="arn", domain="d1", behaviors=behaviors, origins={})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/auth/x", "/auth/*"),
        ("/auth", ""),
        ("/Auth/x", ""),  # "The path pattern is case sensitive"
        ("/images/a.jpg", "images/*.jpg"),  # the first slash may be left out
        ("/images/a/b.jpg", "images/*.jpg"),  # * is any run of characters, slashes too
        ("/images/a.JPG", ""),
        ("/v1/a", "/v?/*"),
        ("/v12/a", ""),
        ("/deep/down/report.pdf", "*.pdf"),
        ("/a.b", ""),
    ],
)
def test_the_first_pattern_that_matches_decides(path: str, expected: str) -> None:
    patterns = ("/auth/*", "images/*.jpg", "/v?/*", "*.pdf", "/a?b?c")
    assert _distribution(*patterns).behavior(path).pattern == expected


def test_precedence_is_the_order_they_are_listed_in() -> None:
    assert _distribution("/a/*", "/a/b/*").behavior("/a/b/c").pattern == "/a/*"
    assert _distribution("/a/b/*", "/a/*").behavior("/a/b/c").pattern == "/a/b/*"


#: From "Managing how long content stays in the cache (expiration)", the table of minimum 0 and of a minimum above 0.
@pytest.mark.parametrize(
    ("policy", "headers", "expected"),
    [
        (WIDE, {}, 3600),
        (WIDE, {"cache-control": "max-age=60"}, 60),
        (WIDE, {"cache-control": "public, max-age=60, s-maxage=90"}, 90),
        (WIDE, {"cache-control": "no-store"}, 0),
        (WIDE, {"cache-control": "no-cache"}, 0),
        (WIDE, {"cache-control": "private, max-age=60"}, 0),
        (CachePolicy(minimum=5, default=3600, maximum=100), {"cache-control": "max-age=1"}, 5),
        (CachePolicy(minimum=5, default=3600, maximum=100), {"cache-control": "max-age=1000"}, 100),
        (CachePolicy(minimum=5, default=60, maximum=100), {"cache-control": "no-store"}, 5),
        (CachePolicy(minimum=5, default=1, maximum=100), {}, 5),
        (WIDE, {"cache-control": "max-age=soon"}, 3600),
    ],
)
def test_how_long_an_answer_stays_fresh(policy: CachePolicy, headers: dict[str, str], expected: float) -> None:
    assert lifetime(policy, headers, NOW, None) == expected


def test_expires_counts_where_nothing_else_is_said_and_one_that_is_no_date_is_past() -> None:
    answer = Response(status=200, headers={"expires": "Mon, 12 Jan 1970 13:47:40 GMT"})  # NOW + 60
    assert seconds(WIDE, answer, NOW) == 60
    assert seconds(WIDE, Response(status=200, headers={"expires": "0"}), NOW) == 0
    assert seconds(CachePolicy(), answer, NOW) == 0, "the policy that keeps nothing"


@given(st.integers(0, 100), st.integers(0, 100), st.integers(0, 100), st.integers(0, 1000))
def test_nothing_is_kept_longer_than_the_maximum_unless_the_minimum_says_so(
    low: int, usual: int, high: int, age: int
) -> None:
    policy = CachePolicy(minimum=min(low, high), default=usual, maximum=max(low, high))
    kept = lifetime(policy, {"cache-control": f"max-age={age}"}, NOW, None)
    assert policy.minimum <= kept <= policy.maximum


def test_what_of_a_request_counts() -> None:
    request = {"a": "1", "b": "2"}
    assert chosen(("none", frozenset()), request) == {}
    assert chosen(("whitelist", frozenset({"a"})), request) == {"a": "1"}
    assert chosen(("allExcept", frozenset({"a"})), request) == {"b": "2"}
    assert chosen(("all", frozenset()), request) == request


def _key(path: str, query: str = "") -> Key:
    return Key(pattern="", options=False, path=path, query=query, named=())


def test_an_invalidation_is_of_a_path_or_of_all_that_begin_so() -> None:
    keys = [_key("/a"), _key("/a/b"), _key("/a", "x=1"), _key("/ab")]

    def left(path: str) -> list[Key]:
        cache = EdgeCache()
        for key in keys:
            cache.keep(key, Response(status=200, headers={}), 60, NOW)
        cache.invalidate(path)
        return [key for key in keys if cache.find(key)]

    assert left("/a") == [_key("/a/b"), _key("/ab")]
    assert left("/a/*") == [_key("/a"), _key("/a", "x=1"), _key("/ab")]
    assert left("/a?x=1") == [_key("/a"), _key("/a/b"), _key("/ab")]
    assert left("/*") == []


def test_a_full_cache_forgets_what_was_asked_for_least_lately() -> None:
    cache, mebibyte = EdgeCache(), 1024 * 1024
    for number in range(32):
        cache.keep(_key(f"/{number}"), Response(status=200, headers={}, body=b"x" * mebibyte), 60, NOW)
    assert cache.find(_key("/0"))
    cache.keep(_key("/more"), Response(status=200, headers={}, body=b"x" * mebibyte), 60, NOW)
    assert cache.find(_key("/0"))
    assert not cache.find(_key("/1"))
    cache.keep(_key("/huge"), Response(status=200, headers={}, body=b"x" * 9 * mebibyte), 60, NOW)
    assert not cache.find(_key("/huge")), "one object does not empty it"


READS = {
    "Effect": "Allow",
    "Principal": {"Service": "cloudfront.amazonaws.com"},
    "Action": "s3:GetObject",
    "Resource": "arn:aws:s3:::site/*",
    "Condition": {"StringEquals": {"AWS:SourceArn": "arn:aws:cloudfront::123456789012:distribution/E1"}},
}
DENIES = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::site/secret/*"}


@pytest.mark.parametrize(
    ("statements", "action", "resource", "distribution", "expected"),
    [
        ([READS], "s3:GetObject", "site/a", "E1", True),
        ([READS], "s3:GetObject", "site/a", "E2", False),  # another distribution, of whatever account
        ([READS], "s3:GetObject", "other/a", "E1", False),
        ([READS], "s3:PutObject", "site/a", "E1", False),
        ([READS], "s3:ListBucket", "site", "E1", False),
        ([READS, DENIES], "s3:GetObject", "site/secret/a", "E1", False),
        ([{**READS, "Principal": {"Service": "logs.amazonaws.com"}}], "s3:GetObject", "site/a", "E1", False),
        ([{**READS, "Principal": {"AWS": "arn:aws:iam::123456789012:root"}}], "s3:GetObject", "site/a", "E1", False),
        ([{**READS, "Principal": "*"}], "s3:GetObject", "site/a", "E1", True),
        ([], "s3:GetObject", "site/a", "E1", False),
    ],
)
def test_a_bucket_s_policy_decides_for_the_service(
    statements: list[dict[str, object]], action: str, resource: str, distribution: str, expected: bool
) -> None:
    source = f"arn:aws:cloudfront::123456789012:distribution/{distribution}"
    policy = {"Statement": statements} if statements else None
    assert service_may(policy, "cloudfront.amazonaws.com", action, f"arn:aws:s3:::{resource}", source) is expected

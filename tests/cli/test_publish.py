"""What is put up for players: once, with how long it is kept, pages last, and the CDN told; on S3 and CloudFront."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cli.publish import CACHING, NoDistribution, caching, distribution_of, invalidate, paths, upload
from tests.engine.engines import REGION, FarEnd

BUCKET = "matchday-test-publish-123456789012"
FILES = [
    ("index.html", b"<a href=/api/a/index.html>"),
    ("api/a/index.html", b"<p>"),
    ("style.css", b"p {}"),
    ("app.0123456789abcdef.js", b"run()"),
    ("api/a/openapi.json", b"{}"),
]


@pytest.mark.parametrize(
    ("key", "kept"),
    [
        ("index.html", "no-cache"),
        ("api/wallet/openapi.json", "no-cache"),
        ("style.css", "public, max-age=300"),
        ("assets/app.0123456789abcdef.js", "public, max-age=31536000, immutable"),
        ("assets/app-1f2e3d4c.css", "public, max-age=31536000, immutable"),
        ("assets/decade.js", "public, max-age=300"),
        ("logo.svg", "public, max-age=300"),
    ],
)
def test_a_file_is_kept_as_long_as_its_kind_may_be(key: str, kept: str) -> None:
    assert caching(key) == kept
    assert CACHING[-1][0].pattern == "", "every file has some"


def test_pages_renew_everything_as_functions_answer_many_paths_with_them() -> None:
    assert paths(["style.css", "app.js"]) == ["/app.js", "/style.css"]
    assert paths(["style.css", "index.html"]) == ["/*"]
    assert paths([f"{number}.css" for number in range(51)]) == ["/*"]


class _Ordered:
    """The client, and the order in which objects came."""

    def __init__(self, s3: Any) -> None:
        self._s3 = s3
        self.order: list[str] = []

    def put_object(self, **asked: Any) -> Any:
        self.order.append(asked["Key"])
        return self._s3.put_object(**asked)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._s3, name)


@pytest.fixture
def bucket(far_end: FarEnd) -> Iterator[Any]:
    s3 = far_end.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    yield s3
    for entry in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        s3.delete_object(Bucket=BUCKET, Key=entry["Key"])
    s3.delete_bucket(Bucket=BUCKET)


@pytest.mark.engine
@pytest.mark.xdist_group("engine")
def test_what_is_equal_is_not_sent_again_and_pages_come_after_what_they_load(bucket: Any) -> None:
    ordered = _Ordered(bucket)
    assert upload(ordered, BUCKET, FILES) == ordered.order
    assert ordered.order[-1] == "index.html" and ordered.order[-2] == "api/a/index.html"
    found = bucket.head_object(Bucket=BUCKET, Key="index.html")
    assert (found["ContentType"], found["CacheControl"]) == ("text/html; charset=utf-8", "no-cache")
    assert upload(bucket, BUCKET, FILES) == []
    bucket.put_object(Bucket=BUCKET, Key="style.css", Body=b"q {}")  # by hand, of the same length
    assert upload(bucket, BUCKET, FILES) == ["style.css"]
    assert upload(bucket, BUCKET, [*FILES[1:], ("index.html", b"new")]) == ["index.html"]


@pytest.mark.engine
@pytest.mark.xdist_group("engine")
def test_the_cdn_of_the_bucket_is_told_and_no_other(far_end: FarEnd) -> None:
    cloudfront = far_end.client("cloudfront")
    made = [
        cloudfront.create_distribution(DistributionConfig=_distribution(number, f"{name}.s3.{REGION}.amazonaws.com"))[
            "Distribution"
        ]
        for number, name in enumerate(("another-bucket", BUCKET))
    ]
    try:
        assert distribution_of(cloudfront, BUCKET) == made[1]["Id"]
        with pytest.raises(NoDistribution, match="has the bucket matchday-none among its origins"):
            distribution_of(cloudfront, "matchday-none")
        assert invalidate(cloudfront, made[1]["Id"], [], wait=True) is None
        for sent, asked in ((["style.css"], ["/style.css"]), (["style.css"], ["/style.css"]), (["index.html"], ["/*"])):
            identity = invalidate(cloudfront, made[1]["Id"], sent, wait=True)
            found = cloudfront.get_invalidation(DistributionId=made[1]["Id"], Id=identity)["Invalidation"]
            assert found["InvalidationBatch"]["Paths"]["Items"] == asked
        listed = cloudfront.list_invalidations(DistributionId=made[1]["Id"])["InvalidationList"]["Items"]
        assert len(listed) == 3, "the same again is done again"
        assert not cloudfront.list_invalidations(DistributionId=made[0]["Id"])["InvalidationList"].get("Items")
    finally:
        for each in made:
            found = cloudfront.get_distribution(Id=each["Id"])
            cloudfront.delete_distribution(Id=each["Id"], IfMatch=found["ETag"])


def _distribution(number: int, domain: str) -> dict[str, Any]:
    origin = {"Id": "site", "DomainName": domain, "S3OriginConfig": {"OriginAccessIdentity": ""}}
    return {
        "CallerReference": f"publish-{number}",
        "Comment": "",
        "Enabled": False,
        "Origins": {"Quantity": 1, "Items": [origin]},
        "DefaultCacheBehavior": {"TargetOriginId": "site", "ViewerProtocolPolicy": "https-only", "MinTTL": 0,
                                 "ForwardedValues": {"QueryString": False, "Cookies": {"Forward": "none"}}},
    }  # fmt: skip

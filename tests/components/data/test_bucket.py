"""Buckets: private, encrypted, versioned, TLS only."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from components.data import bucket_policy
from components.data.bucket import Bucket, BucketAccess, BucketAccessArgs, BucketArgs
from components.data.database_events import DatabaseEvents, DatabaseEventsArgs
from components.data.parameters import Parameters, ParametersArgs
from tests.components.conftest import ACCOUNT, REGION, Recorded

Run = Callable[..., Recorded]
KEY = "arn:aws:kms:ap-south-1:123456789012:key/data"


def build(run: Run, **changes: Any) -> Recorded:
    given: dict[str, Any] = {"account_id": ACCOUNT, "key_arn": KEY, "log_bucket": "logs"}
    return run(lambda: Bucket("site", BucketArgs(**{**given, **changes})), stack_name="prod")


def test_pages_of_the_named_origins_alone_may_put(run: Run) -> None:
    (rule,) = build(run, uploads_from=["https://play.example"]).named("site-uploads").inputs["corsRules"]
    assert (rule["allowedOrigins"], rule["allowedMethods"]) == (["https://play.example"], ["PUT"])
    assert "*" not in str(rule)
    assert not build(run).of("BucketCorsConfiguration")


def test_the_defaults_are_what_auditors_ask_for(run: Run) -> None:
    recorded = build(run)
    assert recorded.named("site").inputs["bucket"] == f"matchday-prod-site-{ACCOUNT}"
    assert recorded.named("site").inputs["forceDestroy"] is False
    public = recorded.named("site-public-access").inputs
    assert all(
        public[key] for key in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    )
    assert recorded.named("site-ownership").inputs["rule"] == {"objectOwnership": "BucketOwnerEnforced"}
    (rule,) = recorded.named("site-encryption").inputs["rules"]
    assert rule["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": KEY}
    assert recorded.named("site-versioning").inputs["versioningConfiguration"] == {"status": "Enabled"}
    assert recorded.named("site-logging").inputs["targetPrefix"] == "s3/site/"
    (tidy,) = recorded.named("site-lifecycle").inputs["rules"]
    assert tidy["abortIncompleteMultipartUpload"] and tidy["noncurrentVersionExpiration"] == {"noncurrentDays": 30}
    assert "expiration" not in tidy


def test_nobody_comes_without_tls(run: Run) -> None:
    policy = json.loads(build(run).named("site-access").inputs["policy"])
    (statement,) = policy["Statement"]
    arn = f"arn:aws:s3:::matchday-prod-site-{ACCOUNT}"
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Resource"] == [arn, f"{arn}/*"]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_a_policy_that_comes_later_refuses_plain_http_too(run: Run) -> None:
    def program() -> None:
        bucket = Bucket("site", BucketArgs(account_id=ACCOUNT, key_arn=KEY, log_bucket="logs", statements=None))
        allow = {"Sid": "Read", "Effect": "Allow", "Principal": {"Service": "cloudfront.amazonaws.com"}}
        BucketAccess("site-policy", BucketAccessArgs(bucket=bucket, statements=[allow]))

    recorded = run(program)
    (policy,) = recorded.of("BucketPolicy")
    assert [statement["Sid"] for statement in json.loads(policy.inputs["policy"])["Statement"]] == ["TlsOnly", "Read"]
    assert any("PublicAccessBlock" in urn for urn in policy.dependencies)


@pytest.mark.parametrize(
    ("changes", "default"),
    [
        ({"key_arn": None}, "kms"),
        ({"log_bucket": None}, "access_logs"),
        ({"deletion_protection": False}, "deletion_protection"),
    ],
)
def test_a_relaxed_default_needs_its_reason(run: Run, changes: dict[str, Any], default: str) -> None:
    with pytest.raises(ValueError, match=f"{default} does not hold .*say why in relaxed"):
        build(run, **changes)
    build(run, **changes, relaxed={default: "because a test says so"})


def test_expiry_is_by_age(run: Run) -> None:
    (tidy,) = build(run, expire_days=400).named("site-lifecycle").inputs["rules"]
    assert tidy["expiration"] == {"days": 400}


def test_a_long_name_keeps_the_accounts_number(run: Run) -> None:
    name = "a-service-with-a-long-name-and-a-bucket-with-one-too"
    args = BucketArgs(account_id=ACCOUNT, key_arn=KEY, log_bucket="logs")
    bucket = run(lambda: Bucket(name, args), stack_name="production").named(name).inputs["bucket"]
    assert len(bucket) <= 63 and bucket.endswith(f"-{ACCOUNT}")


def test_access_logs_come_from_this_account_only() -> None:
    statements = bucket_policy.log_deliveries("arn:aws:s3:::logs", ACCOUNT, REGION)
    assert {statement["Principal"]["Service"] for statement in statements} == {
        "logdelivery.elasticloadbalancing.amazonaws.com",
        "logging.s3.amazonaws.com",
        "delivery.logs.amazonaws.com",
    }
    for statement in statements:
        if statement["Sid"] == "LoadBalancerLogs":  # by the ARN alone, which names the account
            assert ACCOUNT in statement["Condition"]["ArnLike"]["aws:SourceArn"]
        else:
            assert statement["Condition"]["StringEquals"]["aws:SourceAccount"] == ACCOUNT
        if statement["Action"] == "s3:GetBucketAcl":  # flow logs look at whose bucket it is
            assert statement["Resource"] == "arn:aws:s3:::logs"
            continue
        assert statement["Action"] == "s3:PutObject"
        assert statement["Resource"].startswith("arn:aws:s3:::logs/") and statement["Resource"] != "arn:aws:s3:::logs/*"


def test_a_locked_bucket_is_one_from_its_first_day(run: Run) -> None:
    recorded = build(run, lock_days=365)
    assert recorded.named("site").inputs["objectLockEnabled"] is True
    lock = recorded.named("site-lock").inputs
    assert lock["rule"] == {"defaultRetention": {"mode": "GOVERNANCE", "days": 365}}
    assert "objectLockEnabled" not in build(run).named("site").inputs


def test_published_facts_are_encrypted(run: Run) -> None:
    values = {"url": "https://play.example", "postgres/host": "db.example"}
    recorded = run(lambda: Parameters("facts", ParametersArgs(values=values, key_arn=KEY)), stack_name="prod")
    found = {item.inputs["name"]: item.inputs for item in recorded.of("Parameter")}
    assert set(found) == {"/matchday/prod/url", "/matchday/prod/postgres/host"}
    assert all(each["type"] == "SecureString" and each["keyId"] == KEY for each in found.values())


def test_database_events_reach_people(run: Run) -> None:
    args = DatabaseEventsArgs(page_topic_arn="arn:page", ticket_topic_arn="arn:ticket")
    recorded = run(lambda: DatabaseEvents("events", args))
    found = {
        (item.inputs["sourceType"], item.inputs["snsTopic"]): set(item.inputs["eventCategories"])
        for item in recorded.of("EventSubscription")
    }
    assert found["db-instance", "arn:page"] == {"failover", "failure", "low storage"}
    assert found["db-instance", "arn:ticket"] >= {"maintenance", "configuration change", "failure"}
    assert found["db-parameter-group", "arn:ticket"] == {"configuration change"}
    assert found["db-security-group", "arn:ticket"] == {"configuration change", "failure"}


def test_a_protected_bucket_is_protected_in_the_program_too(run: Run) -> None:
    def build(**changes: Any) -> Recorded:
        return run(
            lambda: Bucket("b", BucketArgs(account_id="123456789012", key_arn=KEY, log_bucket="logs", **changes))
        )

    assert build().named("b").protect
    loose = build(deletion_protection=False, relaxed={"deletion_protection": "because a test says so"})
    assert not loose.named("b").protect

"""IAM documents: linted, and nothing wider than it must be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.compute import iam
from tests.components.conftest import Lint

ACCOUNT, REGION = "123456789012", "ap-south-1"
REPOSITORY = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/matchday/services"
LOG_GROUP = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/matchday/dev/wallet"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:matchday/dev/wallet/KEY-AbCdEf"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
BUCKET = "arn:aws:s3:::matchday-dev-wallet-receipts-123456789012"

MAIL = iam.MailSender(address="letters@play.matchday.example", configuration_set="players")

#: The only actions here that have no resource to name (Service Authorization Reference, Amazon ECR and AWS X-Ray).
WITHOUT_RESOURCE = ({"ecr:GetAuthorizationToken"}, {"xray:PutTraceSegments"})


def execution(secrets: Sequence[str] = (SECRET,), repository: str | None = REPOSITORY) -> iam.Document:
    return iam.execution(
        region=REGION, repository_arn=repository, log_group_arn=LOG_GROUP, secret_arns=secrets, key_arns=[KEY]
    )


def task() -> iam.Document:
    document = iam.task(
        region=REGION,
        bucket_arns=[BUCKET],
        key_arns=[KEY],
        encrypts="wallet",
        traced=True,
        account_id=ACCOUNT,
        mail=MAIL,
    )
    assert document is not None
    return document


DOCUMENTS: dict[str, Callable[[], iam.Document]] = {"execution": execution, "task": task}


@pytest.mark.parametrize("make", DOCUMENTS.values(), ids=DOCUMENTS)
def test_the_linter_finds_nothing(lint: Lint, make: Callable[[], iam.Document]) -> None:
    assert lint(make()) == []


def test_the_linter_would_find_something(lint: Lint) -> None:
    """It is the real one and it looks: an action that does not exist, and a resource that the action does not take."""
    broken = execution()
    broken["Statement"][0]["Action"] = ["logs:NoSuchAction"]
    assert lint(broken)
    broken["Statement"][0]["Action"] = ["s3:GetObject"]
    assert lint(broken)


@pytest.mark.parametrize("make", DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_wildcard_stands_only_where_there_is_no_resource(make: Callable[[], iam.Document]) -> None:
    for statement in make()["Statement"]:
        assert not any("*" in action for action in statement["Action"]), statement
        if "*" in statement["Resource"]:
            assert set(statement["Action"]) in WITHOUT_RESOURCE, statement


@pytest.mark.parametrize("make", DOCUMENTS.values(), ids=DOCUMENTS)
def test_keys_are_used_only_through_the_service_that_holds_the_data_or_in_ones_own_name(
    make: Callable[[], iam.Document],
) -> None:
    for statement in make()["Statement"]:
        if any(action.startswith("kms:") for action in statement["Action"]):
            ((condition, value),) = statement["Condition"]["StringEquals"].items()
            if condition == "kms:EncryptionContext:service":
                assert (statement["Sid"], value) == ("UseDataKeys", "wallet")
            else:
                assert condition == "kms:ViaService" and value.endswith(f".{REGION}.amazonaws.com")


def test_who_encrypts_and_has_no_bucket_may_do_only_that() -> None:
    document = iam.task(region=REGION, bucket_arns=[], key_arns=[KEY], encrypts="kyc")
    assert document is not None
    (statement,) = document["Statement"]
    assert statement["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert statement["Condition"] == {"StringEquals": {"kms:EncryptionContext:service": "kyc"}}


def test_only_the_services_own_secrets_can_be_read() -> None:
    (reading,) = [s for s in execution()["Statement"] if "secretsmanager:GetSecretValue" in s["Action"]]
    assert reading["Resource"] == [SECRET]


def test_a_service_without_secrets_can_read_none_and_decrypt_nothing() -> None:
    actions = {action for statement in execution(secrets=())["Statement"] for action in statement["Action"]}
    assert not {action for action in actions if action.startswith(("secretsmanager:", "kms:"))}


def test_an_image_from_elsewhere_needs_no_ecr() -> None:
    actions = {action for statement in execution(repository=None)["Statement"] for action in statement["Action"]}
    assert not {action for action in actions if action.startswith("ecr:")}


def test_a_service_without_buckets_may_do_nothing() -> None:
    assert iam.task(region=REGION, bucket_arns=[], key_arns=[KEY]) is None


def test_who_is_traced_may_write_spans_and_read_none() -> None:
    document = iam.task(region=REGION, bucket_arns=[], key_arns=[KEY], traced=True)
    assert document
    assert [each["Action"] for each in document["Statement"]] == [["xray:PutTraceSegments"]]


def test_only_ecs_of_this_account_and_region_takes_the_roles() -> None:
    (statement,) = iam.trust(ACCOUNT, REGION)["Statement"]
    assert statement["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:*"},
    }


arns: Any = st.lists(st.sampled_from([f"{SECRET}{n}" for n in range(6)]), max_size=8)


@given(arns)
def test_order_and_repetition_of_secrets_do_not_matter(secrets: list[str]) -> None:
    assert execution(secrets) == execution(sorted(set(secrets), reverse=True))


def test_e_mail_is_sent_from_one_address_by_one_configuration_set_alone() -> None:
    document = iam.task(region=REGION, bucket_arns=[], key_arns=[KEY], account_id=ACCOUNT, mail=MAIL)
    assert document is not None
    assert document["Statement"] == [
        {
            "Sid": "SendMail",
            "Effect": "Allow",
            "Action": ["ses:SendEmail"],
            "Resource": [
                f"arn:aws:ses:{REGION}:{ACCOUNT}:configuration-set/players",
                f"arn:aws:ses:{REGION}:{ACCOUNT}:identity/play.matchday.example",
            ],
            "Condition": {"StringEquals": {"ses:FromAddress": "letters@play.matchday.example"}},
        }
    ]
    assert iam.task(region=REGION, bucket_arns=[], key_arns=[KEY], account_id=ACCOUNT) is None

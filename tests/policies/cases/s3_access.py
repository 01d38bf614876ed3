"""Cases of policies/controls/s3_access.py."""

from __future__ import annotations

from typing import Any

from policies.controls.s3_access import ACCESS_POINT, MULTI_REGION
from policies.lang.buckets import ACCOUNT_BLOCK, ACL, BLOCK, BUCKET, CORS, OWNERSHIP, POLICY, SWITCHES, WEBSITE
from tests.policies.build import ABSENT, UNKNOWN, Case, Change, Drop, res
from tests.policies.cases.s3 import ARN, GOOD, ON, OTHER, PLAIN, TLS, policy, without

STRANGER = "arn:aws:iam::999999999999:root"
ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
ROLE = res("aws:iam/role:Role", "role", arn="arn:aws:iam::111122223333:role/role")


def allow(principal: object, *actions: str, **condition: Any) -> dict[str, Any]:
    given = {"Effect": "Allow", "Principal": principal, "Action": list(actions), "Resource": f"{ARN}/*"}
    return given | ({"Condition": condition} if condition else {})


def with_policy(*statements: dict[str, Any]) -> Change:
    """The bucket's policy says more; Block Public Access stays on."""
    return Change({"policy": policy(TLS, *statements)}, type=POLICY)


def open_with(*statements: dict[str, Any], acl: dict[str, Any] | None = None) -> list[Any]:
    """A bucket without Block Public Access."""
    rest = [item for item in GOOD if item.type not in (ACCOUNT_BLOCK, BLOCK, POLICY, OWNERSHIP)]
    extra = [res(ACL, "acl", bucket="data", **acl)] if acl else []
    return [*rest, res(POLICY, "policy", bucket="data", policy=policy(TLS, *statements)), *extra]


def grant(permission: str) -> dict[str, Any]:
    return {
        "accessControlPolicy": {"grants": [{"grantee": {"type": "Group", "uri": ALL_USERS}, "permission": permission}]}
    }


def public(action: str, permission: str, canned: str) -> Case:
    everyone = allow("*", action)
    return Case(
        good=[
            GOOD,
            [*without(POLICY), res(POLICY, "policy", bucket="data", policy=policy(TLS, everyone))],
            open_with(allow("*", action, StringEquals={"aws:PrincipalOrgID": "o-1"})),
            open_with(allow({"AWS": STRANGER}, action)),
            open_with(acl={"acl": "private"}),
            PLAIN,
        ],
        bad=[
            open_with(everyone),
            open_with(allow({"AWS": "*"}, "s3:*")),
            open_with(acl={"acl": canned}),
            open_with(acl=grant(permission)),
            open_with(acl=grant("FULL_CONTROL")),
            [res(BUCKET, acl=canned)],
            [res(BUCKET, policy=policy(everyone))],
            [res(BUCKET, grants=[{"type": "Group", "uri": ALL_USERS, "permissions": [permission]}])],
        ],
        na=[OTHER],
        unknown=[[*PLAIN, res(POLICY, bucket="data", policy=UNKNOWN)], [*PLAIN, res(BLOCK, bucket=UNKNOWN, **ON)]],
    )


def switches(kind: str, prefix: str) -> Case:
    return Case(
        good=[[res(kind)]],
        bad=[Change({f"{prefix}.{name}": False}) for name in SWITCHES],
        na=[OTHER],
        unknown=[Change({prefix.partition(".")[0]: UNKNOWN})],
    )


def tls(**changes: Any) -> Change:
    statement = {key: value for key, value in (TLS | changes).items() if value is not None}
    return Change({"policy": policy(statement)}, type=POLICY)


CASES = {
    "S3.1": Case(
        good=[[*GOOD, res("aws:macie2/account:Account", status="ENABLED")]],
        bad=[Drop(ACCOUNT_BLOCK), *(Change({name: False}, type=ACCOUNT_BLOCK) for name in SWITCHES)],
        na=[OTHER],
        unknown=[Change({"blockPublicAcls": UNKNOWN}, type=ACCOUNT_BLOCK)],
    ),
    "S3.2": public("s3:GetObject", "READ", "public-read"),
    "S3.3": public("s3:PutObject", "WRITE", "public-read-write"),
    "S3.5": Case(
        good=[GOOD, [res(BUCKET, policy={"Statement": [TLS]})]],
        bad=[
            Drop(POLICY),
            tls(Effect="Allow"),
            tls(Principal={"AWS": STRANGER}),
            tls(Action="s3:GetObject"),
            tls(Condition=None),
            tls(Condition={"Bool": {"aws:SecureTransport": "true"}}),
            tls(Resource=f"{ARN}/*"),
            tls(Resource=ARN),
        ],
        na=[OTHER],
        unknown=[Change({"policy": UNKNOWN}, type=POLICY), Change({"bucket": UNKNOWN}, type=POLICY)],
    ),
    "S3.6": Case(
        good=[
            [*GOOD, ROLE],
            [*open_with(allow({"AWS": "arn:aws:iam::111122223333:role/admin"}, "s3:PutBucketPolicy")), ROLE],
            [*open_with(allow({"AWS": STRANGER}, "s3:GetObject")), ROLE],
            [*open_with(allow({"Service": "logging.s3.amazonaws.com"}, "s3:*")), ROLE],
        ],
        bad=[
            with_policy(allow({"AWS": STRANGER}, "s3:PutBucketPolicy")),
            with_policy(allow({"AWS": "999999999999"}, "s3:*")),
            with_policy(allow("*", "s3:PutObjectAcl")),
        ],
        na=[OTHER, PLAIN],
        unknown=[Change({"policy": UNKNOWN}, type=POLICY), open_with(allow({"AWS": STRANGER}, "s3:PutBucketAcl"))],
    ),
    "S3.8": Case(
        good=[GOOD],
        bad=[
            Change({"blockPublicPolicy": False}, type=BLOCK),
            *(Change({name: ABSENT}, type=BLOCK) for name in SWITCHES),
            Change({"blockPublicAcls": UNKNOWN, "ignorePublicAcls": False}, type=BLOCK),
            Drop(BLOCK),
        ],
        na=[OTHER],
        unknown=[Change({"blockPublicAcls": UNKNOWN}, type=BLOCK)],
    ),
    "S3.12": Case(
        good=[GOOD, PLAIN, [*PLAIN, res(ACL, bucket="data", acl="private")]],
        bad=[
            Change({"rule.objectOwnership": "BucketOwnerPreferred"}, type=OWNERSHIP),
            open_with(acl={"acl": "log-delivery-write"}),
            open_with(acl=grant("READ")),
            [res(BUCKET, acl="public-read")],
        ],
        na=[OTHER],
        unknown=[Change({"rule": UNKNOWN}, type=OWNERSHIP)],
    ),
    "S3.19": switches(ACCESS_POINT, "publicAccessBlockConfiguration"),
    "S3.24": switches(MULTI_REGION, "details.publicAccessBlock"),
    "MD.S3.4": Case(
        good=[GOOD, open_with(allow("*", "s3:GetObject", StringEquals={"aws:PrincipalOrgID": "o-1"}))],
        bad=[with_policy(allow("*", "s3:GetBucketLocation"))],
        na=[OTHER, PLAIN],
        unknown=[Change({"policy": UNKNOWN}, type=POLICY)],
    ),
    "MD.S3.5": Case(
        good=[GOOD],
        bad=[
            Change({"website": {"indexDocument": "index.html"}}),
            [*GOOD, res(WEBSITE, bucket="data", indexDocument={"suffix": "index.html"})],
        ],
        na=[OTHER],
        unknown=[[*PLAIN, res(WEBSITE, bucket=UNKNOWN)]],
    ),
    "MD.S3.6": Case(
        good=[
            [
                res(
                    CORS,
                    bucket="data",
                    corsRules=[{"allowedMethods": ["GET"], "allowedOrigins": ["https://matchday.example"]}],
                )
            ],
            GOOD,
        ],
        bad=[Change({"corsRules.0.allowedOrigins": ["*"]}), [res(BUCKET, corsRules=[{"allowedOrigins": ["*"]}])]],
        na=[OTHER],
        unknown=[Change({"corsRules": UNKNOWN})],
    ),
}

"""Controls on who reaches S3: Block Public Access, policies, access control lists, access points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies.lang.buckets import (
    ACCOUNT_BLOCK,
    ACL,
    BLOCK,
    BUCKET,
    CORS,
    OWNERSHIP,
    POLICY,
    SWITCHES,
    WEBSITE,
    Grant,
    blocked,
    canned_is_public,
    grants_to_everybody,
    policy_statements,
    public_acl,
    setting,
)
from policies.lang.documents import Statement, in_one_partition, matches
from policies.lang.everybody import public_statements
from policies.lang.resources import Resource, Stack
from policies.lang.values import CannotTell, View
from policies.model import Control, Each, Related, Severity, Verdict, bad, na, ok
from policies.rules import decide
from policies.rules.baseline import in_account
from policies.rules.public import FIX, policy_is_private

ACCESS_POINT = "aws:s3/accessPoint:AccessPoint"
MULTI_REGION = "aws:s3control/multiRegionAccessPoint:MultiRegionAccessPoint"
#: Kinds beside buckets that carry a policy on objects → where it stands.
OTHER_POLICIES = {
    ACCESS_POINT: "policy",
    "aws:s3/filesFileSystemPolicy:FilesFileSystemPolicy": "policy",
    "aws:s3/vectorsVectorBucketPolicy:VectorsVectorBucketPolicy": "policy",
    "aws:s3control/accessGrantsInstanceResourcePolicy:AccessGrantsInstanceResourcePolicy": "policy",
    "aws:s3control/accessPointPolicy:AccessPointPolicy": "policy",
    "aws:s3control/bucketPolicy:BucketPolicy": "policy",
    "aws:s3control/multiRegionAccessPointPolicy:MultiRegionAccessPointPolicy": "details.policy",
    "aws:s3control/objectLambdaAccessPointPolicy:ObjectLambdaAccessPointPolicy": "policy",
    "aws:s3tables/tableBucketPolicy:TableBucketPolicy": "resourcePolicy",
    "aws:s3tables/tablePolicy:TablePolicy": "resourcePolicy",
}
#: Kinds that carry access control lists of objects.
OBJECTS = ("aws:s3/bucketObject:BucketObject", "aws:s3/objectCopy:ObjectCopy")

_GUIDE = "https://docs.aws.amazon.com/AmazonS3/latest/userguide"
_READS = ("s3:GetObject", "s3:ListBucket", "s3:GetObjectVersion")
_WRITES = ("s3:PutObject", "s3:DeleteObject", "s3:PutBucketPolicy", "s3:PutBucketAcl", "s3:PutObjectAcl")

#: Security Hub's parameter of S3.6 (blacklistedactionpatterns, not customisable).
_FOR_OWNERS = (
    "s3:DeleteBucketPolicy",
    "s3:PutBucketAcl",
    "s3:PutBucketPolicy",
    "s3:PutEncryptionConfiguration",
    "s3:PutObjectAcl",
)


def _switches(view: View, prefix: str, *, default: bool) -> Verdict:
    """The four switches of Block Public Access are on."""

    def check(path: str) -> Verdict:
        return ok() if view.flag(path, default) else bad(view.at(path), view.raw(path), "set it to true")

    return decide(*[lambda name=name: check(f"{prefix}{name}") for name in SWITCHES])


def _account_blocked(stack: Stack) -> Verdict:
    blocks = stack.of(ACCOUNT_BLOCK)
    if not blocks:
        return bad("AccountPublicAccessBlock", None, "add an s3.AccountPublicAccessBlock with all four switches on")
    return _switches(blocks[0], "", default=False)


def _blocked(bucket: Resource, stack: Stack) -> Verdict:
    block = setting(bucket, stack, BLOCK)
    if block is None:
        return bad("BucketPublicAccessBlock", None, "add an s3.BucketPublicAccessBlock with all four switches on")
    return _switches(block, "", default=False)


def _public(bucket: Resource, stack: Stack, kind: str, actions: Sequence[str]) -> Iterator[Grant]:
    """What lets everyone read or write, past Block Public Access."""
    if not blocked(bucket, stack, "ignorePublicAcls"):
        yield from (grant for grant in public_acl(bucket, stack) if kind in grant.kinds)
    if not blocked(bucket, stack, "restrictPublicBuckets"):
        for statement in public_statements(policy_statements(bucket, stack) or ()):
            if any(statement.grants(action) for action in actions):
                yield Grant(f"policy.{statement.path}", "Principal *", (kind,))


def _not_public(kind: str, actions: Sequence[str]) -> Related:
    def check(bucket: Resource, stack: Stack) -> Verdict:
        for grant in _public(bucket, stack, kind, actions):
            return bad(grant.path, grant.value, "remove the public grant and block public access")
        return ok()

    return Related((BUCKET,), check)


def _denies_plain_http(statement: Statement) -> bool:
    """Whether a statement denies everybody everything over plain HTTP, with no second condition and no exception."""
    everything = any(pattern in ("*", "*:*", "s3:*") for pattern in statement.actions)
    everybody = any("*" in values for values in statement.principals.values())
    tests = list(statement.tests())
    if statement.allows or not everything or not everybody or len(tests) != 1:
        return False
    operator, key, values = tests[0]
    return (
        key == "aws:securetransport"
        and operator in ("bool", "boolifexists")
        and [value.lower() for value in values] == ["false"]
    )


def _tls_only(bucket: Resource, stack: Stack) -> Verdict:
    fix = "deny s3:* on the bucket and its objects to everyone when aws:SecureTransport is false"
    found = [statement for statement in policy_statements(bucket, stack) or () if _denies_plain_http(statement)]
    if not found:
        return bad("BucketPolicy", None, fix)
    patterns = [in_one_partition(pattern) for statement in found for pattern in statement.resources]
    name = bucket.raw("bucket")
    # A bucket that AWS names has the policy's own ARN, whichever that will be.
    arns = {f"arn:aws:s3:::{name}"} if isinstance(name, str) else {pattern.partition("/")[0] for pattern in patterns}
    itself = any(matches(arn, pattern) for pattern in patterns for arn in arns)
    objects = any(matches(f"{arn}/q0/\u00b6", pattern) for pattern in patterns for arn in arns)
    if itself and objects:
        return ok()
    return bad(f"policy.{found[0].path}.Resource", patterns, fix)


def _own_accounts(stack: Stack) -> set[str]:
    """The accounts in which the stack's own resources live, as their ARNs say."""
    arns = (resource.raw("arn") for resource in stack.resources)
    return {arn.split(":")[4] for arn in arns if isinstance(arn, str) and arn.count(":") >= 5} - {""}


def _account(principal: str) -> str:
    return principal.split(":")[4] if principal.startswith("arn:") and principal.count(":") >= 5 else principal


def _owners_actions(bucket: Resource, stack: Stack) -> Verdict:
    found = policy_statements(bucket, stack)
    if found is None:
        return na("no bucket policy")
    own = stack.memo("accounts", lambda: _own_accounts(stack))
    public = public_statements(found)
    for statement in found:
        if not statement.allows or not any(statement.grants(action) for action in _FOR_OWNERS):
            continue
        if statement in public:
            return bad(
                f"policy.{statement.path}.Principal", "*", "name the accounts that may change the bucket's permissions"
            )
        for principal in statement.principals.get("AWS", ()):
            if principal == "*" or _account(principal) in own:
                continue
            if not own:
                raise CannotTell("policy", f"open to {principal}, and no ARN says which account the bucket is in")
            return bad(
                f"policy.{statement.path}.Principal", principal, "let no other account change the bucket's permissions"
            )
    return ok()


def _no_acls(bucket: Resource, stack: Stack) -> Verdict:
    ownership = setting(bucket, stack, OWNERSHIP)
    owner = ownership.text("rule.objectOwnership") if ownership else ""
    if owner not in ("", "BucketOwnerEnforced"):
        return bad("objectOwnership", owner, "set it to BucketOwnerEnforced, which turns access control lists off")
    if owner:
        return ok()
    for holder in (bucket, setting(bucket, stack, ACL)):
        if holder and (
            holder.text("acl", "private") != "private" or holder.has("accessControlPolicy") or holder.has("grants")
        ):
            return bad("acl", holder.raw("acl"), "remove it and give access by policy")
    return ok()


def _names_who_is_let_in(subject: Resource, stack: Stack) -> Verdict:
    if subject.type == BUCKET:
        found = policy_statements(subject, stack)
        return na("no bucket policy") if found is None else _private(public_statements(found), "policy.")
    if subject.type == POLICY:
        if stack.targets(subject, "bucket", BUCKET):
            return na("judged with its bucket")
        return policy_is_private(subject, "policy")
    if subject.type in OBJECTS:
        return _private_object(subject)
    path = OTHER_POLICIES[subject.type]
    if not subject.has(path):
        return na("it has no policy of its own")
    verdict = policy_is_private(subject, path)
    if verdict != ok() and _for_a_vpc(subject, stack):
        return na("only a VPC reaches the access point: AWS never counts it as public")
    return verdict


def _for_a_vpc(subject: Resource, stack: Stack) -> bool:
    """Whether it is an access point with a VPC as its origin, or the policy of one."""
    points = [subject] if subject.type == ACCESS_POINT else stack.targets(subject, "accessPointArn", ACCESS_POINT)
    return bool(points) and all(point.has("vpcConfiguration.vpcId") for point in points)


def _private(public: Sequence[Statement], prefix: str) -> Verdict:
    if public:
        return bad(f"{prefix}{public[0].path}.Principal", "*", FIX)
    return ok()


def _private_object(item: Resource) -> Verdict:
    if canned_is_public(item.text("acl")):
        return bad("acl", item.raw("acl"), "leave it out and give access by policy")
    for grant in grants_to_everybody(item, "grants"):
        return bad(grant.path, grant.value, "remove the grant and give access by policy")
    return ok()


def _no_website(bucket: Resource, stack: Stack) -> Verdict:
    website = setting(bucket, stack, WEBSITE)
    if website or bucket.has("website"):
        return bad(
            "BucketWebsiteConfiguration", website.name if website else "website", "serve it through CloudFront with OAC"
        )
    return ok()


def _cors(config: Resource) -> Verdict:
    for rule in config.each("corsRules"):
        if "*" in rule.texts("allowedOrigins"):
            return bad(rule.at("allowedOrigins"), "*", "name the origins")
    return ok()


CONTROLS: tuple[Control, ...] = (
    Control(
        id="S3.1",
        severity=Severity.MEDIUM,
        remediation="Add an s3.AccountPublicAccessBlock with all four switches on.",
        rule=in_account(_account_blocked),
    ),
    Control(
        id="S3.2",
        severity=Severity.CRITICAL,
        remediation="Remove public statements and access control lists; block public access.",
        rule=_not_public("read", _READS),
    ),
    Control(
        id="S3.3",
        severity=Severity.CRITICAL,
        remediation="Remove public statements and access control lists; block public access.",
        rule=_not_public("write", _WRITES),
    ),
    Control(
        id="S3.5",
        severity=Severity.MEDIUM,
        remediation="Add a statement to the bucket policy that denies s3:* when aws:SecureTransport is false.",
        rule=Related((BUCKET,), _tls_only),
    ),
    Control(
        id="S3.6",
        severity=Severity.HIGH,
        remediation="Remove PutBucketPolicy, PutBucketAcl and their like from statements for other accounts.",
        rule=Related((BUCKET,), _owners_actions),
    ),
    Control(
        id="S3.8",
        severity=Severity.HIGH,
        remediation="Add an s3.BucketPublicAccessBlock with all four switches on.",
        rule=Related((BUCKET,), _blocked),
    ),
    Control(
        id="S3.12",
        severity=Severity.MEDIUM,
        remediation='Set object_ownership="BucketOwnerEnforced" and remove the s3.BucketAcl.',
        rule=Related((BUCKET,), _no_acls),
    ),
    Control(
        id="S3.19",
        severity=Severity.CRITICAL,
        remediation="Leave the four switches of public_access_block_configuration at True.",
        rule=Each((ACCESS_POINT,), lambda point: _switches(point, "publicAccessBlockConfiguration.", default=True)),
    ),
    Control(
        id="S3.24",
        severity=Severity.HIGH,
        remediation="Leave the four switches of public_access_block at True.",
        rule=Each((MULTI_REGION,), lambda point: _switches(point, "details.publicAccessBlock.", default=True)),
    ),
    Control(
        id="MD.S3.4",
        title="Policies and access control lists of buckets, access points and objects do not allow public access",
        severity=Severity.HIGH,
        remediation="Replace `Principal: *` by principals, or narrow it by aws:PrincipalOrgID or its like.",
        link=f"{_GUIDE}/access-control-block-public-access.html",
        rule=Related((BUCKET, POLICY, *OTHER_POLICIES, *OBJECTS), _names_who_is_let_in),
    ),
    Control(
        id="MD.S3.5",
        title="S3 buckets should not serve static websites directly",
        severity=Severity.MEDIUM,
        remediation="Serve files through CloudFront with origin access control.",
        link=f"{_GUIDE}/WebsiteHosting.html",
        rule=Related((BUCKET,), _no_website),
    ),
    Control(
        id="MD.S3.6",
        title="Buckets answer named origins only",
        severity=Severity.MEDIUM,
        remediation="Name the origins in cors_rules.",
        link=f"{_GUIDE}/cors.html",
        rule=Each((CORS, BUCKET), _cors),
    ),
)

"""Controls on who reaches S3: Block Public Access, policies, access control lists, access points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies.lang.buckets import (
    ACL,
    BLOCK,
    BUCKET,
    CORS,
    OWNERSHIP,
    SWITCHES,
    WEBSITE,
    Grant,
    policy_statements,
    public_acl,
    setting,
)
from policies.lang.documents import Statement
from policies.lang.resources import Resource, Stack
from policies.lang.values import CannotTell, View
from policies.model import Control, Each, Related, Severity, Verdict, Whole, bad, na, ok, refs
from policies.rules import decide
from policies.rules.baseline import ACCOUNT_WIDE

ACCOUNT_BLOCK = "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock"
ACCESS_POINT = "aws:s3/accessPoint:AccessPoint"
MULTI_REGION = "aws:s3control/multiRegionAccessPoint:MultiRegionAccessPoint"

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
    block = setting(bucket, stack, BLOCK)
    if not (block and block.flag("ignorePublicAcls")):
        yield from (grant for grant in public_acl(bucket, stack) if kind in grant.kinds)
    if not (block and block.flag("restrictPublicBuckets")):
        for statement in policy_statements(bucket, stack) or ():
            if statement.public and any(statement.grants(action) for action in actions):
                yield Grant(f"policy.{statement.path}", "Principal *", (kind,))


def _not_public(kind: str, actions: Sequence[str]) -> Related:
    def check(bucket: Resource, stack: Stack) -> Verdict:
        for grant in _public(bucket, stack, kind, actions):
            return bad(grant.path, grant.value, f"let no stranger {kind}: remove it and block public access")
        return ok()

    return Related((BUCKET,), check)


def _denies_plain_http(statement: Statement) -> bool:
    everything = any(pattern in ("*", "s3:*") for pattern in statement.actions)
    objects = any(text == "*" or text.endswith("/*") for text in statement.resources)
    itself = any(text == "*" or not text.endswith("/*") for text in statement.resources)
    plain = any(
        "false" in values for operator, values in statement.condition("aws:SecureTransport") if operator == "bool"
    )
    return not statement.allows and statement.anyone and everything and objects and itself and plain


def _tls_only(bucket: Resource, stack: Stack) -> Verdict:
    if any(_denies_plain_http(statement) for statement in policy_statements(bucket, stack) or ()):
        return ok()
    fix = "deny s3:* on the bucket and its objects to everyone when aws:SecureTransport is false"
    return bad("BucketPolicy", None, fix)


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
    for statement in found:
        if not statement.allows or not any(statement.grants(action) for action in _FOR_OWNERS):
            continue
        if statement.public:
            return bad(f"policy.{statement.path}.Principal", "*", "let no stranger change the bucket's permissions")
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


def _no_public_statement(bucket: Resource, stack: Stack) -> Verdict:
    found = policy_statements(bucket, stack)
    if found is None:
        return na("no bucket policy")
    for statement in found:
        if statement.public:
            return bad(f"policy.{statement.path}.Principal", "*", "name the principals, or narrow `*` by a condition")
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
        title="The account blocks public access to buckets",
        severity=Severity.MEDIUM,
        frameworks=refs(fsbp="S3.1", cis5="2.1.4", cis7="3.1.4", pci="1.4.4"),
        remediation="Add an s3.AccountPublicAccessBlock with all four switches on.",
        rule=Whole(ACCOUNT_WIDE, _account_blocked),
    ),
    Control(
        id="S3.2",
        title="Buckets cannot be read by everyone",
        severity=Severity.CRITICAL,
        frameworks=refs(fsbp="S3.2"),
        remediation="Remove public statements and access control lists; block public access.",
        rule=_not_public("read", _READS),
    ),
    Control(
        id="S3.3",
        title="Buckets cannot be written by everyone",
        severity=Severity.CRITICAL,
        frameworks=refs(fsbp="S3.3"),
        remediation="Remove public statements and access control lists; block public access.",
        rule=_not_public("write", _WRITES),
    ),
    Control(
        id="S3.5",
        title="Buckets refuse requests without TLS",
        severity=Severity.MEDIUM,
        frameworks=refs(fsbp="S3.5", cis5="2.1.1", cis7="3.1.1", pci="4.2.1"),
        remediation="Add a statement to the bucket policy that denies s3:* when aws:SecureTransport is false.",
        rule=Related((BUCKET,), _tls_only),
    ),
    Control(
        id="S3.6",
        title="Bucket policies let no other account change permissions",
        severity=Severity.HIGH,
        frameworks=refs(fsbp="S3.6"),
        remediation="Remove PutBucketPolicy, PutBucketAcl and their like from statements for other accounts.",
        rule=Related((BUCKET,), _owners_actions),
    ),
    Control(
        id="S3.8",
        title="Buckets block public access",
        severity=Severity.HIGH,
        frameworks=refs(fsbp="S3.8", cis5="2.1.4", cis7="3.1.4", pci="1.4.4"),
        remediation="Add an s3.BucketPublicAccessBlock with all four switches on.",
        rule=Related((BUCKET,), _blocked),
    ),
    Control(
        id="S3.12",
        title="Buckets give access by policy, not by access control lists",
        severity=Severity.MEDIUM,
        frameworks=refs(fsbp="S3.12"),
        remediation='Set object_ownership="BucketOwnerEnforced" and remove the s3.BucketAcl.',
        rule=Related((BUCKET,), _no_acls),
    ),
    Control(
        id="S3.19",
        title="Access points block public access",
        severity=Severity.CRITICAL,
        frameworks=refs(fsbp="S3.19", pci="1.4.4"),
        remediation="Leave the four switches of public_access_block_configuration at True.",
        rule=Each((ACCESS_POINT,), lambda point: _switches(point, "publicAccessBlockConfiguration.", default=True)),
    ),
    Control(
        id="S3.24",
        title="Multi-Region access points block public access",
        severity=Severity.HIGH,
        frameworks=refs(fsbp="S3.24", pci="1.4.4"),
        remediation="Leave the four switches of public_access_block at True.",
        rule=Each((MULTI_REGION,), lambda point: _switches(point, "details.publicAccessBlock.", default=True)),
    ),
    Control(
        id="MD.S3.4",
        title="Bucket policies name who is let in",
        severity=Severity.HIGH,
        frameworks=refs(cis7="2.21"),
        remediation="Replace `Principal: *` by principals, or narrow it by aws:PrincipalOrgID or its like.",
        link=f"{_GUIDE}/access-control-block-public-access.html",
        rule=Related((BUCKET,), _no_public_statement),
    ),
    Control(
        id="MD.S3.5",
        title="Buckets serve no website by themselves",
        severity=Severity.MEDIUM,
        frameworks=refs(house="S3-website"),
        remediation="Serve files through CloudFront with origin access control.",
        link=f"{_GUIDE}/WebsiteHosting.html",
        rule=Related((BUCKET,), _no_website),
    ),
    Control(
        id="MD.S3.6",
        title="Buckets answer named origins only",
        severity=Severity.MEDIUM,
        frameworks=refs(house="S3-cors"),
        remediation="Name the origins in cors_rules.",
        link=f"{_GUIDE}/cors.html",
        rule=Each((CORS, BUCKET), _cors),
    ),
)

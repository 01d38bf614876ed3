"""Who may do what: the policy documents of IAM identities, wherever they are kept, and the names of AWS's managed policies."""

from __future__ import annotations

from collections.abc import Iterator

from policies.lang.documents import Statement, statements
from policies.lang.resources import Resource, Stack

ROLE = "aws:iam/role:Role"
USER = "aws:iam/user:User"
MANAGED = "aws:iam/policy:Policy"
INLINE = ("aws:iam/rolePolicy:RolePolicy", "aws:iam/userPolicy:UserPolicy", "aws:iam/groupPolicy:GroupPolicy")
ATTACHMENTS = (
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
    "aws:iam/policyAttachment:PolicyAttachment",
)
#: Everything that carries an identity's policy in its own properties.
DOCUMENT_BEARERS = (MANAGED, *INLINE, ROLE)


def permissions(resource: Resource) -> list[Statement]:
    """The permission statements in a resource's own properties: a policy's document, or a role's inline policies."""
    if resource.type == ROLE:
        return [found for inline in resource.each("inlinePolicies") for found in statements(inline, "policy")]
    return statements(resource, "policy")


def policies_of_role(role: Resource, stack: Stack) -> Iterator[Resource]:
    """What carries the role's permissions: itself, its inline policies and its managed ones, as far as the stack has them."""
    yield role
    yield from stack.referrers(role, "aws:iam/rolePolicy:RolePolicy", "role")
    for attachment in stack.referrers(role, "aws:iam/rolePolicyAttachment:RolePolicyAttachment", "role"):
        yield from stack.targets(attachment, "policyArn", MANAGED)
    for attachment in stack.referrers(role, "aws:iam/policyAttachment:PolicyAttachment", "roles"):
        yield from stack.targets(attachment, "policyArn", MANAGED)
    yield from stack.targets(role, "managedPolicyArns", MANAGED)


def managed_arns(role: Resource, stack: Stack) -> list[str]:
    """The ARNs of managed policies (AWS's own too) that the role has, as far as they are known."""
    found, _ = role.known_texts("managedPolicyArns")
    for attachment in stack.referrers(role, "aws:iam/rolePolicyAttachment:RolePolicyAttachment", "role"):
        arn = attachment.raw("policyArn")
        found += [arn] if isinstance(arn, str) else []
    return found

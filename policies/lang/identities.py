"""The kinds of IAM identities and of what carries their policies."""

from __future__ import annotations

from policies.lang.documents import Statement, known_statements
from policies.lang.resources import Resource
from policies.lang.values import CannotTell

ROLE = "aws:iam/role:Role"
USER = "aws:iam/user:User"
GROUP = "aws:iam/group:Group"
MANAGED = "aws:iam/policy:Policy"
INLINE = ("aws:iam/rolePolicy:RolePolicy", "aws:iam/userPolicy:UserPolicy", "aws:iam/groupPolicy:GroupPolicy")
ATTACHMENTS = (
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
    "aws:iam/policyAttachment:PolicyAttachment",
)
#: Kinds that put users into groups: (type, property of the groups, property of the users).
MEMBERSHIPS = (
    ("aws:iam/groupMembership:GroupMembership", "group", "users"),
    ("aws:iam/userGroupMembership:UserGroupMembership", "groups", "user"),
)
#: What people have through IAM Identity Center: the role that it makes in an account.
PERMISSION_SET = "aws:ssoadmin/permissionSet:PermissionSet"
SET_INLINE = "aws:ssoadmin/permissionSetInlinePolicy:PermissionSetInlinePolicy"
SET_MANAGED = "aws:ssoadmin/managedPolicyAttachment:ManagedPolicyAttachment"
SET_CUSTOMER = "aws:ssoadmin/customerManagedPolicyAttachment:CustomerManagedPolicyAttachment"
SET_BOUNDARY = "aws:ssoadmin/permissionsBoundaryAttachment:PermissionsBoundaryAttachment"
#: Kinds that carry a policy for an identity in a property of their own → the property.
INLINE_PATHS = {
    **dict.fromkeys(INLINE, "policy"),
    SET_INLINE: "inlinePolicy",
    "aws:rolesanywhere/profile:Profile": "sessionPolicy",
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": "policy",
    "aws:transfer/access:Access": "policy",
    "aws:transfer/user:User": "policy",
}
#: Everything that carries an identity's policy in its own properties.
DOCUMENT_BEARERS = (MANAGED, *INLINE, SET_INLINE, ROLE)


def known_permissions(resource: Resource) -> tuple[list[Statement], CannotTell | None]:
    """The permission statements in a resource's own properties that can be read, and why some cannot: a policy's document, a
    role's inline policies."""
    if resource.type != ROLE:
        return known_statements(resource, INLINE_PATHS.get(resource.type, "policy"))
    inline, undecided = resource.each_known("inlinePolicies")
    found: list[Statement] = []
    for one in inline:
        read, reason = known_statements(one, "policy")
        found += read
        undecided = undecided or reason
    return found, undecided

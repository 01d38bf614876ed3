"""Ways in which an identity can raise its own rights, and whether a role that outsiders may take has one."""

from __future__ import annotations

from fnmatch import fnmatchcase

from policies.lang.documents import Statement, statements
from policies.lang.identities import managed_arns, permissions, policies_of_role
from policies.lang.resources import Resource, Stack
from policies.lang.values import CannotTell
from policies.model import Verdict, bad, na, ok

#: Actions that give rights by themselves when their target can be the caller (after Rhino Security Labs' list).
_DIRECT = (
    "iam:AddUserToGroup", "iam:AttachGroupPolicy", "iam:AttachRolePolicy", "iam:AttachUserPolicy", "iam:CreateAccessKey",
    "iam:CreateLoginProfile", "iam:CreatePolicyVersion", "iam:DeleteRolePermissionsBoundary", "iam:PutGroupPolicy",
    "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy", "iam:PutUserPolicy", "iam:SetDefaultPolicyVersion",
    "iam:UpdateAssumeRolePolicy", "iam:UpdateLoginProfile",
)  # fmt: skip

#: Actions that run code under a role that the caller may pass.
_RUNNERS = (
    "cloudformation:CreateStack", "codebuild:CreateProject", "ec2:RunInstances", "ecs:RegisterTaskDefinition", "ecs:RunTask",
    "glue:CreateDevEndpoint", "lambda:CreateFunction", "sagemaker:CreateNotebookInstance", "states:CreateStateMachine",
)  # fmt: skip

#: AWS's managed policies that hold such actions.
_MANAGED = ("AdministratorAccess", "IAMFullAccess", "PowerUserAccess")


def escalations(role: Resource, stack: Stack) -> Verdict:
    """Compliant unless a role that a federated identity (CI) may take can raise its own rights."""
    trusts = statements(role, "assumeRolePolicy")
    if not any(statement.allows and "Federated" in statement.principals for statement in trusts):
        return na("only AWS principals may take it")
    for arn in managed_arns(role, stack):
        if arn.rpartition("/")[2] in _MANAGED:
            return bad("policyArn", arn, "grant what the job needs; this policy lets it grant itself the rest")
    allowed: list[Statement] = []
    undecided: CannotTell | None = None
    for bearer in policies_of_role(role, stack):
        try:
            allowed += [statement for statement in permissions(bearer) if statement.allows]
        except CannotTell as reason:
            undecided = undecided or reason
    verdict = _judge(role, allowed)
    if verdict == ok() and undecided:
        raise undecided
    return verdict


def _judge(role: Resource, allowed: list[Statement]) -> Verdict:
    for statement in allowed:
        for action in _DIRECT:
            if statement.grants(action) and _reaches(statement, role) and not _bounded(statement):
                return bad(
                    f"{statement.path}.Action",
                    action,
                    "name other roles as its Resource, or demand iam:PermissionsBoundary",
                )
    for statement in allowed:
        if (
            statement.grants("iam:PassRole")
            and statement.everywhere
            and not any(statement.condition("iam:PassedToService"))
        ):
            runner = next((action for action in _RUNNERS if any(other.grants(action) for other in allowed)), None)
            if runner:
                return bad(
                    f"{statement.path}.Resource",
                    "*",
                    f"name the roles that may be passed: {runner} runs code under any of them",
                )
    return ok()


def _reaches(statement: Statement, role: Resource) -> bool:
    """Whether the statement covers the role itself: by `*`, or by a pattern that its ARN or name fits."""
    if statement.everywhere:
        return True
    name = role.text("name", role.name)
    arn = role.raw("arn")
    own = arn if isinstance(arn, str) else f"arn:aws:iam::000000000000:role/{name}"
    return any(
        fnmatchcase(own, pattern) or fnmatchcase(own.rpartition(":")[2], pattern.rpartition(":")[2])
        for pattern in statement.resources
    )


def _bounded(statement: Statement) -> bool:
    return any(values and "*" not in values for _, values in statement.condition("iam:PermissionsBoundary"))

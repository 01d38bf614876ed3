"""Controls on IAM: identities, their permissions, the account's password policy, and who may take a role."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from policies.lang.documents import Statement, matches
from policies.lang.identities import (
    ATTACHMENTS,
    DOCUMENT_BEARERS,
    GROUP,
    INLINE,
    INLINE_PATHS,
    MANAGED,
    PERMISSION_SET,
    ROLE,
    USER,
    known_permissions,
)
from policies.lang.resources import Resource, Stack
from policies.lang.unscoped import acts_on_resources
from policies.model import Control, Each, Related, Severity, Verdict, Whole, bad, na, ok
from policies.rules import decide, is_at_least, is_true, never
from policies.rules.administrators import cannot_escalate, only_a_boundary
from policies.rules.baseline import account_setting, exists, in_account
from policies.rules.trust import federated_trust_is_narrow, services_act_for_the_account, trust_is_private

_SUPPORT = "/AWSSupportAccess"
POLICY = "aws:iam/accountPasswordPolicy:AccountPasswordPolicy"
BUDGET_ACTION = "aws:budgets/budgetAction:BudgetAction"
_GUIDE = "https://docs.aws.amazon.com/IAM/latest/UserGuide"


#: Conditions that say nothing about what is acted on: how, when and from where a request comes.
_GLOBAL_KEYS = "aws:"
_RESOURCE_KEYS = (
    "aws:resourcetag/",
    "aws:resourceaccount",
    "aws:resourceorgid",
    "aws:resourceorgpaths",
    "aws:requesttag/",
)


def _none(fits: Callable[[Statement], Iterable[str]], fix: str) -> Callable[[Resource], Verdict]:
    """A check over a document's allowing statements: none may hold an action that `fits` picks out."""

    def check(resource: Resource) -> Verdict:
        path = INLINE_PATHS.get(resource.type, "")
        if path and path != "policy" and not resource.has(path):
            return na("it has no policy of its own")
        found, undecided = known_permissions(resource)
        for statement in found:
            actions = list(fits(statement)) if statement.allows else []
            if actions:
                return bad(f"{statement.path}.{'NotAction' if statement.not_actions else 'Action'}", actions, fix)
        if undecided:
            raise undecided
        if not found and resource.type == ROLE:
            return na("the role has no inline policy of its own")
        return ok()

    return check


def _managed(check: Callable[[Resource], Verdict]) -> Related:
    """`check` over managed policies; one that only limits identities (a permissions boundary) grants nothing."""

    def judged(policy: Resource, stack: Stack) -> Verdict:
        return ok() if only_a_boundary(policy, stack) else check(policy)

    return Related((MANAGED,), judged)


def _only_denies(policy: Resource, stack: Stack) -> Verdict:
    """AWS Budgets attaches it on the day on which the budget is spent: no attachment of the stack says that it will."""
    if not stack.referrers(policy, BUDGET_ACTION, "definition.iamActionDefinition.policyArn"):
        return na("no budget action attaches it")
    read, undecided = known_permissions(policy)
    allowing = next((statement for statement in read if statement.allows), None)
    if allowing:
        return bad(f"{allowing.path}.Effect", "Allow", "deny what may not grow; a spent budget gives nobody a right")
    if undecided:
        raise undecided
    return ok()


def _everything(statement: Statement) -> list[str]:
    if not (statement.every_action and statement.everywhere):
        return []
    return list(statement.actions) or [f"everything but {', '.join(statement.not_actions)}"]


def _service_wildcards(statement: Statement) -> list[str]:
    if statement.not_actions:
        return [f"everything but {', '.join(statement.not_actions)}"]
    return [action for action in statement.actions if not action.partition(":")[2].strip("*")]


def _names_what_it_acts_on(operator: str, key: str, values: Sequence[str]) -> bool:
    """Whether a condition picks the resources: by their tags or account, or by a key of the service's own."""
    if operator.startswith(("forallvalues:", "null")) or operator.endswith("ifexists"):
        return False
    about = key.startswith(_RESOURCE_KEYS) if key.startswith(_GLOBAL_KEYS) else ":" in key
    return about and bool(values) and not any(not value.strip("*?") for value in values)


def _unscoped(statement: Statement) -> list[str]:
    if any(_names_what_it_acts_on(*test) for test in statement.tests()):
        return []
    if statement.not_actions:
        return [f"everything but {', '.join(statement.not_actions)}"] if statement.everywhere else []
    return [
        action
        for action in statement.actions
        if acts_on_resources(action) and (statement.everywhere or _whole_service(statement, action))
    ]


def _whole_service(statement: Statement, action: str) -> bool:
    """Whether a resource pattern leaves everything of the action's service open: `arn:aws:s3:::*`, `arn:aws:sqs:*:*:*`."""
    service = action.partition(":")[0]
    return any(
        not parts[5].strip("*?") and matches(service, parts[2])
        for pattern in statement.resources
        if len(parts := pattern.split(":", 5)) == 6
    )


def _no_user_policy(resource: Resource) -> Verdict:
    if resource.type == "aws:iam/policyAttachment:PolicyAttachment":
        if not resource.has("users"):
            return ok()
        return bad("users", resource.raw("users"), "attach the policy to a group or a role")
    return bad("user", resource.raw("user"), "attach the policy to a group or a role")


def _no_cloudshell(resource: Resource) -> Verdict:
    path = "managedPolicyArns" if resource.type == ROLE else "policyArn"
    if not resource.has(path):
        return na("it names no managed policy")
    names = [arn.rpartition("/")[2] for arn in resource.texts(path)]
    if "AWSCloudShellFullAccess" in names:
        return bad(path, "AWSCloudShellFullAccess", "use a policy without file transfer, or none")
    return ok()


def _support_role(stack: Stack) -> Verdict:
    for attachment in stack.of(ATTACHMENTS[0], ATTACHMENTS[3]):
        if attachment.text("policyArn").endswith(_SUPPORT) and (attachment.has("role") or attachment.has("roles")):
            return ok()
    if any(arn.endswith(_SUPPORT) for role in stack.of(ROLE) for arn in role.texts("managedPolicyArns")):
        return ok()
    return bad("RolePolicyAttachment", None, "attach AWSSupportAccess to a role")


def _policy(check: Callable[[Resource], Verdict]) -> Whole:
    return account_setting(POLICY, check, "add an iam.AccountPasswordPolicy")


def _password(number: int, path: str, what: str, severity: Severity) -> Control:
    return Control(
        id=f"IAM.{number}",
        severity=severity,
        remediation=f"Set {what} on the iam.AccountPasswordPolicy.",
        rule=_policy(is_true(POLICY, path).check),
    )


def _strong_password(resource: Resource) -> Verdict:
    flags = ("requireUppercaseCharacters", "requireLowercaseCharacters", "requireSymbols", "requireNumbers")
    checks = [is_true(POLICY, path).check for path in flags]
    checks.append(is_at_least(POLICY, "minimumPasswordLength", 8, default=6).check)
    return decide(*[lambda check=check: check(resource) for check in checks])


def _expires(resource: Resource) -> Verdict:
    days = resource.number("maxPasswordAge", 0) or 0
    return ok() if 0 < days <= 90 else bad("maxPasswordAge", resource.raw("maxPasswordAge"), "set it to 1 to 90 days")


CONTROLS: tuple[Control, ...] = (
    Control(
        id="IAM.1",
        severity=Severity.HIGH,
        remediation="Name the actions and the resources in the iam.Policy's statements.",
        rule=_managed(_none(_everything, "name the actions and resources that are needed")),
    ),
    Control(
        id="IAM.2",
        severity=Severity.LOW,
        remediation="Attach the policy to a group or a role instead of a user.",
        rule=Each((INLINE[1], ATTACHMENTS[1], ATTACHMENTS[3]), _no_user_policy),
    ),
    Control(
        id="IAM.7",
        severity=Severity.MEDIUM,
        remediation="Require both cases, numbers, symbols and at least 8 characters on the iam.AccountPasswordPolicy.",
        rule=_policy(_strong_password),
    ),
    Control(
        id="IAM.10",
        severity=Severity.MEDIUM,
        remediation="Require lower case, numbers and at least 7 characters, and expire passwords after at most 90 days.",
        rule=_policy(
            lambda resource: decide(
                lambda: is_true(POLICY, "requireLowercaseCharacters").check(resource),
                lambda: is_true(POLICY, "requireNumbers").check(resource),
                lambda: is_at_least(POLICY, "minimumPasswordLength", 7, default=6).check(resource),
                lambda: _expires(resource),
            )
        ),
    ),
    _password(
        11,
        "requireUppercaseCharacters",
        "require_uppercase_characters=True",
        Severity.MEDIUM,
    ),
    _password(
        12,
        "requireLowercaseCharacters",
        "require_lowercase_characters=True",
        Severity.MEDIUM,
    ),
    _password(13, "requireSymbols", "require_symbols=True", Severity.MEDIUM),
    _password(14, "requireNumbers", "require_numbers=True", Severity.MEDIUM),
    Control(
        id="IAM.15",
        severity=Severity.MEDIUM,
        remediation="Set minimum_password_length to 14 or more on the iam.AccountPasswordPolicy.",
        rule=_policy(is_at_least(POLICY, "minimumPasswordLength", 14, default=6).check),
    ),
    Control(
        id="IAM.16",
        severity=Severity.LOW,
        remediation="Set password_reuse_prevention=24 on the iam.AccountPasswordPolicy.",
        rule=_policy(is_at_least(POLICY, "passwordReusePrevention", 24).check),
    ),
    Control(
        id="IAM.17",
        severity=Severity.LOW,
        remediation="Set max_password_age to 90 or less on the iam.AccountPasswordPolicy.",
        rule=_policy(_expires),
    ),
    Control(
        id="IAM.18",
        severity=Severity.LOW,
        remediation="Make a role with the managed policy AWSSupportAccess attached (iam.RolePolicyAttachment).",
        rule=in_account(_support_role),
    ),
    Control(
        id="IAM.21",
        severity=Severity.LOW,
        remediation="Name the actions instead of `service:*` in the iam.Policy.",
        rule=_managed(_none(_service_wildcards, "name the actions")),
    ),
    Control(
        id="IAM.27",
        severity=Severity.MEDIUM,
        remediation="Detach AWSCloudShellFullAccess: it lets files leave the account unseen.",
        rule=Each((*ATTACHMENTS, ROLE), _no_cloudshell),
    ),
    Control(
        id="IAM.28",
        severity=Severity.HIGH,
        remediation="Make an accessanalyzer.Analyzer of type ACCOUNT or ORGANIZATION in the account's stack.",
        rule=exists(
            "aws:accessanalyzer/analyzer:Analyzer",
            "add one of type ACCOUNT or ORGANIZATION",
            lambda analyzer: analyzer.text("type", "ACCOUNT") in ("ACCOUNT", "ORGANIZATION"),
        ),
    ),
    Control(
        id="MD.IAM.1",
        title="Inline policies do not allow everything on everything",
        severity=Severity.HIGH,
        remediation="Name the actions and the resources in the inline policy's statements.",
        link=f"{_GUIDE}/best-practices.html#grant-least-privilege",
        rule=Each((*INLINE_PATHS, ROLE), _none(_everything, "name the actions and resources that are needed")),
    ),
    Control(
        id="MD.IAM.2",
        title="Roles, users and groups cannot escalate their own privileges",
        severity=Severity.CRITICAL,
        remediation="Name the resources of actions on the published escalation paths; demand a permissions boundary.",
        link=f"{_GUIDE}/access_policies_boundaries.html",
        rule=Related((ROLE, USER, GROUP, PERMISSION_SET), cannot_escalate),
    ),
    Control(
        id="MD.IAM.3",
        title="Trust policies for OpenID Connect providers name subjects and audiences",
        severity=Severity.CRITICAL,
        remediation="Add StringEquals conditions on the provider's `aud` and `sub` (repository and branch or environment).",
        link=f"{_GUIDE}/id_roles_create_for-idp_oidc.html",
        rule=Each((ROLE,), federated_trust_is_narrow),
    ),
    Control(
        id="MD.IAM.4",
        title="Role trust policies do not allow public access",
        severity=Severity.CRITICAL,
        remediation="Name accounts, roles or services in assume_role_policy's Principal, or narrow `*` by an organisation.",
        link=f"{_GUIDE}/reference_policies_elements_principal.html#principal-anonymous",
        rule=Each((ROLE,), trust_is_private),
    ),
    Control(
        id="MD.IAM.5",
        title="Programs make no access keys",
        severity=Severity.HIGH,
        remediation="Use a role: tasks have task roles, CI has OpenID Connect, people have single sign-on.",
        link=f"{_GUIDE}/best-practices.html#bp-workloads-use-roles",
        rule=never("aws:iam/accessKey:AccessKey", ROLE, "use a role instead"),
    ),
    Control(
        id="MD.IAM.6",
        title="People come through an identity provider, not as IAM users",
        severity=Severity.MEDIUM,
        remediation="Let people sign in through IAM Identity Center or another provider; make roles for programs.",
        link=f"{_GUIDE}/best-practices.html#bp-users-federation-idp",
        rule=never(USER, ROLE, "use IAM Identity Center, or a role for a program"),
    ),
    Control(
        id="MD.IAM.7",
        title="Permissions name their resources wherever the action has one",
        severity=Severity.MEDIUM,
        remediation="Put the actions into a statement of their own whose Resource names what they act on.",
        link=f"{_GUIDE}/reference_policies_elements_resource.html",
        rule=Each(DOCUMENT_BEARERS, _none(_unscoped, "name the resources, or pick them by a condition on their tags")),
    ),
    Control(
        id="MD.IAM.8",
        title="Service roles can be assumed on behalf of named accounts or resources",
        severity=Severity.HIGH,
        remediation="Add aws:SourceAccount or aws:SourceArn to the conditions of each statement for a service principal.",
        link=f"{_GUIDE}/confused-deputy.html",
        rule=Each((ROLE,), services_act_for_the_account),
    ),
    Control(
        id="MD.IAM.10",
        title="Policies that budget actions attach only deny",
        severity=Severity.HIGH,
        remediation="Take the statements that allow out of the policy: a budget action is there to stop what costs.",
        link="https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-controls.html",
        rule=Related((MANAGED,), _only_denies),
    ),
)

"""Cases of policies/controls/iam.py."""

import json

from policies.controls.iam import POLICY as PASSWORDS
from tests.policies.build import ABSENT, UNKNOWN, Case, Change, Drop, res
from tests.policies.cases.policy_documents import NARROWED, OURS, PUBLIC, PUBLIC_BY_VIA

MANAGED = "aws:iam/policy:Policy"
ROLE = "aws:iam/role:Role"
LOG_POLICY = "aws:cloudwatch/logResourcePolicy:LogResourcePolicy"
EVENT_PERMISSION = "aws:cloudwatch/eventPermission:EventPermission"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
ROLE_ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
USER_ATTACHMENT = "aws:iam/userPolicyAttachment:UserPolicyAttachment"
ANALYZER = "aws:accessanalyzer/analyzer:Analyzer"
ECS = {"Service": "ecs-tasks.amazonaws.com"}
GITHUB = {"Federated": "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"}
BUCKET = "arn:aws:s3:::matchday/*"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
NA = [[res("aws:ec2/vpc:Vpc")]]


def allow(*actions: str, resource: object = BUCKET, **more: object) -> str:
    """A permission document that allows these actions."""
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def deny(*actions: str) -> str:
    """A permission document that denies these actions everywhere."""
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": list(actions), "Resource": "*"}]}
    )


def trust(principal: object, action: str = "sts:AssumeRole", **conditions: object) -> dict[str, object]:
    """A trust document, as an object (pulumi_aws takes both)."""
    statement = {"Effect": "Allow", "Principal": principal, "Action": action} | (
        {"Condition": conditions} if conditions else {}
    )
    return {"Version": "2012-10-17", "Statement": statement}


def from_ci(
    subject: str = "repo:owner/matchday:ref:refs/heads/main", audience: str = "sts.amazonaws.com"
) -> dict[str, object]:
    """A trust document for GitHub Actions."""
    host = "token.actions.githubusercontent.com"
    return trust(
        GITHUB,
        "sts:AssumeRoleWithWebIdentity",
        StringEquals={f"{host}:aud": audience},
        StringLike={f"{host}:sub": subject},
    )


STRONG = {
    "requireUppercaseCharacters": True,
    "requireLowercaseCharacters": True,
    "requireSymbols": True,
    "requireNumbers": True,
    "minimumPasswordLength": 14,
    "passwordReusePrevention": 24,
    "maxPasswordAge": 90,
}
TAGS = {"Project": "matchday"}
_ROLE = res(
    ROLE, "task", name="task", arn="arn:aws:iam::111122223333:role/task", assumeRolePolicy=trust(ECS), tags=TAGS
)
_CI = res(ROLE, "ci", name="ci", arn="arn:aws:iam::111122223333:role/ci", assumeRolePolicy=from_ci(), tags=TAGS)
_BUDGET_ACTION = res(
    "aws:budgets/budgetAction:BudgetAction",
    "spent",
    budgetName="account",
    actionType="APPLY_IAM_POLICY",
    definition={"iamActionDefinition": {"policyArn": "brake", "roles": ["ci"]}},
)
_OTHER_ROLE = "arn:aws:iam::111122223333:role/matchday-*"


def _passwords(path: str, bad: object, *also: str) -> Case:
    return Case(
        good=[[res(PASSWORDS, **STRONG)]],
        bad=[Change({path: bad}), Change({path: ABSENT})],
        na=[[_ROLE]],
        unknown=[Change({path: UNKNOWN})],
        also=frozenset(also),
    )


CASES = {
    "IAM.1": Case(
        good=[[res(MANAGED, policy=allow("s3:GetObject"))], [res(MANAGED, policy=allow("*"))]],
        bad=[
            Change({"policy": allow("*", resource="*")}),
            Change({"policy": allow("s3:GetObject", "*", resource=["*"])}),
        ],
        na=[[res(ROLE_POLICY, policy=allow("*", resource="*"))]],
        unknown=[Change({"policy": UNKNOWN})],
        also=frozenset({"IAM.21", "KMS.1", "MD.IAM.7"}),
    ),
    "IAM.2": Case(
        good=[[res("aws:iam/policyAttachment:PolicyAttachment", policyArn=READ_ONLY, roles=["task"])]],
        bad=[Change({"users": ["eve"]}), [res(USER_ATTACHMENT, user="eve", policyArn=READ_ONLY)]],
        na=[[_ROLE]],
        unknown=[Change({"users": UNKNOWN})],
    ),
    "IAM.7": _passwords("requireSymbols", False, "IAM.13"),
    "IAM.10": _passwords("maxPasswordAge", 365, "IAM.17"),
    "IAM.11": _passwords("requireUppercaseCharacters", False, "IAM.7"),
    "IAM.12": _passwords("requireLowercaseCharacters", False, "IAM.7", "IAM.10"),
    "IAM.13": _passwords("requireSymbols", False, "IAM.7"),
    "IAM.14": _passwords("requireNumbers", False, "IAM.7", "IAM.10"),
    "IAM.15": _passwords("minimumPasswordLength", 13),
    "IAM.16": _passwords("passwordReusePrevention", 5),
    "IAM.17": _passwords("maxPasswordAge", 0, "IAM.10"),
    "IAM.18": Case(
        good=[
            [
                res(ROLE_ATTACHMENT, role="support", policyArn="arn:aws:iam::aws:policy/AWSSupportAccess"),
                res(PASSWORDS, **STRONG),
            ],
            [res(ROLE, managedPolicyArns=["arn:aws:iam::aws:policy/AWSSupportAccess"]), res(PASSWORDS, **STRONG)],
        ],
        bad=[Drop(ROLE_ATTACHMENT), Change({"policyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"})],
        na=[[_ROLE]],
        unknown=[Change({"policyArn": UNKNOWN})],
    ),
    "IAM.21": Case(
        good=[[res(MANAGED, policy=allow("s3:Get*", "s3:PutObject"))]],
        bad=[
            Change({"policy": allow("s3:*")}),
            Change(
                {"policy": json.dumps({"Statement": {"Effect": "Allow", "NotAction": "iam:*", "Resource": BUCKET}})}
            ),
        ],
        na=[[_ROLE]],
        unknown=[Change({"policy": UNKNOWN})],
    ),
    "IAM.27": Case(
        good=[
            [res(ROLE_ATTACHMENT, role="task", policyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")],
            [
                res(
                    ROLE,
                    assumeRolePolicy=trust(ECS),
                    managedPolicyArns=["arn:aws:iam::aws:policy/ReadOnlyAccess"],
                    tags=TAGS,
                )
            ],
        ],
        bad=[Change({"policyArn": "arn:aws:iam::aws:policy/AWSCloudShellFullAccess"})],
        na=[[_ROLE]],
        unknown=[Change({"policyArn": UNKNOWN})],
    ),
    "IAM.28": Case(
        good=[[res(ANALYZER, type="ACCOUNT", tags=TAGS), res(PASSWORDS, **STRONG)], [res(ANALYZER, tags=TAGS)]],
        bad=[Drop(ANALYZER), Change({"type": "ACCOUNT_UNUSED_ACCESS"})],
        na=[[_ROLE]],
        unknown=[Change({"type": UNKNOWN})],
    ),
    "MD.IAM.1": Case(
        good=[[res(ROLE_POLICY, role="task", policy=allow("s3:GetObject"))]],
        bad=[Change({"policy": allow("*", resource="*")})],
        na=[[_ROLE], [res(MANAGED, policy=allow("*", resource="*"))]],
        unknown=[Change({"policy": UNKNOWN})],
        also=frozenset({"KMS.2", "MD.IAM.7"}),
    ),
    "MD.IAM.2": Case(
        good=[
            [_CI, res(ROLE_POLICY, role="ci", policy=allow("iam:PutRolePolicy", "iam:PassRole", resource=_OTHER_ROLE))],
            [_CI, res(ROLE_ATTACHMENT, role="ci", policyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")],
        ],
        bad=[
            Change({"policy": allow("iam:PutRolePolicy", resource="arn:aws:iam::111122223333:role/*")}, ROLE_POLICY),
            Change({"policy": allow("iam:AttachRolePolicy", resource="*")}, ROLE_POLICY),
            Change({"policy": allow("iam:PassRole", "lambda:CreateFunction", resource="*")}, ROLE_POLICY),
            [_CI, res(ROLE_ATTACHMENT, role="ci", policyArn="arn:aws:iam::aws:policy/AdministratorAccess")],
            [
                _CI,
                res(ROLE_ATTACHMENT, role="ci", policyArn="own"),
                res(MANAGED, "own", policy=allow("iam:*", resource="*")),
            ],
            [
                res(
                    ROLE,
                    assumeRolePolicy=from_ci(),
                    inlinePolicies=[{"name": "all", "policy": allow("iam:UpdateAssumeRolePolicy", resource="*")}],
                )
            ],
        ],
        na=NA,
        unknown=[
            Change({"policy": UNKNOWN}, ROLE_POLICY),
            Change({"assumeRolePolicy": UNKNOWN}),
            [_CI, res(ROLE_ATTACHMENT, role="ci", policyArn="arn:aws:iam::111122223333:policy/elsewhere")],
        ],
    ),
    "MD.IAM.8": Case(
        good=[
            [res(ROLE, assumeRolePolicy=trust(ECS, StringEquals={"aws:SourceAccount": "111122223333"}))],
            [
                res(
                    ROLE,
                    assumeRolePolicy=trust(ECS, ArnLike={"aws:SourceArn": "arn:aws:ecs:ap-south-1:111122223333:*"}),
                )
            ],
        ],
        bad=[
            Change({"assumeRolePolicy": trust(ECS)}),
            Change({"assumeRolePolicy": trust(ECS, StringLike={"aws:SourceAccount": "*"})}),
            Change({"assumeRolePolicy": trust(ECS, ArnLike={"aws:SourceArn": "arn:aws:ecs:*:*:*"})}),
            Change({"assumeRolePolicy": trust(ECS, StringEqualsIfExists={"aws:SourceAccount": "111122223333"})}),
        ],
        na=[*NA, [_CI], [res(ROLE, assumeRolePolicy=trust({"Service": "ec2.amazonaws.com"}))]],
        unknown=[Change({"assumeRolePolicy": UNKNOWN})],
    ),
    "MD.IAM.10": Case(
        good=[[res(MANAGED, "brake", policy=deny("ec2:RunInstances")), _BUDGET_ACTION]],
        bad=[
            Change({"policy": allow("s3:GetObject")}),
            [res(MANAGED, "brake", policy=allow("iam:PassRole", resource=_OTHER_ROLE)), _BUDGET_ACTION],
        ],
        na=[*NA, [res(MANAGED, policy=allow("s3:GetObject"))]],
        unknown=[Change({"policy": UNKNOWN})],
    ),
    "MD.IAM.9": Case(
        good=[
            [res(LOG_POLICY, policyDocument=OURS)],
            [res(LOG_POLICY, policyDocument=NARROWED)],
            [res(EVENT_PERMISSION, principal="111122223333")],
            [
                res(
                    EVENT_PERMISSION,
                    principal="*",
                    condition={"key": "aws:PrincipalOrgID", "type": "StringEquals", "value": "o-1"},
                )
            ],
        ],
        bad=[
            Change({"policyDocument": PUBLIC}),
            Change({"policyDocument": PUBLIC_BY_VIA}),
            [res(EVENT_PERMISSION, principal="*")],
            [res("aws:ec2/vpcEndpointService:VpcEndpointService", allowedPrincipals=["*"])],
            [res("aws:efs/fileSystemPolicy:FileSystemPolicy", policy=PUBLIC)],
        ],
        na=[*NA, [res("aws:opensearch/domain:Domain")]],
        unknown=[Change({"policyDocument": UNKNOWN})],
    ),
    "MD.IAM.3": Case(
        good=[[_CI], [res(ROLE, assumeRolePolicy=from_ci("repo:owner/matchday:*"))]],
        bad=[
            Change({"assumeRolePolicy": trust(GITHUB, "sts:AssumeRoleWithWebIdentity")}),
            Change({"assumeRolePolicy": from_ci("repo:owner/*")}),
            Change({"assumeRolePolicy": from_ci("*")}),
            Change({"assumeRolePolicy": from_ci(audience="*")}),
        ],
        na=[[_ROLE]],
        unknown=[Change({"assumeRolePolicy": UNKNOWN})],
    ),
    "MD.IAM.4": Case(
        good=[
            [_ROLE],
            [res(ROLE, assumeRolePolicy=trust({"AWS": "*"}, StringEquals={"aws:PrincipalOrgID": "o-1234567890"}))],
        ],
        bad=[Change({"assumeRolePolicy": trust("*")}), Change({"assumeRolePolicy": json.dumps(trust({"AWS": ["*"]}))})],
        na=[[res(MANAGED, policy=allow("s3:GetObject"))]],
        unknown=[Change({"assumeRolePolicy": UNKNOWN})],
    ),
    "MD.IAM.5": Case(good=[[_ROLE]], bad=[[res("aws:iam/accessKey:AccessKey", user="eve")]], na=NA),
    "MD.IAM.6": Case(good=[[_ROLE]], bad=[[res("aws:iam/user:User", name="eve", tags=TAGS)]], na=NA),
    "MD.IAM.7": Case(
        good=[
            [res(ROLE_POLICY, role="task", policy=allow("s3:GetObject"))],
            [
                res(
                    ROLE_POLICY,
                    policy=allow("ecr:GetAuthorizationToken", "ec2:Describe*", "xray:PutTraceSegments", resource="*"),
                )
            ],
            [
                res(
                    ROLE_POLICY,
                    policy=allow("s3:PutObject", resource="*", Condition={"StringEquals": {"s3:ResourceAccount": "1"}}),
                )
            ],
        ],
        bad=[Change({"policy": allow("s3:GetObject", resource="*")}), Change({"policy": allow("ecs:*", resource="*")})],
        na=[[_ROLE]],
        unknown=[Change({"policy": UNKNOWN})],
    ),
}

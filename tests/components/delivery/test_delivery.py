"""Registry and CI roles: a tag is given once, and a job is who it says or gets nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.base import Component
from components.delivery import pipeline_policies
from components.delivery.image_registry import ImageRegistry, ImageRegistryArgs
from components.delivery.image_rules import lifecycle
from components.delivery.pipeline import Pipeline, PipelineArgs
from localcloud.emulator.authorization.decisions import Ask, Policies, refusal
from tests.components.conftest import Lint, Recorded
from tests.components.examples import ACCOUNT, KEY, Example

Run = Callable[..., Recorded]
BUCKET = "arn:aws:s3:::state"
NAMES = "route53:ChangeResourceRecordSetsNormalizedRecordNames"

REGISTRY = ImageRegistryArgs(
    repository="matchday/services", account_id=ACCOUNT, key_arn=KEY, replica_region="ap-south-2"
)
CI = PipelineArgs(
    repository="matchday/matchday",
    environments=("dev", "prod"),
    planning=("prod-plan",),
    branches="branches",
    image_repository="matchday/services",
    account_id=ACCOUNT,
    state_bucket_arn=BUCKET,
    state_key_arn=KEY,
)

EXAMPLES: Mapping[type[Component], Example] = {
    ImageRegistry: lambda name, transform: ImageRegistry(name, REGISTRY, transform=transform),
    Pipeline: lambda name, transform: Pipeline(name, CI, transform=transform),
}


def test_an_image_is_scanned_sealed_and_never_overwritten(run: Run) -> None:
    recorded = run(lambda: ImageRegistry("images", REGISTRY))
    made = recorded.named("images")
    assert made.protect and made.inputs["imageTagMutability"] == "IMMUTABLE"
    assert made.inputs["imageScanningConfiguration"] == {"scanOnPush": True}
    assert made.inputs["encryptionConfigurations"] == [{"encryptionType": "KMS", "kmsKey": KEY}]
    (rule,) = recorded.named("images-replication").inputs["replicationConfiguration"]["rules"]
    assert rule["destinations"] == [{"region": "ap-south-2", "registryId": ACCOUNT}]


@given(st.integers(2, 5000))
def test_the_youngest_images_stay(kept: int) -> None:
    rules = lifecycle(kept)["rules"]
    assert [rule["rulePriority"] for rule in rules] == [1, 2]
    assert rules[-1]["selection"] == {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": kept}


@pytest.mark.parametrize("kept", [-1, 0, 1])
def test_there_is_always_one_to_go_back_to(kept: int) -> None:
    with pytest.raises(ValueError, match=f"kept: {kept}; accepted: 2 and more"):
        lifecycle(kept)


def roles(recorded: Recorded) -> dict[str, dict[str, Any]]:
    return {item.name: json.loads(item.inputs["assumeRolePolicy"]) for item in recorded.of("aws:iam/role:Role")}


def test_pull_requests_preview_and_only_protected_environments_deploy(run: Run) -> None:
    recorded = run(lambda: Pipeline("ci", CI))
    subjects = {
        name: document["Statement"][0]["Condition"]["StringLike"]["token.actions.githubusercontent.com:sub"]
        for name, document in roles(recorded).items()
    }
    assert subjects == {
        "ci-preview": ["repo:matchday/matchday:pull_request", "repo:matchday/matchday:environment:prod-plan"],
        "ci-deploy": ["repo:matchday/matchday:environment:dev", "repo:matchday/matchday:environment:prod"],
        "ci-branch": ["repo:matchday/matchday:environment:branches"],
    }
    for document in roles(recorded).values():
        (statement,) = document["Statement"]
        assert statement["Condition"]["StringEquals"] == {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com"
        }


@pytest.mark.parametrize(
    "subject", ["repo:*", "repo:*/x:ref:refs/heads/main", "repo:a/*:pull_request", "repo:a:b", "*", ""]
)
def test_a_role_is_for_one_repository(subject: str) -> None:
    with pytest.raises(ValueError, match="accepted: repo:<owner>/<name>:<what>"):
        pipeline_policies.trust("arn:provider", [subject])


def actions(document: Mapping[str, Any], effect: str) -> set[str]:
    found: set[str] = set()
    for statement in document["Statement"]:
        if statement["Effect"] == effect:
            named = statement.get("Action", [])
            found |= {named} if isinstance(named, str) else set(named)
    return found


def test_a_preview_reads_no_secret_and_writes_only_its_lock() -> None:
    document = pipeline_policies.preview(BUCKET, KEY)
    assert {"secretsmanager:GetSecretValue", "ssm:GetParameter*", "kms:Decrypt"} <= actions(document, "Deny")
    writes = [s for s in document["Statement"] if s["Effect"] == "Allow" and "s3:PutObject" in s["Action"]]
    assert [statement["Resource"] for statement in writes] == [f"{BUCKET}/.pulumi/locks/*"]


def test_a_deployment_cannot_blind_the_account_nor_widen_itself() -> None:
    document = pipeline_policies.deploy(BUCKET, KEY, ACCOUNT, "matchday", ["dev", "prod"])
    assert {
        "sts:AssumeRole",
        "cloudtrail:StopLogging",
        "guardduty:DeleteDetector",
        "config:StopConfigurationRecorder",
    } <= actions(document, "Deny")
    named = {
        arn
        for statement in document["Statement"]
        if statement["Effect"] == "Allow" and any(action.startswith("iam:") for action in statement["Action"])
        for arn in statement["Resource"]
    }
    kinds = ("role", "instance-profile")
    assert named == {f"arn:aws:iam::{ACCOUNT}:{kind}/matchday-{s}-*" for s in ("dev", "prod") for kind in kinds}


OWNER, GIVEN = "aws:ResourceTag/Environment", "aws:RequestTag/Environment"
SECRET = f"arn:aws:secretsmanager:ap-south-1:{ACCOUNT}:secret"
DATABASE = f"arn:aws:rds:ap-south-1:{ACCOUNT}:db"
IMAGES = f"arn:aws:ecr:ap-south-1:{ACCOUNT}:repository/matchday/services"

#: AWS's PowerUserAccess, as far as it is asked about here.
POWER_USER = {
    "Statement": [{"Effect": "Allow", "NotAction": ["iam:*", "organizations:*", "account:*"], "Resource": "*"}]
}

BOUND, BOUNDARY = "iam:PermissionsBoundary", pipeline_policies.boundary_arn(ACCOUNT, "matchday")

OF_A_BRANCH = [
    ("s3:PutObject", "arn:aws:s3:::matchday-pr-12-site-1/index.html", {}),
    ("s3:CreateBucket", "arn:aws:s3:::matchday-pr-12-site-1", {}),
    ("s3:GetObject", f"{BUCKET}/branches/.pulumi/stacks/matchday/pr-12.json", {}),
    ("s3:PutObject", f"{BUCKET}/branches/.pulumi/stacks/matchday/pr-12.json", {}),
    ("s3:ListBucket", BUCKET, {"s3:prefix": "branches/.pulumi/stacks/"}),
    ("secretsmanager:PutSecretValue", f"{SECRET}:matchday/pr-12/wallet/KEK-1", {}),
    ("secretsmanager:CreateSecret", f"{SECRET}:rds!db-1", {}),
    ("iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/matchday-pr-12-wallet-web", {BOUND: BOUNDARY}),
    ("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/matchday-pr-12-wallet-web", {BOUND: BOUNDARY}),
    ("iam:DeleteRole", f"arn:aws:iam::{ACCOUNT}:role/matchday-pr-12-wallet-web", {}),
    ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/matchday-pr-12-x", {"iam:PassedToService": "ecs-tasks.amazonaws.com"}),
    ("rds:CreateDBInstance", f"{DATABASE}:matchday-pr-12-postgres", {GIVEN: "pr-12"}),
    ("rds:DeleteDBInstance", f"{DATABASE}:matchday-pr-12-postgres", {OWNER: "pr-12"}),
    ("kms:Decrypt", KEY, {OWNER: "account"}),
    ("ecr:PutImage", IMAGES, {OWNER: "account"}),
    ("route53:ChangeResourceRecordSets", "arn:aws:route53:::hostedzone/Z1", {NAMES: "pr-12.dev.matchday.example"}),
    ("route53:ChangeResourceRecordSets", "arn:aws:route53:::hostedzone/Z1", {NAMES: "_a1.pr-12.dev.matchday.example"}),
    ("ec2:CreateVpc", f"arn:aws:ec2:ap-south-1:{ACCOUNT}:vpc/*", {GIVEN: "pr-12"}),
]  # fmt: skip
OF_OTHERS = [
    ("s3:PutObject", "arn:aws:s3:::matchday-prod-site-1/index.html", {}),
    ("s3:GetObject", "arn:aws:s3:::matchday-dev-kyc-documents-1/x", {}),
    ("s3:GetObject", f"{BUCKET}/.pulumi/stacks/matchday/prod.json", {}),
    ("s3:PutObject", f"{BUCKET}/.pulumi/stacks/matchday/dev.json", {}),
    ("s3:DeleteBucket", BUCKET, {}),
    ("s3:ListBucket", BUCKET, {"s3:prefix": ".pulumi/"}),
    ("kms:ScheduleKeyDeletion", KEY, {}),
    ("secretsmanager:GetSecretValue", f"{SECRET}:matchday/prod/wallet/KEK-1", {}),
    ("secretsmanager:GetSecretValue", f"{SECRET}:rds!db-1", {}),
    ("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/matchday-account-ci-branch", {}),
    ("iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/matchday-prod-wallet-web", {}),
    ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/matchday-pr-12-x", {"iam:PassedToService": "sagemaker.amazonaws.com"}),
    ("iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/matchday-pr-12-x", {}),
    ("iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/matchday-pr-12-x", {BOUND: f"{BOUNDARY}-other"}),
    ("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/matchday-pr-12-x", {}),
    ("iam:AttachRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/matchday-pr-12-x", {}),
    ("iam:DeleteRolePermissionsBoundary", f"arn:aws:iam::{ACCOUNT}:role/matchday-pr-12-x", {BOUND: BOUNDARY}),
    ("iam:CreatePolicyVersion", BOUNDARY, {}),
    ("iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/mallory", {}),
    ("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/matchday-account-ci-deploy", {}),
    ("rds:DeleteDBInstance", f"{DATABASE}:matchday-prod-postgres", {OWNER: "prod"}),
    ("rds:CreateDBInstance", f"{DATABASE}:x", {GIVEN: "prod"}),
    ("kms:Sign", f"arn:aws:kms:ap-south-1:{ACCOUNT}:key/of-signatures", {OWNER: "account"}),
    ("ecr:BatchDeleteImage", IMAGES, {}),
    ("route53:ChangeResourceRecordSets", "arn:aws:route53:::hostedzone/Z1", {NAMES: "play.matchday.example"}),
    ("route53:ChangeResourceRecordSets", "arn:aws:route53:::hostedzone/Z1", {NAMES: "dev.matchday.example"}),
    ("route53:DeleteHostedZone", "arn:aws:route53:::hostedzone/Z1", {}),
    ("cloudtrail:StopLogging", f"arn:aws:cloudtrail:ap-south-1:{ACCOUNT}:trail/x", {}),
]  # fmt: skip


@pytest.mark.parametrize(("action", "resource", "context"), [*OF_A_BRANCH, *OF_OTHERS])
def test_the_role_of_pull_requests_acts_on_their_stacks_alone(
    action: str, resource: str, context: dict[str, str]
) -> None:
    document = pipeline_policies.branch(BUCKET, KEY, ACCOUNT, "matchday", "matchday/services")
    # A request that says nothing of a boundary has none: an empty list is a key that is known to be absent.
    ask = Ask(action, resource, {BOUND.lower(): []} | {name.lower(): [value] for name, value in context.items()})
    policies = Policies(role=f"arn:aws:iam::{ACCOUNT}:role/matchday-account-ci-branch", identity=[POWER_USER, document])
    assert (refusal(ask, policies) is None) == ((action, resource, context) in OF_A_BRANCH)


@pytest.mark.parametrize(
    ("action", "resource", "context", "allowed"),
    [
        ("s3:GetObject", "arn:aws:s3:::matchday-pr-12-site-1/index.html", {}, True),
        ("secretsmanager:GetSecretValue", f"{SECRET}:matchday/pr-12/wallet/KEK-1", {}, True),
        ("secretsmanager:GetSecretValue", f"{SECRET}:rds!db-1", {OWNER: "pr-12"}, True),
        ("kms:Decrypt", f"arn:aws:kms:ap-south-1:{ACCOUNT}:key/1", {OWNER: "pr-12"}, True),
        ("kms:Decrypt", f"arn:aws:kms:ap-south-1:{ACCOUNT}:key/2", {OWNER: "prod"}, False),
        ("s3:GetObject", "arn:aws:s3:::matchday-prod-kyc-documents-1/x", {}, False),
        ("s3:GetObject", f"{BUCKET}/branches/.pulumi/stacks/matchday/pr-12.json", {}, False),
        ("secretsmanager:GetSecretValue", f"{SECRET}:matchday/prod/wallet/KEK-1", {}, False),
        ("rds:DeleteDBInstance", f"{DATABASE}:matchday-prod-postgres", {OWNER: "prod"}, False),
        ("iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/mallory", {}, False),
        ("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/matchday-pr-12-x", {BOUND: BOUNDARY}, False),
        ("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/matchday-account-ci-deploy", {}, False),
    ],
)
def test_a_role_that_such_a_stack_makes_is_held_whatever_its_program_writes_into_it(
    action: str, resource: str, context: dict[str, str], allowed: bool
) -> None:
    everything = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    bound = pipeline_policies.boundary(ACCOUNT, "matchday", "matchday/services")
    assert len(json.dumps(bound, separators=(",", ":"))) < 6144, "IAM's bound of a managed policy"
    ask = Ask(action, resource, {name.lower(): [value] for name, value in context.items()})
    role = f"arn:aws:iam::{ACCOUNT}:role/matchday-pr-12-x"
    assert (refusal(ask, Policies(role=role, identity=[everything], boundary=bound)) is None) == allowed


def test_no_job_reads_the_masters_password() -> None:
    """Nor one that deploys, which reads the secrets that the program makes: RDS's own is for the task that makes databases."""
    deploying = pipeline_policies.deploy(BUCKET, KEY, ACCOUNT, "matchday", ["dev", "prod"])
    branch = pipeline_policies.branch(BUCKET, KEY, ACCOUNT, "matchday", "matchday/services")
    preview = pipeline_policies.preview(BUCKET, KEY)
    for document in (deploying, branch, preview):
        policies = Policies(role=f"arn:aws:iam::{ACCOUNT}:role/ci", identity=[POWER_USER, document])
        for action in ("GetSecretValue", "BatchGetSecretValue", "PutSecretValue"):
            asked = Ask(f"secretsmanager:{action}", f"{SECRET}:rds!db-1-AbCdEf", {})
            assert refusal(asked, policies) is not None or (document is preview and action != "GetSecretValue")
    makes = Ask("secretsmanager:CreateSecret", f"{SECRET}:rds!db-1-AbCdEf", {})
    assert refusal(makes, Policies(role=f"arn:aws:iam::{ACCOUNT}:role/ci", identity=[POWER_USER, deploying])) is None


def test_one_role_alone_signs_images(run: Run) -> None:
    recorded = run(lambda: Pipeline("ci", CI))
    key = recorded.named("ci-signing")
    assert key.protect and (key.inputs["customerMasterKeySpec"], key.inputs["keyUsage"]) == (
        "ECC_NIST_P256",
        "SIGN_VERIFY",
    )
    assert recorded.named("ci-signing-alias").inputs["name"].endswith("/image-signing")
    policy, signer = json.loads(key.inputs["policy"]), recorded.named("ci-deploy").outputs["arn"]
    named = {
        role: refusal(
            Ask("kms:Sign", "arn:aws:kms:ap-south-1:123456789012:key/1", {"aws:principalarn": [role]}),
            Policies(role=role, identity=[POWER_USER], resource=policy, by_delegation=True),
        )
        for role in (signer, f"arn:aws:iam::{ACCOUNT}:role/matchday-account-ci-branch")
    }
    assert [why is None for why in named.values()] == [True, False]


@pytest.mark.slow
def test_the_documents_pass_the_linter(lint: Lint) -> None:
    deployed = pipeline_policies.deploy(BUCKET, KEY, ACCOUNT, "matchday", ["dev", "prod"])
    of_branches = pipeline_policies.branch(BUCKET, KEY, ACCOUNT, "matchday", "matchday/services")
    for document in (pipeline_policies.preview(BUCKET, KEY), deployed, of_branches):
        assert lint(document) == []
    bound = pipeline_policies.boundary(ACCOUNT, "matchday", "matchday/services")
    found = [each for each in lint(bound) if not each.startswith("RESOURCE_STAR")]  # a boundary gives nothing by itself
    assert found == []

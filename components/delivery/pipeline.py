"""The roles of CI: taken by a signed job and by no key that somebody keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import iam, kms

from components.base import Component, Transforms
from components.delivery import pipeline_policies
from components.security.key_policies import signs_images
from components.security.keys import DELETION_DAYS
from model.names import branch_boundary, key_alias


@dataclass(frozen=True, kw_only=True, slots=True)
class PipelineArgs:
    """Who CI is and what it works on.

    - repository: ``owner/name`` at GitHub. environments: its deployment environments that may deploy, each named as its stack.
      planning: its deployment environments that only plan and look for drift, by the role of previews.
    - branches: its deployment environment that makes and takes away environments of pull requests; None: there are none.
      image_repository: the name of the repository in ECR to which they add their images.
    - account_id: of the account. state_bucket_arn, state_key_arn: Pulumi's state and the KMS key of it and of its secrets.
    """

    repository: str
    environments: tuple[str, ...]
    planning: tuple[str, ...] = ()
    branches: str | None = None
    image_repository: str
    account_id: pulumi.Input[str]
    state_bucket_arn: pulumi.Input[str]
    state_key_arn: pulumi.Input[str]


class Pipeline(Component):
    """Roles for GitHub's jobs: pull requests preview and read, protected environments deploy, `pr-*` stacks have their own.

    Makes: ``aws:iam:OpenIdConnectProvider`` (``issuer``), and for each of ``preview``, ``deploy`` and, with `branches`,
    ``branch`` a ``Role``, a ``RolePolicyAttachment`` (``…-managed``) of AWS's own policy and a ``RolePolicy`` (``…-policy``);
    ``aws:kms:Key`` and ``Alias`` (``signing``, ``signing-alias``) by which the deploying role alone signs images.
    """

    preview_role_arn: pulumi.Output[str]
    deploy_role_arn: pulumi.Output[str]
    branch_role_arn: pulumi.Output[str] | None = None

    def __init__(
        self,
        name: str,
        args: PipelineArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        issuer = self.make(
            "issuer",
            iam.OpenIdConnectProvider,
            iam.OpenIdConnectProviderArgs(
                url=f"https://{pipeline_policies.ISSUER}", client_id_lists=[pipeline_policies.AUDIENCE]
            ),
        )
        repository = f"repo:{args.repository}"
        known = pulumi.Output.all(args.state_bucket_arn, args.state_key_arn, args.account_id)
        self.preview_role_arn = self._role(
            "preview",
            "Previews of pull requests",
            issuer.arn,
            [f"{repository}:pull_request", *(f"{repository}:environment:{each}" for each in args.planning)],
            "arn:aws:iam::aws:policy/ReadOnlyAccess",
            known.apply(lambda all_: pipeline_policies.preview(all_[0], all_[1])),
        )
        project = pulumi.get_project()
        self.deploy_role_arn = self._role(
            "deploy",
            "Deployments from protected environments",
            issuer.arn,
            [f"{repository}:environment:{each}" for each in args.environments],
            "arn:aws:iam::aws:policy/PowerUserAccess",
            known.apply(lambda all_: pipeline_policies.deploy(all_[0], all_[1], all_[2], project, args.environments)),
        )
        self._sign(args)
        if args.branches is not None:
            self.make(
                "branch-boundary",
                iam.Policy,
                iam.PolicyArgs(
                    name=branch_boundary(project),
                    description="What roles of environments of pull requests can be allowed at most",
                    policy=pulumi.Output.json_dumps(
                        pulumi.Output.from_input(args.account_id).apply(
                            lambda account: pipeline_policies.boundary(account, project, args.image_repository)
                        )
                    ),
                ),
            )
            self.branch_role_arn = self._role(
                "branch",
                "Environments of pull requests",
                issuer.arn,
                [f"{repository}:environment:{args.branches}"],
                "arn:aws:iam::aws:policy/PowerUserAccess",
                known.apply(
                    lambda all_: pipeline_policies.branch(all_[0], all_[1], all_[2], project, args.image_repository)
                ),
            )
        self.register_outputs({"preview_role_arn": self.preview_role_arn, "deploy_role_arn": self.deploy_role_arn})

    def _sign(self, args: PipelineArgs) -> None:
        policy = pulumi.Output.all(args.account_id, self.deploy_role_arn).apply(lambda all_: signs_images(*all_))
        key = self.make(
            "signing",
            kms.Key,
            kms.KeyArgs(
                description="Signs the images that may be deployed",
                customer_master_key_spec="ECC_NIST_P256",
                key_usage="SIGN_VERIFY",
                deletion_window_in_days=DELETION_DAYS,
                policy=pulumi.Output.json_dumps(policy),
            ),
            pulumi.ResourceOptions(protect=True),
        )
        alias = key_alias(pulumi.get_project(), pulumi.get_stack(), "image-signing")
        self.make("signing-alias", kms.Alias, kms.AliasArgs(name=alias, target_key_id=key.id))

    def _role(
        self,
        role: str,
        description: str,
        issuer_arn: pulumi.Output[str],
        subjects: list[str],
        managed: str,
        document: pulumi.Output[dict[str, Any]],
    ) -> pulumi.Output[str]:
        made = self.make(
            role,
            iam.Role,
            iam.RoleArgs(
                name=self.physical_name(role, "iam-role"),
                description=description,
                max_session_duration=3600,
                assume_role_policy=pulumi.Output.json_dumps(
                    issuer_arn.apply(lambda arn: pipeline_policies.trust(arn, subjects))
                ),
            ),
        )
        self.make(
            f"{role}-managed",
            iam.RolePolicyAttachment,
            iam.RolePolicyAttachmentArgs(role=made.name, policy_arn=managed),
        )
        self.make(
            f"{role}-policy",
            iam.RolePolicy,
            iam.RolePolicyArgs(name=role, role=made.name, policy=pulumi.Output.json_dumps(document)),
        )
        arn: pulumi.Output[str] = made.arn
        return arn

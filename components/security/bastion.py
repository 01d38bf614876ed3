"""A host from which people reach the data stores: by Session Manager alone, in shells that are recorded."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import autoscaling, ec2, iam, ssm

from components.base import Component, Transforms
from components.observability.log_group import LogGroup, LogGroupArgs
from components.security import bastion_plan
from components.security.people_roles import trust
from model.names import log_group_name


@dataclass(frozen=True, kw_only=True, slots=True)
class BastionArgs:
    """Where it stands.

    - subnet_ids: private ones, in two zones or more. security_group_id: what it may reach, and that nothing reaches it.
    - logs_key_arn: KMS key of the recorded sessions, and of what goes through them; its policy must admit CloudWatch Logs.
    """

    account_id: pulumi.Input[str]
    region: str
    subnet_ids: Sequence[pulumi.Input[str]]
    security_group_id: pulumi.Input[str]
    logs_key_arn: pulumi.Input[str]
    log_retention_days: int = 365


class Bastion(Component):
    """One small instance: no public address, no key, no port that is open, IMDSv2, and another one every week.

    Makes: ``aws:iam:Role`` and ``RolePolicy`` (``host``, ``host-policy``) with an ``InstanceProfile`` (``profile``); a
    `LogGroup` of sessions; ``aws:ssm:Document`` (``session``), by which alone ``aws:iam:Role`` ``operator`` (with a
    ``RolePolicy``) starts sessions; ``aws:ec2:LaunchTemplate`` (``template``) and ``aws:autoscaling:Group`` (role ``""``).
    """

    session_document: str
    operator_arn: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        args: BastionArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        self._args = args
        log = LogGroup(
            self.child_name("sessions"),
            LogGroupArgs(
                log_group_name=log_group_name(pulumi.get_project(), pulumi.get_stack(), name, "sessions"),
                key_arn=args.logs_key_arn,
                retention_days=args.log_retention_days,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        document = self._document(log)
        self.session_document = self.physical_name("session", "ssm-document")
        self.operator_arn = self._operator(document)
        group_name = self._group(self._template(self._profile(log)))
        self.signals = bastion_plan.signals(group_name)
        self.register_outputs({"session_document": self.session_document, "operator_arn": self.operator_arn})

    def _document(self, log: LogGroup) -> Any:
        content = pulumi.Output.all(log.log_group_name, self._args.logs_key_arn).apply(
            lambda known: bastion_plan.session(log_group=known[0], key_arn=known[1])
        )
        return self.make(
            "session",
            ssm.Document,
            ssm.DocumentArgs(
                name=self.physical_name("session", "ssm-document"),
                document_type="Session",
                document_format="JSON",
                content=pulumi.Output.json_dumps(content),
            ),
        )

    def _operator(self, document: Any) -> pulumi.Output[str]:
        args = self._args
        role = self.make(
            "operator",
            iam.Role,
            iam.RoleArgs(
                name=self.physical_name("operator", "iam-role"),
                description="People start recorded sessions on the bastion, with a second factor, for an hour",
                max_session_duration=3600,
                assume_role_policy=pulumi.Output.json_dumps(pulumi.Output.from_input(args.account_id).apply(trust)),
            ),
        )
        permissions = pulumi.Output.all(args.account_id, document.arn, args.logs_key_arn).apply(
            lambda known: bastion_plan.operator(
                region=args.region,
                account_id=known[0],
                document_arn=known[1],
                key_arn=known[2],
                tags={key: self.tags()[key] for key in ("Environment", "Component")},
            )
        )
        self.make(
            "operator-policy",
            iam.RolePolicy,
            iam.RolePolicyArgs(name="operator", role=role.name, policy=pulumi.Output.json_dumps(permissions)),
        )
        arn: pulumi.Output[str] = role.arn
        return arn

    def _profile(self, log: LogGroup) -> Any:
        role = self.make(
            "host",
            iam.Role,
            iam.RoleArgs(
                name=self.physical_name("host", "iam-role"),
                description="The bastion takes sessions and records them",
                assume_role_policy=json.dumps(bastion_plan.HOST_TRUST),
            ),
        )
        args = self._args
        permissions = pulumi.Output.all(args.account_id, log.arn, args.logs_key_arn).apply(
            lambda known: bastion_plan.host(
                region=args.region, account_id=known[0], log_group_arn=known[1], key_arn=known[2]
            )
        )
        policy = self.make(
            "host-policy",
            iam.RolePolicy,
            iam.RolePolicyArgs(name="host", role=role.name, policy=pulumi.Output.json_dumps(permissions)),
        )
        return self.make(
            "profile",
            iam.InstanceProfile,
            iam.InstanceProfileArgs(name=self.physical_name("host", "iam-role"), role=role.name),
            pulumi.ResourceOptions(depends_on=[policy]),
        )

    def _template(self, profile: Any) -> Any:
        return self.make(
            "template",
            ec2.LaunchTemplate,
            ec2.LaunchTemplateArgs(
                name=self.physical_name(kind="launch-template"),
                # The latest image at each launch, as Systems Manager names it: another one is no difference in the plan.
                image_id=bastion_plan.IMAGE,
                update_default_version=True,
                iam_instance_profile=ec2.LaunchTemplateIamInstanceProfileArgs(arn=profile.arn),
                network_interfaces=[
                    ec2.LaunchTemplateNetworkInterfaceArgs(
                        device_index=0,
                        associate_public_ip_address="false",
                        delete_on_termination="true",
                        security_groups=[self._args.security_group_id],
                    )
                ],
                metadata_options=ec2.LaunchTemplateMetadataOptionsArgs(
                    http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
                ),
                monitoring=ec2.LaunchTemplateMonitoringArgs(enabled=True),
                # By EC2's own key: Auto Scaling's service-linked role may not use one of ours.
                block_device_mappings=[
                    ec2.LaunchTemplateBlockDeviceMappingArgs(
                        device_name="/dev/xvda",
                        ebs=ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
                            encrypted="true", volume_size=8, volume_type="gp3", delete_on_termination="true"
                        ),
                    )
                ],
                tag_specifications=[
                    ec2.LaunchTemplateTagSpecificationArgs(resource_type=kind, tags=self.tags())
                    for kind in ("instance", "volume")
                ],
                user_data=base64.b64encode(bastion_plan.USER_DATA.encode()).decode(),
            ),
        )

    def _group(self, template: Any) -> str:
        name = self.physical_name()
        specification = autoscaling.GroupMixedInstancesPolicyLaunchTemplateLaunchTemplateSpecificationArgs(
            launch_template_id=template.id, version="$Latest"
        )
        self.make(
            "",
            autoscaling.Group,
            autoscaling.GroupArgs(
                name=name,
                min_size=1,
                max_size=1,
                desired_capacity=1,
                vpc_zone_identifiers=self._args.subnet_ids,
                # Another one every week, of the latest image: that is how it is patched.
                max_instance_lifetime=bastion_plan.LIFETIME_SECONDS,
                health_check_type="EC2",
                mixed_instances_policy=autoscaling.GroupMixedInstancesPolicyArgs(
                    launch_template=autoscaling.GroupMixedInstancesPolicyLaunchTemplateArgs(
                        launch_template_specification=specification,
                        overrides=[
                            autoscaling.GroupMixedInstancesPolicyLaunchTemplateOverrideArgs(instance_type=each)
                            for each in bastion_plan.INSTANCE_TYPES
                        ],
                    )
                ),
                enabled_metrics=["GroupInServiceInstances"],
                tags=[
                    autoscaling.GroupTagArgs(key=key, value=value, propagate_at_launch=False)
                    for key, value in self.tags().items()
                ],
            ),
        )
        return name

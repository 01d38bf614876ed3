"""Settings of an account as a whole: what holds for everything in it, whoever makes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_aws import account, ebs, ec2, iam, s3, servicequotas, ssm

from components.base import Component, Transforms
from components.observability.signals import Query, Severity, Signal

#: Name → service and code of a quota (Service Quotas).
QUOTAS: Mapping[str, tuple[str, str]] = {
    "fargate-vcpu": ("fargate", "L-3032A538"),
    "fargate-spot-vcpu": ("fargate", "L-36FBB829"),
}


#: Quota → the class by which CloudWatch counts what is used of it (ECS Developer Guide, "AWS Fargate usage metrics").
USED: Mapping[str, str] = {"fargate-vcpu": "Standard/OnDemand", "fargate-spot-vcpu": "Standard/Spot"}

#: Percent of a quota from which somebody should ask for more: AWS takes days.
_NEAR = 80


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountBaselineArgs:
    """What an account is told.

    - contact_name, contact_email, contact_phone: whom AWS calls about security.
    - quotas: a name of QUOTAS → what is asked for; AWS answers within days, and never takes a raised quota back.
    """

    contact_name: str
    contact_email: str
    contact_phone: str
    quotas: Mapping[str, int]


class AccountBaseline(Component):
    """The account's own settings.

    Makes: ``aws:s3:AccountPublicAccessBlock`` (``buckets``), ``aws:ebs:EncryptionByDefault`` (``volumes``),
    ``aws:iam:AccountPasswordPolicy`` (``passwords``), ``aws:account:AlternativeContact`` (``contact``),
    ``aws:ssm:ServiceSetting`` (``documents``: no document of Systems Manager can be shared with everyone, ``scripts``: what
    its automation runs is logged), ``aws:ec2:VpcBlockPublicAccessOptions`` (``networks``: nothing is reached from the
    internet by an address of a VPC; CloudFront's VPC origins do not need that), ``aws:ebs:SnapshotBlockPublicAccess``
    (``snapshots``), ``aws:ec2:ImageBlockPublicAccess`` (``machine-images``) and an ``aws:servicequotas:ServiceQuota`` for each
    quota. What is used of those that CloudWatch counts is watched, asked for or not.
    """

    def __init__(
        self,
        name: str,
        args: AccountBaselineArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        self.make(
            "buckets",
            s3.AccountPublicAccessBlock,
            s3.AccountPublicAccessBlockArgs(
                block_public_acls=True,
                block_public_policy=True,
                ignore_public_acls=True,
                restrict_public_buckets=True,
            ),
        )
        self.make("volumes", ebs.EncryptionByDefault, ebs.EncryptionByDefaultArgs(enabled=True))
        self.make(
            "passwords",
            iam.AccountPasswordPolicy,
            iam.AccountPasswordPolicyArgs(
                minimum_password_length=14,
                password_reuse_prevention=24,
                max_password_age=90,
                require_lowercase_characters=True,
                require_uppercase_characters=True,
                require_numbers=True,
                require_symbols=True,
                allow_users_to_change_password=True,
            ),
        )
        self.make(
            "contact",
            account.AlternativeContact,
            account.AlternativeContactArgs(
                alternate_contact_type="SECURITY",
                name=args.contact_name,
                title="Security",
                email_address=args.contact_email,
                phone_number=args.contact_phone,
            ),
        )
        for role, path, value in (
            ("documents", "/ssm/documents/console/public-sharing-permission", "Disable"),
            ("scripts", "/ssm/automation/customer-script-log-destination", "CloudWatch"),
        ):
            self.make(role, ssm.ServiceSetting, ssm.ServiceSettingArgs(setting_id=path, setting_value=value))
        self.make(
            "networks",
            ec2.VpcBlockPublicAccessOptions,
            ec2.VpcBlockPublicAccessOptionsArgs(internet_gateway_block_mode="block-ingress"),
        )
        self.make(
            "snapshots",
            ebs.SnapshotBlockPublicAccess,
            ebs.SnapshotBlockPublicAccessArgs(state="block-all-sharing"),
        )
        self.make(
            "machine-images",
            ec2.ImageBlockPublicAccess,
            ec2.ImageBlockPublicAccessArgs(state="block-new-sharing"),
        )
        for quota, wanted in args.quotas.items():
            if quota not in QUOTAS:
                raise ValueError(f"account {name!r}: quota {quota!r}; accepted: {', '.join(QUOTAS)}")
            service, code = QUOTAS[quota]
            self.make(
                f"quota-{quota}",
                servicequotas.ServiceQuota,
                servicequotas.ServiceQuotaArgs(service_code=service, quota_code=code, value=wanted),
            )
        self.signals = [_near(name, kind) for name, kind in USED.items()]
        self.register_outputs({})


def _near(quota: str, kind: str) -> Signal:
    where = {"Service": "Fargate", "Type": "Resource", "Resource": "vCPU", "Class": kind}
    return Signal(
        name=f"{quota}-near",
        summary=f"More than {_NEAR} % of the quota {quota} is used: what scales next may be refused",
        expression="100 * used / SERVICE_QUOTA(used)",
        inputs={"used": Query("AWS/Usage", "ResourceCount", where, "Maximum")},
        threshold=_NEAR,
        period=300,
        periods=3,
        severity=Severity.TICKET,
        runbook="quota-near",
        unit_hint="%",
    )

"""A public zone of DNS: signed, its questions logged. Whoever holds it holds the platform's name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import cloudwatch, kms, route53

from components.base import Component, Transforms
from components.observability.log_group import LogGroup, LogGroupArgs, written_by
from components.security import key_policies
from components.security.keys import DELETION_DAYS, EDGE_REGION


@dataclass(frozen=True, kw_only=True, slots=True)
class ZoneArgs:
    """One zone.

    - domain: its name, without a dot at the end. account_id, region: of the stack.
    - logs_key_arn: KMS key of logs in us-east-1, where Route 53 writes them.
    - log_retention_days: how long questions are kept; default 365.
    """

    domain: str
    account_id: pulumi.Input[str]
    region: str
    logs_key_arn: pulumi.Input[str]
    log_retention_days: int = 365


class Zone(Component):
    """A hosted zone that the program refuses to delete.

    Makes: ``aws:route53:Zone`` (role ``""``); an `observability.LogGroup` (``questions``), ``aws:cloudwatch:LogResourcePolicy``
    (``log-delivery``) and ``aws:route53:QueryLog`` (``log``); ``aws:kms:Key`` (``signing``), ``aws:kms:Alias``
    (``signing-alias``), ``aws:route53:KeySigningKey`` (``signing-key``) and ``HostedZoneDnsSec`` (``signed``).

    A registrar has to be given `name_servers`, and then the parent `ds_record`: until then the signatures prove nothing, and
    do no harm.
    """

    zone_id: pulumi.Output[str]
    name_servers: pulumi.Output[Any]
    ds_record: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        args: ZoneArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        zone = self.make(
            "",
            route53.Zone,
            route53.ZoneArgs(name=args.domain, comment=f"{args.domain}, of {self.physical_name()}"),
            pulumi.ResourceOptions(protect=True),
        )
        self.zone_id = zone.zone_id
        self.name_servers = zone.name_servers
        elsewhere = None if args.region == EDGE_REGION else EDGE_REGION
        self._log(args, elsewhere)
        self._sign(args, elsewhere)
        self.register_outputs({"zone_id": self.zone_id, "name_servers": self.name_servers, "ds_record": self.ds_record})

    def _log(self, args: ZoneArgs, elsewhere: str | None) -> None:
        questions = LogGroup(
            self.child_name("questions"),
            LogGroupArgs(
                log_group_name=f"/aws/route53/{args.domain}",
                key_arn=args.logs_key_arn,
                retention_days=args.log_retention_days,
                region=elsewhere,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        delivery = self.make(
            "log-delivery",
            cloudwatch.LogResourcePolicy,
            cloudwatch.LogResourcePolicyArgs(
                policy_name=self.physical_name("questions"),
                policy_document=pulumi.Output.json_dumps(query_log_delivery(questions.arn, args.account_id)),
                region=elsewhere,
            ),
        )
        self.make(
            "log",
            route53.QueryLog,
            route53.QueryLogArgs(zone_id=self.zone_id, cloudwatch_log_group_arn=questions.arn),
            pulumi.ResourceOptions(depends_on=[delivery]),
        )

    def _sign(self, args: ZoneArgs, elsewhere: str | None) -> None:
        policy = pulumi.Output.from_input(args.account_id).apply(key_policies.signs_zones)
        key = self.make(
            "signing",
            kms.Key,
            kms.KeyArgs(
                description=f"Signs the zone {args.domain}",
                customer_master_key_spec="ECC_NIST_P256",
                key_usage="SIGN_VERIFY",
                deletion_window_in_days=DELETION_DAYS,
                policy=pulumi.Output.json_dumps(policy),
                region=elsewhere,
            ),
            pulumi.ResourceOptions(protect=True),
        )
        self.make(
            "signing-alias",
            kms.Alias,
            kms.AliasArgs(
                name=f"alias/{pulumi.get_project()}/{pulumi.get_stack()}/{self.name}-signing",
                target_key_id=key.id,
                region=elsewhere,
            ),
        )
        signing = self.make(
            "signing-key",
            route53.KeySigningKey,
            route53.KeySigningKeyArgs(
                hosted_zone_id=self.zone_id, key_management_service_arn=key.arn, name="first", status="ACTIVE"
            ),
        )
        self.ds_record = signing.ds_record
        self.make(
            "signed",
            route53.HostedZoneDnsSec,
            route53.HostedZoneDnsSecArgs(hosted_zone_id=self.zone_id, signing_status="SIGNING"),
            pulumi.ResourceOptions(depends_on=[signing]),
        )


def query_log_delivery(log_group_arn: pulumi.Input[str], account_id: pulumi.Input[str]) -> dict[str, Any]:
    """Who may write the log of questions: Route 53, for this account (Developer Guide, "Public DNS query logging")."""
    return written_by(
        "route53.amazonaws.com",
        "arn:aws:route53:::hostedzone/*",
        sid="Questions",
        log_group_arn=log_group_arn,
        account_id=account_id,
    )

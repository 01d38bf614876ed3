"""KMS keys: one per class of data, so that who may read logs is not thereby one who may read money."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import pulumi
from pulumi_aws import kms

from components.base import Component, Transforms
from components.security.key_policies import Purpose, document
from model.names import key_alias

#: Where CloudFront's web ACLs and certificates live, whatever the stack's Region.
EDGE_REGION = "us-east-1"

#: How long the deletion of a key can be taken back: the longest that KMS takes. What it encrypted is lost with it.
DELETION_DAYS = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class KeysArgs:
    """Where the keys live.

    - account_id, region: of the stack.
    - edge: also make a key for what CloudFront serves, and one for logs in us-east-1, where its web ACL logs (default False).
    - backups_read_by: another account whose AWS Backup copies what the data key encrypts; default None.
    - deletion_protection: the program refuses to delete or replace a key; default True; False must be relaxed as
      ``deletion_protection``.
    - relaxed: what of the above is relaxed → why.
    """

    account_id: pulumi.Input[str]
    region: str
    edge: bool = False
    backups_read_by: str | None = None
    deletion_protection: bool = True
    relaxed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyArgs:
    """One key: for what, and where; `elsewhere` if `region` is not the stack's own."""

    purpose: Purpose
    account_id: pulumi.Input[str]
    region: str
    elsewhere: bool = False


class Key(Component):
    """A customer managed key of one purpose, rotated every year, which the program refuses to delete.

    Makes: ``aws:kms:Key`` (role ``""``) and ``aws:kms:Alias`` (``alias``).
    """

    arn: pulumi.Output[str]
    alias: str

    def __init__(
        self,
        name: str,
        args: KeyArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        known = pulumi.Output.from_input(args.account_id)
        elsewhere = args.region if args.elsewhere else None
        key = self.make(
            "",
            kms.Key,
            kms.KeyArgs(
                description=f"{args.purpose.capitalize()} of {pulumi.get_project()} {pulumi.get_stack()}",
                enable_key_rotation=True,
                deletion_window_in_days=DELETION_DAYS,
                policy=pulumi.Output.json_dumps(known.apply(lambda id_: document(args.purpose, id_, args.region))),
                region=elsewhere,
            ),
            pulumi.ResourceOptions(protect=True),
        )
        self.arn = key.arn
        self.alias = key_alias(pulumi.get_project(), pulumi.get_stack(), args.purpose)
        self.make("alias", kms.Alias, kms.AliasArgs(name=self.alias, target_key_id=key.id, region=elsewhere))
        self.register_outputs({"arn": self.arn, "alias": self.alias})


class Keys(Component):
    """Customer managed keys, rotated every year.

    Makes, by purpose (``data``, ``logs``, ``secrets``, and ``site`` and ``edge-logs`` as asked): ``aws:kms:Key``
    (``<purpose>``) and ``aws:kms:Alias`` (``<purpose>-alias``).

    ARNs: `data` (databases, caches, buckets), `site` (the bucket that CloudFront reads; None without `edge`), `logs` (log
    groups, alarm topics), `secrets` (Secrets Manager, SSM parameters), `edge_logs` (log groups in us-east-1; None without
    `edge`; `logs` itself where the stack is in us-east-1).
    """

    RELAXABLE: ClassVar[Mapping[str, str]] = {
        "deletion_protection": "a key can be scheduled for deletion with all that it encrypts",
    }

    def __init__(
        self,
        name: str,
        args: KeysArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform, relaxed=args.relaxed)
        self.require("deletion_protection", args.deletion_protection)
        self.data = self._key("data", Purpose.DATA, args, args.region)
        self.logs = self._key("logs", Purpose.LOGS, args, args.region)
        self.secrets = self._key("secrets", Purpose.SECRETS, args, args.region)
        self.site = self._key("site", Purpose.SITE, args, args.region) if args.edge else None
        self.edge_logs: pulumi.Output[str] | None = None
        if args.edge and args.region == EDGE_REGION:
            self.edge_logs = self.logs
        elif args.edge:
            self.edge_logs = self._key("edge-logs", Purpose.LOGS, args, EDGE_REGION)
        self.register_outputs({"data": self.data, "logs": self.logs, "secrets": self.secrets})

    def _key(self, role: str, purpose: Purpose, args: KeysArgs, region: str) -> pulumi.Output[str]:
        copied_by = args.backups_read_by if purpose is Purpose.DATA else None
        policy = pulumi.Output.from_input(args.account_id).apply(
            lambda account_id: json.dumps(document(purpose, account_id, region, copied_by=copied_by))
        )
        elsewhere = None if region == args.region else region
        key = self.make(
            role,
            kms.Key,
            kms.KeyArgs(
                description=f"{role.replace('-', ' ').capitalize()} of {pulumi.get_project()} {pulumi.get_stack()}",
                enable_key_rotation=True,
                deletion_window_in_days=DELETION_DAYS,
                policy=policy,
                region=elsewhere,
            ),
            pulumi.ResourceOptions(protect=args.deletion_protection),
        )
        self.make(
            f"{role}-alias",
            kms.Alias,
            kms.AliasArgs(
                name=key_alias(pulumi.get_project(), pulumi.get_stack(), role), target_key_id=key.id, region=elsewhere
            ),
        )
        arn: pulumi.Output[str] = key.arn
        return arn

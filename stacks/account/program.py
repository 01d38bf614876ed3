"""An AWS account of the platform, composed: keys, its record, its detectors, its settings, delivery, cost, and what rings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_aws as aws

from components.cost.brake import Brake, BrakeArgs
from components.cost.spending import Spending, SpendingArgs
from components.data.bucket import Bucket, BucketArgs
from components.data.replication import Replica, Replication, ReplicationArgs
from components.delivery.image_registry import ImageRegistry, ImageRegistryArgs
from components.delivery.pipeline import Pipeline, PipelineArgs
from components.edge.zone import Zone, ZoneArgs
from components.observability.monitoring import Monitoring, MonitoringArgs
from components.security.account_baseline import AccountBaseline, AccountBaselineArgs
from components.security.detectors import Detectors, DetectorsArgs
from components.security.key_policies import Purpose
from components.security.keys import EDGE_REGION, Key, KeyArgs
from components.security.people_roles import PeopleRoles, PeopleRolesArgs
from components.security.trail import Trail, TrailArgs
from environments.account import AccountSettings
from model.names import IMAGE_REPOSITORY, STATE, TRAIL_RECORDS, bucket_stem, key_alias, replica
from stacks.access_logs import access_log_bucket
from stacks.facts import Facts, fact


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountFacts(Facts):
    """What people, CI and other stacks must know of an account."""

    image_repository: pulumi.Input[str] = field(
        metadata=fact("123456789012.dkr.ecr.ap-south-1.amazonaws.com/matchday/services")
    )
    state_bucket: pulumi.Input[str] = field(metadata=fact("matchday-account-state-123456789012"))
    secrets_provider: pulumi.Input[str] = field(metadata=fact("awskms://alias/matchday/account/state"))
    preview_role_arn: pulumi.Input[str] = field(
        metadata=fact("arn:aws:iam::123456789012:role/matchday-account-ci-preview")
    )
    deploy_role_arn: pulumi.Input[str] = field(
        metadata=fact("arn:aws:iam::123456789012:role/matchday-account-ci-deploy")
    )
    branch_role_arn: pulumi.Input[str] | None = field(
        metadata=fact("arn:aws:iam::123456789012:role/matchday-account-ci-branch")
    )
    records_bucket: pulumi.Input[str] = field(metadata=fact("matchday-account-trail-records-123456789012"))
    zone_ids: pulumi.Input[Mapping[str, pulumi.Input[str]]] = field(
        metadata=fact({"matchday.example": "Z04444555566667777ABC"})
    )
    name_servers: pulumi.Input[Mapping[str, Any]] = field(
        metadata=fact({"matchday.example": ["ns-1.awsdns-01.com", "ns-2.awsdns-02.net"]})
    )
    ds_records: pulumi.Input[Mapping[str, pulumi.Input[str]]] = field(
        metadata=fact({"matchday.example": "2371 13 2 1F987CC6583E92DF0890718C42"})
    )


class Account:
    """Attributes are the components; `outputs` the stack's."""

    def __init__(self, settings: AccountSettings, *, pager: str | None = None) -> None:
        account_id: pulumi.Output[str] = aws.get_caller_identity_output().account_id
        keys = {
            purpose: Key(f"{purpose}-key", KeyArgs(purpose=purpose, account_id=account_id, region=settings.region))
            for purpose in (Purpose.AUDIT, Purpose.STATE, Purpose.IMAGES)
        }
        audit = keys[Purpose.AUDIT].arn
        access_logs = access_log_bucket(account_id, settings.region)
        self.trail = Trail(
            "trail",
            TrailArgs(
                account_id=account_id,
                region=settings.region,
                key_arn=audit,
                log_bucket=access_logs.bucket_name,
                log_retention_days=settings.log_retention_days,
            ),
        )
        self.detectors = Detectors(
            "detectors",
            DetectorsArgs(
                account_id=account_id,
                region=settings.region,
                records_bucket=self.trail.bucket.bucket_name,
                records_key_arn=audit,
                recorded_after=self.trail.access.policy,
            ),
        )
        self.baseline = AccountBaseline(
            "baseline",
            AccountBaselineArgs(
                contact_name=settings.contact.name,
                contact_email=settings.contact.email,
                contact_phone=settings.contact.phone,
                quotas={str(name): value for name, value in settings.quotas.items()},
            ),
        )
        self.registry = ImageRegistry(
            "images",
            ImageRegistryArgs(
                repository=IMAGE_REPOSITORY,
                account_id=account_id,
                key_arn=keys[Purpose.IMAGES].arn,
                replica_region=settings.recovery_region,
            ),
        )
        self.state = Bucket(
            STATE,
            BucketArgs(
                account_id=account_id,
                key_arn=keys[Purpose.STATE].arn,
                # Every earlier state of a year, for the day on which one is damaged.
                noncurrent_days=365,
                log_bucket=access_logs.bucket_name,
            ),
        )
        if settings.recovery is not None:
            self._copies(settings, settings.recovery, account_id, keys)
        self.pipeline = Pipeline(
            "ci",
            PipelineArgs(
                repository=settings.delivery.repository,
                environments=settings.delivery.environments,
                planning=settings.delivery.planning,
                branches=settings.delivery.branches,
                image_repository=IMAGE_REPOSITORY,
                account_id=account_id,
                state_bucket_arn=self.state.arn,
                state_key_arn=keys[Purpose.STATE].arn,
            ),
        )
        self.zones = self._zones(settings, account_id)
        PeopleRoles("people", PeopleRolesArgs(account_id=account_id))
        spending = Spending(
            "spending",
            SpendingArgs(
                monthly=settings.budget.monthly,
                currency=settings.budget.currency,
                emails=settings.budget.emails,
                anomaly=settings.budget.anomaly,
            ),
        )
        # Who makes environments: CI's, those of pull requests among them. People with the emergency role are not held.
        making = {"deploy": self.pipeline.deploy_role_arn}
        if self.pipeline.branch_role_arn is not None:
            making["branch"] = self.pipeline.branch_role_arn
        Brake(
            "brake",
            BrakeArgs(
                account_id=account_id,
                budget_name=spending.budget_name,
                role_arns=making,
                emails=settings.budget.emails,
            ),
        )
        self.monitoring = Monitoring(
            "monitoring",
            MonitoringArgs(
                account_id=account_id,
                region=settings.region,
                key_arn=audit,
                page_emails=settings.alarms.page,
                ticket_emails=settings.alarms.ticket,
                pager=pager,
            ),
        )
        self.facts = AccountFacts(
            image_repository=self.registry.url,
            state_bucket=self.state.bucket_name,
            secrets_provider=f"awskms://{keys[Purpose.STATE].alias}?region={settings.region}",
            preview_role_arn=self.pipeline.preview_role_arn,
            deploy_role_arn=self.pipeline.deploy_role_arn,
            branch_role_arn=self.pipeline.branch_role_arn,
            records_bucket=self.trail.bucket.bucket_name,
            zone_ids={domain: zone.zone_id for domain, zone in self.zones.items()},
            name_servers={domain: zone.name_servers for domain, zone in self.zones.items()},
            ds_records={domain: zone.ds_record for domain, zone in self.zones.items()},
        )

    def _copies(
        self,
        settings: AccountSettings,
        recovery: str,
        account_id: pulumi.Output[str],
        keys: Mapping[Purpose, Key],
    ) -> None:
        """Pulumi's state and the trail's records, as they come, in the stack `recovery` of the other Region."""
        for name, bucket, purpose in (
            (STATE, self.state, Purpose.STATE),
            (TRAIL_RECORDS, self.trail.bucket, Purpose.AUDIT),
        ):
            project, stack = pulumi.get_project(), pulumi.get_stack()
            Replication(
                f"{name}-replication",
                ReplicationArgs(
                    bucket=bucket,
                    key_arn=keys[purpose].arn,
                    region=settings.region,
                    locked=name == TRAIL_RECORDS,
                    replica=Replica.of(
                        settings.recovery_region,
                        account_id,
                        bucket_stem(project, recovery, replica(stack, name)),
                        key_alias(project, recovery, Purpose.BACKUPS),
                    ),
                ),
            )

    def _zones(self, settings: AccountSettings, account_id: pulumi.Output[str]) -> dict[str, Zone]:
        """A zone for each name, by name; Route 53 logs their questions in us-east-1."""
        if not settings.zones:
            return {}
        key = Key(
            "questions-key",
            KeyArgs(
                purpose=Purpose.LOGS,
                account_id=account_id,
                region=EDGE_REGION,
                elsewhere=settings.region != EDGE_REGION,
            ),
        )
        return {
            domain: Zone(
                f"zone-{domain.replace('.', '-')}",
                ZoneArgs(
                    domain=domain,
                    account_id=account_id,
                    region=settings.region,
                    logs_key_arn=key.arn,
                    log_retention_days=settings.log_retention_days,
                ),
            )
            for domain in settings.zones
        }

    @property
    def outputs(self) -> Mapping[str, Any]:
        """The stack's outputs."""
        return self.facts.outputs()

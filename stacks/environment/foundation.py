"""What everything else of an environment stands on: keys, network, security groups, and the bucket of access logs."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_aws as aws

from components.data import bucket_policy
from components.data.bucket import Bucket, BucketAccess, BucketAccessArgs, BucketArgs
from components.data.replication import Replica, Replication, ReplicationArgs
from components.delivery.pipeline_policies import boundary_arn
from components.network.dns_firewall import DnsFirewall, DnsFirewallArgs
from components.network.vpc import FARGATE_ENDPOINTS, Vpc, VpcArgs
from components.register import register
from components.security.bastion import Bastion, BastionArgs
from components.security.groups import SecurityGroups, SecurityGroupsArgs
from components.security.key_policies import Purpose
from components.security.keys import Keys, KeysArgs
from environments.branches import number_of
from environments.settings import EnvironmentSettings
from model.catalog import Catalog
from model.names import bucket_stem, key_alias, replica
from model.vocabulary import DnsFirewallMode as Mode
from stacks.flows import BASTION, CLOUDFRONT, ENDPOINTS, S3, flows, groups, has_egress, nat
from stacks.partners import domains

#: AWS's own list of the addresses from which CloudFront calls origins.
CLOUDFRONT_ADDRESSES = "com.amazonaws.global.cloudfront.origin-facing"

#: Days that access logs are kept in their bucket.
ACCESS_LOG_DAYS = 400


def _own_apis(settings: EnvironmentSettings, catalog: Catalog) -> tuple[str, ...]:
    """Endpoints of AWS's APIs that services and the bastion call, beside what Fargate needs to start; S3 has a gateway."""
    encrypts = any(service.data_key for service in catalog.services.values())
    traces = ("xray",) if settings.compute.traces is not None else ()
    if settings.network.bastion:
        return ("kms", "ssmmessages", *traces)  # a session is encrypted by the bastion itself
    return ("kms", *traces) if encrypts else traces


class Foundation:
    """Attributes are the components; `bucket` makes a private bucket the way this environment makes them all."""

    def __init__(self, settings: EnvironmentSettings, catalog: Catalog) -> None:
        self._settings = settings
        self.region = settings.region
        self.account_id: pulumi.Output[str] = aws.get_caller_identity_output().account_id
        if number_of(pulumi.get_stack()) is not None:  # nobody has reviewed what its program lets its roles do
            project = pulumi.get_project()
            register().boundary = self.account_id.apply(lambda account: boundary_arn(account, project))
        self.keys = Keys(
            "keys",
            KeysArgs(
                account_id=self.account_id,
                region=settings.region,
                edge=True,
                backups_read_by=recovery.account.number
                if (recovery := settings.recovery) and recovery.account
                else None,
                deletion_protection=settings.protected,
                relaxed=settings.reasons(deletion_protection="deletion_protection"),
            ),
        )
        self.access_logs = self._access_logs()
        endpoints = settings.network.interface_endpoints
        self.vpc = Vpc(
            "network",
            VpcArgs(
                cidr=settings.network.cidr,
                availability_zones=settings.availability_zones,
                account_id=self.account_id,
                logs_key_arn=self.keys.logs,
                nat=nat(settings.network.nat, catalog, interface_endpoints=endpoints),
                interface_endpoints=(*FARGATE_ENDPOINTS, *_own_apis(settings, catalog)) if endpoints else (),
                flow_log_retention_days=settings.logs.retention_days,
                flow_log_bucket_arn=self.access_logs.arn if settings.network.flow_logs == "s3" else None,
                dual_stack=settings.network.dual_stack,
                ipv6_egress=has_egress(catalog),
            ),
            pulumi.ResourceOptions(depends_on=[self.access_logs_policy] if settings.network.flow_logs == "s3" else []),
        )
        if settings.network.dns_firewall is not Mode.OFF:
            DnsFirewall(
                "dns-firewall",
                DnsFirewallArgs(
                    vpc_id=self.vpc.vpc_id, domains=domains(settings, catalog), mode=settings.network.dns_firewall
                ),
            )
        self.groups = self._security_groups(catalog)
        if settings.network.bastion:
            Bastion(
                "bastion",
                BastionArgs(
                    account_id=self.account_id,
                    region=settings.region,
                    subnet_ids=self.vpc.private_subnet_ids,
                    security_group_id=self.groups.ids[BASTION],
                    logs_key_arn=self.keys.logs,
                    log_retention_days=settings.logs.retention_days,
                ),
            )

    def bucket(self, name: str, *, key_arn: pulumi.Input[str] | None = None, **more: Any) -> Bucket:
        """A private bucket under the data key, or the one given; `more`: further arguments of BucketArgs."""
        return Bucket(
            name,
            BucketArgs(
                account_id=self.account_id,
                key_arn=self.keys.data if key_arn is None else key_arn,
                log_bucket=self.access_logs.bucket_name,
                deletion_protection=self._settings.protected,
                relaxed=self._settings.reasons(deletion_protection="deletion_protection"),
                **more,
            ),
        )

    def replicate(self, name: str, bucket: Bucket, key_arn: pulumi.Input[str], purpose: Purpose) -> Replica | None:
        """Copy what comes into `bucket` to the recovery Region's copy of it, if the settings have such a Region; `purpose` is
        of the key there. The copy is named, not asked for: the day on which it cannot be reached stops no `up`."""
        recovery = self._settings.recovery
        if recovery is None:
            return None
        copy = Replica.of(
            recovery.region,
            self.account_id,
            bucket_stem(pulumi.get_project(), recovery.stack, replica(self._settings.stack, name)),
            key_alias(pulumi.get_project(), recovery.stack, purpose),
        )
        Replication(
            f"{name}-replication",
            ReplicationArgs(bucket=bucket, key_arn=key_arn, region=self._settings.region, replica=copy),
        )
        return copy

    def _security_groups(self, catalog: Catalog) -> SecurityGroups:
        settings = self._settings
        endpoints = settings.network.interface_endpoints
        prefix_lists: dict[str, pulumi.Input[str]] = {S3: self.vpc.s3_prefix_list_id}
        if settings.behind_cdn:
            prefix_lists[CLOUDFRONT] = aws.ec2.get_managed_prefix_list_output(name=CLOUDFRONT_ADDRESSES).id
        return SecurityGroups(
            "security",
            SecurityGroupsArgs(
                vpc_id=self.vpc.vpc_id,
                groups=groups(catalog, bastion=settings.network.bastion),
                flows=flows(
                    catalog,
                    behind_cdn=settings.behind_cdn,
                    interface_endpoints=endpoints,
                    bastion=settings.network.bastion,
                    dual_stack=settings.network.dual_stack,
                ),
                existing={ENDPOINTS: self.vpc.endpoint_security_group_id} if endpoints else {},
                prefix_lists=prefix_lists,
            ),
        )

    def _access_logs(self) -> Bucket:
        """The bucket of access logs; it takes none of its own, which would never end."""
        settings = self._settings
        bucket = Bucket(
            "access-logs",
            BucketArgs(
                account_id=self.account_id,
                statements=None,
                expire_days=ACCESS_LOG_DAYS,
                deletion_protection=settings.protected,
                relaxed={
                    "kms": "load balancers and S3 deliver access logs only to buckets with S3's own keys",
                    "access_logs": "logs of the log bucket in the log bucket would never end",
                    **settings.reasons(deletion_protection="deletion_protection"),
                },
            ),
        )
        deliveries = pulumi.Output.all(bucket.arn, self.account_id).apply(
            lambda known: bucket_policy.log_deliveries(known[0], known[1], settings.region)
        )
        self.access_logs_policy = BucketAccess(
            "access-logs-policy",
            BucketAccessArgs(bucket=bucket, statements=deliveries),
        )
        return bucket

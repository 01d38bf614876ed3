"""An environment of the platform: network, data, services, edge and what watches them, composed from components."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.compute.application import Application, ApplicationArgs, Platform, ProcessArgs
from components.compute.cluster import Cluster, ClusterArgs
from components.compute.containers import REPOSITORY
from components.compute.scaling import Bounds
from components.compute.service_plan import Kind
from components.data import bucket_policy
from components.data.bucket import Bucket, BucketAccess, BucketAccessArgs, BucketArgs
from components.data.database_events import DatabaseEvents, DatabaseEventsArgs
from components.data.parameters import Parameters, ParametersArgs
from components.data.postgres import Postgres, PostgresArgs
from components.data.redis import Redis, RedisArgs
from components.data.redis_plan import Mode
from components.edge.cdn import Cdn, CdnArgs, read_statement
from components.edge.load_balancer import LoadBalancer, LoadBalancerArgs
from components.edge.routes import Route
from components.edge.web_acl import Scope, WebAcl, WebAclArgs
from components.network.vpc import FARGATE_ENDPOINTS, NatMode, Vpc, VpcArgs
from components.observability.burn_rates import Objective
from components.observability.monitoring import Monitoring, MonitoringArgs
from components.security.groups import SecurityGroups, SecurityGroupsArgs
from components.security.keys import Keys, KeysArgs
from environments.settings import EnvironmentSettings
from model.catalog import Catalog
from model.manifest import Process, ServiceManifest
from model.vocabulary import Slo
from stacks.flows import CLOUDFRONT, ENDPOINTS, LOAD_BALANCER, S3, flows, groups

#: AWS's own list of the addresses from which CloudFront calls origins.
CLOUDFRONT_ADDRESSES = "com.amazonaws.global.cloudfront.origin-facing"

#: Days that access logs are kept in their bucket.
ACCESS_LOG_DAYS = 400


class Environment:
    """Composes one environment. Attributes are the components, in the order in which they are made; `outputs` the stack's."""

    def __init__(self, settings: EnvironmentSettings, catalog: Catalog) -> None:
        self.settings = settings
        self.catalog = catalog
        self.account_id: pulumi.Output[str] = aws.get_caller_identity_output().account_id
        self.keys = Keys("keys", KeysArgs(account_id=self.account_id, region=settings.region, edge=True))
        self.vpc = Vpc(
            "network",
            VpcArgs(
                cidr=settings.network.cidr,
                availability_zones=settings.availability_zones,
                account_id=self.account_id,
                log_key_arn=self.keys.logs,
                nat=NatMode(settings.network.nat.value),
                interface_endpoints=FARGATE_ENDPOINTS if settings.network.interface_endpoints else (),
                flow_log_retention_days=settings.logs.retention_days,
            ),
        )
        self.groups = self._security_groups()
        self.access_logs = self._access_logs()
        self.postgres = self._postgres()
        self.broker = self._redis(Mode.BROKER)
        self.cache = self._redis(Mode.CACHE)
        self.load_balancer = self._load_balancer()
        self.cluster = Cluster(
            "cluster",
            ClusterArgs(
                logs_key_arn=self.keys.logs,
                insights=settings.compute.insights,
                log_retention_days=settings.logs.retention_days,
            ),
        )
        self.applications = self._applications()
        self.cdn = self._edge()
        self.monitoring = self._monitoring()
        self.outputs = self._outputs()

    def _relaxed(self, **relaxations: str) -> dict[str, str]:
        """What a component is relaxed in, and why: its own name for it → the settings' name, as far as they relax that."""
        reasons: Mapping[str, str] = {str(name): reason for name, reason in self.settings.relaxed.items()}
        return {default: reasons[name] for default, name in relaxations.items() if name in reasons}

    def _security_groups(self) -> SecurityGroups:
        network = self.settings.network
        allowed = flows(
            self.catalog,
            behind_cdn=self.settings.behind_cdn,
            interface_endpoints=network.interface_endpoints,
        )
        prefix_lists: dict[str, pulumi.Input[str]] = {S3: self.vpc.s3_prefix_list_id}
        if self.settings.behind_cdn:
            prefix_lists[CLOUDFRONT] = aws.ec2.get_managed_prefix_list_output(name=CLOUDFRONT_ADDRESSES).id
        return SecurityGroups(
            "security",
            SecurityGroupsArgs(
                vpc_id=self.vpc.vpc_id,
                groups=groups(self.catalog),
                flows=allowed,
                existing={ENDPOINTS: self.vpc.endpoint_security_group_id} if network.interface_endpoints else {},
                prefix_lists=prefix_lists,
            ),
        )

    def _access_logs(self) -> Bucket:
        """The bucket of access logs; it takes none of its own, which would never end."""
        bucket = Bucket(
            "access-logs",
            BucketArgs(
                account_id=self.account_id,
                statements=None,
                expire_days=ACCESS_LOG_DAYS,
                deletion_protection=self.settings.protected,
                relaxed={
                    "kms": "load balancers and S3 deliver access logs only to buckets with S3's own keys",
                    "access_logs": "logs of the log bucket in the log bucket would never end",
                    **self._relaxed(deletion_protection="deletion_protection"),
                },
            ),
        )
        deliveries = pulumi.Output.all(bucket.arn, self.account_id).apply(
            lambda known: bucket_policy.log_deliveries(known[0], known[1], self.settings.region)
        )
        self.access_logs_policy = BucketAccess(
            "access-logs-policy",
            BucketAccessArgs(bucket=bucket, statements=deliveries),
        )
        return bucket

    def _postgres(self) -> Postgres:
        settings = self.settings
        return Postgres(
            "postgres",
            PostgresArgs(
                subnet_ids=self.vpc.data_subnet_ids,
                security_group_id=self.groups.ids["postgres"],
                data_key_arn=self.keys.data,
                secrets_key_arn=self.keys.secrets,
                logs_key_arn=self.keys.logs,
                instance_class=settings.postgres.instance_class,
                storage_gb=settings.postgres.storage_gb,
                max_storage_gb=settings.postgres.max_storage_gb,
                max_connections=settings.postgres.max_connections,
                multi_az=settings.highly_available,
                replicas=settings.postgres.replicas,
                backup_days=settings.postgres.backup_days,
                insights=settings.postgres.insights,
                monitoring_seconds=settings.postgres.monitoring_seconds,
                log_retention_days=settings.logs.retention_days,
                deletion_protection=settings.protected,
                tls="tls_inside" not in settings.relaxed,
                relaxed=self._relaxed(
                    multi_az="high_availability", deletion_protection="deletion_protection", tls="tls_inside"
                ),
            ),
        )

    def _redis(self, mode: Mode) -> Redis:
        settings = self.settings
        sizes = settings.broker if mode is Mode.BROKER else settings.cache
        failover = {} if sizes.replicas else self._relaxed(failover="high_availability")
        return Redis(
            mode.value,
            RedisArgs(
                mode=mode,
                subnet_ids=self.vpc.data_subnet_ids,
                security_group_id=self.groups.ids[mode.value],
                data_key_arn=self.keys.data,
                secrets_key_arn=self.keys.secrets,
                logs_key_arn=self.keys.logs,
                node_type=sizes.node_type,
                shards=settings.cache.shards if mode is Mode.CACHE else 1,
                replicas=sizes.replicas,
                snapshot_days=sizes.snapshot_days,
                log_retention_days=settings.logs.retention_days,
                deletion_protection=settings.protected,
                tls="tls_inside" not in settings.relaxed,
                relaxed={**self._relaxed(deletion_protection="deletion_protection", tls="tls_inside"), **failover},
            ),
        )

    def _load_balancer(self) -> LoadBalancer:
        settings = self.settings
        balancer = LoadBalancer(
            "load-balancer",
            LoadBalancerArgs(
                vpc_id=self.vpc.vpc_id,
                subnet_ids=self.vpc.public_subnet_ids,
                security_group_id=self.groups.ids[LOAD_BALANCER],
                routes=[
                    Route(
                        name=name,
                        patterns=service.paths,
                        port=service.port,
                        drain_seconds=service.drain_seconds,
                        objectives=[_objective(slo) for slo in service.slos],
                    )
                    for name, service in self.catalog.services.items()
                    if service.paths
                ],
                certificate_arn=settings.edge.certificate_arn,
                access_logs_bucket=self.access_logs.bucket_name,
                deletion_protection=settings.protected,
                relaxed=self._relaxed(https="https", deletion_protection="deletion_protection"),
            ),
            # ELB writes a test object when access logs are turned on; the bucket must let it.
            pulumi.ResourceOptions(depends_on=[self.access_logs_policy]),
        )
        self.web_acl = self._web_acl("web-acl", Scope.REGIONAL, self.keys.logs, balancer.arn)
        return balancer

    def _web_acl(
        self, name: str, scope: Scope, key_arn: pulumi.Input[str], protects: pulumi.Input[str] | None = None
    ) -> WebAcl:
        settings = self.settings
        return WebAcl(
            name,
            WebAclArgs(
                scope=scope,
                region=settings.region,
                log_key_arn=key_arn,
                resource_arn=protects,
                rate_limit=settings.edge.requests_per_five_minutes,
                path_rate_limits={
                    prefix: limit
                    for service in self.catalog.services.values()
                    for prefix, limit in service.rate_limits.items()
                },
                allowed_countries=settings.edge.countries,
                behind_cdn=scope is Scope.REGIONAL and settings.behind_cdn,
                log_retention_days=settings.logs.retention_days,
            ),
        )

    def _edge(self) -> Cdn:
        settings = self.settings
        assert self.keys.edge_logs is not None
        self.site = self._bucket("site", statements=None)
        self.cdn_web_acl = self._web_acl("cdn-web-acl", Scope.CLOUDFRONT, self.keys.edge_logs)
        domain = settings.edge.domain
        cdn = Cdn(
            "cdn",
            CdnArgs(
                region=settings.region,
                site_bucket_domain=self.site.regional_domain_name,
                api_domain=self.load_balancer.dns_name,
                api_patterns=[path for service in self.catalog.services.values() for path in service.paths],
                web_acl_arn=self.cdn_web_acl.arn,
                api_https=settings.behind_cdn,
                log_bucket_arn=self.access_logs.arn,
                aliases=[domain] if domain else [],
                certificate_arn=settings.edge.cdn_certificate_arn,
                price_class=settings.edge.price_class,
                relaxed=self._relaxed(origin_tls="https", certificate="https"),
            ),
            pulumi.ResourceOptions(depends_on=[self.access_logs_policy]),
        )
        BucketAccess(
            "site-policy",
            BucketAccessArgs(bucket=self.site, statements=[read_statement(self.site.arn, cdn.arn)]),
        )
        return cdn

    def _bucket(self, name: str, **more: Any) -> Bucket:
        return Bucket(
            name,
            BucketArgs(
                account_id=self.account_id,
                key_arn=self.keys.data,
                log_bucket=self.access_logs.bucket_name,
                deletion_protection=self.settings.protected,
                relaxed=self._relaxed(deletion_protection="deletion_protection"),
                **more,
            ),
        )

    def _platform(self) -> Platform:
        settings = self.settings
        registry: pulumi.Input[str] = settings.image.registry or pulumi.Output.concat(
            self.account_id, f".dkr.ecr.{settings.region}.amazonaws.com"
        )
        own = pulumi.Output.concat(f"arn:aws:ecr:{settings.region}:", self.account_id, f":repository/{REPOSITORY}")
        return Platform(
            account_id=self.account_id,
            region=settings.region,
            cluster=self.cluster,
            subnet_ids=self.vpc.private_subnet_ids,
            image=pulumi.Output.concat(registry, f"/{REPOSITORY}:{settings.image.tag}"),
            repository_arn=None if settings.image.registry else own,
            logs_key_arn=self.keys.logs,
            secrets_key_arn=self.keys.secrets,
            data_key_arn=self.keys.data,
            log_level=settings.compute.log_level,
            log_retention_days=settings.logs.retention_days,
            deletion_protection=settings.protected,
            scaled=settings.compute.scaling,
            spot_percent=settings.compute.spot_percent,
            # CloudFront writes the viewer's address to X-Forwarded-For, then the load balancer CloudFront's.
            trusted_proxies=2 if settings.behind_cdn else 1,
        )

    def _applications(self) -> dict[str, Application]:
        platform = self._platform()
        made: dict[str, Application] = {}
        for service in self.catalog.deployment_order:
            made[service.name] = Application(service.name, self._application(service, platform, made))
        return made

    def _application(
        self, service: ServiceManifest, platform: Platform, made: Mapping[str, Application]
    ) -> ApplicationArgs:
        called = {name: f"http://{name}:{self.catalog.services[name].port}" for name in service.calls}
        return ApplicationArgs(
            platform=platform,
            processes={name: _process(process) for name, process in service.processes.items()},
            security_group_id=self.groups.ids[service.name],
            port=service.port,
            target=self.load_balancer.target_groups.get(service.name),
            postgres=self.postgres.connection if "postgres" in service.datastores else None,
            broker=self.broker.connection if "broker" in service.datastores else None,
            cache=self.cache.connection if "cache" in service.datastores else None,
            secrets={secret.name: secret.length for secret in service.secrets},
            calls=called,
            buckets={name: self._bucket(f"{service.name}-{name}") for name in service.buckets},
            drain_seconds=service.drain_seconds,
            after=[each for name in service.calls for each in made[name].services.values()],
        )

    def _monitoring(self) -> Monitoring:
        settings = self.settings
        services = [service for application in self.applications.values() for service in application.services.values()]
        watched: list[Component] = [
            self.vpc,
            self.postgres,
            self.broker,
            self.cache,
            self.load_balancer,
            self.web_acl,
            self.cluster,
            *self.applications.values(),
            *services,
            self.cdn,
            self.cdn_web_acl,
        ]
        monitoring = Monitoring(
            "monitoring",
            MonitoringArgs(
                components=watched,
                account_id=self.account_id,
                region=settings.region,
                key_arn=self.keys.logs,
                edge_key_arn=self.keys.edge_logs,
                page_emails=settings.alarms.page,
                ticket_emails=settings.alarms.ticket,
            ),
        )
        DatabaseEvents("database-events", DatabaseEventsArgs(topic_arn=monitoring.ticket_topic_arn))
        return monitoring

    def _outputs(self) -> dict[str, Any]:
        """What operators and the delivery scripts need; names of secrets, never their values."""
        domain = self.settings.edge.domain
        applications = self.applications.values()
        outputs: dict[str, Any] = {
            "url": f"https://{domain}" if domain else self.load_balancer.url,
            "services": {
                name: {process: service.service_name for process, service in application.services.items()}
                for name, application in self.applications.items()
            },
            "cluster_name": self.cluster.cluster_name,
            "postgres_host": self.postgres.connection.host,
            "broker_host": self.broker.connection.host,
            "cache_host": self.cache.connection.host,
            "cdn_domain": self.cdn.domain_name,
            "site_bucket": self.site.bucket_name,
            "secret_names": sorted(name for application in applications for name in application.secret_names),
        }
        Parameters(
            "facts",
            ParametersArgs(
                values={name.replace("_", "/", 1): outputs[name] for name in PUBLISHED}, key_arn=self.keys.secrets
            ),
        )
        return outputs


#: Outputs that are also SSM parameters.
PUBLISHED = ("url", "cluster_name", "postgres_host", "broker_host", "cache_host", "cdn_domain", "site_bucket")


def _objective(slo: Slo) -> Objective:
    return Objective(percent=slo.objective, seconds=None if slo.milliseconds is None else slo.milliseconds / 1000)


def _process(process: Process) -> ProcessArgs:
    scaling = process.scaling
    bounds = (
        Bounds(minimum=1, maximum=1)
        if scaling is None
        else Bounds(minimum=scaling.minimum, maximum=scaling.maximum, cpu=scaling.cpu, requests=scaling.requests)
    )
    return ProcessArgs(
        kind=Kind(process.kind.value), command=process.command, cpu=process.cpu, memory=process.memory, bounds=bounds
    )

"""The platform's services on ECS: the cluster, and an application for each manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pulumi

from components.compute.application import Application, ApplicationArgs, Platform
from components.compute.cluster import Cluster, ClusterArgs
from components.compute.collector import Traces
from components.compute.iam import MailSender
from components.data.connections import SecretReference
from environments.compute import COLLECTOR
from environments.settings import EnvironmentSettings
from model.catalog import Catalog
from model.clients import registry
from model.manifest import ServiceManifest
from model.names import BOOTSTRAP, CLUSTER, DATABASES, IMAGE_REPOSITORY
from stacks.capacity import schedules
from stacks.environment.data import Data
from stacks.environment.databases import Databases
from stacks.environment.edge import Edge
from stacks.environment.foundation import Foundation
from stacks.partners import endpoints, pins


class Services:
    """`cluster`, `databases`, and `applications` by the service's name."""

    def __init__(
        self, settings: EnvironmentSettings, catalog: Catalog, foundation: Foundation, data: Data, edge: Edge
    ) -> None:
        self._settings = settings
        self._catalog = catalog
        self._foundation = foundation
        self._data = data
        self._edge = edge
        self.cluster = Cluster(
            CLUSTER,
            ClusterArgs(
                logs_key_arn=foundation.keys.logs,
                insights=settings.compute.insights,
                log_retention_days=settings.logs.retention_days,
            ),
        )
        platform = self._platform()
        self._schedules = schedules(settings, catalog)
        self.databases = Databases(
            settings, catalog, foundation, data, platform, self._schedules.get((DATABASES, BOOTSTRAP), ())
        )
        self.applications: dict[str, Application] = {}
        for service in catalog.deployment_order:
            args = self._application(service, platform, self.applications)
            self.applications[service.name] = Application(service.name, args)

    def _platform(self) -> Platform:
        settings, foundation = self._settings, self._foundation
        own = pulumi.Output.concat(
            f"arn:aws:ecr:{settings.region}:", foundation.account_id, f":repository/{IMAGE_REPOSITORY}"
        )
        return Platform(
            account_id=foundation.account_id,
            region=settings.region,
            cluster=self.cluster,
            subnet_ids=foundation.vpc.private_subnet_ids,
            image=self._image("services"),
            repository_arn=None if settings.image.registry else own,
            logs_key_arn=foundation.keys.logs,
            secrets_key_arn=foundation.keys.secrets,
            data_key_arn=foundation.keys.data,
            log_level=settings.compute.log_level,
            log_retention_days=settings.logs.retention_days,
            deletion_protection=settings.protected,
            pauses=settings.compute.hours is not None,
            scaled=settings.compute.scaling,
            spot_percent=settings.compute.spot_percent,
            keep_revisions=settings.image.pinned,
            # CloudFront writes the viewer's address to X-Forwarded-For, then the load balancer CloudFront's.
            trusted_proxies=2 if settings.behind_cdn else 1,
            public_url=self._edge.public_url,
            traces=None
            if settings.compute.traces is None
            else Traces(image=self._image(COLLECTOR), ratio=settings.compute.traces),
        )

    def _mail(self) -> MailSender | None:
        """From whom players get e-mails by SES, where the environment says so."""
        mail = self._settings.mail
        return None if mail is None else MailSender(address=mail.sender, configuration_set=mail.configuration_set)

    def _image(self, target: str) -> pulumi.Output[str]:
        """The reference of the image with a set of requirements."""
        settings = self._settings
        registry: pulumi.Input[str] = settings.image.registry or pulumi.Output.concat(
            self._foundation.account_id, f".dkr.ecr.{settings.region}.amazonaws.com"
        )
        return pulumi.Output.concat(registry, f"/{IMAGE_REPOSITORY}{settings.image.suffix(target)}")

    def _application(
        self, service: ServiceManifest, platform: Platform, made: Mapping[str, Application]
    ) -> ApplicationArgs:
        data = self._data
        return ApplicationArgs(
            platform=replace(platform, image=self._image(service.image)),
            processes=service.processes,
            security_group_id=self._foundation.groups.ids[service.name],
            port=service.port,
            target=self._edge.load_balancer.target_groups.get(service.name),
            database=self.databases.of(service),
            schedules=service.schedules,
            measures=service.measures,
            broker=data.broker.connection(service.name) if "broker" in service.datastores else None,
            cache=data.cache.connection(service.name) if "cache" in service.datastores else None,
            secrets=self._catalog.generated_for(service),
            given=self._client_secrets(service, made),
            receives={process: self._catalog.secrets_of(service, process) for process in service.processes},
            registry=registry(self._catalog.clients) if service.token_issuer else None,
            scheduled={
                process: self._schedules[service.name, process]
                for process in service.processes
                if (service.name, process) in self._schedules
            },
            endpoints=endpoints(self._settings, service) | pins(self._settings, service),
            calls={name: f"http://{name}:{self._catalog.services[name].port}" for name in service.calls},
            buckets={
                name: self._foundation.bucket(
                    f"{service.name}-{name}",
                    uploads_from=(self._edge.public_url,) if name in service.uploads else (),
                )
                for name in service.buckets
            },
            data_key=service.data_key,
            mail=self._mail() if service.sends_mail else None,
            drain_seconds=service.drain_seconds,
            after=[
                each
                for found in (self.databases.application, *(made[name] for name in service.calls))
                for each in found.services.values()
            ],
        )

    def _client_secrets(self, service: ServiceManifest, made: Mapping[str, Application]) -> dict[str, SecretReference]:
        """The secrets of the service's clients that its processes use; the issuer, which is made before, has them."""
        issuer = self._catalog.token_issuer
        if issuer is None or issuer is service:
            return {}
        variables = [client.variable for client in service.clients if client.processes]
        return {variable: made[issuer.name].secrets[variable] for variable in variables}

"""An environment of the platform, composed: foundation, data, edge, services, and what watches them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi

from components.data.parameters import Parameters, ParametersArgs
from environments.settings import EnvironmentSettings
from model.catalog import Catalog
from model.names import DATABASES
from stacks.environment.backups import backups
from stacks.environment.data import Data
from stacks.environment.edge import Edge
from stacks.environment.foundation import Foundation
from stacks.environment.logs import log_tables
from stacks.environment.services import Services
from stacks.environment.watch import Watch
from stacks.facts import Facts, fact


@dataclass(frozen=True, kw_only=True, slots=True)
class EnvironmentFacts(Facts):
    """What operators, the delivery scripts and other stacks may know of an environment; names of secrets, never their values.

    `parameter`: also an SSM parameter, for whoever may not or cannot read Pulumi's state.
    """

    url: pulumi.Input[str] = field(metadata=fact("https://play.matchday.example", parameter=True))
    services: pulumi.Input[Mapping[str, Mapping[str, str]]] = field(
        metadata=fact({"wallet": {"web": "matchday-prod-wallet-web"}})
    )
    cluster_name: pulumi.Input[str] = field(metadata=fact("matchday-prod-cluster", parameter=True))
    postgres_host: pulumi.Input[str] = field(
        metadata=fact("matchday-prod-postgres.a1b2.rds.amazonaws.com", parameter=True)
    )
    broker_host: pulumi.Input[str] = field(
        metadata=fact("master.matchday-prod-broker.a1b2.cache.amazonaws.com", parameter=True)
    )
    cache_host: pulumi.Input[str] = field(
        metadata=fact("clustercfg.matchday-prod-cache.a1b2.cache.amazonaws.com", parameter=True)
    )
    cdn_domain: pulumi.Input[str] = field(metadata=fact("d111111abcdef8.cloudfront.net", parameter=True))
    site_bucket: pulumi.Input[str] = field(metadata=fact("matchday-prod-site-123456789012", parameter=True))
    secret_names: pulumi.Input[list[str]] = field(metadata=fact(["matchday/prod/wallet/DATABASE_APP_PASSWORD"]))


class Environment:
    """One environment. Its attributes are the concerns, in the order in which they are made; `outputs` the stack's."""

    def __init__(self, settings: EnvironmentSettings, catalog: Catalog, *, pager: str | None = None) -> None:
        self.settings = settings
        self.foundation = Foundation(settings, catalog)
        self.data = Data(settings, catalog, self.foundation)
        if settings.recovery is not None:
            backups(settings.recovery, self.foundation, self.data)
        self.edge = Edge(settings, catalog, self.foundation)
        log_tables(settings, self.foundation)
        self.services = Services(settings, catalog, self.foundation, self.data, self.edge)
        self.watch = Watch(settings, self.foundation, self.edge, self.services, pager)
        self.facts = self._facts()
        Parameters(
            "facts",
            ParametersArgs(
                values={name.replace("_", "/", 1): value for name, value in self.facts.parameters().items()},
                key_arn=self.foundation.keys.secrets,
            ),
        )

    @property
    def outputs(self) -> dict[str, Any]:
        """The stack's outputs."""
        return self.facts.outputs()

    def _facts(self) -> EnvironmentFacts:
        domain = self.settings.edge.domain
        applications, databases = self.services.applications, self.services.databases
        return EnvironmentFacts(
            url=f"https://{domain}" if domain else self.edge.load_balancer.url,
            services={
                name: {process: service.service_name for process, service in application.services.items()}
                for name, application in (*applications.items(), (DATABASES, databases.application))
            },
            cluster_name=self.services.cluster.cluster_name,
            postgres_host=self.data.postgres.connection.host,
            broker_host=self.data.broker.host,
            cache_host=self.data.cache.host,
            cdn_domain=self.edge.cdn.domain_name,
            site_bucket=self.edge.site.bucket_name,
            secret_names=sorted(
                [
                    *(name for application in applications.values() for name in application.secret_names),
                    *(name for passwords in databases.passwords.values() for name in passwords.secret_names),
                ]
            ),
        )

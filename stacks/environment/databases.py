"""The services' databases: their passwords, and the one task that makes databases and roles, as PostgreSQL's master."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from components.compute.application import Application, ApplicationArgs, Platform
from components.compute.containers import BOOTSTRAP_PROCESS, Database, bootstrapping
from components.compute.scaling import Scheduled
from components.security.database_passwords import DatabasePasswords, DatabasePasswordsArgs
from environments.settings import EnvironmentSettings
from model.catalog import Catalog
from model.manifest import ServiceManifest
from model.names import BOOTSTRAP, DATABASES
from model.vocabulary import Datastore
from stacks.environment.data import Data
from stacks.environment.foundation import Foundation


class Databases:
    """`passwords` by the service's name; `application`: the task, after which the services' own start."""

    def __init__(
        self,
        settings: EnvironmentSettings,
        catalog: Catalog,
        foundation: Foundation,
        data: Data,
        platform: Platform,
        scheduled: Sequence[Scheduled],
    ) -> None:
        self._data = data
        self.passwords = {
            name: DatabasePasswords(
                f"{name}-database",
                DatabasePasswordsArgs(
                    service=name,
                    key_arn=foundation.keys.secrets,
                    recovery_window_days=30 if settings.protected else 0,
                ),
            )
            for name, service in catalog.services.items()
            if Datastore.POSTGRES in service.datastores
        }
        given = bootstrapping(
            data.postgres.connection,
            data.postgres.master,
            {name: (each.owner, each.app) for name, each in self.passwords.items()},
        )
        self.application = Application(
            DATABASES,
            ApplicationArgs(
                platform=replace(platform, traces=None),
                processes={BOOTSTRAP: BOOTSTRAP_PROCESS},
                security_group_id=foundation.groups.ids[DATABASES],
                given=given.secrets,
                receives={BOOTSTRAP: sorted(given.secrets)},
                variables=given.variables,
                scheduled={BOOTSTRAP: scheduled} if scheduled else {},
            ),
        )

    def of(self, service: ServiceManifest) -> Database | None:
        """What the tasks of `service` are given of its database, if it has one."""
        passwords = self.passwords.get(service.name)
        if passwords is None:
            return None
        return Database(
            server=self._data.postgres.connection,
            reads_replica=service.reads_replica,
            owner_password=passwords.owner,
            app_password=passwords.app,
        )

"""The data stores of an environment: PostgreSQL, and Redis twice."""

from __future__ import annotations

from components.data.postgres import Postgres, PostgresArgs
from components.data.redis import Redis, RedisArgs
from components.data.redis_plan import Mode
from environments.settings import EnvironmentSettings
from model import broker, cache
from model.catalog import Catalog
from model.vocabulary import Datastore
from stacks.environment.foundation import Foundation


class Data:
    """Attributes are the components."""

    def __init__(self, settings: EnvironmentSettings, catalog: Catalog, foundation: Foundation) -> None:
        self._settings = settings
        self._catalog = catalog
        self._foundation = foundation
        self.postgres = self._postgres()
        self.broker = self._redis(Mode.BROKER)
        self.cache = self._redis(Mode.CACHE)

    def _postgres(self) -> Postgres:
        settings, foundation = self._settings, self._foundation
        return Postgres(
            "postgres",
            PostgresArgs(
                subnet_ids=foundation.vpc.data_subnet_ids,
                security_group_id=foundation.groups.ids["postgres"],
                account_id=foundation.account_id,
                data_key_arn=foundation.keys.data,
                secrets_key_arn=foundation.keys.secrets,
                logs_key_arn=foundation.keys.logs,
                instance_class=settings.postgres.instance_class,
                storage_gb=settings.postgres.storage_gb,
                max_storage_gb=settings.postgres.max_storage_gb,
                max_connections=settings.postgres.max_connections,
                engine_version=settings.postgres.engine_version,
                upgrade=settings.postgres.upgrade,
                multi_az=settings.highly_available,
                replicas=settings.postgres.replicas,
                backup_days=settings.postgres.backup_days,
                insights=settings.postgres.insights,
                monitoring_seconds=settings.postgres.monitoring_seconds,
                log_retention_days=settings.logs.retention_days,
                deletion_protection=settings.protected,
                tls="tls_inside" not in settings.relaxed,
                relaxed=settings.reasons(
                    multi_az="high_availability", deletion_protection="deletion_protection", tls="tls_inside"
                ),
            ),
        )

    def _redis(self, mode: Mode) -> Redis:
        settings, foundation = self._settings, self._foundation
        sizes = settings.broker if mode is Mode.BROKER else settings.cache
        failover = {} if sizes.replicas else settings.reasons(failover="high_availability")
        return Redis(
            mode.value,
            RedisArgs(
                mode=mode,
                subnet_ids=foundation.vpc.data_subnet_ids,
                security_group_id=foundation.groups.ids[mode.value],
                data_key_arn=foundation.keys.data,
                secrets_key_arn=foundation.keys.secrets,
                logs_key_arn=foundation.keys.logs,
                node_type=sizes.node_type,
                engine_version=sizes.engine_version,
                upgrade=sizes.upgrade,
                shards=settings.cache.shards if mode is Mode.CACHE else 1,
                replicas=sizes.replicas,
                snapshot_days=sizes.snapshot_days,
                log_retention_days=settings.logs.retention_days,
                deletion_protection=settings.protected,
                users=self._users(mode),
                password_rotation=sizes.password_rotation,
                tls="tls_inside" not in settings.relaxed,
                relaxed={**settings.reasons(deletion_protection="deletion_protection", tls="tls_inside"), **failover},
            ),
        )

    def _users(self, mode: Mode) -> dict[str, str]:
        """A user for each service that uses it."""
        datastore, access = {
            Mode.BROKER: (Datastore.BROKER, broker.access_string),
            Mode.CACHE: (Datastore.CACHE, cache.access_string),
        }[mode]
        services = self._catalog.services.values()
        return {each.name: access(each.name) for each in services if datastore in each.datastores}

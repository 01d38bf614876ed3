"""What an environment's settings and the services' manifests must agree on, held against each other before anything is
registered; pure."""

from __future__ import annotations

from collections.abc import Iterator

from environments.settings import KEY, EnvironmentSettings
from model.catalog import Catalog
from model.validation import DocumentError


class AgreementError(DocumentError):
    """Settings and manifests contradict each other; one sentence for each contradiction."""


def check(settings: EnvironmentSettings, catalog: Catalog) -> None:
    """Raises AgreementError."""
    shown = f"environments/Pulumi.{settings.stack}.yaml: {KEY}"
    found = [f"{shown}.{sentence}" for sentence in _replicas(settings, catalog)]
    if found:
        raise AgreementError(*found)


def _replicas(settings: EnvironmentSettings, catalog: Catalog) -> Iterator[str]:
    """A replica that nothing reads doubles the cost, and takes from RDS the rotation of the master password."""
    if settings.postgres.replicas and not any(service.reads_replica for service in catalog.services.values()):
        yield (
            f"postgres.replicas: {settings.postgres.replicas}: no service reads from a replica; accepted: 0, until a "
            "service.yaml says reads_replica: true"
        )

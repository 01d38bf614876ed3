"""What an environment's settings and the services' manifests must agree on, held against each other before anything is
registered; pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from components.edge.waf_rules import Protection, rules
from environments.settings import KEY, EnvironmentSettings
from model.catalog import Catalog
from model.validation import DocumentError
from model.vocabulary import Nat
from stacks import capacity
from stacks.firewalls import chosen_groups
from stacks.partners import unnamed


class AgreementError(DocumentError):
    """Settings and manifests contradict each other; one sentence for each contradiction."""


def check(settings: EnvironmentSettings, catalog: Catalog, now: datetime | None = None) -> None:
    """Raises AgreementError. `now`: what is past; default the clock's."""
    shown = f"environments/Pulumi.{settings.stack}.yaml: {KEY}"
    found = [
        f"{shown}.{sentence}"
        for part in (_replicas, _images, _egress, _partners, _firewall, _backlogs)
        for sentence in part(settings, catalog)
    ]
    found += [f"{shown}.{sentence}" for sentence in capacity.problems(settings, catalog, now or datetime.now(UTC))]
    if found:
        raise AgreementError(*found)


def _replicas(settings: EnvironmentSettings, catalog: Catalog) -> Iterator[str]:
    """A replica that nothing reads doubles the cost, and takes from RDS the rotation of the master password."""
    if settings.postgres.replicas and not any(service.reads_replica for service in catalog.services.values()):
        yield (
            f"postgres.replicas: {settings.postgres.replicas}: no service reads from a replica; accepted: 0, until a "
            "service.yaml says reads_replica: true"
        )


def _images(settings: EnvironmentSettings, catalog: Catalog) -> Iterator[str]:
    """A digest names one image, so each that a service runs has its own, and so has the collector beside them."""
    if settings.image.digest is not None and settings.compute.traces is not None and settings.image.collector is None:
        yield (
            f"image.collector: missing, and compute.traces {settings.compute.traces:g} asks for it; accepted: sha256:<64 "
            "hexadecimal digits>, as `docker push` prints it, or compute.traces: null"
        )
    for service in catalog.services.values():
        known = {"services", *settings.image.targets}
        if settings.image.digest is not None and service.image not in known:
            yield (
                f"image.targets: lacks {service.image!r}, which {service.name} runs; accepted: {service.image}: sha256:<64 "
                "hexadecimal digits>, as `docker push` prints it"
            )


def _egress(settings: EnvironmentSettings, catalog: Catalog) -> Iterator[str]:
    """Who leaves needs a way out, and an image from elsewhere a way to it."""
    network = settings.network
    leaving = [service for service in catalog.services.values() if service.egress]
    if network.nat is Nat.NONE and leaving:
        yield (
            f"network.nat: 'none': {leaving[0].name} calls {', '.join(leaving[0].egress)} outside of AWS; accepted: "
            "single, per-zone or regional"
        )
    if settings.image.registry is not None and network.interface_endpoints:
        yield (
            f"image.registry: {settings.image.registry!r}: with network.interface_endpoints tasks reach the account's own ECR "
            "and no other registry; accepted: left out"
        )


def _backlogs(settings: EnvironmentSettings, catalog: Catalog) -> Iterator[str]:
    """Scaling by messages per task needs somebody who counts the tasks."""
    if settings.compute.insights != "disabled" or not settings.compute.scaling:
        return
    for service in catalog.services.values():
        for name, process in service.processes.items():
            if process.scaling is not None and process.scaling.backlog is not None:
                yield (
                    f"compute.insights: 'disabled': {service.name} {name} scales by its backlog per task, which Container "
                    "Insights counts; accepted: enabled or enhanced"
                )
                return


def _partners(settings: EnvironmentSettings, catalog: Catalog) -> Iterator[str]:
    """A partner that each environment has for itself has to be named, or what it is for would not be done."""
    for service in catalog.services.values():
        for name in unnamed(settings, service):
            yield (
                f"endpoints.{name}: missing: {service.name} calls it, and each environment has its own; accepted: "
                "https:// and the host of the environment's"
            )


def _firewall(settings: EnvironmentSettings, catalog: Catalog) -> Iterator[str]:
    """A rule that only counts must be there, and the search for stolen passwords must know where players log in."""
    try:
        rules(
            Protection(
                rate_limit=settings.edge.requests_per_five_minutes,
                path_rate_limits=catalog.rate_limits,
                allowed_countries=catalog.countries(settings.stack),
                behind_cdn=settings.behind_cdn,
                **chosen_groups(settings, catalog, outer=True),
            )
        )
    except ValueError as error:
        yield f"edge.firewall.{error}"

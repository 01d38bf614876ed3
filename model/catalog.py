"""All services of the platform: every service.yaml read, with the overrides of one tier, and checked against the others."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator

from model.clients import CLIENT_SECRET_LENGTH, Client
from model.documents import Document, read
from model.egress import EGRESS
from model.jurisdictions import served
from model.manifest import LoginForm, ServiceManifest
from model.merge import merge
from model.patterns import overlap
from model.validation import DocumentError, Problem, dotted, problems
from model.vocabulary import Model, ProcessKind, ServiceName, Tier

_TIERS = ", ".join(Tier)


class CatalogError(DocumentError):
    """Manifests say what cannot be; one sentence for each problem, with file and key path."""


class Catalog(Model):
    """Every service of the platform, by name, as one tier runs them."""

    tier: Tier
    services: dict[ServiceName, ServiceManifest]
    served: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """environment → the countries that jurisdiction files open there (`model.jurisdictions`)"""

    @property
    def deployment_order(self) -> list[ServiceManifest]:
        """The services, each after those that it calls: a task knows the Service Connect names that existed when it started."""
        order = TopologicalSorter({name: service.calls for name, service in sorted(self.services.items())})
        return [self.services[name] for name in order.static_order()]

    def countries(self, environment: str) -> tuple[str, ...]:
        """The only countries that `environment` is shown in. Empty: no jurisdiction names it, so no money moves there, and it
        is shown everywhere."""
        return self.served.get(environment, ())

    @property
    def paths(self) -> list[str]:
        """Every path pattern that some service answers."""
        return [path for service in self.services.values() for path in service.paths]

    @property
    def rate_limits(self) -> dict[str, int]:
        """Path prefix → requests per address in five minutes, of all services."""
        return {prefix: limit for service in self.services.values() for prefix, limit in service.rate_limits.items()}

    @property
    def large_bodies(self) -> list[str]:
        """Path prefixes whose requests may have more than 8 KiB, of all services."""
        return [prefix for service in self.services.values() for prefix in service.large_bodies]

    @property
    def clients(self) -> list[Client]:
        """Every service's clients, by name."""
        found = [client for service in self.services.values() for client in service.clients]
        return sorted(found, key=lambda client: client.name)

    @property
    def token_issuer(self) -> ServiceManifest | None:
        """The service that issues the platform's access tokens."""
        return next((service for service in self.services.values() if service.token_issuer), None)

    @property
    def domains(self) -> list[str]:
        """Every domain outside of AWS that some service may call, by name."""
        groups = {group for service in self.services.values() for group in service.egress}
        return sorted({domain for group in groups for domain in EGRESS[group].domains})

    @property
    def login(self) -> LoginForm | None:
        """The request by which players log in."""
        return next((service.login for service in self.services.values() if service.login is not None), None)

    def generated_for(self, service: ServiceManifest) -> dict[str, int]:
        """The secrets that are made for a service: variable → length. The issuer's are its own and every client's."""
        clients = self.clients if service.token_issuer else []
        own = {secret.name: secret.length for secret in service.secrets}
        return own | {client.variable: CLIENT_SECRET_LENGTH for client in clients}

    def secrets_of(self, service: ServiceManifest, process: str) -> list[str]:
        """The variables of the secrets that a process is given: those that its manifest names it for, and no others."""
        given = [secret.name for secret in service.secrets if secret.processes is None or process in secret.processes]
        given += [client.variable for client in service.clients if process in client.processes]
        if service.token_issuer and service.processes[process].kind is ProcessKind.WEB:
            given += [client.variable for client in self.clients if client.variable not in given]
        return given

    @model_validator(mode="after")
    def _clients_agree(self) -> Self:
        issuers = [service.name for service in self.services.values() if service.token_issuer]
        if len(issuers) > 1:
            raise ValueError(f"{issuers[1]}: token_issuer: {issuers[0]!r} issues the tokens; one service does")
        scopes = {scope: service.name for service in self.services.values() for scope in service.scopes}
        owners: dict[str, str] = {}
        for service in self.services.values():
            for client in service.clients:
                where = f"{service.name}: clients: {client.name}"
                if client.name in owners:
                    raise ValueError(f"{where}: a client of {owners[client.name]!r} has that name")
                owners[client.name] = service.name
                if not issuers:
                    raise ValueError(f"{where}: no service issues tokens; one must say token_issuer: true")
                for scope in client.scopes:
                    if scope not in scopes:
                        known = ", ".join(sorted(scopes)) or "none, as no service declares scopes"
                        raise ValueError(f"{where}: there is no scope {scope!r}; accepted: {known}")
                needed = {issuers[0], *(scopes[scope] for scope in client.scopes)} - {service.name}
                for called in sorted(needed if client.processes else ()):
                    if called not in service.calls:
                        raise ValueError(f"{where}: its processes ask {called!r}, which `calls` does not name")
        return self

    @model_validator(mode="after")
    def _one_login(self) -> Self:
        forms = [service.name for service in self.services.values() if service.login is not None]
        if len(forms) > 1:
            raise ValueError(f"{forms[1]}: login: {forms[0]!r} has the log-in; one service does")
        return self

    @model_validator(mode="after")
    def _agree(self) -> Self:
        for service in self.services.values():
            for called in service.calls:
                if called not in self.services:
                    known = ", ".join(sorted(self.services))
                    raise ValueError(f"{service.name}: calls: there is no service {called!r}; accepted: {known}")
                if self.services[called].web is None:
                    raise ValueError(f"{service.name}: calls: {called!r} has no web process that could answer")
        try:
            assert self.deployment_order
        except CycleError as error:
            circle = " → ".join(reversed(error.args[1]))
            raise ValueError(
                f"calls: {circle} is a circle; a service can only call services that are deployed before it"
            ) from None
        routed = [(service.name, path) for service in self.services.values() for path in service.paths]
        for (one, path), (other, another) in itertools.combinations(routed, 2):
            if one != other and overlap(path, another):
                raise ValueError(
                    f"{other}: paths: {another!r} takes requests that {path!r} of the service {one!r} takes; "
                    "a path belongs to one service"
                )
        for service in self.services.values():
            named = [("rate_limits", prefix) for prefix in service.rate_limits]
            named += [("large_bodies", prefix) for prefix in service.large_bodies]
            for (field, prefix), (other, path) in itertools.product(named, routed):
                if other != service.name and overlap(f"{prefix}*", path):
                    raise ValueError(
                        f"{service.name}: {field}: {prefix!r} would hold for {path!r} of the service {other!r} too"
                    )
        return self


def load_catalog(directory: Path, tier: str) -> Catalog:
    """Read `directory`/*/service.yaml and apply the overrides of `tier`, one of Tier's.

    The overrides of every tier are validated, whichever is asked for: a mistake in production's shows on a laptop. Two
    services may listen on one port number, since each task has an address of its own and Service Connect tells services
    apart by name; what is refused is a second web process of one service, which would share name and port with the first.

    Raises CatalogError.
    """
    if tier not in tuple(Tier):
        raise CatalogError(f"tier {tier!r} is unknown; accepted: {_TIERS}")
    files = sorted(directory.glob("*/service.yaml"))
    if not files:
        raise CatalogError(f"{directory} holds no <service>/service.yaml")
    wrong: list[str] = []
    found: list[Mapping[Tier, ServiceManifest]] = []
    for file in files:
        try:
            found.append(_manifests(read(file, "/".join(file.parts[-3:])), file.parent.name))
        except DocumentError as error:
            wrong += error.sentences
    try:
        countries = served(directory)
    except DocumentError as error:
        wrong += error.sentences
    if wrong:
        raise CatalogError(*wrong)
    catalogs = {each: _catalog(directory, each, [manifests[each] for manifests in found], countries) for each in Tier}
    return catalogs[Tier(tier)]


def _catalog(
    directory: Path, tier: Tier, manifests: list[ServiceManifest], countries: dict[str, tuple[str, ...]]
) -> Catalog:
    try:
        return Catalog(tier=tier, services={manifest.name: manifest for manifest in manifests}, served=countries)
    except ValidationError as error:
        where = f"{directory.name} (tier {tier})"
        raise CatalogError(*(f"{where}: {problem.text}" for problem in problems(error, Catalog))) from None


def _manifests(document: Document, folder: str) -> dict[Tier, ServiceManifest]:
    """One service in each tier."""
    base = dict(document.content)
    overrides = _overrides(document, base.pop("tiers", None) or {})
    if isinstance(base.get("name"), str) and base["name"] != folder:
        raise DocumentError(f"{document.shown}: name: {base['name']!r} is not the name of its folder, {folder!r}")
    found: dict[Tier, ServiceManifest] = {}
    wrong: dict[str, None] = {}  # in order, each once: a mistake in the base shows in every tier
    own = _problems(base)
    for tier in Tier:
        changes = overrides.get(tier, {})
        merged = merge(base, changes)
        try:
            found[tier] = ServiceManifest.model_validate(merged)
        except ValidationError as error:
            for problem in problems(error, ServiceManifest):
                wrong[_sentence(document, problem, None if problem in own else tier)] = None
    if wrong:
        raise DocumentError(*wrong)
    return found


def _overrides(document: Document, tiers: Any) -> dict[str, dict[str, Any]]:
    """What the document says under `tiers`."""
    shown = document.shown
    if not isinstance(tiers, dict):
        raise DocumentError(f"{shown}: tiers: a mapping of tier to overrides is expected, not {tiers!r}")
    for name, overrides in tiers.items():
        if name not in tuple(Tier):
            raise DocumentError(f"{shown}: tiers.{name}: no such tier; accepted: {_TIERS}")
        if not isinstance(overrides, dict):
            raise DocumentError(f"{shown}: tiers.{name}: a mapping of overrides is expected, not {overrides!r}")
        if "name" in overrides:
            raise DocumentError(f"{shown}: tiers.{name}.name: a service has one name in every tier")
    return tiers


def _problems(content: Mapping[str, Any]) -> list[Problem]:
    try:
        ServiceManifest.model_validate(content)
    except ValidationError as error:
        return problems(error, ServiceManifest)
    return []


def _sentence(document: Document, problem: Problem, tier: Tier | None) -> str:
    """`problem` with file and line; `tier` is the one whose overrides bring it about, None for the base's own."""
    path, note = problem.path, ""
    if tier is not None:
        overriding = ("tiers", tier.value, *problem.path)
        if document.line(overriding) is not None and not isinstance(document.value(overriding), dict):
            path = overriding
        else:
            note = f" (with the overrides of tier {tier})"
    line = document.line(path)
    where = f"{dotted(path)}: " if path else ""
    return f"{document.shown}: {where}{problem.text}{note}" + (f" (line {line})" if line else "")

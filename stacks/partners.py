"""Whom the services of an environment call outside of AWS, and what they believe them by: variables, hosts, pins; pure."""

from __future__ import annotations

from urllib.parse import urlsplit

from environments.settings import EnvironmentSettings
from model.catalog import Catalog
from model.egress import EGRESS
from model.manifest import ServiceManifest
from model.pins import VARIABLE, text


def endpoints(settings: EnvironmentSettings, service: ServiceManifest) -> dict[str, str]:
    """Variable → URL of each partner that the service may call, as this environment has it."""
    found = {name: url for group in service.egress for name, url in EGRESS[group].endpoints.items()}
    found |= {name: url for name, url in settings.endpoints.items() if name in found}
    return {name: url for name, url in found.items() if url is not None}


def pins(settings: EnvironmentSettings, service: ServiceManifest) -> dict[str, str]:
    """Variable → certificates by which the service believes its partners' messages; none where none is named."""
    wanted = {issuer for group in service.egress for issuer in EGRESS[group].pins}
    found = {issuer: each for issuer, each in settings.pins.items() if issuer in wanted}
    return {VARIABLE: text(found)} if found else {}


def unnamed(settings: EnvironmentSettings, service: ServiceManifest) -> list[str]:
    """The variables that only the environment could give a URL, and has not."""
    wanted = {name for group in service.egress for name in EGRESS[group].endpoints}
    return sorted(wanted - endpoints(settings, service).keys())


def domains(settings: EnvironmentSettings, catalog: Catalog) -> list[str]:
    """Every host outside of AWS that some service may call: what its groups say, and what the environment names."""
    urls = [url for service in catalog.services.values() for url in endpoints(settings, service).values()]
    return sorted({*catalog.domains, *(host for url in urls if (host := urlsplit(url).hostname))})

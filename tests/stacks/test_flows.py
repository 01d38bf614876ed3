"""The call graph as network flows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.security.flows import rules
from model.catalog import Catalog, load_catalog
from model.names import DATABASES
from stacks.flows import CLOUDFRONT, DATASTORE_PORTS, ENDPOINTS, LOAD_BALANCER, S3, flows, groups, has_egress


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(Path(__file__).parents[2] / "services", "production")


def pairs(catalog: Catalog, **how: Any) -> set[tuple[str, str, int]]:
    return {(flow.source, flow.target, flow.port) for flow in flows(catalog, **how)}


def test_exactly_what_the_manifests_say_is_open(catalog: Catalog) -> None:
    expected = {(CLOUDFRONT, LOAD_BALANCER, 443), (DATABASES, "postgres", 5432)}
    expected |= {(DATABASES, ENDPOINTS, 443), (DATABASES, S3, 443)}
    for name, service in catalog.services.items():
        expected |= {(LOAD_BALANCER, name, service.port)} if service.paths else set()
        expected |= {(name, store, DATASTORE_PORTS[store]) for store in service.datastores}
        expected |= {(name, called, catalog.services[called].port) for called in service.calls}
        expected |= {(name, ENDPOINTS, 443), (name, S3, 443)}
        expected |= {(name, "internet", 443)} if service.egress else set()
    assert pairs(catalog, behind_cdn=True, interface_endpoints=True) == expected


def test_without_endpoints_services_go_through_nat(catalog: Catalog) -> None:
    found = pairs(catalog, behind_cdn=True, interface_endpoints=False)
    assert ("wallet", "internet", 443) in found
    assert not {target for _, target, _ in found} & {ENDPOINTS, S3}


def test_without_a_domain_players_reach_the_load_balancer_by_plain_http_alone(catalog: Catalog) -> None:
    found = pairs(catalog, behind_cdn=False, interface_endpoints=False)
    assert {(source, port) for source, target, port in found if target == LOAD_BALANCER} == {("internet", 80)}


@pytest.mark.parametrize("endpoints", [True, False])
def test_nobody_reaches_a_data_store_but_who_names_it(catalog: Catalog, endpoints: bool) -> None:
    reach = {
        (a, b) for a, b, _ in pairs(catalog, behind_cdn=True, interface_endpoints=endpoints) if b in DATASTORE_PORTS
    }
    named = {(name, store) for name, service in catalog.services.items() for store in service.datastores}
    assert reach == named | {(DATABASES, "postgres")}
    assert ("wallet", "cache") not in reach


@pytest.mark.parametrize("endpoints", [True, False])
def test_the_security_component_takes_them(catalog: Catalog, endpoints: bool) -> None:
    known = [*groups(catalog), *([ENDPOINTS] if endpoints else [])]
    open_ = flows(catalog, behind_cdn=True, interface_endpoints=endpoints)
    assert rules(open_, groups=known, others=[S3, CLOUDFRONT])


@pytest.mark.parametrize("endpoints", [True, False])
def test_the_bastion_reaches_the_data_stores_and_nothing_reaches_it(catalog: Catalog, endpoints: bool) -> None:
    how: dict[str, Any] = {"behind_cdn": True, "interface_endpoints": endpoints}
    more = {
        (flow.source, flow.target, flow.port)
        for flow in set(flows(catalog, **how, bastion=True)) - set(flows(catalog, **how))
    }
    stores = {("bastion", "postgres", 5432), ("bastion", "broker", 6379), ("bastion", "cache", 6379)}
    aws = {("bastion", "endpoints", 443), ("bastion", "s3", 443)} if endpoints else {("bastion", "internet", 443)}
    assert more == stores | aws
    assert "bastion" in groups(catalog, bastion=True) and "bastion" not in groups(catalog)


@pytest.mark.parametrize("endpoints", [True, False])
@pytest.mark.parametrize("behind_cdn", [True, False])
def test_by_ipv6_only_services_with_egress_leave_and_only_players_come(
    catalog: Catalog, endpoints: bool, behind_cdn: bool
) -> None:
    how: dict[str, Any] = {"behind_cdn": behind_cdn, "interface_endpoints": endpoints, "bastion": True}
    more = pairs(catalog, **how, dual_stack=True) - pairs(catalog, **how)
    leaving = {(name, "internet-ipv6", 443) for name, service in catalog.services.items() if service.egress}
    players = set() if behind_cdn else {("internet-ipv6", LOAD_BALANCER, 80)}
    assert more == leaving | players
    assert leaving and ("wallet", "internet-ipv6", 443) not in more
    assert not pairs(catalog, **how) - pairs(catalog, **how, dual_stack=True)


def test_there_is_no_way_out_by_ipv6_that_nothing_may_use(catalog: Catalog) -> None:
    quiet = {name: service for name, service in catalog.services.items() if not service.egress}
    assert has_egress(catalog) and not has_egress(catalog.model_copy(update={"services": quiet}))

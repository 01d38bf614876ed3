"""Clients of services in the manifests: whose they are, what they may do, and what the issuer of tokens is given of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from model.catalog import load_catalog
from model.clients import Client, registry
from tests.model.test_manifest import WEB, Write, manifest, refusal, write

__all__ = ["write"]  # a fixture

CLIENT = {"name": "payments-deposits", "scopes": ["wallet:credit"], "processes": ["web"]}


def issuer(**changes: Any) -> dict[str, Any]:
    return manifest("auth", token_issuer=True, **changes)


def wallet(**changes: Any) -> dict[str, Any]:
    return manifest("wallet", **{"scopes": {"wallet:credit": "Money in"}, "calls": ["auth"], **changes})


def payments(**changes: Any) -> dict[str, Any]:
    return manifest("payments", **{"calls": ["auth", "wallet"], "clients": [CLIENT], **changes})


def test_a_new_services_client_is_known_without_a_line_elsewhere(write: Write) -> None:
    catalog = load_catalog(write(issuer(), wallet(), payments()), "laptop")
    assert [client.name for client in catalog.clients] == ["payments-deposits"]
    assert catalog.token_issuer is not None and catalog.token_issuer.name == "auth"
    assert json.loads(registry(catalog.clients)) == {"payments-deposits": {"scopes": ["wallet:credit"], "limits": {}}}


def test_the_registry_does_not_depend_on_an_order() -> None:
    one = Client(name="one", scopes=("wallet:credit", "wallet:audit"), limits={"wallet:credit": 5})
    two = Client(name="two", scopes=("wallet:audit",))
    assert registry([one, two]) == registry([two, one])
    assert one.variable == "CLIENT_SECRET_ONE"


@pytest.mark.parametrize(
    ("services", "message"),
    [
        ([wallet(calls=[]), payments(calls=["wallet"])], "no service issues tokens"),
        ([issuer(), manifest("other", token_issuer=True)], "token_issuer: 'auth' issues the tokens"),
        ([issuer(), manifest("wallet", calls=["auth"]), payments()], "there is no scope 'wallet:credit'"),
        ([issuer(), wallet(), payments(calls=["auth"])], "its processes ask 'wallet', which `calls` does not name"),
        ([issuer(), wallet(), payments(calls=["wallet"])], "its processes ask 'auth', which `calls` does not name"),
        (
            [issuer(), wallet(clients=[{**CLIENT, "processes": []}]), payments()],
            "wallet: clients: payments-deposits: a client of 'payments' has that name",
        ),
        ([issuer(), wallet(), payments(clients=[CLIENT, CLIENT])], "'payments-deposits' is there twice"),
        (
            [issuer(), wallet(), payments(clients=[{**CLIENT, "limits": {"wallet:audit": 1}}])],
            "'wallet:audit' is no scope of the client; accepted: wallet:credit",
        ),
        (
            [issuer(), wallet(), payments(clients=[{**CLIENT, "processes": ["wb"]}])],
            "clients: payments-deposits: there is no process 'wb'; accepted: web",
        ),
        ([issuer(), wallet(), payments(clients=[{**CLIENT, "scopes": []}])], "clients.0.scopes"),
        ([issuer(), manifest("wallet", scopes={"auth:any": "x"})], "'auth:any' is no scope of this service"),
    ],
)
def test_what_does_not_agree_is_named(write: Write, services: list[dict[str, Any]], message: str) -> None:
    assert message in refusal(write(*services))


def test_only_the_issuers_web_process_and_the_clients_own_get_a_clients_secret(write: Write) -> None:
    processes = {"web": WEB, "worker": {**WEB, "kind": "worker"}}
    services = issuer(processes=processes), wallet(), payments(processes=processes)
    catalog = load_catalog(write(*services), "laptop")
    given = {
        (service.name, process)
        for service in catalog.services.values()
        for process in service.processes
        if "CLIENT_SECRET_PAYMENTS_DEPOSITS" in catalog.secrets_of(service, process)
    }
    assert given == {("auth", "web"), ("payments", "web")}
    assert catalog.generated_for(catalog.services["auth"]) == {"CLIENT_SECRET_PAYMENTS_DEPOSITS": 43}
    assert catalog.generated_for(catalog.services["payments"]) == {}


def test_an_operators_client_needs_no_call(write: Write) -> None:
    """Whom no process is given the secret of: people ask, from inside."""
    load_catalog(write(issuer(), wallet(clients=[{**CLIENT, "processes": []}])), "laptop")


def test_each_process_gets_only_the_secrets_that_name_it(write: Write) -> None:
    secrets = [{"name": "KEY_A", "length": 43}, {"name": "KEY_B", "length": 43, "processes": ["worker"]}]
    processes = {"web": WEB, "worker": {**WEB, "kind": "worker"}}
    catalog = load_catalog(write(manifest("wallet", secrets=secrets, processes=processes)), "laptop")
    service = catalog.services["wallet"]
    assert catalog.secrets_of(service, "web") == ["KEY_A"]
    assert catalog.secrets_of(service, "worker") == ["KEY_A", "KEY_B"]
    assert "KEY_B: there is no process 'wroker'" in refusal(
        write(manifest("wallet", secrets=[{**secrets[1], "processes": ["wroker"]}], processes=processes))
    )


@pytest.mark.parametrize("name", ["CLIENTS", "CLIENT_SECRET_X"])
def test_no_secret_hides_the_registry(write: Write, name: str) -> None:
    assert "would hide a variable" in refusal(write(manifest("wallet", secrets=[{"name": name, "length": 43}])))


def test_internal_patterns_are_the_services_own(write: Write) -> None:
    assert "internal: '/auth/x' is no path of the service" in refusal(write(manifest("wallet", internal=["/auth/x"])))
    load_catalog(write(manifest("wallet", internal=["/wallet/internal/*"])), "laptop")

"""Settings and manifests that contradict each other are refused before anything is registered, with path, value and remedy."""

from __future__ import annotations

import pytest

from model.catalog import Catalog
from model.vocabulary import Nat, Tier
from stacks.agreement import AgreementError, check
from tests.stacks.conftest import ENVIRONMENTS, catalog_of, settings_of


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_the_environments_of_the_repository_agree_with_the_manifests(stack: str) -> None:
    check(settings_of(stack), catalog_of(stack))


def test_who_writes_to_players_needs_the_environments_gateway() -> None:
    chosen = settings_of("prod").model_copy(update={"endpoints": {"SCORER_URL": "https://scorer.example"}})
    with pytest.raises(AgreementError) as caught:
        check(chosen, catalog_of("prod"))
    assert str(caught.value) == (
        "environments/Pulumi.prod.yaml: matchday:environment.endpoints.MESSAGES_URL: missing: auth calls it, and each "
        "environment has its own; accepted: https:// and the host of the environment's"
    )


def test_a_replica_that_nothing_reads_is_refused() -> None:
    chosen = settings_of("prod")
    chosen = chosen.model_copy(update={"postgres": chosen.postgres.model_copy(update={"replicas": 2})})
    with pytest.raises(AgreementError) as caught:
        check(chosen, catalog_of("prod"))
    assert str(caught.value) == (
        "environments/Pulumi.prod.yaml: matchday:environment.postgres.replicas: 2: no service reads from a replica; "
        "accepted: 0, until a service.yaml says reads_replica: true"
    )
    wallet = catalog_of("prod").services["wallet"].model_copy(update={"reads_replica": True})
    services = {**catalog_of("prod").services, "wallet": wallet}
    check(chosen, Catalog.model_construct(tier=Tier.PRODUCTION, services=services))


def test_every_image_that_a_service_runs_has_a_digest() -> None:
    chosen = settings_of("prod")
    lacking = chosen.model_copy(update={"image": chosen.image.model_copy(update={"targets": {}})})
    with pytest.raises(AgreementError, match=r"image\.targets: lacks 'kyc', which kyc runs; accepted: kyc: sha256:<64"):
        check(lacking, catalog_of("prod"))
    lacking = chosen.model_copy(update={"image": chosen.image.model_copy(update={"collector": None})})
    with pytest.raises(AgreementError, match=r"image\.collector: missing, and compute\.traces 0\.05 asks for it"):
        check(lacking, catalog_of("prod"))
    check(
        lacking.model_copy(update={"compute": chosen.compute.model_copy(update={"traces": None})}), catalog_of("prod")
    )


def test_a_rule_that_shall_count_must_be_there() -> None:
    chosen = settings_of("prod")
    firewall = chosen.edge.firewall.model_copy(update={"counted": ("comon",)})
    chosen = chosen.model_copy(update={"edge": chosen.edge.model_copy(update={"firewall": firewall})})
    with pytest.raises(
        AgreementError, match=r"edge\.firewall\.counted: there is no rule 'comon'; accepted: rate-auth-login"
    ):
        check(chosen, catalog_of("prod"))


def test_stolen_passwords_are_looked_for_where_players_log_in() -> None:
    without = Catalog.model_construct(tier=Tier.PRODUCTION, services={"wallet": catalog_of("prod").services["wallet"]})
    with pytest.raises(AgreementError, match=r"edge\.firewall\.takeover: no service\.yaml has a login; accepted: off"):
        check(settings_of("prod"), without)


def staying(stack: str) -> Catalog:
    """The services, none of which may leave."""
    catalog = catalog_of(stack)
    services = {name: each.model_copy(update={"egress": ()}) for name, each in catalog.services.items()}
    return Catalog.model_construct(tier=catalog.tier, services=services)


def leaving(stack: str) -> Catalog:
    """The same with a wallet that may."""
    catalog = staying(stack)
    wallet = catalog.services["wallet"].model_copy(update={"egress": ("payments-providers",)})
    return Catalog.model_construct(tier=catalog.tier, services={**catalog.services, "wallet": wallet})


def test_who_leaves_needs_a_way_out() -> None:
    chosen = settings_of("prod")
    chosen = chosen.model_copy(update={"network": chosen.network.model_copy(update={"nat": Nat.NONE})})
    check(chosen, staying("prod"))
    with pytest.raises(
        AgreementError, match=r"network\.nat: 'none': wallet calls payments-providers .*single, per-zone or reg"
    ):
        check(chosen, leaving("prod"))


def test_an_image_from_elsewhere_needs_a_way_to_it() -> None:
    chosen = settings_of("prod")
    chosen = chosen.model_copy(update={"image": chosen.image.model_copy(update={"registry": "registry.example"})})
    with pytest.raises(
        AgreementError, match=r"image\.registry: 'registry\.example': with network\.interface_endpoints"
    ):
        check(chosen, catalog_of("prod"))

"""Settings and manifests that contradict each other are refused before anything is registered, with path, value and remedy."""

from __future__ import annotations

import pytest

from model.catalog import Catalog
from model.vocabulary import Tier
from stacks.agreement import AgreementError, check
from tests.stacks.conftest import ENVIRONMENTS, catalog_of, settings_of


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_the_environments_of_the_repository_agree_with_the_manifests(stack: str) -> None:
    check(settings_of(stack), catalog_of(stack))


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
    check(chosen, Catalog.model_construct(tier=Tier.PRODUCTION, services={"wallet": wallet}))

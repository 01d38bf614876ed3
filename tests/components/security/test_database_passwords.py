"""A service's two database passwords: named by the contract, secret, and the same ones that stood below the service before."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from components.base import Component
from components.security.database_passwords import DatabasePasswords, DatabasePasswordsArgs
from tests.components.conftest import Recorded
from tests.components.examples import KEY, Example

Run = Callable[..., Recorded]
ARGS = DatabasePasswordsArgs(service="wallet", key_arn=KEY)

EXAMPLES: Mapping[type[Component], Example] = {
    DatabasePasswords: lambda name, transform: DatabasePasswords(name, ARGS, transform=transform)
}


def test_both_are_named_by_the_contract_and_secret(run: Run) -> None:
    recorded = run(lambda: DatabasePasswords("wallet-database", ARGS))
    names = ["matchday/dev/wallet/DATABASE_OWNER_PASSWORD", "matchday/dev/wallet/DATABASE_APP_PASSWORD"]
    assert list(recorded.result.secret_names) == names
    assert {item.inputs["name"] for item in recorded.of("aws:secretsmanager/secret:Secret")} == set(names)
    assert all("secretString" in item.secrets for item in recorded.of("SecretVersion"))
    assert all(item.protect for item in recorded.of("aws:secretsmanager/secret:Secret"))


def test_they_are_the_ones_that_stood_below_the_service(run: Run) -> None:
    """Without the alias the engine would make others, and running tasks would lose their databases."""
    recorded = run(lambda: DatabasePasswords("wallet-database", ARGS))
    for name in ("wallet-database-owner-password", "wallet-database-app-password"):
        (component,) = (item for item in recorded.registrations if item.name == name and not item.custom)
        before = "urn:pulumi:dev::matchday::matchday:compute:Application::wallet"
        assert component.aliases == (before,)

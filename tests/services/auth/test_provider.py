"""Log-in by an OpenID Connect provider: code flow with PKCE, and what hostile browsers and providers try."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr

from localcloud.partners.oidc import Forge, OidcStandIn
from localcloud.partners.oidc import Person as Somebody
from localcloud.partners.wire import serve
from services.auth.app import create_app
from tests.services.auth.fixtures import Auth, Person
from tests.services.support import Clock, Cloud, running

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("cheap_passwords")]


@pytest.fixture
async def federated(cloud: Cloud, clock: Clock) -> AsyncIterator[tuple[Auth, OidcStandIn]]:
    """Auth with a provider."""
    cloud.cache.command("FLUSHALL")
    app = create_app(clock)
    async with cloud.fresh("auth") as database:
        provider = OidcStandIn(cloud.secrets.__getitem__)
        server = await serve("127.0.0.1", 0, provider.handle)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with running(app, cloud.environment("auth", database, OIDC_URL=url)) as client:
            yield Auth(app, client, database, cloud), provider
        server.close()


async def begun(auth: Auth) -> tuple[str, dict[str, str]]:
    """Begin, go to the provider and back; the flow and what came back."""
    answer = await auth.client.post("/auth/providers/begin")
    assert answer.status_code == 200, answer.text
    async with httpx.AsyncClient(trust_env=False) as browser:
        back = await browser.get(answer.json()["url"])
    assert back.status_code == 302
    query = {name: values[0] for name, values in parse_qs(urlsplit(back.headers["location"]).query).items()}
    assert back.headers["location"].startswith("http://localhost:8080/signed-in?")
    return answer.json()["flow"], query


async def finish(auth: Auth, flow: str, query: dict[str, str]) -> httpx.Response:
    return await auth.client.post("/auth/providers/finish", json={"flow": flow, **query})


async def test_who_is_new_gets_an_account_and_who_comes_again_the_same(
    federated: tuple[Auth, OidcStandIn], clock: Clock
) -> None:
    auth, provider = federated
    found = []
    for _ in range(2):
        answer = await finish(auth, *await begun(auth))
        assert answer.status_code == 200, answer.text
        found.append(Person("", "", answer.json()))
        provider.rotate()  # keys change without notice
    assert found[0].id == found[1].id
    assert found[0].claims["amr"] == ["fed"]
    assert "player:verified" in found[0].scopes, "the provider has verified the address"
    profile = (await auth.client.get("/auth/me", headers=found[0].bearer)).json()
    assert (profile["email"], profile["email_verified"]) == ("player@example.com", True)


async def test_alike_addresses_link_nothing(federated: tuple[Auth, OidcStandIn]) -> None:
    auth, _ = federated
    person = await auth.person("player@example.com")
    refused = await finish(auth, *await begun(auth))
    assert (refused.status_code, refused.json()["code"]) == (401, "provider_refused")
    flow, query = await begun(auth)
    linked = await auth.client.post("/auth/me/providers", json={"flow": flow, **query}, headers=person.bearer)
    assert linked.status_code == 204, linked.text
    assert Person("", "", (await finish(auth, *await begun(auth))).json()).id == person.id


async def test_an_address_that_the_provider_has_not_verified_makes_no_account(
    federated: tuple[Auth, OidcStandIn],
) -> None:
    auth, provider = federated
    provider.who = Somebody("2", "victim@example.com", email_verified=False)
    assert (await finish(auth, *await begun(auth))).json()["code"] == "provider_refused"


async def test_a_flow_belongs_to_one_browser_and_is_finished_once(federated: tuple[Auth, OidcStandIn]) -> None:
    auth, _ = federated
    mine, of_mine = await begun(auth)
    _, of_theirs = await begun(auth)
    swapped = await finish(auth, mine, of_theirs)
    assert swapped.json()["code"] == "provider_refused", "a code that somebody else was given (log-in CSRF)"
    mixed = await finish(auth, mine, of_mine | {"code": of_theirs["code"]})
    assert mixed.json()["code"] == "provider_refused", "PKCE: the verifier is another one"
    assert (await finish(auth, mine, of_mine)).status_code == 200
    assert (await finish(auth, mine, of_mine)).json()["code"] == "provider_refused", "the code was used"


def _none(header: dict[str, Any], claims: dict[str, Any]) -> None:
    header["alg"] = "none"


def _hmac(header: dict[str, Any], claims: dict[str, Any]) -> None:
    header["alg"] = "HS256"


def _unknown_key(header: dict[str, Any], claims: dict[str, Any]) -> None:
    header["kid"] = "../../etc/passwd"


def _two_audiences(_: dict[str, Any], claims: dict[str, Any]) -> None:
    claims["aud"] = [claims["aud"], "somebody-else"]


def _changed(**changes: Any) -> Forge:
    def forge(_: dict[str, Any], claims: dict[str, Any]) -> None:
        claims.update(changes)

    return forge


@pytest.mark.parametrize(
    "forge",
    [
        _none,
        _hmac,
        _unknown_key,
        _changed(aud="somebody-else"),
        _two_audiences,
        _changed(iss="https://evil.example"),
        _changed(exp=1_700_000_000),
        _changed(nonce="another"),
        _changed(nonce=None),
    ],
    ids=["none", "hmac", "kid", "aud", "azp", "iss", "exp", "nonce", "no nonce"],
)
async def test_a_forged_id_token_is_refused(federated: tuple[Auth, OidcStandIn], forge: Forge) -> None:
    auth, provider = federated
    provider.forge = forge
    answer = await finish(auth, *await begun(auth))
    assert (answer.status_code, answer.json()["code"]) == (401, "provider_refused")
    provider.forge = None
    assert (await finish(auth, *await begun(auth))).status_code == 200


async def test_a_provider_that_is_away_is_said_to_be(auth: Auth) -> None:
    answer = await auth.client.post("/auth/providers/begin")
    assert (answer.status_code, answer.json()["code"]) == (503, "provider_unavailable")
    assert answer.headers["retry-after"] == "5"


async def test_who_knows_only_the_clients_name_gets_no_token_of_the_provider(
    federated: tuple[Auth, OidcStandIn],
) -> None:
    auth, _ = federated
    flow, query = await begun(auth)
    asked = auth.app.state.services.provider.provider
    asked.settings = asked.settings.model_copy(update={"oidc_client_secret": SecretStr("guessed")})
    assert (await finish(auth, flow, query)).json()["code"] == "provider_refused"


async def test_nothing_of_a_flow_is_stored(federated: tuple[Auth, OidcStandIn]) -> None:
    auth, _ = federated
    flow, query = await begun(auth)
    app = await auth.cloud.connect(auth.database, role="app", service="auth")
    stored = str([dict(row) for row in await app.fetch("SELECT * FROM flows")])
    await app.close()
    for private in (flow, query["state"], base64.b64encode(flow.encode()).decode()):
        assert private not in stored

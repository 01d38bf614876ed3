"""Accounts: register, log in, me."""

from __future__ import annotations

import pytest

from tests.services.support import Auth

pytestmark = pytest.mark.postgres


async def test_a_person_registers_logs_in_and_is_known(auth: Auth) -> None:
    person = await auth.person("Player.One@Example.COM")
    answer = await auth.client.get("/auth/me", headers=person.bearer)
    assert answer.status_code == 200
    assert answer.json()["email"] == "player.one@example.com"


async def test_one_address_has_one_account_however_it_is_written(auth: Auth) -> None:
    await auth.person("player@example.com")
    again = await auth.client.post(
        "/auth/register", json={"email": " PLAYER@example.com", "password": "another password"}
    )
    assert (again.status_code, again.json()["code"]) == (409, "email_taken")

"""Roles are sets of permissions, denied by default; staff act with two factors, masked, and leave a trail; exclusions hold."""

from __future__ import annotations

from datetime import date, timedelta

import asyncpg
import httpx
import pytest

from services.auth.audit import Happened
from services.auth.scopes import is_adult
from services.common.permissions import READ_ONLY, ROLES, Permission, StaffRole, permissions_of
from services.common.tokens import PLAY, PLAYER, VERIFIED
from tests.services.auth.fixtures import Auth, Person
from tests.services.support import CATALOG, OUTSIDE, Clock

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("cheap_passwords")]


def test_every_permission_is_a_scope_that_a_service_declares() -> None:
    declared = {scope for service in CATALOG.services.values() for scope in service.scopes}
    assert {permission.value for permission in Permission} <= declared


def test_an_auditor_changes_nothing_and_nobody_has_what_no_role_gives() -> None:
    assert ROLES[StaffRole.AUDITOR] <= READ_ONLY
    assert set(ROLES) == set(StaffRole)
    assert permissions_of(["nobody", "root", ""]) == frozenset()
    assert permissions_of(["support", "risk"]) == ROLES[StaffRole.SUPPORT] | ROLES[StaffRole.RISK]
    for proposing, approving in (
        (Permission.MANAGE_CONTESTS, Permission.APPROVE_PRIZES),
        (Permission.CONFIRM_INSTRUMENTS, Permission.APPROVE_PAYOUTS),
        (Permission.GRANT_ROLES, Permission.REFUND_DEPOSITS),
    ):
        assert not any({proposing, approving} <= held for held in ROLES.values()), "proposing and approving are two"


@pytest.mark.parametrize(
    ("birth", "today", "adult"),
    [
        (date(2008, 11, 26), date(2026, 11, 25), False),
        (date(2008, 11, 26), date(2026, 11, 26), True),
        (date(2008, 2, 29), date(2026, 2, 28), False),
        (date(2008, 2, 29), date(2026, 3, 1), True),
        (date(2030, 1, 1), date(2026, 1, 1), False),
        (None, date(2026, 1, 1), False),
    ],
)
def test_who_is_of_age(birth: date | None, today: date, adult: bool) -> None:
    assert is_adult(birth, today) is adult


#: What each permission opens: method, path below /auth/staff/accounts/{id}, body.
ACTS = {
    Permission.READ_ACCOUNTS: ("GET", "", None),
    Permission.READ_SECURITY_EVENTS: ("GET", "/events", None),
    Permission.END_SESSIONS: ("POST", "/log-out", {"reason": "a test does it"}),
    Permission.FREEZE_ACCOUNTS: ("POST", "/freeze", {"reason": "a test does it"}),
    Permission.GRANT_ROLES: ("PUT", "/roles", {"roles": ["auditor"], "reason": "a test does it"}),
}


async def act(auth: Auth, who: Person, permission: Permission, on: Person) -> httpx.Response:
    method, path, body = ACTS[permission]
    url = f"/auth/staff/accounts/{on.id}{path}"
    return await auth.client.request(method, url, json=body, headers=who.bearer | OUTSIDE)


@pytest.mark.parametrize("role", StaffRole)
async def test_a_role_does_what_it_holds_and_nothing_else(auth: Auth, role: StaffRole) -> None:
    staff, _ = await auth.staff(role)
    for permission in ACTS:
        person = await auth.verified()
        answer = await act(auth, staff, permission, person)
        expected = {200, 204} if permission in ROLES[role] else {403}
        assert answer.status_code in expected, (role, permission, answer.text)
    player = await auth.verified()
    for permission in ACTS:
        assert (await act(auth, player, permission, player)).status_code == 403


async def test_what_changes_something_wants_two_factors_just_now(auth: Auth, clock: Clock) -> None:
    staff, app = await auth.staff("risk")
    person = await auth.verified()
    clock.move(minutes=6)
    assert (await act(auth, staff, Permission.READ_ACCOUNTS, person)).status_code == 200
    assert (await act(auth, staff, Permission.FREEZE_ACCOUNTS, person)).json()["code"] == "step_up_needed"
    assert (await auth.step_up(staff, totp=app.code())).status_code == 200
    assert (await act(auth, staff, Permission.FREEZE_ACCOUNTS, person)).status_code == 204


async def test_a_frozen_account_is_shut_everywhere(auth: Auth) -> None:
    staff, _ = await auth.staff("risk")
    person = await auth.verified()
    await act(auth, staff, Permission.FREEZE_ACCOUNTS, person)
    refreshed = await auth.client.post("/auth/refresh", json={"refresh_token": person.tokens["refresh_token"]})
    assert refreshed.status_code == 401
    await auth.app.state.ended.read()
    assert (await auth.client.get("/auth/me", headers=person.bearer)).status_code == 401
    body = {"email": person.email, "password": person.password}
    answer = await auth.client.post("/auth/login", json=body)
    assert (answer.status_code, answer.json()["code"]) == (403, "account_frozen")
    wrong = await auth.client.post("/auth/login", json=body | {"password": "wrong password"})
    assert wrong.json()["code"] == "credentials_wrong", "only said to whom has proved to be them"
    url = f"/auth/staff/accounts/{person.id}/unfreeze"
    for status in (204, 409):
        answer = await auth.client.post(url, json={"reason": "it was a mistake"}, headers=staff.bearer)
        assert answer.status_code == status
    assert await auth.log_in(person)


async def test_support_sees_masked_contacts_and_leaves_a_trail(auth: Auth) -> None:
    staff, _ = await auth.staff("support")
    person = await auth.verified("player.one@example.com")
    found = await auth.client.post("/auth/staff/accounts/find", json={"email": person.email}, headers=staff.bearer)
    assert found.json() == {"id": str(person.id)}
    seen = await act(auth, staff, Permission.READ_ACCOUNTS, person)
    assert seen.json()["email"] == "p•••@example.com"
    listed = await act(auth, staff, Permission.READ_SECURITY_EVENTS, person)
    assert {(each["network"], each["agent"]) for each in listed.json()["events"]} == {("", "")}
    own = (await auth.client.get("/auth/events", headers=person.bearer)).json()["events"]
    assert own[0]["kind"] == Happened.READ_BY_STAFF
    assert own[0]["actor"] == str(staff.id)
    assert {each["network"] for each in own if each["kind"] == Happened.LOGGED_IN} == {"192.0.2.0/24"}


async def test_events_are_paged_and_only_ones_own(auth: Auth) -> None:
    person, other = await auth.person(), await auth.person()
    for _ in range(55):
        await auth.client.post("/auth/resets", json={"email": person.email})
    first = (await auth.client.get("/auth/events", headers=person.bearer)).json()
    rest = (await auth.client.get(f"/auth/events?before={first['next_before']}", headers=person.bearer)).json()
    assert (len(first["events"]), rest["next_before"]) == (50, None)
    ids = [each["id"] for each in first["events"] + rest["events"]]
    assert len(ids) == len(set(ids)) == 57  # registered, logged in, 55 resets
    theirs = (await auth.client.get("/auth/events", headers=other.bearer)).json()["events"]
    assert [each["kind"] for each in theirs] == [Happened.LOGGED_IN, Happened.REGISTERED]


async def test_the_trail_is_append_only(auth: Auth) -> None:
    await auth.person()
    await auth.client.post("/auth/login", json={"email": "nobody@example.com", "password": "wrong password"})
    for role in ("app", "owner"):
        connection = await auth.cloud.connect(auth.database, role=role, service="auth")
        for statement in ("UPDATE security_events SET kind = 'x'", "DELETE FROM security_events"):
            with pytest.raises(asyncpg.PostgresError, match=r"append-only|permission denied"):
                await connection.execute(statement)
        await connection.close()
    app = await auth.cloud.connect(auth.database, role="app", service="auth")
    assert await app.execute("DELETE FROM security_events WHERE user_id IS NULL") == "DELETE 1"
    await app.close()


async def test_roles_are_given_by_somebody_else_and_end_sessions(auth: Auth) -> None:
    admin, _ = await auth.staff("admin")
    own = await act(auth, admin, Permission.GRANT_ROLES, admin)
    assert own.json()["code"] == "state_refused"
    person = await auth.verified()
    assert (await act(auth, admin, Permission.GRANT_ROLES, person)).status_code == 204
    refreshed = await auth.client.post("/auth/refresh", json={"refresh_token": person.tokens["refresh_token"]})
    assert refreshed.status_code == 401
    assert (await auth.log_in(person)).scopes == {"staff"}


async def test_operators_make_the_first_admin_from_inside(auth: Auth) -> None:
    headers = await auth.bearer("auth-roles")
    body = {"email": "nobody@example.com", "roles": ["admin"], "reason": "the first one"}
    assert (await auth.client.post("/auth/internal/roles", json=body, headers=headers)).status_code == 404
    outside = await auth.client.post("/auth/internal/roles", json=body, headers=headers | OUTSIDE)
    assert outside.json()["detail"] == "There is nothing here."
    wrong = await auth.client.post("/auth/internal/roles", json=body, headers=await auth.bearer("wallet-credit"))
    assert wrong.status_code == 403


@pytest.mark.parametrize(("kind", "days"), [("time-out", 7), ("self-exclusion", 365)])
async def test_an_exclusion_takes_play_and_leaves_the_rest(auth: Auth, clock: Clock, kind: str, days: int) -> None:
    person = await auth.verified(birth_date="1990-05-17")
    assert person.scopes == {PLAYER, VERIFIED, PLAY}
    answer = await auth.client.post("/auth/exclusions", json={"kind": kind, "days": days}, headers=person.bearer)
    assert answer.status_code == 204, answer.text
    await auth.app.state.ended.read()
    assert (await auth.client.get("/auth/me", headers=person.bearer)).status_code == 401, (
        "no token allows play any more"
    )
    excluded = await auth.log_in(person)
    assert excluded.scopes == {PLAYER, VERIFIED}
    clock.move(days=days - 1)
    assert (await auth.log_in(person)).scopes == {PLAYER, VERIFIED}
    clock.move(days=1)
    assert (await auth.log_in(person)).scopes == {PLAYER, VERIFIED, PLAY}


@pytest.mark.parametrize(("kind", "days"), [("time-out", 0), ("time-out", 43), ("self-exclusion", 179), ("pause", 7)])
async def test_exclusions_have_bounds(auth: Auth, kind: str, days: int) -> None:
    person = await auth.person()
    answer = await auth.client.post("/auth/exclusions", json={"kind": kind, "days": days}, headers=person.bearer)
    assert answer.status_code == 422


async def test_who_is_not_known_to_be_of_age_does_not_play(auth: Auth, clock: Clock) -> None:
    today = clock.now().date()
    person = await auth.verified()
    assert person.scopes == {PLAYER, VERIFIED}
    body = {"birth_date": (today - timedelta(days=365 * 17)).isoformat()}
    assert (await auth.client.put("/auth/me/birth", json=body, headers=person.bearer)).status_code == 204
    assert (await auth.log_in(person)).scopes == {PLAYER, VERIFIED}
    older = {"birth_date": "1980-01-01"}
    assert (await auth.client.put("/auth/me/birth", json=older, headers=person.bearer)).status_code == 409

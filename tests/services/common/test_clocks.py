"""Clocks that differ or are stepped break nothing: tasks of a service live by PostgreSQL's clock, counted on monotonically."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from services.auth.app import create_app as create_auth
from services.common.clock import DatabaseClock
from services.wallet.app import create_app as create_wallet
from tests.services.auth.fixtures import Auth
from tests.services.support import Clock, Cloud, running
from tests.services.wallet.fixtures import Player, wallet_of

#: How far machines' clocks may be off.
SKEW = timedelta(minutes=5)


@dataclass
class Monotonic:
    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Setup:
    machine: Clock = field(default_factory=Clock)
    monotonic: Monotonic = field(default_factory=Monotonic)

    def __post_init__(self) -> None:
        self.clock = DatabaseClock(self.machine, self.monotonic)
        self.start = self.machine.now()


class TestDatabaseClock:
    @pytest.mark.parametrize("skew", [SKEW, -SKEW, timedelta(0)])
    def test_it_shows_the_servers_time(self, skew: timedelta) -> None:
        setup = Setup()
        setup.clock.follow(setup.start + skew, asked=setup.monotonic.seconds)
        assert setup.clock.now() == setup.start + skew
        setup.monotonic.seconds += 90
        assert setup.clock.now() == setup.start + skew + timedelta(seconds=90)

    @pytest.mark.parametrize(
        "step", [timedelta(hours=1), timedelta(hours=-1), timedelta(seconds=1), timedelta(seconds=-1)]
    )
    def test_a_step_of_the_machines_clock_changes_nothing(self, step: timedelta) -> None:
        """NTP sets it right, or a leap second is inserted."""
        setup = Setup()
        setup.clock.follow(setup.start, asked=setup.monotonic.seconds)
        setup.machine.time += step
        setup.monotonic.seconds += 1
        assert setup.clock.now() == setup.start + timedelta(seconds=1)

    def test_a_slow_answer_moves_it_by_no_more_than_half_its_time(self) -> None:
        setup = Setup()
        asked = setup.monotonic.seconds
        setup.monotonic.seconds += 2
        setup.clock.follow(setup.start + timedelta(minutes=1), asked)
        assert abs(setup.clock.now() - (setup.start + timedelta(minutes=1, seconds=1))) < timedelta(milliseconds=1)

    def test_the_networks_jitter_does_not_move_it(self) -> None:
        setup = Setup()
        for milliseconds in (20, -20, 90, -90):
            setup.clock.follow(setup.start + timedelta(milliseconds=milliseconds), setup.monotonic.seconds)
            assert setup.clock.now() == setup.start

    def test_it_never_goes_backwards_between_two_looks(self) -> None:
        clock = DatabaseClock()
        shown = [clock.now() for _ in range(1000)]
        assert shown == sorted(shown)


def skewed(by: timedelta) -> DatabaseClock:
    """The clock of a task on a machine that is off by that much."""
    return DatabaseClock(Clock(datetime.now(UTC) + by))


@pytest.mark.postgres
@pytest.mark.parametrize(("auth_skew", "wallet_skew"), [(SKEW, -SKEW), (-SKEW, SKEW)])
async def test_tasks_whose_machines_differ_by_ten_minutes(
    cloud: Cloud, cheap_passwords: None, auth_skew: timedelta, wallet_skew: timedelta
) -> None:
    await agree(
        cloud, (skewed(auth_skew), skewed(-auth_skew)), (skewed(wallet_skew), skewed(-wallet_skew)), lambda: None
    )


@pytest.mark.postgres
@pytest.mark.parametrize("noticed_by", [1, pytest.param(0, marks=pytest.mark.nightly)])
async def test_a_leap_second_that_one_task_has_noticed_and_the_other_has_not(
    cloud: Cloud, cheap_passwords: None, noticed_by: int
) -> None:
    """The server's clock shows 23:59:59 twice: who has asked it since is a second behind who has not."""
    clocks = [(DatabaseClock(), DatabaseClock()) for _ in range(2)]

    def repeat_a_second() -> None:
        for pair in clocks:
            pair[noticed_by].follow(datetime.now(UTC) - timedelta(seconds=1), time.monotonic())
            behind = pair[1 - noticed_by].now() - pair[noticed_by].now()
            assert abs(behind - timedelta(seconds=1)) < timedelta(seconds=0.5)

    await agree(cloud, clocks[0], clocks[1], repeat_a_second)


async def agree(
    cloud: Cloud,
    auth_clocks: tuple[DatabaseClock, DatabaseClock],
    wallet_clocks: tuple[DatabaseClock, DatabaseClock],
    then: Callable[[], None],
) -> None:
    """Two tasks of auth and two of wallet, of which all have asked the server, `then` something happens to their clocks:
    tokens, sessions that are refreshed by two tasks at once, idempotency keys, statements in order."""
    cloud.cache.command("FLUSHALL")
    async with cloud.fresh("auth") as auth_database, cloud.fresh("wallet") as wallet_database:
        one, other = (create_auth(clock) for clock in auth_clocks)
        variables = cloud.environment("auth", auth_database)
        async with running(one, variables) as client, running(other, variables) as client_of_other:
            auth = Auth(one, client, auth_database, cloud)
            wallet, second = (create_wallet(clock, httpx.ASGITransport(one)) for clock in wallet_clocks)
            variables = cloud.environment("wallet", wallet_database)
            async with running(wallet, variables) as http, running(second, variables) as http_of_second:
                running_wallet = await wallet_of(wallet, http, wallet_database, auth)
                giver, taker = await running_wallet.player(100), await running_wallet.player()
                then()
                # The token of one task is good in every task of the other service.
                for number in range(4):
                    running_wallet.client = (http, http_of_second)[number % 2]
                    assert (await giver.transfer(taker.account, 10, key=f"intent-{number:04}")).status_code == 201
                running_wallet.client = http
                assert (await giver.transfer(taker.account, 10, key="intent-0001")).headers[
                    "idempotency-replayed"
                ] == "true"
                await assert_in_order(giver)
                # So is one that was issued a moment ago, by whichever task of auth's.
                for issuer in (client, client_of_other):
                    auth.client = issuer
                    bearer = {"Authorization": f"Bearer {(await auth.person()).tokens['access_token']}"}
                    for task in (http, http_of_second):
                        assert (await task.post("/wallet/account", headers=bearer)).is_success
                auth.client = client
            # Two tabs that refresh at two tasks: both go on, the session is not taken for stolen.
            person = await auth.person()
            body = {"refresh_token": person.tokens["refresh_token"]}
            first = await client.post("/auth/refresh", json=body)
            again = await client_of_other.post("/auth/refresh", json=body)
            assert (first.status_code, again.status_code) == (200, 200)
            assert first.json()["refresh_token"] == again.json()["refresh_token"]
            answer = await client_of_other.post("/auth/refresh", json={"refresh_token": first.json()["refresh_token"]})
            assert answer.status_code == 200


async def assert_in_order(player: Player) -> None:
    moments = [each["created_at"] for each in reversed(await player.entries())]
    assert moments == sorted(moments)
    assert abs(datetime.fromisoformat(moments[-1]) - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.postgres
async def test_a_task_takes_the_servers_time_before_its_first_request(cloud: Cloud) -> None:
    app = create_auth(skewed(SKEW))
    async with cloud.fresh("auth") as database, running(app, cloud.environment("auth", database)) as client:
        assert abs(app.state.clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
        app.state.clock = skewed(-SKEW)
        app.state.readiness._clock = app.state.clock
        await asyncio.sleep(0)
        assert (await client.get("/readyz")).status_code == 200
        begun = time.time()
        assert abs(app.state.clock.now().timestamp() - begun) < 5

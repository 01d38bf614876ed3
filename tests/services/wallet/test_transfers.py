"""Money moves: transfers and credits, alone, repeated and all at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from services.common.pace import Pace
from services.common.postgres import Reads
from services.wallet import ledger, service
from services.wallet.accounts_repository import AccountIndex
from tests.services.support import CATALOG, INSIDE, OUTSIDE, Clock, Cloud
from tests.services.wallet.fixtures import Wallet
from tests.services.written_metrics import written_metrics

pytestmark = pytest.mark.postgres


async def test_an_account_is_opened_once(wallet: Wallet) -> None:
    for _ in range(10):
        person = await wallet.auth.person()
        answers = await asyncio.gather(
            *(wallet.client.post("/wallet/account", headers=person.bearer) for _ in range(8))
        )
        assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 7}
        assert len({answer.json()["id"] for answer in answers}) == 1


async def test_money_is_credited_and_moves(wallet: Wallet) -> None:
    one, other = await wallet.player(10_000), await wallet.player()
    answer = await one.transfer(other.account, 2_500)
    assert answer.status_code == 201
    assert answer.json() | {"amount": -2_500, "balance": 7_500, "account": one.account} == answer.json()
    assert (await one.balance(), await other.balance()) == (7_500, 2_500)
    entries = await one.entries()
    assert [(entry["sequence"], entry["amount"], entry["balance_after"]) for entry in entries] == [
        (2, -2_500, 7_500),
        (1, 10_000, 10_000),
    ]


async def test_a_statement_is_read_in_pages(wallet: Wallet) -> None:
    player = await wallet.player(100)
    for _ in range(4):
        await wallet.credit(player.account, 1)
    seen, before = [], ""
    while True:
        answer = await wallet.client.get(f"/wallet/entries?limit=2{before}", headers=player.bearer)
        page = answer.json()
        seen += [entry["sequence"] for entry in page["entries"]]
        if page["next_before"] is None:
            break
        before = f"&before={page['next_before']}"
    assert seen == [5, 4, 3, 2, 1]


async def test_an_overdraft_is_refused_and_changes_nothing(wallet: Wallet) -> None:
    one, other = await wallet.player(100), await wallet.player()
    answer = await one.transfer(other.account, 101)
    assert (answer.status_code, answer.json()["code"]) == (409, "insufficient_funds")
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await one.balance(), await other.balance()) == (100, 0)
    assert len(await one.entries()) == 1


@pytest.mark.parametrize("amount", [0, -1, 1.0, "100", True, 10**12, None])
async def test_an_amount_is_a_positive_whole_number(wallet: Wallet, amount: object) -> None:
    one, other = await wallet.player(100), await wallet.player()
    answer = await one.transfer(other.account, amount)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert [violation["field"] for violation in answer.json()["violations"]] == ["body.amount"]


@pytest.mark.parametrize(
    ("to", "status", "code"),
    [
        ("01a1fe00-59cb-7ee5-84c0-26538338a9d0", 404, "account_unknown"),
        ("00000000-0000-7000-8000-000000000001", 404, "account_unknown"),  # the house's
        ("self", 422, "same_account"),
    ],
)
async def test_a_destination_that_cannot_be(wallet: Wallet, to: str, status: int, code: str) -> None:
    player = await wallet.player(100)
    answer = await player.transfer(player.account if to == "self" else to, 10)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await player.balance() == 100


async def test_a_player_without_an_account(wallet: Wallet) -> None:
    person = await wallet.auth.person()
    answer = await wallet.client.get("/wallet/balance", headers=person.bearer)
    assert (answer.status_code, answer.json()["code"]) == (404, "account_missing")


async def test_a_repeated_request_has_one_effect_and_one_answer(wallet: Wallet) -> None:
    one, other = await wallet.player(1_000), await wallet.player()
    first = await one.transfer(other.account, 300, key="intent-0001")
    again = await one.transfer(other.account, 300, key="intent-0001")
    assert (again.status_code, again.content) == (201, first.content)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert await one.balance() == 700


async def test_a_key_with_another_request_is_refused(wallet: Wallet) -> None:
    one, other = await wallet.player(1_000), await wallet.player()
    await one.transfer(other.account, 300, key="intent-0001")
    answer = await one.transfer(other.account, 301, key="intent-0001")
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert await one.balance() == 700


async def test_keys_of_two_callers_do_not_meet(wallet: Wallet) -> None:
    one, other = await wallet.player(1_000), await wallet.player(1_000)
    assert (await one.transfer(other.account, 10, key="intent-0001")).status_code == 201
    assert (await other.transfer(one.account, 30, key="intent-0001")).status_code == 201
    assert await one.balance() == 1_020


async def test_a_refused_request_does_not_use_up_its_key(wallet: Wallet) -> None:
    one, other = await wallet.player(100), await wallet.player()
    assert (await one.transfer(other.account, 500, key="intent-0001")).status_code == 409
    await wallet.credit(one.account, 400)
    assert (await one.transfer(other.account, 500, key="intent-0001")).status_code == 201


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("", "idempotency_key_missing"),
        ("short", "idempotency_key_invalid"),
        ("tab\tinside", "idempotency_key_invalid"),
        ("x" * 129, "idempotency_key_invalid"),
    ],
)
async def test_a_key_is_needed(wallet: Wallet, key: str, code: str) -> None:
    one, other = await wallet.player(100), await wallet.player()
    body = {"to_account": other.account, "amount": 1}
    headers = one.bearer | ({"Idempotency-Key": key} if key else {})
    answer = await wallet.client.post("/wallet/transfers", json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


async def test_parallel_duplicates_have_one_effect(wallet: Wallet) -> None:
    one, other = await wallet.player(1_000), await wallet.player()
    answers = await asyncio.gather(*(one.transfer(other.account, 100, key="intent-0001") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert Counter(answer.headers.get("idempotency-replayed") for answer in answers) == {None: 1, "true": 19}
    assert await one.balance() == 900


async def test_parallel_transfers_never_overdraw(wallet: Wallet) -> None:
    """30 at once, from and to both, of money for 10: exactly what is there is spent, and nobody waits in a ring."""
    one, other = await wallet.player(1_000), await wallet.player()
    answers = await asyncio.gather(*(one.transfer(other.account, 100) for _ in range(30)))
    assert Counter(answer.status_code for answer in answers) == {201: 10, 409: 20}
    assert (await one.balance(), await other.balance()) == (0, 1_000)


async def test_transfers_in_both_directions_do_not_deadlock(wallet: Wallet) -> None:
    one, other = await wallet.player(1_000), await wallet.player(1_000)
    answers = await asyncio.gather(
        *(giver.transfer(taker.account, 1) for _ in range(20) for giver, taker in ((one, other), (other, one)))
    )
    assert Counter(answer.status_code for answer in answers) == {201: 40}
    assert (await one.balance(), await other.balance()) == (1_000, 1_000)


async def test_a_reference_is_credited_once_whatever_the_key(wallet: Wallet) -> None:
    player = await wallet.player()
    answers = await asyncio.gather(*(wallet.credit(player.account, 500, reference="deposit-1") for _ in range(6)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 5}
    assert {answer.json().get("code") for answer in answers} == {None, "reference_taken"}
    assert await player.balance() == 500


async def test_only_a_client_with_the_scope_credits(wallet: Wallet) -> None:
    player = await wallet.player()
    body = {"account": player.account, "amount": 5, "reference": "deposit-1"}
    headers = player.bearer | {"Idempotency-Key": "intent-0001"}
    answer = await wallet.client.post("/wallet/internal/credits", json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert await player.balance() == 0


async def test_equal_requests_hash_equal_however_they_are_spelt(wallet: Wallet) -> None:
    """A retry by another library: the UUID in capitals, the default written out, keys in another order."""
    one, other = await wallet.player(100), await wallet.player()
    headers = one.bearer | {"Idempotency-Key": "intent-0001"}
    bodies: list[dict[str, object]] = [
        {"to_account": other.account, "amount": 5},
        {"amount": 5, "to_account": other.account.upper(), "note": ""},
        {"note": "", "to_account": other.account.replace("-", ""), "amount": 5},
    ]
    answers = [await wallet.client.post("/wallet/transfers", json=body, headers=headers) for body in bodies]
    assert [answer.status_code for answer in answers] == [201, 201, 201], answers[-1].text
    assert len({answer.text for answer in answers}) == 1
    assert await other.balance() == 5


async def test_a_player_moves_money_at_a_bounded_pace(wallet: Wallet) -> None:
    wallet.app.state.pace = Pace(per_second=0.001, burst=3)
    one, other = await wallet.player(100), await wallet.player(100)
    answers = [await one.transfer(other.account, 1) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [201, 201, 201, 429]
    assert answers[-1].json()["code"] == "rate_limited"
    assert int(answers[-1].headers["retry-after"]) > 1
    assert (await other.transfer(one.account, 1)).status_code == 201, "others are not held up"
    assert await one.balance() == 100 - 3 + 1


async def test_each_client_has_one_act(wallet: Wallet) -> None:
    """Who reads reports credits nothing, and the other way round."""
    player = await wallet.player()
    body = {"account": player.account, "amount": 5, "reference": "deposit-1"}
    headers = wallet.auditor | {"Idempotency-Key": "intent-0001"}
    credit = await wallet.client.post("/wallet/internal/credits", json=body, headers=headers)
    report = await wallet.client.get("/wallet/staff/reconciliation", headers=wallet.creditor)
    assert (credit.status_code, report.status_code) == (403, 403)
    assert await player.balance() == 0


async def test_a_credit_is_bounded_by_the_clients_limit(wallet: Wallet) -> None:
    (client,) = [client for client in CATALOG.clients if client.name == "wallet-credit"]
    limit = client.limits["wallet:credit"]
    player = await wallet.player(limit)
    refused = await wallet.credit(player.account, limit + 1)
    assert (refused.status_code, refused.json()["code"]) == (403, "limit_exceeded")
    assert await player.balance() == limit


async def test_what_players_are_given_is_counted_when_it_is_committed(
    wallet: Wallet, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    await wallet.player(700)
    await wallet.player(300)
    async with wallet.app.state.sessions() as session:
        ids = [*(await session.execute(text("SELECT id FROM transactions"))).scalars()]
        capsys.readouterr()
        await service.notify(session, clock, ids)
        await session.rollback()
        assert "Credits" not in written_metrics(capsys.readouterr().out)
    async with wallet.app.state.sessions() as session, session.begin():
        await service.notify(session, clock, ids)
    # Beside them the counts of requests, when a minute happens to end.
    counted = written_metrics(capsys.readouterr().out)
    assert (counted["Credits"], counted["CreditedPaise"]) == ([2], [1000])


async def test_inside_stays_inside(wallet: Wallet) -> None:
    """What came through the load balancer reaches no internal path, and no client's token works on any other."""
    player = await wallet.player()
    body = {"account": player.account, "amount": 5, "reference": "deposit-1"}
    headers = wallet.creditor | OUTSIDE | {"Idempotency-Key": "intent-0001"}
    credit = await wallet.client.post("/wallet/internal/credits", json=body, headers=headers)
    assert (credit.status_code, credit.json()["code"]) == (404, "not_found")
    report = await wallet.client.get("/wallet/staff/reconciliation", headers=wallet.auditor | OUTSIDE)
    assert report.json()["code"] == "not_yet_reconciled", "staff come from outside"
    public = await wallet.client.get("/wallet/balance", headers=wallet.creditor | OUTSIDE)
    assert (public.status_code, public.json()["code"]) == (403, "forbidden")
    assert "inside" in public.json()["detail"]
    assert (await wallet.client.get("/wallet/balance", headers=player.bearer | OUTSIDE)).status_code == 200


async def test_a_call_that_proxies_traced_is_inside(wallet: Wallet) -> None:
    """Service Connect's proxies may add headers, a trace among them: that is not what the load balancer does."""
    player = await wallet.player()
    body = {"account": player.account, "amount": 5, "reference": "deposit-1"}
    headers = wallet.creditor | INSIDE | {"Idempotency-Key": "intent-0001"}
    assert (await wallet.client.post("/wallet/internal/credits", json=body, headers=headers)).status_code == 201


async def test_operators_have_no_account(wallet: Wallet) -> None:
    answer = await wallet.client.post("/wallet/account", headers=wallet.creditor)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_a_thousand_debits_of_one_account(wallet: Wallet) -> None:
    """All at once, of money for 400: exactly these are posted, whoever came in which batch."""
    one, other = await wallet.player(4_000), await wallet.player()
    wallet.app.state.pace = Pace(per_second=10_000, burst=2_000)
    answers = await asyncio.gather(*(one.transfer(other.account, 10) for _ in range(1_000)))
    assert Counter(answer.status_code for answer in answers) == {201: 400, 409: 600}
    assert (await one.balance(), await other.balance()) == (0, 4_000)
    balances = [answer.json()["balance"] for answer in answers if answer.status_code == 201]
    assert sorted(balances) == list(range(0, 4_000, 10)), "each was told the balance right after its own"


def _credit(account: str, kind: str = "credit") -> ledger.Item:
    return ledger.move(
        id=uuid4(), kind=kind, by="test", hash=b"", sources=[(ledger.house("house"), ledger.NO_CAP)],
        destinations=[(UUID(account), 700)], reference=uuid4().hex,
    )  # fmt: skip


async def test_who_stops_waiting_for_a_batch_has_nothing_posted(wallet: Wallet, cloud: Cloud) -> None:
    """A request that runs out of time before its item was sent is answered that nothing was done: nothing may be done later."""
    player, posting = await wallet.player(), wallet.app.state.posting
    owner = await cloud.connect(wallet.database, role="owner", service="wallet")
    async with owner.transaction():
        await owner.execute("SELECT 1 FROM balances WHERE account_id = $1 FOR UPDATE", UUID(player.account))
        first = []
        while posting._free:  # as many batches as there may be wait for the lock
            first.append(asyncio.create_task(posting.post(_credit(player.account))))
            await asyncio.sleep(0.02)
        sent: list[bool] = []
        late = asyncio.create_task(posting.post(_credit(player.account), lambda: sent.append(True)))
        await asyncio.sleep(0.02)
        late.cancel()
    await asyncio.gather(*first)
    await posting.close()
    await owner.close()
    assert (sent, await player.balance()) == ([], 700 * len(first))


async def test_an_item_that_cannot_be_stored_takes_no_neighbour_with_it(wallet: Wallet) -> None:
    """They share a statement, and PostgreSQL refuses the whole of it; each is then posted by itself."""
    player, posting = await wallet.player(), wallet.app.state.posting
    items = [_credit(player.account), _credit(player.account, kind="prize"), _credit(player.account)]
    done = await asyncio.gather(*(posting.post(item) for item in items), return_exceptions=True)
    assert [getattr(each, "status", type(each).__name__) for each in done] == [
        "posted",
        "CheckViolationError",
        "posted",
    ]
    assert await player.balance() == 1_400


async def test_requests_that_wait_for_a_batch_hold_no_place(wallet: Wallet, cloud: Cloud) -> None:
    """Thirty wait for a locked balance, five times as many as there are places; a read is answered, and then all of them.

    Each event of their common batches names the request that it comes of.
    """
    one, other = await wallet.player(1_000), await wallet.player()
    owner = await cloud.connect(wallet.database, role="owner", service="wallet")
    await one.transfer(other.account, 1)
    async with owner.transaction():
        await owner.execute("SELECT 1 FROM balances WHERE account_id = $1 FOR UPDATE", UUID(other.account))
        waiting = [asyncio.create_task(one.transfer(other.account, 1)) for _ in range(30)]
        while wallet.app.state.admission.gathering._inside < 30:  # noqa: ASYNC110 - it is the server's state, not an event
            await asyncio.sleep(0.01)
        assert wallet.app.state.admission._inside <= 2, "a place for each batch"
        assert await other.balance() == 1
    answers = await asyncio.gather(*waiting)
    assert {answer.status_code for answer in answers} == {201}
    assert wallet.app.state.admission.gathering._inside == 0
    assert wallet.app.state.admission._inside == 0
    of = dict(await owner.fetch("SELECT data->>'transaction', split_part(request_id, ' ', 1) FROM events"))
    assert len(set(of.values())) == len(of), "a request for each"
    for answer in answers:
        assert of[answer.json()["transaction"]] == answer.headers["X-Request-Id"]
    await owner.close()


async def test_accounts_that_many_look_for_at_once_are_read_together() -> None:
    """One statement at a time, for all who came meanwhile; an error reaches all who share it and nobody else."""
    asked: list[list[tuple[UUID, str]]] = []
    go = asyncio.Event()

    class Slow:
        async def fetch(self, _: str, owners: list[UUID], buckets: list[str]) -> list[tuple[UUID, str, UUID]]:
            asked.append(list(zip(owners, buckets, strict=True)))
            await go.wait()
            if len(asked) == 2:
                raise ConnectionError("lost")
            return [(owner, bucket, owner) for owner, bucket in asked[0]]

    index, owners = AccountIndex(), [uuid4() for _ in range(30)]

    def look(few: list[UUID]) -> list[asyncio.Task[list[UUID | None]]]:
        return [asyncio.create_task(index.find(Slow(), [(owner, "deposit")])) for owner in few]  # type: ignore[arg-type] # what it reads with

    first = look(owners[:10])
    await asyncio.sleep(0.01)
    later = look(owners[10:])
    await asyncio.sleep(0.01)
    assert (len(asked), len(asked[0])) == (1, 10)
    first[0].cancel()
    go.set()
    done = await asyncio.gather(*first, *later, return_exceptions=True)
    assert (len(asked), len(asked[1])) == (2, 20)
    assert [type(each).__name__ for each in done] == ["CancelledError", *["list"] * 9, *["ConnectionError"] * 20]
    assert done[1] == [owners[1]]


@pytest.mark.parametrize("times", [1_000, pytest.param(10_000, marks=pytest.mark.nightly)])
async def test_thousands_of_duplicates_of_one_credit(wallet: Wallet, times: int) -> None:
    """Ten at once, a thousand in all in each run, ten thousand at night."""
    player = await wallet.player()
    posting, now = wallet.app.state.posting, wallet.app.state.clock.now
    item = ledger.move(
        id=uuid4(), kind="credit", by="test", hash=b"the same", sources=[(ledger.house("house"), ledger.NO_CAP)],
        destinations=[(UUID(player.account), 700)], reference="once",
    )  # fmt: skip

    async def many() -> Counter[str]:
        found: Counter[str] = Counter()
        for _ in range(times // 10):
            (outcome,) = await ledger.post(Reads(wallet.app.state.pool), [item], now())
            found[outcome.status] += 1
        return found

    await posting.post(item)
    statuses = sum(await asyncio.gather(*(many() for _ in range(10))), Counter[str]())
    assert statuses == {"replayed": times}
    assert await player.balance() == 700

"""Access tokens: everything that is not exactly right is refused; keys are fetched rarely and survive the issuer's absence."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm

from services.common import revocations
from services.common.errors import ServiceError
from services.common.revocations import CURRENT_SECONDS, RemoteEnded
from services.common.tokens import AUDIENCE, RemoteKeys, TokenVerifier, issuer
from tests.eventually import eventually
from tests.services.support import Clock

KEY = ec.generate_private_key(ec.SECP256R1())
OTHER = ec.generate_private_key(ec.SECP256R1())


def jwk(key: ec.EllipticCurvePrivateKey, kid: str) -> dict[str, Any]:
    public: dict[str, Any] = json.loads(ECAlgorithm.to_jwk(key.public_key()))
    return {**public, "kid": kid, "alg": "ES256", "use": "sig"}


class Issuer:
    """Serves a JWKS, counts how often, and fails when told to."""

    def __init__(self) -> None:
        self.keys = [jwk(KEY, "one")]
        self.requests = 0
        self.broken: Any = None

    async def __call__(self, _: httpx.Request) -> httpx.Response:
        self.requests += 1
        await asyncio.sleep(0)
        if isinstance(self.broken, Exception):
            raise self.broken
        return self.broken or httpx.Response(200, json={"keys": self.keys})


class Setup:
    def __init__(self) -> None:
        self.clock, self.issuer = Clock(), Issuer()
        http = httpx.AsyncClient(transport=httpx.MockTransport(self.issuer))
        self.verifier = TokenVerifier(RemoteKeys("http://auth/jwks", http, self.clock), "test", self.clock)

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(self.clock.now().timestamp())
        claims = {"iss": issuer("test"), "aud": AUDIENCE, "sub": "someone", "iat": now, "exp": now + 900}
        return {**claims, "jti": "1", "scope": "player", **changes}

    def token(self, *, key: Any = KEY, alg: str = "ES256", header: dict[str, Any] | None = None, **changes: Any) -> str:
        claims = {name: value for name, value in self.claims(**changes).items() if value is not ...}
        return jwt.encode(claims, key, algorithm=alg, headers={"kid": "one", "typ": "at+jwt"} | (header or {}))


@pytest.fixture
def setup() -> Setup:
    return Setup()


async def test_a_good_token_is_accepted(setup: Setup) -> None:
    caller = await setup.verifier.verify(setup.token(scope="player wallet:credit"))
    assert (caller.subject, caller.scopes) == ("someone", {"player", "wallet:credit"})


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": issuer("prod")},
        {"aud": "another"},
        {"aud": ...},
        {"iss": ...},
        {"sub": ...},
        {"sub": 5},
        {"scope": ...},
        {"scope": ["player"]},
        {"exp": ...},
        {"exp": "tomorrow"},
        {"exp": True},
        {"exp": 10**30},
        {"iat": ...},
        {"jti": ...},
        {"key": OTHER},
        {"header": {"typ": "JWT"}},
        {"header": {"kid": "unknown"}},
        {"header": {"kid": ""}},
    ],
    ids=lambda changes: "another key" if "key" in changes else str(changes),
)
async def test_anything_else_is_refused(setup: Setup, changes: dict[str, Any]) -> None:
    with pytest.raises(ServiceError, match="unauthenticated"):
        await setup.verifier.verify(setup.token(**changes))


async def test_a_token_ends_to_the_second(setup: Setup) -> None:
    token = setup.token()
    setup.clock.move(seconds=899)
    await setup.verifier.verify(token)
    setup.clock.move(seconds=1)
    with pytest.raises(ServiceError, match="unauthenticated"):
        await setup.verifier.verify(token)


async def test_a_token_of_the_future_is_refused(setup: Setup) -> None:
    ahead = int((setup.clock.now() + timedelta(seconds=31)).timestamp())
    with pytest.raises(ServiceError, match="unauthenticated"):
        await setup.verifier.verify(setup.token(iat=ahead))


def _part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


async def test_other_algorithms_never_reach_a_key(setup: Setup) -> None:
    """alg=none; HMAC with the public key as its secret; RSA: refused by the header alone."""
    claims = setup.claims()
    unsigned = f"{_part({'alg': 'none', 'typ': 'at+jwt', 'kid': 'one'})}.{_part(claims)}."
    head = f"{_part({'alg': 'HS256', 'typ': 'at+jwt', 'kid': 'one'})}.{_part(claims)}"
    public = json.dumps(jwk(KEY, "one")).encode()
    confused = (
        head + "." + base64.urlsafe_b64encode(hmac.digest(public, head.encode(), hashlib.sha256)).decode().rstrip("=")
    )
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for token in (unsigned, confused, setup.token(key=rsa_key, alg="RS256")):
        with pytest.raises(ServiceError, match="unauthenticated"):
            await setup.verifier.verify(token)
    assert setup.issuer.requests == 0


@pytest.mark.parametrize("token", ["", ".", "a.b.c", "x" * 5000, "eyJhbGciOiJFUzI1NiJ9..", "é.é.é"])
async def test_rubbish_is_refused(setup: Setup, token: str) -> None:
    with pytest.raises(ServiceError, match="unauthenticated"):
        await setup.verifier.verify(token)


async def test_a_changed_token_is_refused(setup: Setup) -> None:
    head, body, signature = setup.token().split(".")
    changed = _part(setup.claims(sub="somebody else"))
    with pytest.raises(ServiceError, match="unauthenticated"):
        await setup.verifier.verify(f"{head}.{changed}.{signature}")
    assert body != changed


class Ended:
    """Sessions that ended."""

    def __init__(self) -> None:
        self.sessions: set[str] = set()
        self.current = True

    def has(self, session: str) -> bool:
        return session in self.sessions

    def is_current(self) -> bool:
        return self.current


async def test_a_session_that_ended_is_refused_though_its_token_was_good(setup: Setup) -> None:
    ended = setup.verifier._ended = Ended()
    token, other = setup.token(sid="one"), setup.token(sid="two")
    caller = await setup.verifier.verify(token)
    assert (caller.session, caller.is_person) == ("one", True)
    ended.sessions.add("one")
    with pytest.raises(ServiceError, match="unauthenticated"):
        await setup.verifier.verify(token)
    assert (await setup.verifier.verify(other)).session == "two"


@pytest.mark.parametrize(
    "changes",
    [{"sid": 5}, {"sid": "x" * 65}, {"acr": []}, {"amr": "pwd"}, {"amr": [1]}, {"auth_time": "now"}],
    ids=str,
)
async def test_claims_of_a_session_have_their_types(setup: Setup, changes: dict[str, Any]) -> None:
    with pytest.raises(ServiceError, match="unauthenticated"):
        await setup.verifier.verify(setup.token(**changes))


async def test_two_factors_count_for_five_minutes_and_while_ended_sessions_are_known(setup: Setup) -> None:
    ended = setup.verifier._ended = Ended()
    now = int(setup.clock.now().timestamp())
    one = await setup.verifier.verify(setup.token(acr="aal1", auth_time=now))
    two = await setup.verifier.verify(setup.token(acr="aal2", amr=["pwd", "otp"], auth_time=now))
    none = await setup.verifier.verify(setup.token(acr="aal2"))
    assert [setup.verifier.is_stepped_up(each) for each in (one, two, none)] == [False, True, False]
    ended.current = False
    assert not setup.verifier.is_stepped_up(two), "auth has not been reached: nobody knows whether it has ended"
    ended.current = True
    setup.clock.move(minutes=5)
    assert setup.verifier.is_stepped_up(two)
    setup.clock.move(seconds=1)
    assert not setup.verifier.is_stepped_up(two)


async def test_ended_sessions_are_read_again_and_again_and_kept_while_auth_is_away() -> None:
    answers: list[Any] = [
        httpx.Response(200, json={"sessions": ["one"]}),
        httpx.ConnectError("away"),
        httpx.Response(500),
    ]
    shapes: list[Any] = [[], {}, {"sessions": "one"}]
    answers += [httpx.Response(200, json=shape) for shape in shapes]

    async def issuer(_: httpx.Request) -> httpx.Response:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, httpx.Response)
        return answer

    ended = RemoteEnded("http://auth/ended", httpx.AsyncClient(transport=httpx.MockTransport(issuer)))
    assert not ended.is_current()
    while answers:
        await ended.read()
        assert ended.has("one")
        assert not ended.has("two")
        assert ended.is_current()
    ended._read_at -= CURRENT_SECONDS + 1
    assert not ended.is_current()


async def test_who_starts_before_auth_does_not_wait_for_the_next_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the list is read no two factors are taken for good: right after `make up` withdrawals were refused for 15 s."""
    monkeypatch.setattr(revocations, "AGAIN_SECONDS", 0.01)
    read = asyncio.Event()
    statuses = [None, 503, 200]  # nobody listens, not ready, ready

    async def issuer(_: httpx.Request) -> httpx.Response:
        status = statuses.pop(0)
        if not statuses:
            read.set()
        if status is None:
            raise httpx.ConnectError("nobody listens")
        return httpx.Response(status, json={"sessions": []})

    ended = RemoteEnded("http://auth/ended", httpx.AsyncClient(transport=httpx.MockTransport(issuer)))
    reading = asyncio.create_task(ended.run())
    async with asyncio.timeout(revocations.READ_SECONDS / 2):
        await read.wait()
        await eventually(ended.is_current)  # when the answer was read nothing tells
    await asyncio.sleep(0.1)
    assert not reading.done(), "once it is read, the next reading is a round later"
    reading.cancel()


async def test_keys_are_fetched_once_for_many(setup: Setup) -> None:
    await asyncio.gather(*(setup.verifier.verify(setup.token()) for _ in range(50)))
    assert setup.issuer.requests == 1
    setup.clock.move(minutes=5, seconds=1)
    await asyncio.gather(*(setup.verifier.verify(setup.token()) for _ in range(50)))
    assert setup.issuer.requests == 2


async def test_a_new_key_is_found_at_once_but_forgeries_cause_no_load(setup: Setup) -> None:
    await setup.verifier.verify(setup.token())
    setup.issuer.keys.append(jwk(OTHER, "two"))
    setup.clock.move(seconds=11)
    await setup.verifier.verify(setup.token(key=OTHER, header={"kid": "two"}))
    for number in range(100):
        with pytest.raises(ServiceError, match="unauthenticated"):
            await setup.verifier.verify(setup.token(header={"kid": f"forged-{number}"}))
    assert setup.issuer.requests == 2


@pytest.mark.parametrize(
    "broken",
    [
        httpx.ConnectError("away"),
        httpx.Response(500),
        httpx.Response(200, text="rubbish"),
        httpx.Response(200, json=[]),
    ],
    ids=str,
)
async def test_the_issuers_absence_is_borne_for_hours(setup: Setup, broken: Any) -> None:
    await setup.verifier.verify(setup.token())
    setup.issuer.broken = broken
    setup.clock.move(hours=5)
    await setup.verifier.verify(setup.token())
    setup.clock.move(hours=1, seconds=1)
    with pytest.raises(ServiceError, match="keys_unavailable"):
        await setup.verifier.verify(setup.token())
    setup.issuer.broken = None
    setup.clock.move(seconds=11)
    await setup.verifier.verify(setup.token())


async def test_without_any_keys_nothing_can_be_said(setup: Setup) -> None:
    setup.issuer.broken = httpx.ConnectError("away")
    with pytest.raises(ServiceError, match="keys_unavailable"):
        await setup.verifier.verify(setup.token())


async def test_a_header_that_nests_deep_is_refused(setup: Setup) -> None:
    deep = base64.urlsafe_b64encode(b"[" * 2900).decode().rstrip("=")
    with pytest.raises(ServiceError, match="unauthenticated"):
        await setup.verifier.verify(f"{deep}.e30.AA")


async def test_a_good_token_is_checked_once_while_its_key_is_kept(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, checked = setup.token(), 0
    real = jwt.decode

    def decode(*arguments: Any, **keywords: Any) -> Any:
        nonlocal checked
        checked += 1
        return real(*arguments, **keywords)

    monkeypatch.setattr(jwt, "decode", decode)
    for _ in range(5):
        assert (await setup.verifier.verify(token)).subject == "someone"
    assert checked == 1
    # The issuer has withdrawn the key: what was signed with it is refused as soon as that is known.
    setup.issuer.keys = [jwk(OTHER, "two")]
    setup.clock.move(minutes=5, seconds=1)
    with pytest.raises(ServiceError, match="unauthenticated"):
        async with asyncio.timeout(10):
            while True:  # keys are fetched while the first ones are answered
                await setup.verifier.verify(token)
                await asyncio.sleep(0.001)


async def test_remembered_tokens_are_bounded(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TokenVerifier, "REMEMBERED", 3)
    tokens = [setup.token(jti=str(number)) for number in range(5)]
    for token in tokens:
        await setup.verifier.verify(token)
    assert list(setup.verifier._known) == tokens[2:]


async def test_a_silent_issuer_delays_nobody_whose_key_is_known(setup: Setup) -> None:
    """It takes the connection and says nothing: kept keys serve, an unknown one is waited for, but not for long."""
    await setup.verifier.verify(setup.token())
    silent = asyncio.Event()

    async def hang(_: httpx.Request) -> httpx.Response:
        setup.issuer.requests += 1
        await silent.wait()
        raise AssertionError

    http = httpx.AsyncClient(transport=httpx.MockTransport(hang))
    keys = setup.verifier._keys
    assert isinstance(keys, RemoteKeys)
    keys._http = http
    setattr(keys, "FETCH_SECONDS", 20)  # noqa: B010 - of this one instance
    setattr(keys, "WAIT_SECONDS", 10)  # noqa: B010
    setup.clock.move(minutes=6)
    async with asyncio.timeout(9):
        for _ in range(20):
            await setup.verifier.verify(setup.token(iat=int(setup.clock.now().timestamp())))
    setattr(keys, "WAIT_SECONDS", 0.1)  # noqa: B010
    async with asyncio.timeout(9):
        with pytest.raises(ServiceError, match="unauthenticated"):
            await setup.verifier.verify(setup.token(header={"kid": "unknown"}))
    assert setup.issuer.requests == 2

"""The stand-ins as the data plane starts them: a process of their own, keys from Secrets Manager, webhooks to the ingress."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import html
import json
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from cryptography import x509

from localcloud.partners.keys import pins
from localcloud.partners.signing import Identity
from localcloud.partners.wire import Answer, PartnerCall, serve
from services.kyc import esign
from services.kyc.esign import RequestKey, SignatureAsked

pytestmark = pytest.mark.process

KEYS = {
    "RAZORPAY_KEY_ID": "key", "RAZORPAY_KEY_SECRET": "secret", "RAZORPAY_WEBHOOK_SECRET": "hook previous",
    "CASHFREE_CLIENT_ID": "client", "CASHFREE_CLIENT_SECRET": "other", "MESSAGES_KEY": "post", "OIDC_CLIENT_ID": "us",
    "OIDC_CLIENT_SECRET": "ours", "ESIGN_ASP_ID": "matchday", "ESIGN_KEY": "generated",
}  # fmt: skip


class Surroundings:
    """An emulator that holds the keys, and a platform that takes webhooks at the third try."""

    def __init__(self) -> None:
        self.held = dict(KEYS)
        self.webhooks: list[PartnerCall] = []
        self.told = asyncio.Event()

    async def emulator(self, request: PartnerCall) -> Answer:
        body = request.json()
        if request.headers["x-amz-target"].endswith("ListSecrets"):
            return Answer.of({"SecretList": [{"Name": f"matchday/local/payments/{name}"} for name in KEYS]})
        name = body["SecretId"].rpartition("/")[2]
        if request.headers["x-amz-target"].endswith("PutSecretValue"):
            self.held[name] = body["SecretString"]
            return Answer.of({"VersionId": body["ClientRequestToken"]})
        return Answer.of({"SecretString": self.held[name]})

    async def platform(self, request: PartnerCall) -> Answer:
        self.webhooks.append(request)
        if len(self.webhooks) == 4:  # two events, of which two tries were not taken
            self.told.set()
        return Answer.of({}, 200 if len(self.webhooks) > 2 else 503)


@pytest.fixture
async def partners(tmp_path: Path) -> AsyncIterator[tuple[str, Surroundings]]:
    """The URL of the process."""
    found = Surroundings()
    emulator, platform = await serve("127.0.0.1", 0, found.emulator), await serve("127.0.0.1", 0, found.platform)
    words = [
        "--port", "0", "--emulator", f"http://127.0.0.1:{emulator.sockets[0].getsockname()[1]}",
        "--ingress", f"127.0.0.1:{platform.sockets[0].getsockname()[1]}", "--keys", str(tmp_path / "partners"),
    ]  # fmt: skip
    command = [sys.executable, "-m", "localcloud.partners", *words]
    made = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert made.stdout is not None
    port = int(await made.stdout.readline())
    yield f"http://127.0.0.1:{port}", found
    made.terminate()
    assert await made.wait() == 0
    emulator.close()
    platform.close()


async def test_an_order_is_paid_and_told_until_it_is_taken(partners: tuple[str, Surroundings]) -> None:
    url, found = partners
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as http:
        host = {"Host": "razorpay.partners:8090"}
        body = {"amount": 5000, "currency": "INR", "receipt": "r-1"}
        assert (await http.post("/v1/orders", json=body, headers=host)).status_code == 401
        order = (await http.post("/v1/orders", json=body, headers=host, auth=("key", "secret"))).json()
        paid = (await http.post(f"/_partners/razorpay/orders/{order['id']}/payment")).json()
        expected = hmac.new(b"secret", f"{order['id']}|{paid['payment']}".encode(), hashlib.sha256).hexdigest()
        assert paid["signature"] == expected
        async with asyncio.timeout(60):
            await found.told.wait()
        for webhook in found.webhooks:
            assert webhook.path == "/payments/webhooks/razorpay"
            signature = hmac.new(b"hook", webhook.body, hashlib.sha256).hexdigest()
            assert webhook.headers["x-razorpay-signature"] == signature
        events = {webhook.headers["x-razorpay-event-id"] for webhook in found.webhooks}
        assert len(events) == 2, "a try is of the same event"
        health = (await http.get("/_partners/health")).json()
        assert health["razorpay"]["payments"] == 1


async def test_letters_are_shown_to_who_plays_the_person_and_the_provider_sends_him_back(
    partners: tuple[str, Surroundings],
) -> None:
    url, _ = partners
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as http:
        host = {"Host": "messages.partners:8090", "Idempotency-Key": "1"}
        letter = {"channel": "email", "to": "a+b@example.com", "subject": "Your code: 123456", "text": ""}
        assert (await http.post("/messages", json=letter, headers=host)).status_code == 401
        for _ in range(2):
            given = host | {"Authorization": "Bearer post"}
            assert (await http.post("/messages", json=letter, headers=given)).status_code == 202
        assert (await http.get("/_partners/messages/a%2Bb@example.com")).json() == [letter]
        described = await http.get("/.well-known/openid-configuration", headers={"Host": "oidc.partners:8090"})
        assert described.json()["issuer"] == "http://oidc.partners:8090"
        browser = described.json()["authorization_endpoint"]
        assert browser == f"{url}/_partners/oidc/authorize", "where a browser reaches it that does not know the name"
        query = {
            "response_type": "code", "client_id": "us", "redirect_uri": "http://here/back", "scope": "openid",
            "code_challenge": "x", "code_challenge_method": "S256", "state": "s",
        }  # fmt: skip
        back = await http.get(browser, params=query)
        assert (back.status_code, back.headers["location"].endswith("&state=s")) == (302, True)


async def test_a_scenario_is_set_from_outside_and_a_wrong_one_refused(partners: tuple[str, Surroundings]) -> None:
    url, _ = partners
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as http:
        assert (await http.put("/_partners/cashfree/scenario", json={"down": "error_before"})).status_code == 200
        host = {"Host": "cashfree.partners", "x-client-id": "client", "x-client-secret": "other", "x-api-version": "x"}
        answer = await http.get("/pg/orders/o", headers=host)
        assert (answer.status_code, answer.text[:6]) == (502, "<html>")
        assert (await http.put("/_partners/cashfree/scenario", json={"down": "moon"})).status_code == 400
        assert (await http.put("/_partners/nobody/scenario", json={})).status_code == 400
        assert (await http.put("/_partners/cashfree/scenario", json={})).status_code == 200

        assert (await http.get("/pg/orders/o", headers=host)).json()["code"] == "order_not_found"
        wrong = base64.b64encode(b"x").decode()
        assert (await http.get("/pg/orders/o", headers=host | {"x-client-secret": wrong})).status_code == 401
        assert (await http.get("/v1/orders", headers={"Host": "nobody.partners"})).status_code == 404
        assert json.loads((await http.get("/_partners/health")).text)["cashfree"]["orders"] == 0


async def test_a_feed_comes_as_it_was_published_and_fails_as_it_is_told_to(partners: tuple[str, Surroundings]) -> None:
    url, _ = partners
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as http:
        host = {"Host": "scorer.partners:8090"}
        assert (await http.get("/1.json", headers=host)).status_code == 404
        log = {"match": {"id": "m", "sport": "cricket"}, "events": [{"id": str(n)} for n in range(4)]}
        ends = (0, 1, 2, 10_000_000)  # at this speed three at once, and one long after the test
        cuts = [{"at": at, "events": number + 1, "stage": "in play"} for number, at in enumerate(ends)]
        told = {"path": "/1.json", "log": log, "cuts": cuts, "speed": 3600}
        assert (await http.put("/_partners/feeds/scorer", json=told)).status_code == 200
        async with asyncio.timeout(30):
            while len((answer := await http.get("/1.json", headers=host)).json()["events"]) < 3:
                pass
        assert answer.json()["match"]["facts"] == {"stage": "in play"}
        for known in (
            {"If-None-Match": answer.headers["etag"]},
            {"If-Modified-Since": answer.headers["last-modified"]},
        ):
            assert (await http.get("/1.json", headers=host | known)).status_code == 304
        await http.put("/_partners/scorer/scenario", json={"reorder": 1.0})
        assert len((await http.get("/1.json", headers=host)).json()["events"]) == 2, "what was there before"
        await http.put("/_partners/scorer/scenario", json={"down": "limited"})
        limited = await http.get("/1.json", headers=host)
        assert (limited.status_code, limited.headers["retry-after"]) == (429, "2")
        assert (await http.put("/_partners/feeds/scorer", json={"path": "/2.json"})).status_code == 400


async def test_the_platform_is_registered_at_the_esign_provider_by_a_key_that_is_put_for_it_once(
    partners: tuple[str, Surroundings], tmp_path: Path
) -> None:
    url, found = partners
    host = {"Host": "esign.partners:8090"}
    assert sorted(pins(tmp_path / "partners")) == ["digilocker", "esp", "signers", "uidai"]
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as http:

        async def sign(key: RequestKey, asp: str = "matchday", txn: str = "t-1") -> str:
            asked = SignatureAsked(txn, bytes(32), datetime.now(UTC))
            request = esign.request(asked, asp, "http://here/back", "a text", key)
            body = urlencode({"eSignRequest": request}).encode()
            given = host | {"Content-Type": "application/x-www-form-urlencoded"}
            return (await http.post("/esign/2.1/signdoc", content=body, headers=given)).text

        stranger = Identity.made("Somebody")
        key = RequestKey(stranger.key, stranger.certificate)
        assert "ESP-001" in await sign(key), "what was generated is no certificate"
        assert (await http.post("/_partners/enrolment")).json() == {"put": ["ESIGN_KEY"]}
        held = found.held["ESIGN_KEY"]
        assert (await http.post("/_partners/enrolment")).json() == {"put": []}
        assert found.held["ESIGN_KEY"] == held, "an operator's own stays, too"
        ours = RequestKey.read(held)
        for refused in (sign(key), sign(ours, "another")):
            assert "ESP-001" in await refused
        assert (await http.put("/_partners/esign/person", json={"name": "Meera Nair"})).status_code == 200
        response = html.unescape((await sign(ours)).partition('name="eSignResponse" value="')[2].partition('"')[0])
        pinned = {
            issuer: x509.load_pem_x509_certificate(pem.encode())
            for issuer, (pem,) in pins(tmp_path / "partners").items()
        }
        asked = SignatureAsked("t-1", bytes(32), datetime.now(UTC))
        given = esign.response(response.encode(), asked, datetime.now(UTC), [pinned["esp"]])
        assert given.name == "Meera Nair" and given.certificate.issuer == pinned["signers"].subject

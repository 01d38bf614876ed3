"""`matchday smoke`: a person's journey through the ingress of the running platform, step by step."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import console, local

if TYPE_CHECKING:
    import httpx

#: How long the worker may take to act on a message, in seconds.
WORKER_SECONDS = 30

FUNDS, GIFT = 50_000, 12_500  # paise


class Unexpected(Exception):
    """A step did not end as it should; the message says what came instead."""


@dataclass
class Journey:
    """Two players and an operator, and what they hold on the way."""

    http: httpx.Client
    operations_secret: str
    run: str = field(default_factory=lambda: secrets.token_hex(4))
    tokens: dict[str, str] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)
    transfer: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.password = secrets.token_urlsafe(16)

    def register(self) -> str:
        for player in ("asha", "ravi"):
            self._ask("POST", "/auth/register", 201, json={"email": self._email(player), "password": self.password})
        return f"two players, {self._email('asha')} and {self._email('ravi')}"

    def log_in(self) -> str:
        for player in ("asha", "ravi"):
            pair = self._ask("POST", "/auth/login", 200, json={"email": self._email(player), "password": self.password})
            self.tokens[player] = pair["access_token"]
        me = self._ask("GET", "/auth/me", 200, who="asha")
        return f"asha is {me['id']}"

    def open_accounts(self) -> str:
        for player in ("asha", "ravi"):
            account = self._ask("POST", "/wallet/account", 201, who=player)
            self.accounts[player] = account["id"]
        return "both hold 0"

    def fund(self) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": "operations",
            "client_secret": self.operations_secret,
            "scope": "wallet:credit",
        }
        self.tokens["operations"] = self._ask("POST", "/auth/token", 200, data=form)["access_token"]
        credit = {"account": self.accounts["asha"], "amount": FUNDS, "reference": f"smoke-{self.run}"}
        moved = self._ask("POST", "/wallet/internal/credits", 201, who="operations", key="fund", json=credit)
        if moved["balance"] != FUNDS:
            raise Unexpected(f"asha holds {moved['balance']} instead of {FUNDS} paise")
        return f"asha holds {FUNDS} paise"

    def transfer_money(self) -> str:
        body = {"to_account": self.accounts["ravi"], "amount": GIFT, "note": "for the match"}
        self.transfer = self._ask("POST", "/wallet/transfers", 201, who="asha", key="gift", json=body)
        self._holds(asha=FUNDS - GIFT, ravi=GIFT)
        return f"{GIFT} paise from asha to ravi"

    def replay(self) -> str:
        body = {"to_account": self.accounts["ravi"], "amount": GIFT, "note": "for the match"}
        again = self._ask("POST", "/wallet/transfers", 201, who="asha", key="gift", json=body)
        if again != self.transfer:
            raise Unexpected(f"the same key gave {again} after {self.transfer}")
        self._holds(asha=FUNDS - GIFT, ravi=GIFT)
        return "same key, same answer, no second movement"

    def refuse_another_body(self) -> str:
        body = {"to_account": self.accounts["ravi"], "amount": GIFT + 1, "note": "for the match"}
        refused = self._ask("POST", "/wallet/transfers", 422, who="asha", key="gift", json=body)
        return str(refused["code"])

    def refuse_overdraft(self) -> str:
        body = {"to_account": self.accounts["ravi"], "amount": FUNDS, "note": ""}
        refused = self._ask("POST", "/wallet/transfers", 409, who="asha", key="too-much", json=body)
        self._holds(asha=FUNDS - GIFT, ravi=GIFT)
        return str(refused["code"])

    def refuse_forged_token(self) -> str:
        head, claims, signature = self.tokens["asha"].split(".")
        payload = json.loads(base64.urlsafe_b64decode(claims + "=="))
        payload["sub"] = self.tokens["ravi"].split(".")[1][:36]
        forged = base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=").decode()
        none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').rstrip(b"=").decode()
        for token in (f"{head}.{forged}.{signature}", f"{none}.{claims}.", "nonsense"):
            self.tokens["forged"] = token
            self._ask("GET", "/wallet/balance", 401, who="forged")
        return "a changed payload, alg none and nonsense: all 401"

    def see_the_workers_effect(self) -> str:
        deadline = time.monotonic() + WORKER_SECONDS
        while time.monotonic() < deadline:
            told = self._ask("GET", "/wallet/notifications", 200, who="ravi")["notifications"]
            if any(note["transaction"] == self.transfer["transaction"] for note in told):
                return f"ravi was told: {told[0]['message']}"
            time.sleep(0.2)
        raise Unexpected(f"ravi was not told of the transfer within {WORKER_SECONDS} s: does the worker run?")

    def _email(self, player: str) -> str:
        return f"{player}-{self.run}@example.com"

    def _holds(self, **expected: int) -> None:
        for player, amount in expected.items():
            balance = self._ask("GET", "/wallet/balance", 200, who=player)["balance"]
            if balance != amount:
                raise Unexpected(f"{player} holds {balance} instead of {amount} paise")

    def _ask(
        self, method: str, path: str, status: int, *, who: str | None = None, key: str | None = None, **request: Any
    ) -> Any:
        headers = {"Authorization": f"Bearer {self.tokens[who]}"} if who else {}
        if key:
            headers["Idempotency-Key"] = f"smoke-{self.run}-{key}"
        answer = self.http.request(method, path, headers=headers, **request)
        if answer.status_code != status:
            raise Unexpected(f"{method} {path} gave {answer.status_code} instead of {status}: {answer.text[:300]}")
        return answer.json()


STEPS: tuple[tuple[str, Callable[[Journey], str]], ...] = (
    ("register", Journey.register),
    ("log in", Journey.log_in),
    ("open accounts", Journey.open_accounts),
    ("fund through the internal API", Journey.fund),
    ("transfer", Journey.transfer_money),
    ("replay the same idempotency key", Journey.replay),
    ("refuse another body for that key", Journey.refuse_another_body),
    ("refuse an overdraft", Journey.refuse_overdraft),
    ("refuse a forged token", Journey.refuse_forged_token),
    ("see the worker's effect", Journey.see_the_workers_effect),
)


def smoke(
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on standard output (docs/commands.md).")
    ] = False,
) -> None:
    """Walk through the running platform as people would, and print each step with its time.

    Ends at the first step that fails, with exit code 1 and what came instead.
    """
    import httpx

    client = local.require_running()
    url = client.status()["url"]
    steps: list[dict[str, Any]] = []
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as http:
        journey = Journey(http, _operations_secret(client.info.emulator))
        for name, step in STEPS:
            begun = time.monotonic()
            try:
                ok, detail = True, step(journey)
            except (Unexpected, httpx.HTTPError) as failure:
                ok, detail = False, str(failure) or type(failure).__name__
            seconds = round(time.monotonic() - begun, 3)
            steps.append({"name": name, "ok": ok, "seconds": seconds, "detail": detail})
            if not as_json:
                console.result.print(f"{'ok  ' if ok else 'FAIL'} {name:<34} {seconds:6.3f} s  {detail}", markup=False)
            if not ok:
                break
    passed = all(step["ok"] for step in steps)
    if as_json:
        total = round(sum(step["seconds"] for step in steps), 3)
        console.emit({"ok": passed, "url": url, "seconds": total, "steps": steps})
    if not passed:
        console.fail(f"the journey ended at {steps[-1]['name']!r}", "`matchday logs` shows what the services printed.")


def _operations_secret(emulator: str) -> str:
    """The operator's client secret, from where an operator gets it: Secrets Manager."""
    from botocore.exceptions import BotoCoreError, ClientError

    from localcloud.runtime.aws import Aws

    name = f"matchday/{local.STACK}/auth/OPERATIONS_CLIENT_SECRET"
    try:
        text: str = Aws(emulator, local.REGION).client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
    except (ClientError, BotoCoreError) as failure:
        console.fail(f"the secret {name} cannot be read: {failure}", "`matchday up` provisions it.")
    return text

"""DigiLocker's requester API, as far as kyc speaks it: OAuth's authorization code with PKCE, then a person's e-Aadhaar.

Paths and fields: "Digital Locker Authorized Partner API Specification" (v1.12; API Setu's v2.4 has the same paths). A code is
good once. The access token is in memory only, and used for one document.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
from pydantic import HttpUrl, SecretStr

from services.common import flow_tokens
from services.common.outside import Refused
from services.common.rotating import accepted
from services.common.settings import Settings
from services.common.telemetry.carried import PartnerClient
from services.kyc.aadhaar import XML_BYTES

#: Where DigiLocker sends people back: a page of the site, which posts what it gets to `/kyc/digilocker/{id}/answer`.
CALLBACK = "/identified"

#: What is asked for: documents that were issued to the person, of which the e-Aadhaar.
SCOPE, DOCUMENT = "files.issueddocs", "ADHAR"

#: To connect and to answer; and how often a document is asked for, as its code cannot be used again.
SECONDS, PULLS = 5.0, 2

_TOKEN_BYTES = 64 * 1024

log = logging.getLogger(__name__)


class DigilockerSettings(Settings):
    """Where DigiLocker is, and our name there."""

    digilocker_url: HttpUrl
    digilocker_client_id: SecretStr

    @property
    def base(self) -> str:
        """Without a slash at its end."""
        return str(self.digilocker_url).rstrip("/")

    @property
    def client(self) -> str:
        """Our name there."""
        return accepted(self.digilocker_client_id, "DIGILOCKER_CLIENT_ID")[0]


class DigilockerSecrets(DigilockerSettings):
    """What the worker needs besides: what proves that it is us."""

    digilocker_client_secret: SecretStr

    @property
    def secret(self) -> str:
        """The current one."""
        return accepted(self.digilocker_client_secret, "DIGILOCKER_CLIENT_SECRET")[0]


class DigilockerAwayError(RuntimeError):
    """It does not answer, or with something else than it should."""


def derived(token: str, purpose: str) -> str:
    """State or verifier of a flow, which only who holds its token can make."""
    return flow_tokens.derived(token, f"kyc/digilocker/{purpose}")


def address(settings: DigilockerSettings, token: str, redirect: str) -> str:
    """Where to send a person whose flow has `token`."""
    query = {
        "response_type": "code",
        "client_id": settings.client,
        "redirect_uri": redirect,
        "scope": SCOPE,
        "req_doctype": DOCUMENT,
        "state": derived(token, "state"),
        "code_challenge": flow_tokens.challenge(derived(token, "verifier")),
        "code_challenge_method": "S256",
    }
    return f"{settings.base}/public/oauth2/1/authorize?{urlencode(query)}"


@dataclass(frozen=True)
class Digilocker:
    """The API, for the worker. Calls raise Refused for a final no, and DigilockerAwayError."""

    settings: DigilockerSecrets
    transport: httpx.AsyncBaseTransport | None = None

    async def eaadhaar(self, code: str, verifier: str, redirect: str) -> bytes:
        """The e-Aadhaar of the person who came back with `code`."""
        async with PartnerClient(
            timeout=SECONDS, transport=self.transport, trust_env=False, follow_redirects=False
        ) as http:
            token = await self._token(http, code, verifier, redirect)
            for left in reversed(range(PULLS)):
                try:
                    return await self._pull(http, token)
                except DigilockerAwayError as error:
                    if not left:
                        raise
                    log.warning("asked again", extra={"reason": str(error)})
        raise AssertionError("the last try returns or raises")

    async def _token(self, http: httpx.AsyncClient, code: str, verifier: str, redirect: str) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "client_id": self.settings.client,
            "client_secret": self.settings.secret,
            "code_verifier": verifier,
        }
        status, _, body = await self._ask(http, "POST", "/public/oauth2/1/token", _TOKEN_BYTES, data=form)
        answer = _object(body)
        if status == 400 and answer.get("error") == "invalid_grant":
            raise Refused("code_refused")
        if answer.get("error") in ("invalid_client", "unauthorized_client"):
            log.error("DigiLocker does not know us", extra={"runbook": "kyc-providers"})
        token = answer.get("access_token")
        if status != 200 or not isinstance(token, str) or str(answer.get("token_type", "")).lower() != "bearer":
            raise DigilockerAwayError(f"token: {status} {str(answer.get('error', ''))[:40]}")
        if SCOPE not in str(answer.get("scope", SCOPE)).replace("+", " ").split():
            raise Refused("scope_refused")
        return token

    async def _pull(self, http: httpx.AsyncClient, token: str) -> bytes:
        bearer = {"Authorization": f"Bearer {token}"}
        status, kind, body = await self._ask(http, "GET", "/public/oauth2/3/xml/eaadhaar", XML_BYTES, headers=bearer)
        if status in (401, 403):
            raise Refused("scope_refused")
        if status == 404:
            raise Refused("no_eaadhaar")
        if status != 200 or "xml" not in kind:
            raise DigilockerAwayError(f"eaadhaar: {status} {kind[:40]}")
        return body

    async def _ask(
        self, http: httpx.AsyncClient, method: str, path: str, most: int, **given: Any
    ) -> tuple[int, str, bytes]:
        """Status, type and body of an answer; one of more bytes than `most` is none."""
        try:
            async with http.stream(method, f"{self.settings.base}{path}", **given) as answer:
                body = b""
                async for part in answer.aiter_bytes():
                    body += part
                    if len(body) > most:
                        raise DigilockerAwayError(f"{path}: more than {most} bytes")
                return answer.status_code, answer.headers.get("content-type", ""), body
        except httpx.HTTPError as error:
            raise DigilockerAwayError(f"{path}: {type(error).__name__}") from None


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}

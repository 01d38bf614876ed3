"""A stand-in for DigiLocker: OAuth's authorization code with PKCE, and a signed e-Aadhaar for who has a token with the scope.

Whoever is sent to `/authorize` is logged in at once, as `who`, and agrees, unless `refuses`. Enforced: client, redirects that
were registered, S256, a code that is good once and for a minute, a token's scope. A code that comes again ends the token that
it gave (RFC 6749, 4.1.2).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlencode

from localcloud.partners.provider import Refusal, answered
from localcloud.partners.signing import Identity
from localcloud.partners.wire import Answer, PartnerCall
from localcloud.partners.world import World

CODE_SECONDS, TOKEN_SECONDS, CONSENT = 60, 3600, timedelta(days=30)

#: What a token may be for; the first one gives documents.
SCOPES = ("files.issueddocs", "userdetails")

_INDIA = timezone(timedelta(hours=5, minutes=30))

#: One grey pixel.
_PHOTO = (
    "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////////////////////////////////"
    "wgALCAABAAEBAREA/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAAgBAQABPxA="
)


@dataclass(frozen=True)
class Citizen:
    """Somebody with an account there; `has_aadhaar`: linked to it."""

    name: str = "Asha Sharma"
    dob: str = "30-06-1993"
    gender: str = "F"
    last_four: str = "4321"
    has_aadhaar: bool = True


@dataclass(frozen=True)
class _Granted:
    citizen: Citizen
    redirect: str
    challenge: str
    scope: str
    until: float


class DigilockerStandIn:
    """The provider. `secret`: variable → the platform's secret. `registered`: where people may be sent back to.

    `forge` changes an e-Aadhaar after it was signed: tests can be a hostile DigiLocker.
    """

    def __init__(self, world: World, secret: Callable[[str], str], registered: Collection[str]) -> None:
        self.world, self._secret, self._registered = world, secret, registered
        self.who, self.refuses = Citizen(), False
        self.forge: Callable[[bytes], bytes] | None = None
        self._codes: dict[str, _Granted] = {}
        self._used: dict[str, str] = {}
        self._tokens: dict[str, _Granted] = {}

    @cached_property
    def identity(self) -> Identity:
        """What it signs with."""
        return Identity.made("DigiLocker (stand-in)")

    async def handle(self, request: PartnerCall) -> Answer:
        """The provider's answer, or a fault as the scenario has it; a browser's way meets none."""
        if (request.method, request.path) == ("GET", "/public/oauth2/1/authorize"):
            return self.authorize(request.query)
        return answered(self.world, request, self._dispatch, _error)

    def authorize(self, query: Mapping[str, str]) -> Answer:
        """What a browser is answered that is sent here: back at once, with a code or a refusal."""
        scopes = query.get("scope", "").split()
        if (
            query.get("client_id") != self._secret("DIGILOCKER_CLIENT_ID")
            or query.get("redirect_uri") not in self._registered
            or query.get("response_type") != "code"
            or query.get("code_challenge_method") != "S256"
            or len(query.get("code_challenge", "")) != 43
            or not query.get("state")
            or not scopes
            or not set(scopes) <= set(SCOPES)
        ):
            return Answer(400, b"<html><body><h1>Bad request</h1></body></html>", {"Content-Type": "text/html"})
        back = {"state": query["state"]}
        if self.refuses:
            back |= {"error": "access_denied", "error_description": "The user denied the request"}
        else:
            code = secrets.token_hex(20)
            until = self.world.now() + CODE_SECONDS
            self._codes[code] = _Granted(
                self.who, query["redirect_uri"], query["code_challenge"], " ".join(scopes), until
            )
            back |= {"code": code}
        return Answer(302, b"", {"Location": f"{query['redirect_uri']}?{urlencode(back)}"})

    def _dispatch(self, request: PartnerCall) -> Answer:
        match request.method, request.path:
            case "POST", "/public/oauth2/1/token":
                return self._token(dict(parse_qsl(request.body.decode())))
            case "GET", "/public/oauth2/3/xml/eaadhaar":
                return self._eaadhaar(self._granted(request))
        raise Refusal(404, "not_found")

    def _token(self, form: Mapping[str, str]) -> Answer:
        known = f"{self._secret('DIGILOCKER_CLIENT_ID')}:{self._secret('DIGILOCKER_CLIENT_SECRET')}"
        given = f"{form.get('client_id', '')}:{form.get('client_secret', '')}"
        if not hmac.compare_digest(known.encode(), given.encode()):
            raise Refusal(401, "invalid_client")
        if form.get("grant_type") != "authorization_code":
            raise Refusal(400, "unsupported_grant_type")
        code = form.get("code", "")
        self._tokens.pop(self._used.get(code, ""), None)
        granted = self._codes.pop(code, None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if (
            granted is None
            or granted.until < self.world.now()
            or form.get("redirect_uri") != granted.redirect
            or base64.urlsafe_b64encode(digest).decode().rstrip("=") != granted.challenge
        ):
            raise Refusal(400, "invalid_grant")
        token = self._used[code] = secrets.token_hex(20)
        self._tokens[token] = granted
        who = granted.citizen
        return Answer.of(
            {
                "access_token": token, "expires_in": TOKEN_SECONDS, "token_type": "Bearer", "scope": granted.scope,
                "consent_valid_till": int(self.world.now() + CONSENT.total_seconds()), "digilockerid": secrets.token_hex(18),
                "name": who.name, "dob": who.dob.replace("-", ""), "gender": who.gender,
                "eaadhaar": "Y" if who.has_aadhaar else "N",
            }
        )  # fmt: skip

    def _granted(self, request: PartnerCall) -> _Granted:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        granted = self._tokens.get(token) if kind == "Bearer" else None
        if granted is None or granted.until + TOKEN_SECONDS < self.world.now():
            raise Refusal(401, "invalid_token")
        if SCOPES[0] not in granted.scope.split():
            raise Refusal(403, "insufficient_scope")
        return granted

    def _eaadhaar(self, granted: _Granted) -> Answer:
        who = granted.citizen
        if not who.has_aadhaar:
            raise Refusal(404, "aadhaar_not_linked")
        signed = self.identity.sign_xml(_certificate(who, datetime.fromtimestamp(self.world.now(), UTC)))
        return Answer(200, self.forge(signed) if self.forge else signed, {"Content-Type": "application/xml"})


def _certificate(who: Citizen, now: datetime) -> Any:
    from lxml import etree

    root = etree.Element("Certificate")
    local = now.astimezone(_INDIA)
    answer = etree.SubElement(
        etree.SubElement(root, "CertificateData"), "KycRes", code=secrets.token_hex(16), ret="Y",
        ts=local.isoformat(timespec="milliseconds"), ttl=(local + CONSENT).replace(tzinfo=None).isoformat(timespec="seconds"),
        txn=f"UKC:{secrets.token_hex(20)}",
    )  # fmt: skip
    data = etree.SubElement(answer, "UidData", tkn="", uid=f"xxxxxxxx{who.last_four}")
    etree.SubElement(data, "Poi", dob=who.dob, gender=who.gender, name=who.name)
    etree.SubElement(
        data, "Poa", co="", country="India", dist="Pune", house="12", lm="", loc="", pc="411001", po="",
        state="Maharashtra", street="MG Road", subdist="", vtc="Pune",
    )  # fmt: skip
    etree.SubElement(data, "LData", lang="13", name=who.name)
    etree.SubElement(data, "Pht").text = _PHOTO
    return root


def _error(refusal: Refusal) -> Answer:
    body = {"error": refusal.code, "error_description": refusal.code.replace("_", " ")}
    return Answer(refusal.status, json.dumps(body).encode(), {"Content-Type": "application/json"})

"""A stand-in for an OpenID Connect provider: discovery, keys, the authorization code flow with PKCE, id_tokens.

Whoever is sent to `/authorize` is logged in at once, as `who`: it plays the person, too. A code is good once, for the client,
redirect and PKCE challenge that it was given for. `forge` changes what an id_token says: tests can be a hostile provider.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from localcloud.partners.wire import Answer, PartnerCall

_CODE_SECONDS, _TOKEN_SECONDS = 60, 300

#: Changes the header and the claims of an id_token before it is signed.
Forge = Callable[[dict[str, Any], dict[str, Any]], None]


@dataclass(frozen=True)
class Person:
    """Somebody with an account at the provider."""

    subject: str
    email: str
    email_verified: bool = True


@dataclass(frozen=True)
class _Granted:
    person: Person
    client: str
    redirect: str
    challenge: str
    nonce: str
    until: float


class OidcStandIn:
    """The provider. `secret`: variable → the platform's secret. `who` logs in.

    Its issuer is the name that it is asked by. `browser`: where a browser finds it, if that name is only known to tasks.
    """

    def __init__(self, secret: Callable[[str], str], browser: str = "") -> None:
        self._secret, self.browser = secret, browser
        self.who = Person("1", "player@example.com")
        self.forge: Forge | None = None
        self._codes: dict[str, _Granted] = {}
        self._key, self.kid = rsa.generate_private_key(public_exponent=65537, key_size=2048), secrets.token_hex(4)

    async def handle(self, request: PartnerCall) -> Answer:
        """The provider's answer."""
        issuer = f"http://{request.headers.get('host', '')}"
        match request.method, request.path:
            case "GET", "/.well-known/openid-configuration":
                return Answer.of(self._discovery(issuer))
            case "GET", "/jwks":
                return Answer.of({"keys": [self._jwk()]})
            case "GET", "/authorize":
                return self.authorize(request.query)
            case "POST", "/token":
                return self._token(issuer, dict(parse_qsl(request.body.decode())))
        return Answer.of({"error": "not_found"}, 404)

    def rotate(self) -> None:
        """Sign with a new key from now on."""
        self._key, self.kid = rsa.generate_private_key(public_exponent=65537, key_size=2048), secrets.token_hex(4)

    def _token(self, issuer: str, form: Mapping[str, str]) -> Answer:
        granted = self._codes.pop(form.get("code", ""), None)
        verifier = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if (
            granted is None
            or granted.until < time.time()
            or form.get("grant_type") != "authorization_code"
            or (form.get("client_id"), form.get("redirect_uri")) != (granted.client, granted.redirect)
            or not hmac.compare_digest(
                form.get("client_secret", "").encode(), self._secret("OIDC_CLIENT_SECRET").encode()
            )
            or verifier.decode().rstrip("=") != granted.challenge
        ):
            return Answer.of({"error": "invalid_grant"}, 400)
        signed = self._sign(issuer, granted)
        return Answer.of({"token_type": "Bearer", "access_token": secrets.token_urlsafe(16), "id_token": signed})

    def _discovery(self, issuer: str) -> dict[str, Any]:
        return {
            "issuer": issuer,
            "authorization_endpoint": f"{self.browser or issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "jwks_uri": f"{issuer}/jwks",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def _jwk(self) -> dict[str, str]:
        numbers = self._key.public_key().public_numbers()
        modulus = numbers.n.to_bytes(256)
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "n": _base64(modulus), "e": "AQAB"}

    def authorize(self, query: Mapping[str, str]) -> Answer:
        """What a browser is answered that is sent here: back at once, with a code."""
        client = self._secret("OIDC_CLIENT_ID")
        wanted = {"response_type": "code", "client_id": client, "code_challenge_method": "S256"}
        if any(query.get(name) != value for name, value in wanted.items()) or "openid" not in query.get("scope", ""):
            return Answer.of({"error": "invalid_request"}, 400)
        code = secrets.token_urlsafe(24)
        self._codes[code] = _Granted(
            self.who,
            client,
            query["redirect_uri"],
            query["code_challenge"],
            query.get("nonce", ""),
            time.time() + _CODE_SECONDS,
        )
        back = urlencode({"code": code, "state": query.get("state", "")})
        return Answer(302, b"", {"Location": f"{query['redirect_uri']}?{back}"})

    def _sign(self, issuer: str, granted: _Granted) -> str:
        now = int(time.time())
        header = {"alg": "RS256", "typ": "JWT", "kid": self.kid}
        claims = {
            "iss": issuer,
            "aud": granted.client,
            "sub": granted.person.subject,
            "iat": now,
            "exp": now + _TOKEN_SECONDS,
            "nonce": granted.nonce,
            "email": granted.person.email,
            "email_verified": granted.person.email_verified,
        }
        if self.forge is not None:
            self.forge(header, claims)
        signed = ".".join(_base64(json.dumps(part).encode()) for part in (header, claims))
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), SHA256())
        return f"{signed}.{_base64(signature)}"


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")

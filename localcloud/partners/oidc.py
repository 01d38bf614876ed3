"""A stand-in for an OpenID Connect provider: discovery, keys, the authorization code flow with PKCE, id_tokens.

Whoever is sent to `/authorize` is logged in at once, as `who`: it plays the person, too. A code is good once, for the client,
redirect and PKCE challenge that it was given for. `forge` changes what an id_token says: tests can be a hostile provider.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

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
    """The provider on a loopback address, as a context manager. `who` logs in."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, client: str = "matchday") -> None:
        self.client, self.who = client, Person("1", "player@example.com")
        self.forge: Forge | None = None
        self._codes: dict[str, _Granted] = {}
        self._key, self.kid = rsa.generate_private_key(public_exponent=65537, key_size=2048), secrets.token_hex(4)
        self._server = ThreadingHTTPServer((host, port), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Where it is: its issuer."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def rotate(self) -> None:
        """Sign with a new key from now on."""
        self._key, self.kid = rsa.generate_private_key(public_exponent=65537, key_size=2048), secrets.token_hex(4)

    def get(self, target: str) -> tuple[int, Mapping[str, str], Any]:
        """Status, headers and document of a GET."""
        parts = urlsplit(target)
        if parts.path == "/.well-known/openid-configuration":
            return 200, {}, self._discovery()
        if parts.path == "/jwks":
            return 200, {}, {"keys": [self._jwk()]}
        if parts.path == "/authorize":
            return self._authorize(dict(parse_qsl(parts.query)))
        return 404, {}, {"error": "not_found"}

    def token(self, form: Mapping[str, str]) -> tuple[int, Any]:
        """Status and document of the token endpoint."""
        granted = self._codes.pop(form.get("code", ""), None)
        verifier = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if (
            granted is None
            or granted.until < time.time()
            or form.get("grant_type") != "authorization_code"
            or (form.get("client_id"), form.get("redirect_uri")) != (granted.client, granted.redirect)
            or verifier.decode().rstrip("=") != granted.challenge
        ):
            return 400, {"error": "invalid_grant"}
        return 200, {"token_type": "Bearer", "access_token": secrets.token_urlsafe(16), "id_token": self._sign(granted)}

    def _discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def _jwk(self) -> dict[str, str]:
        numbers = self._key.public_key().public_numbers()
        modulus = numbers.n.to_bytes(256)
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "n": _base64(modulus), "e": "AQAB"}

    def _authorize(self, query: Mapping[str, str]) -> tuple[int, Mapping[str, str], Any]:
        wanted = {"response_type": "code", "client_id": self.client, "code_challenge_method": "S256"}
        if any(query.get(name) != value for name, value in wanted.items()) or "openid" not in query.get("scope", ""):
            return 400, {}, {"error": "invalid_request"}
        code = secrets.token_urlsafe(24)
        self._codes[code] = _Granted(
            self.who,
            self.client,
            query["redirect_uri"],
            query["code_challenge"],
            query.get("nonce", ""),
            time.time() + _CODE_SECONDS,
        )
        back = urlencode({"code": code, "state": query.get("state", "")})
        return 302, {"Location": f"{query['redirect_uri']}?{back}"}, None

    def _sign(self, granted: _Granted) -> str:
        now = int(time.time())
        header = {"alg": "RS256", "typ": "JWT", "kid": self.kid}
        claims = {
            "iss": self.url,
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

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(*owner.get(self.path))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                status, document = owner.token(dict(parse_qsl(body))) if self.path == "/token" else (404, {})
                self._answer(status, {}, document)

            def _answer(self, status: int, headers: Mapping[str, str], document: Any) -> None:
                body = json.dumps(document).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                """Nothing: addresses hold codes."""

        return Handler


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")

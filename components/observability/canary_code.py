"""What canaries do, as players do it from outside. CloudWatch Synthetics runs this file alone: Python's library only.

A canary that raises has failed; the sentence is what people on call read. Environment: URL, where people reach the platform.
"""

from __future__ import annotations

import json
import os
import secrets
import urllib.error
import urllib.request
from typing import Any

_SECONDS = 10
_AGENT = "matchday-canary"

#: What auth answers to an address that nobody registered: firewall, load balancer, service, PostgreSQL and Redis all took part.
REFUSED = (401, "credentials_wrong")


def read(event: Any, context: Any) -> str:
    """The page, and the keys by which services check tokens."""
    kind, body = _ask("/")
    if not kind.startswith("text/html") or not body:
        raise RuntimeError(f"/ answered {kind!r} with {len(body)} bytes; expected a page")
    _, body = _ask("/auth/.well-known/jwks.json")
    if not json.loads(body).get("keys"):
        raise RuntimeError("/auth/.well-known/jwks.json has no key: no service can check a token")
    return "read"


def log_in(event: Any, context: Any) -> str:
    """A log-in of somebody who does not exist is refused, in the way that says that everything behind it was asked."""
    unknown = {"email": f"canary-{secrets.token_hex(8)}@example.com", "password": secrets.token_urlsafe(24)}
    try:
        _ask("/auth/login", unknown)
    except urllib.error.HTTPError as refusal:
        text = refusal.read()
        if (refusal.code, _code(text)) != REFUSED:
            raise RuntimeError(f"/auth/login answered {refusal.code} {text[:200]!r}; expected {REFUSED}") from None
        return "log_in"
    raise RuntimeError("/auth/login let in somebody who does not exist")


def _code(text: bytes) -> str | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found.get("code") if isinstance(found, dict) else None


def _ask(path: str, body: dict[str, str] | None = None) -> tuple[str, bytes]:
    """Content type and body of an answer that is a success; raises what urllib raises for another."""
    url = os.environ["URL"] + path
    if not url.startswith("https://") and not url.startswith("http://127."):
        raise RuntimeError(f"URL: {url!r}; accepted: https://")
    request = urllib.request.Request(  # noqa: S310 - checked above
        url,
        None if body is None else json.dumps(body).encode(),
        {"User-Agent": _AGENT, "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - checked above
        return answer.headers.get_content_type(), answer.read()

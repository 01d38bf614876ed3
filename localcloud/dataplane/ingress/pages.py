"""Answers of the load balancer's own, in its words."""

from __future__ import annotations

from typing import Any

_PAGE = (
    "<html>",
    "<head><title>{}</title></head>",
    "<body>",
    "<center><h1>{}</h1></center>",
    "</body>",
    "</html>",
)
_TEXTS = {
    301: "Moved Permanently",
    302: "Found",
    403: "Forbidden",
    405: "Method Not Allowed",
    503: "Service Temporarily Unavailable",
}


def own(status: int | str, text: str = "") -> dict[str, Any]:
    """The page for a status, as a handler of Caddy's. `status` may be a placeholder; `text` is then its words."""
    title = f"{status} {text or _TEXTS[int(status)]}"
    return {
        "handler": "static_response",
        "status_code": status,
        "body": "\r\n".join(line.format(title) for line in _PAGE) + "\r\n",
        "headers": {"Content-Type": ["text/html"], "Server": ["awselb/2.0"]},
    }

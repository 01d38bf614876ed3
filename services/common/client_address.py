"""The client's address behind our proxies."""

from __future__ import annotations

from fastapi import Request


def client_address(request: Request, trusted_proxies: int) -> str:
    """The address that the outermost of our proxies saw.

    Each proxy appends its peer's address to X-Forwarded-For; what stands left of what ours appended was sent by the client
    and may be anything. Without enough entries the request came another way, and its peer is who it is from.
    """
    seen = [part.strip() for part in ",".join(request.headers.getlist("x-forwarded-for")).split(",") if part.strip()]
    if 0 < trusted_proxies <= len(seen):
        return seen[-trusted_proxies]
    return request.client.host if request.client else "unknown"

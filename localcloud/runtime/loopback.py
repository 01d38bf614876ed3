"""HTTP clients for servers on this machine: no proxy, and no certificate authorities, whose list takes 40 ms to load."""

from __future__ import annotations

import ssl
from typing import Any

import httpx


def client(**more: Any) -> httpx.Client:
    """For plain HTTP: a TLS connection fails, as nobody's certificate is trusted."""
    return httpx.Client(trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), **more)


def async_client(**more: Any) -> httpx.AsyncClient:
    """The same, for asyncio."""
    return httpx.AsyncClient(trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), **more)

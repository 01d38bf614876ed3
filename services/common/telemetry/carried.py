"""The id of what is being worked on goes with each call to another service: what that one logs has the same id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from services.common import logs


async def _carry(request: httpx.Request) -> None:
    if identity := logs.request_id.get():
        request.headers["X-Request-Id"] = identity


#: `event_hooks` of a client to our own services; a partner is given no id of ours.
TO_SERVICES: Mapping[str, list[Any]] = {"request": [_carry]}

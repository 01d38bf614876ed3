"""What scoring's endpoints ask for, beside what every service's do."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Depends, Path, Request

from services.common.cache import Cache
from services.scoring.store import Store

#: The pattern of a match's id in a path.
MATCH_ID = r"^[a-z0-9]{1,20}:[A-Za-z0-9._-]{1,60}$"
SHA256 = r"^[0-9a-f]{64}$"

#: Whom a feed asks (fetching.PROVIDERS).
Provider = Literal["cricsheet", "f1db", "fpl", "scorer"]

MatchPath = Annotated[str, Path(pattern=MATCH_ID)]
RulesPath = Annotated[str, Path(pattern=SHA256)]


async def _cache(request: Request) -> Cache:
    cache: Cache = request.app.state.cache
    return cache


Boards = Annotated[Cache, Depends(_cache)]


async def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


async def _rules(request: Request) -> Store:
    store: Store = request.app.state.rules
    return store


Snapshots = Annotated[Store, Depends(_store)]
KeptRules = Annotated[Store, Depends(_rules)]

"""A plan answers as FastAPI does: the same requests with and without plans, and no route of a service that has none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Header, Path, Query, Request, Response
from fastapi.responses import PlainTextResponse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from services.common import answers, web
from services.common.bodies import BodyGuard
from services.common.dispatch import Dispatch, Plans
from services.common.errors import Code, ServiceError
from services.common.middleware import RequestContext
from services.common.telemetry.endpoints import Endpoints
from tests.services.support import CATALOG, SERVICES

Happened = list[str]


class Order(BaseModel):
    name: Annotated[str, Field(min_length=2, max_length=8)]
    count: Annotated[int, Field(ge=1)] = 1
    tags: list[str] = []


class Receipt(BaseModel):
    name: str
    total: int = Field(serialization_alias="sum")


router = APIRouter(prefix="/shop")


async def happened(request: Request) -> Happened:
    """Where what happens is written down in order."""
    told: Happened = request.app.state.happened
    return told


Log = Annotated[Happened, Depends(happened)]


async def tells(request: Request, log: Log) -> str:
    log.append("tells")
    if request.headers.get("x-refuse") == "early":
        raise ServiceError(Code.FORBIDDEN, "No.")
    return request.method


Told = Annotated[str, Depends(tells)]


async def opened(request: Request, told: Told, log: Log) -> AsyncIterator[str]:
    log.append("opened")
    try:
        yield told
        log.append("committed")
        if request.headers.get("x-refuse") == "late":
            raise ServiceError(Code.BUSY, "At the end.")
    except ServiceError as error:
        log.append(f"saw {error.code}")
        raise
    finally:
        log.append("closed")


async def outer(inner: Annotated[str, Depends(opened, scope="function")], log: Log) -> AsyncIterator[str]:
    log.append("outer opened")
    try:
        yield inner
    finally:
        log.append("outer closed")


async def paged(limit: Annotated[int, Query(ge=1, le=9)] = 3, after: str | None = None) -> tuple[int, str | None]:
    return limit, after


async def marked(response: Response) -> None:
    response.headers["X-Marked"] = "yes"


Opened = Annotated[str, Depends(outer, scope="function")]


@router.post("/orders", status_code=201, dependencies=[Depends(marked)])
async def order(body: Order, told: Told, unit: Opened, log: Log) -> Receipt:
    log.append(f"order {told} {unit}")
    if body.name == "refuse":
        raise ServiceError(Code.INVALID, "Not that one.")
    return Receipt(name=body.name, total=body.count)


@router.get("/orders")
async def orders(
    page: Annotated[tuple[int, str | None], Depends(paged)],
    response: Response,
    x_many: Annotated[list[int] | None, Header()] = None,
) -> dict[str, Any]:
    if page[0] == 9:
        response.status_code = 206
    return {"page": page, "many": x_many}


@router.get("/raw", response_model=None)
async def raw(after: str = "") -> Response:
    return Response(f"raw {after}", 202, {"X-Raw": "1"}, "text/plain")


@router.delete("/orders", status_code=204)
async def clear(unit: Opened, log: Log) -> None:
    log.append(f"cleared {unit}")


@router.get("/orders/{number}")
async def one(number: int) -> Receipt:
    return Receipt(name="one", total=number)


@router.get("/orders/{number}/notes/{note}.txt")
async def note(number: int, note: str, told: Told) -> dict[str, Any]:
    return {"number": number, "note": note}


@router.put("/orders/{name}")
async def renamed(name: str, body: Order) -> Receipt:
    return Receipt(name=name, total=body.count)


@router.get("/shelf/special", response_class=PlainTextResponse)
async def special() -> str:
    return "not plain, and before those that take any"


@router.get("/shelf/{place}")
async def place(place: Annotated[str, Path(pattern="^[a-z]+$")]) -> dict[str, str]:
    return {"place": place}


@router.get("/shelf/never")
async def never() -> dict[str, str]:
    return {"place": "another route takes it"}


@router.get("/files/{where:path}")
async def file(where: str) -> dict[str, str]:
    return {"where": where}


@router.get("/files/{where}/size")
async def size(where: str) -> dict[str, str]:
    return {"size of": where}


@router.get("/wrong")
async def wrong() -> Receipt:
    return {"name": 5}  # type: ignore[return-value] # what a plan has to notice


def application(*, planned: bool) -> FastAPI:
    """One endpoint of each kind that services have."""
    app = FastAPI(redirect_slashes=False)
    app.state.happened = []
    if planned:
        app.add_middleware(Dispatch, app)
    app.add_middleware(BodyGuard)
    app.add_middleware(RequestContext, Endpoints())
    answers.register(app)
    app.include_router(router)
    return app


APPLICATIONS = {planned: application(planned=planned) for planned in (True, False)}

Answer = tuple[int, list[tuple[str, str]], bytes, Happened]


async def answered(planned: bool, request: dict[str, Any]) -> Answer:
    app = APPLICATIONS[planned]
    app.state.happened.clear()
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://shop", headers={"X-Request-Id": "the-same-one"}
    ) as client:
        answer = await client.request(**request)
    return answer.status_code, sorted(answer.headers.items()), answer.content, list(app.state.happened)


ORDER = {"method": "POST", "url": "/shop/orders"}
REQUESTS: dict[str, dict[str, Any]] = {
    "made": ORDER | {"json": {"name": "tea", "count": 2, "tags": ["a"]}},
    "refused by the endpoint": ORDER | {"json": {"name": "refuse"}},
    "refused by a dependency": ORDER | {"json": {"name": "tea"}, "headers": {"x-refuse": "early"}},
    "refused at the end": ORDER | {"json": {"name": "tea"}, "headers": {"x-refuse": "late"}},
    "no body": ORDER,
    "null": ORDER | {"content": b"null", "headers": {"content-type": "application/json"}},
    "a list": ORDER | {"json": [1]},
    "a form": ORDER | {"data": {"name": "tea"}},
    "a vendor's json": ORDER | {"content": b'{"name": "tea"}', "headers": {"content-type": "application/x+json"}},
    "wrong fields": ORDER | {"json": {"name": "t", "count": 0, "tags": "x"}},
    "listed": {"method": "GET", "url": "/shop/orders?limit=4&after=x"},
    "another status": {"method": "GET", "url": "/shop/orders?limit=9"},
    "a wrong query": {"method": "GET", "url": "/shop/orders?limit=10"},
    "headers that repeat": {"method": "GET", "url": "/shop/orders", "headers": [("x-many", "1"), ("x-many", "2")]},
    "a wrong header": {"method": "GET", "url": "/shop/orders", "headers": {"x-many": "one"}},
    "a response": {"method": "GET", "url": "/shop/raw?after=1"},
    "nothing": {"method": "DELETE", "url": "/shop/orders"},
    "a path with a number": {"method": "GET", "url": "/shop/orders/5"},
    "a path with words": {"method": "GET", "url": "/shop/orders/five"},
    "a path with a slash in it": {"method": "GET", "url": "/shop/orders/5%2F6"},
    "a path with more": {"method": "GET", "url": "/shop/orders/5/notes/a.b.txt"},
    "a path and a body": {"method": "PUT", "url": "/shop/orders/a%20b", "json": {"name": "tea", "count": 3}},
    "one that another takes, as it came first": {"method": "GET", "url": "/shop/shelf/special"},
    "one that takes another's": {"method": "GET", "url": "/shop/shelf/never"},
    "a path that its pattern refuses": {"method": "GET", "url": "/shop/shelf/5"},
    "a path of any length": {"method": "GET", "url": "/shop/files/a/b/c"},
    "a path that one of any length takes": {"method": "GET", "url": "/shop/files/a/size"},
    "a path with a number, by another method": {"method": "POST", "url": "/shop/orders/5"},
    "another method": {"method": "PUT", "url": "/shop/orders"},
    "nowhere": {"method": "GET", "url": "/shop/nowhere"},
    "a slash too many": {"method": "GET", "url": "/shop/raw/"},
    "an answer that is none": {"method": "GET", "url": "/shop/wrong"},
}


@pytest.mark.parametrize("name", REQUESTS)
async def test_answers_are_the_same(name: str) -> None:
    assert await answered(True, REQUESTS[name]) == await answered(False, REQUESTS[name])


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["name", "count", "x"]), inner, max_size=3)
    ),
    max_leaves=4,
)


@pytest.mark.slow
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=VALUES | st.fixed_dictionaries({}, optional={"name": VALUES, "count": VALUES, "tags": VALUES}))
async def test_bodies_are_judged_the_same(body: Any) -> None:
    request = ORDER | {"json": body}
    assert await answered(True, request) == await answered(False, request)


def test_the_shop_has_plans_where_a_route_is_plain() -> None:
    assert Plans(APPLICATIONS[True]).routes() == {
        ("POST", "/shop/orders"), ("GET", "/shop/orders"), ("GET", "/shop/raw"), ("DELETE", "/shop/orders"),
        ("GET", "/shop/wrong"), ("GET", "/shop/orders/{number}"), ("PUT", "/shop/orders/{name}"),
        ("GET", "/shop/orders/{number}/notes/{note}.txt"), ("GET", "/shop/shelf/{place}"),
        ("GET", "/shop/files/{where:path}"), ("GET", "/shop/files/{where}/size"),
    }  # fmt: skip


SEGMENTS = [
    "",
    "orders",
    "shelf",
    "files",
    "special",
    "never",
    "5",
    "-1",
    "x",
    "a.txt",
    "b.txt.txt",
    "notes",
    "size",
    "0" * 30,
]
SEGMENTS += ["..", ".", "X", "%2F", "%0A", "5%0A", "%00", "%25", "a%2Fb", "%F0%9F%98%80"]


@pytest.mark.slow
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["GET", "GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS"]),
    segments=st.lists(st.sampled_from(SEGMENTS), max_size=5),
)
async def test_paths_are_judged_the_same(method: str, segments: list[str]) -> None:
    request = {"method": method, "url": "/".join(["/shop", *segments]), "json": {"name": "tea"}}
    assert await answered(True, request) == await answered(False, request)


def routes(service: str) -> Iterator[tuple[str, str]]:
    document = web.application(service).openapi()
    for path, operations in document["paths"].items():
        for method in operations:
            yield method.upper(), path


#: Of a service: routes that are left to FastAPI.
UNPLANNED = {
    "kyc": {("POST", "/kyc/esign/{signing_id}/response")},  # a form
    "scoring": {("GET", "/scoring/matches/{match_id}/lines.csv")},  # text, of which FastAPI makes the answer
}


@pytest.mark.parametrize("service", [name for name in SERVICES if CATALOG.services[name].web])
def test_every_route_of_a_service_has_a_plan(service: str) -> None:
    """One that needs FastAPI's own way is slow without anybody noticing."""
    assert set(routes(service)) - Plans(web.application(service)).routes() == UNPLANNED.get(service, set())

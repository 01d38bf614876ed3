"""What each service answers is what its OpenAPI document says, for requests that follow it and for requests that do not.

Schemathesis makes the requests from the document; they go over HTTP to the service as its web process serves it.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

import pytest
import requests
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation

from localcloud.partners.oidc import OidcStandIn
from localcloud.partners.wire import serve
from services.auth.app import create_app
from services.common import openapi
from services.common.callers import Bearer
from services.common.permissions import StaffRole
from services.common.tokens import STAFF
from services.common.web import application
from tests.services.auth.fixtures import Auth
from tests.services.common.serving import serving
from tests.services.support import CATALOG, SERVICES, Clock, Cloud, running
from tests.services.test_every_service import dependencies, routes

pytestmark = [pytest.mark.postgres, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

#: Answers of HTTP itself, to what is no request of the document at all: an unknown path or method, a head that is too large.
OUTSIDE_THE_DOCUMENT = {404, 405, 414, 431}


#: Service → the fewest requests that it must grant, where nearly all of its paths name what nobody can draw.
GRANTED = {"scoring": 2}


class Asker(NamedTuple):
    """Who asks."""

    headers: dict[str, str]
    scopes: Collection[str]


class Stage:
    """A service on a socket, and who may ask it; `needed`: operation → the scopes that it needs, if it needs a token."""

    def __init__(
        self,
        service: str,
        url: str,
        askers: Sequence[Asker],
        operations: Sequence[APIOperation[Any, Any, Any, Any]],
        needed: Mapping[str, set[str]],
    ) -> None:
        self.granted = GRANTED.get(service, 6)
        self.url, self.askers, self.operations, self.needed = url, askers, operations, needed
        self.statuses: Counter[int] = Counter()

    def who(self, operation: str) -> st.SearchStrategy[Asker]:
        """Two times in three somebody who may: a refusal is soon drawn, and what comes after it is what differs."""
        needed = self.needed.get(operation)
        may = [each for each in self.askers if needed is not None and each.headers and needed <= {*each.scopes}]
        return st.sampled_from([*self.askers, *(may * (2 * len(self.askers) // len(may)) if may else ())])


def scopes_needed(app: FastAPI) -> dict[str, set[str]]:
    """Operation → the scopes that it needs; one that needs no token is not there."""
    found: dict[str, set[str]] = {}
    for name, route in routes(app):
        for each in dependencies(route.dependant):
            if isinstance(each, Bearer):
                found.setdefault(name, set()).update({each._scope} - {""})
                found[name] |= {STAFF} if each._staff else set()
    return found


@pytest.fixture
async def auth(cloud: Cloud, clock: Clock) -> AsyncIterator[Auth]:
    """Auth with a provider of identities that answers; what it does without one is in its own tests."""
    cloud.cache.command("FLUSHALL")
    app, provider = create_app(clock), OidcStandIn(cloud.secrets.__getitem__)
    server = await serve("127.0.0.1", 0, provider.handle)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with (
        cloud.fresh("auth") as database,
        running(app, cloud.environment("auth", database, OIDC_URL=url)) as client,
    ):
        yield Auth(app, client, database, cloud)
    server.close()


@pytest.fixture(params=[name for name in SERVICES if CATALOG.services[name].web])
async def stage(
    request: pytest.FixtureRequest, cloud: Cloud, cheap_passwords: None, auth: Auth
) -> AsyncIterator[Stage]:
    service: str = request.param
    async with AsyncExitStack() as stack:
        host, port = await stack.enter_async_context(serving(auth.app))
        person = await auth.show_two_factors(await auth.player())
        clients = [each for each in CATALOG.clients if any(scope.startswith(f"{service}:") for scope in each.scopes)]
        colleague = await auth.colleague(*StaffRole)  # all at once, as no person has them
        askers = [Asker({}, ()), Asker(person.bearer, person.scopes), Asker(colleague.bearer, colleague.scopes)]
        askers += [Asker(await auth.bearer(each.name), each.scopes) for each in clients]
        app = auth.app
        if service != "auth":
            database = await stack.enter_async_context(cloud.fresh(service))
            app = application(service)
            variables = cloud.environment(service, database, AUTH_URL=f"http://{host}:{port}")
            if service == "scoring":  # which keeps what it is sent in S3 first
                variables |= request.getfixturevalue("s3")
            await stack.enter_async_context(running(app, variables))
            host, port = await stack.enter_async_context(serving(app))
        schema = schemathesis.openapi.from_dict(json.loads(openapi.document(service)))
        operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
        assert operations
        yield Stage(service, f"http://{host}:{port}", askers, operations, scopes_needed(app))


def check(stage: Stage, operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode, examples: int) -> None:
    """Ask `operation` so often, and look at every answer."""
    documented = {int(status) for status in operation.definition.raw["responses"]}

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode), stage.who(operation.label))
    def ask(case: Case[Any], asker: Asker) -> None:
        headers = {name: value for name, value in (case.headers or {}).items() if name.lower() != "authorization"}
        case.headers = headers  # type: ignore[assignment]  # a mapping all the same
        try:
            answer = case.call(base_url=stage.url, headers=asker.headers, timeout=20)
        except (requests.exceptions.InvalidHeader, UnicodeEncodeError):
            return  # the client itself refuses to send it
        stage.statuses[answer.status_code] += 1
        said = f"{operation.label} gave {answer.status_code}: {answer.content[:300]!r}"  # a file need be no text
        assert answer.status_code < 500, said
        assert answer.status_code in documented | OUTSIDE_THE_DOCUMENT, said
        if answer.status_code >= 400 and answer.status_code not in OUTSIDE_THE_DOCUMENT:
            assert answer.headers["content-type"][0].startswith("application/problem+json"), said

    ask()


async def check_all(stage: Stage, examples: int) -> None:
    for operation in stage.operations:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query or operation.path_parameters):
                continue  # nothing that could be wrong
            await asyncio.to_thread(check, stage, operation, mode, examples)
    done, refused = (sum(n for status, n in stage.statuses.items() if status // 100 == kind) for kind in (2, 4))
    assert done >= stage.granted and refused > 20, stage.statuses


async def test_every_answer_is_documented(stage: Stage) -> None:
    await check_all(stage, 5)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
async def test_every_answer_is_documented_long(stage: Stage) -> None:
    await check_all(stage, 400)

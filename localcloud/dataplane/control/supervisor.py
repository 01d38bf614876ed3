"""The supervisor: owns one clone's emulator, provider, data stores, ingress and tasks, and ends them all."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import secrets
import shutil
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import IO, Any

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from localcloud.dataplane.cdn.edge import Edge
from localcloud.dataplane.control.api import Control
from localcloud.dataplane.control.child import ChildServer
from localcloud.dataplane.control.drift import Drift
from localcloud.dataplane.control.enrolment import Enrolment
from localcloud.dataplane.control.events import Event, Hub
from localcloud.dataplane.ecs.agent import Agent
from localcloud.dataplane.ecs.scheduler import Scheduler
from localcloud.dataplane.firewall.firewalls import Firewalls
from localcloud.dataplane.ingress.caddy import Ingress
from localcloud.dataplane.model import DesiredState
from localcloud.dataplane.observer import Observer
from localcloud.dataplane.scaling.autoscaler import Autoscaler
from localcloud.dataplane.settings import Config
from localcloud.dataplane.stores.data_stores import DataStores
from localcloud.dataplane.watch.traffic import Traffic, balancers
from localcloud.dataplane.watch.watch import Watch
from localcloud.provider.kept import KeptProperties
from localcloud.runtime import loopback
from localcloud.runtime.addresses import (
    EMULATOR_HOST,
    EMULATOR_PORT,
    INGRESS_ADMIN_HOST,
    PARTNERS_HOST,
    PARTNERS_PORT,
    AddressBook,
)
from localcloud.runtime.aws import Aws
from localcloud.runtime.errors import SupervisorError
from localcloud.runtime.networks import CLAIM_PORT
from localcloud.runtime.processes import require_free
from localcloud.runtime.state import Info

#: So many looks that see no change make the next ones rarer.
_CALM_LOOKS = 10


class Supervisor:
    """One clone's local cloud."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.hub = Hub()
        config.places.make()
        self._lock = self._take_lock()
        self._book = AddressBook(config.state)
        self._stopping = asyncio.Event()
        self._look_now = asyncio.Event()
        self._looked = asyncio.Condition()
        self._looks, self._looking, self._look_problem = 0, False, ""
        self._refused: list[str] = []
        self._emulator: ChildServer | None = None
        self._provider: ChildServer | None = None
        self._partners: ChildServer | None = None
        self._info = Info(
            pid=os.getpid(),
            control=f"http://{self._book.network[1]}:{CLAIM_PORT}",
            token=secrets.token_urlsafe(32),
            arguments=config.argv(),
            ingress=config.ingress,
            network=str(self._book.network),
        )
        self._control = Control(
            str(self._book.network[1]),
            CLAIM_PORT,
            self._info.token,
            {
                ("GET", "/status"): self._answer_status,
                ("GET", "/info"): self._answer_info,
                ("GET", "/history"): self._answer_history,
                ("GET", "/alarms"): self._answer_alarms,
                ("POST", "/snapshot"): self._answer_snapshot,
                ("POST", "/fail-over"): self._answer_fail_over,
                ("POST", "/stop"): self._answer_stop,
            },
            {("GET", "/events"): self._stream_events, ("POST", "/converge"): self._stream_converge},
        )

    # Its life

    async def run(self) -> None:
        """Start everything, follow the emulator until told to stop, stop everything."""
        jobs: list[asyncio.Task[None]] = []
        try:
            await self._claim()
            self._start_session()
            await self._start()
            watching = self._watch.run(self._scheduler, self._stores)
            running = (self._follow(), self._agent.shipper.run(), self._drift.run(), watching, self._autoscaler.run())
            jobs = [asyncio.create_task(job) for job in running]
            self.hub.emit("supervisor", "matchday", "ready", self._info.emulator)
            stop = asyncio.create_task(self._stopping.wait())
            done, _ = await asyncio.wait([stop, *jobs], return_when=asyncio.FIRST_COMPLETED)
            for job in done - {stop}:
                job.result()  # a defect of ours ends the supervisor, with its traceback in the log
        except SupervisorError as problem:
            self.hub.emit("supervisor", "matchday", "failed", str(problem))
            raise
        finally:
            for job in jobs:
                job.cancel()
            await self._stop()

    def request_stop(self) -> None:
        """Begin to stop; `run` returns when all is stopped."""
        self._stopping.set()

    async def _claim(self) -> None:
        require_free("supervisor", self._control.host, self._control.port)
        await self._control.start()
        self._info.save(self.config.state)

    def _start_session(self) -> None:
        """What needs no process yet."""
        emulator = self.config.emulator or f"http://{self._book.host(EMULATOR_HOST)}:{EMULATOR_PORT}"
        self._info = replace(self._info, emulator=emulator)
        aws = Aws(emulator, self.config.region)
        self._drift = Drift(self.config, emulator)
        kept = KeptProperties(self.config.places.provider)
        self._watch = Watch(self.config, aws, self.hub, kept.of_kind, self._drift.position)
        self._agent = Agent(self.config, aws, self._book, self.hub, self._watch.heard)
        self._agent.launcher.prepare(self.config.images)
        self._observer = Observer(aws, kept.kept, lambda: (self._drift.position_now(), kept.mark()))
        self._scheduler = Scheduler(self._agent)
        self._enrolment = Enrolment(f"http://{self._book.host(PARTNERS_HOST)}:{PARTNERS_PORT}")
        self._autoscaler = Autoscaler(
            aws, self._watch.metrics, self.config.timing, self.hub, self._drift.position, self._scheduler.deploying
        )
        self._stores = DataStores(self.config, self._book, self.hub)
        targets, put = self._scheduler.targets, self._watch.metrics.put
        self._firewalls = Firewalls(self.config.places.ingress / "rates", self.config.region, put)
        traffic = Traffic(self._book.host(INGRESS_ADMIN_HOST), put, targets.group_at, self._firewalls.note)
        self._edge = Edge(self._book.host(INGRESS_ADMIN_HOST), emulator, put)
        self._ingress = Ingress(
            self.config, self._book, targets.serving, self._tell_problem, traffic, self._firewalls, self._edge
        )

    async def _start(self) -> None:
        self.hub.emit("ingress", self.config.ingress, "starting")
        await self._ingress.start()
        self.hub.emit("ingress", self.config.ingress, "ready")
        self._provider = self._child("provider", self._provider_argv)
        self._partners = self._child("partners", self._partners_argv)
        require_free("partners", self._book.host(PARTNERS_HOST), PARTNERS_PORT)
        # Together: each takes seconds to import what it is made of. All are waited for, so that all can be ended.
        starting = (self._start_emulator(), self._provider.start(), self._partners.start(PARTNERS_PORT))
        outcomes = await asyncio.gather(*starting, return_exceptions=True)
        for outcome in filter(None, outcomes):
            raise outcome
        self._info = replace(self._info, provider_port=self._provider.port)
        self._info.save(self.config.state)

    async def _start_emulator(self) -> None:
        if self.config.emulator is None:
            host = self._book.host(EMULATOR_HOST)
            require_free("emulator", host, EMULATOR_PORT)
            self._emulator = self._child("emulator", self._emulator_argv)
            await self._emulator.start(EMULATOR_PORT)
            async with loopback.async_client() as client:
                health = (await client.get(f"{self._info.emulator}/_matchday/health", timeout=30)).json()
            self._info = replace(self._info, snapshot=health["snapshot"])
            self.hub.emit("server", "emulator", "snapshot", health["snapshot"])

    def _emulator_argv(self, port: int) -> list[str]:
        place = self.config.places.emulator
        place.mkdir(exist_ok=True, mode=0o700)
        host = self._book.host(EMULATOR_HOST)
        words = ["--host", host, "--port", str(port), "--snapshot", str(self.config.places.snapshot)]
        return [sys.executable, "-m", "localcloud.emulator", *words]

    def _provider_argv(self, port: int) -> list[str]:
        words = ["--port", str(port), "--endpoint", self._info.emulator, "--store", str(self.config.places.provider)]
        words += ["--addresses", str(self.config.state), "--region", self.config.region]
        words += ["--ingress", self.config.ingress]
        return [sys.executable, "-m", "localcloud.provider", *words]

    def _partners_argv(self, port: int) -> list[str]:
        words = ["--host", self._book.host(PARTNERS_HOST), "--port", str(port), "--emulator", self._info.emulator]
        words += ["--region", self.config.region, "--ingress", self.config.ingress]
        words += ["--keys", str(self.config.places.partners)]
        return [sys.executable, "-m", "localcloud.partners", *words]

    async def _stop(self) -> None:
        """In order: no new request, tasks, stores, the emulator with its snapshot; beside, the provider, which none needs."""
        self.hub.emit("supervisor", "matchday", "stopping")
        provider = asyncio.create_task(self._provider.stop()) if self._provider else None
        if hasattr(self, "_agent"):
            for part in (self._ingress, self._scheduler, self._stores):
                with contextlib.suppress(SupervisorError):
                    await part.stop()
            await self._agent.launcher.stop()
            self._agent.close()
            shutil.rmtree(self._agent.tasks_directory, ignore_errors=True)
        if provider:
            await provider
        for server in filter(None, (self._partners, self._emulator)):
            await server.stop()
        self.hub.emit("supervisor", "matchday", "stopped")
        await asyncio.sleep(0)  # those who follow the events are told before the connection ends
        await self._control.stop()
        Info.remove(self.config.state)
        self._lock.close()

    # What it does all the time

    async def _follow(self) -> None:
        calm, before = 0, DesiredState()
        while True:
            desired = await self._look()
            if desired is not None:
                calm = calm + 1 if desired == before else 0
                before = desired
            pause = self.config.timing.poll if calm < _CALM_LOOKS else self.config.timing.poll_idle
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._look_now.wait(), pause)

    async def _look(self) -> DesiredState | None:
        """Read what is deployed, if it may have changed, and bring everything in line. None if it could not be read."""
        self._look_now.clear()
        self._looking = True
        desired: DesiredState | None = None
        try:
            desired = await asyncio.to_thread(self._observer.look)
            await self._stores.apply(desired)
            await self._ingress.apply(desired)
            await self._enrolment.apply(desired)
            await self._scheduler.apply(desired)
            self._watch.balancers = balancers(desired)
            self._note("")
        except (ClientError, BotoCoreError, httpx.HTTPError) as error:
            self._note(f"the emulator does not answer: {error}")
        except sqlite3.Error as error:
            self._note(f"what the provider keeps cannot be read: {error}")
        except SupervisorError as error:
            self._note(str(error))
        if desired is not None:
            for sentence in desired.refused:
                if sentence not in self._refused:
                    self._tell_problem(sentence)
            self._refused = list(desired.refused)
        async with self._looked:
            self._looks, self._looking = self._looks + 1, False
            self._looked.notify_all()
        return desired

    def _note(self, problem: str) -> None:
        if problem and problem != self._look_problem:
            self._tell_problem(problem)
        self._look_problem = problem

    def _tell_problem(self, sentence: str) -> None:
        self.hub.emit("problem", "matchday", "problem", sentence)

    # What it is asked

    async def _answer_info(self, _: Mapping[str, str]) -> dict[str, Any]:
        info = self._info
        place = {"emulator": info.emulator, "provider_port": info.provider_port, "ingress": info.ingress}
        return {"pid": info.pid, **place}

    async def _answer_status(self, _: Mapping[str, str]) -> dict[str, Any]:
        servers = [
            {"name": "ingress", "address": self.config.ingress, "pid": self._ingress.pid},
            *(
                {"name": server.name, "address": str(server.port), "pid": server.pid}
                for server in (self._emulator, self._provider)
                if server
            ),
            *self._partners_status(),
            *self._agent.launcher.status(),
        ]
        return {
            "url": f"http://{self.config.ingress}/",
            "services": self._scheduler.status(),
            "databases": self._stores.status(),
            "servers": servers,
            "problems": [problem for problem in [self._look_problem, *self._refused] if problem],
            "drift": self._drift.status(),
            "alarms": self._watch.status(),
            "scaling": self._autoscaler.status(),
            "firewall": self._firewalls.status(),
            "cdn": self._edge.status(),
            "supervisor": {"pid": self._info.pid, "network": self._info.network, "region": self.config.region},
        }

    def _partners_status(self) -> list[dict[str, Any]]:
        if self._partners is None:
            return []
        address = f"{self._book.host(PARTNERS_HOST)}:{PARTNERS_PORT}"
        return [{"name": "partners", "address": address, "pid": self._partners.pid}]

    async def _answer_history(self, query: Mapping[str, str]) -> dict[str, Any]:
        return {"series": self._watch.history(**query)}

    async def _answer_alarms(self, _: Mapping[str, str]) -> dict[str, Any]:
        return {"alarms": self._watch.alarms()}

    async def _answer_snapshot(self, _: Mapping[str, str]) -> dict[str, Any]:
        if self._emulator is None:
            return {"snapshot": "the emulator is not ours"}
        async with loopback.async_client() as client:
            answer = await client.post(f"{self._info.emulator}/_matchday/snapshot", timeout=120)
        if answer.is_error:
            raise SupervisorError("emulator", f"wrote no snapshot: {answer.text.strip()}", self._emulator.log)
        return dict(answer.json())

    async def _answer_fail_over(self, query: Mapping[str, str]) -> dict[str, Any]:
        return {"steps": await self._stores.fail_over(query.get("database", ""))}

    async def _answer_stop(self, _: Mapping[str, str]) -> dict[str, Any]:
        self.request_stop()
        return {"pid": self._info.pid}

    async def _stream_events(self, query: Mapping[str, str]) -> AsyncIterator[bytes]:
        with self.hub.subscribe(replay=query.get("replay") == "1") as queue:
            while True:
                yield (await queue.get()).line()

    async def _stream_converge(self, query: Mapping[str, str]) -> AsyncIterator[bytes]:
        """Look at once, then tell what happens until everything is steady, one part has failed, or time is up."""
        deadline = time.monotonic() + float(query.get("timeout", "300"))
        with self.hub.subscribe() as queue:
            self._stores.retry()
            self._scheduler.retry()
            await self._next_look()
            while True:
                with contextlib.suppress(TimeoutError):
                    event = await asyncio.wait_for(queue.get(), 0.1)
                    yield event.line()
                    continue
                if verdict := self._verdict(time.monotonic() > deadline):
                    yield verdict.line()
                    return

    async def _next_look(self) -> None:
        """Wait for a look that begins after this call."""
        async with self._looked:
            # One that runs already may have read before what the caller means.
            wanted = self._looks + 1 + self._looking
            while self._looks < wanted:
                self._look_now.set()
                await self._looked.wait()

    def _verdict(self, late: bool) -> Event | None:
        """Whether everything is as it should be; None while it still may become so."""
        failed = [str(problem) for problem in self._stores.problems]
        failed += [_why(runner.status()) for runner in self._scheduler.runners() if runner.failed and not runner.steady]
        waiting = [runner for runner in self._scheduler.runners() if not runner.steady]
        waiting_for = self._look_problem or "; ".join(_why(runner.status()) for runner in waiting)
        if failed:
            return Event(kind="converged", name="matchday", state="failed", detail="\n".join(failed))
        if not waiting and not self._look_problem:
            return Event(kind="converged", name="matchday", state="steady")
        if late:
            return Event(kind="converged", name="matchday", state="timeout", detail=waiting_for)
        return None

    def _child(self, name: str, argv: Callable[[int], list[str]]) -> ChildServer:
        return ChildServer(name, argv, self.config.places.logs / f"{name}.log", self.hub, self.config.timing)

    def _take_lock(self) -> IO[str]:
        lock = (self.config.places.supervisor_lock).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            info = Info.load(self.config.state)
            raise SupervisorError(
                "supervisor",
                f"one is running already for {self.config.state} (process {info.pid if info else 'unknown'})",
            ) from error
        return lock


def _why(status: Mapping[str, Any]) -> str:
    """One service's state in a sentence."""
    reason = status["reason"] or "; ".join(task["reason"] for task in status["tasks"] if task["reason"])
    return f"service {status['name']}: {status['running']} of {status['desired']} tasks serve" + (
        f": {reason}" if reason else ""
    )

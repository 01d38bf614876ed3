"""A real supervisor (emulator, Caddy, PostgreSQL, Valkey) over a small image of programs, driven by boto3 as Pulumi would."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil

from localcloud.dataplane.control import client
from localcloud.dataplane.control.client import Client, Event
from localcloud.dataplane.settings import Config, Image, Timing
from localcloud.dataplane.stores import data_stores
from localcloud.runtime.aws import Aws
from localcloud.runtime.state import Info
from tests.ports import free_port

IMAGE = "matchday/test"
FAST = Timing(
    poll=0.2,
    poll_idle=0.3,
    probe_first=0.05,
    check_most=1.0,
    settle=0.3,
    backoff_first=0.1,
    backoff_last=0.4,
    pool_refresh=0.1,
    log_flush=0.2,
    drain_most=8,
    watch=0.3,
    usage=1.0,
    definitions=0.3,
)

#: A web process: standard library only, so that a start takes a tenth of a second.
WEB = """
import http.server, json, os, signal, socket, sys, threading, time, urllib.request

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        path = self.path.partition("?")[0]
        status, body = 200, {"path": self.path, "pid": os.getpid(), "version": os.environ.get("VERSION", "")}
        if path == "/env":
            body = dict(os.environ)
        elif path == "/headers":
            body = {key: self.headers.get_all(key) for key in self.headers}
        elif path == "/slow":
            time.sleep(float(self.path.partition("?")[2]))
        elif path == "/call":
            try:
                body = json.load(urllib.request.urlopen("http://" + self.path.partition("?")[2], timeout=60))
            except OSError as error:
                status, body = 502, {"error": str(error)}
        elif path == "/self":
            body = {"name": self.server.socket.getsockname()[0], "local": socket.gethostbyname("localhost")}
        elif path == "/readyz":
            status = 503 if os.path.exists("unready") else 200
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    def log_message(self, *words):
        print("request", *words, flush=True)

class Server(http.server.ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 64

server = Server(("0.0.0.0", int(os.environ["PORT"])), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
print("web is up", flush=True)
server.serve_forever()
server.server_close()
print("web ends in order", flush=True)
"""


class Platform:
    """What a test does to the local cloud: deploys by boto3, asks by HTTP."""

    def __init__(self, root: Path, config: Config) -> None:
        self.root, self.config = root, config
        self.events: list[Event] = []
        self.client: Client | None = None
        self._rules = 0

    @property
    def running(self) -> Client:
        assert self.client is not None
        return self.client

    def start(self) -> Client:
        self.client = client.start(self.config)
        threading.Thread(target=self._follow, args=(self.client,), daemon=True).start()
        self.aws = Aws(self.client.info.emulator, self.config.region)
        return self.client

    def stop(self) -> None:
        if self.client:
            self.client.stop()
            self.client = None

    def _follow(self, running: Client) -> None:
        with contextlib.suppress(httpx.HTTPError):
            self.events.extend(running.events(replay=True))

    def program(self, name: str, text: str) -> None:
        (self.root / name).write_text(textwrap.dedent(text))

    def converge(self, timeout: float = 90) -> list[Event]:
        return list(self.running.converge(timeout))

    def service_status(self, name: str) -> dict[str, Any]:
        return next(row for row in self.running.status()["services"] if row["name"] == name)

    def get(self, path: str, **arguments: Any) -> httpx.Response:
        return httpx.get(f"http://{self.config.ingress}{path}", trust_env=False, timeout=60, **arguments)

    # Deploying

    def container(self, name: str = "web", program: str = "web.py", **more: Any) -> dict[str, Any]:
        environment = {"PORT": "8080", **more.pop("environment", {})}
        return {
            "name": name,
            "image": f"123456789012.dkr.ecr.ap-south-1.amazonaws.com/{IMAGE}:v1",
            "command": ["python", program],
            "environment": [{"name": key, "value": value} for key, value in environment.items()],
            **more,
        }

    def web(self, **more: Any) -> dict[str, Any]:
        ports = [{"name": "http", "containerPort": 8080}]
        return self.container(portMappings=ports, stopTimeout=5, **more)

    def define(self, family: str, *containers: dict[str, Any]) -> str:
        ecs = self.aws.client("ecs")
        answer = ecs.register_task_definition(
            family=family, networkMode="awsvpc", containerDefinitions=list(containers), cpu="256", memory="512"
        )
        return answer["taskDefinition"]["taskDefinitionArn"]

    def web_service(self, name: str, *, desired: int = 1, listener: str, grace: int = 60, **more: Any) -> str:
        """A web service behind the load balancer at /<name>/*; returns its target group.

        grace: seconds in which failing checks of the target group are ignored: else a task that starts slowly on a busy machine
        is one that failed, as checks come each second here.
        """
        group = self.target_group(name)
        self.aws.client("elbv2").modify_target_group_attributes(
            TargetGroupArn=group, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "10"}]
        )
        self._rules += 1
        self.rule(listener, self._rules, f"/{name}/*", group)
        target = {"targetGroupArn": group, "containerName": "web", "containerPort": 8080}
        kept = {"healthCheckGracePeriodSeconds": grace}
        self.deploy(
            name, self.web(**more), desired=desired, loadBalancers=[target], **({"kept": kept} if grace else {})
        )
        return group

    def deploy(self, name: str, *containers: dict[str, Any], desired: int = 1, **more: Any) -> str:
        """Create or update a service; returns its ARN."""
        ecs = self.aws.client("ecs")
        definition = self.define(name, *containers)
        ecs.create_cluster(clusterName="test")
        existing = ecs.describe_services(cluster="test", services=[name])["services"]
        if existing and existing[0]["status"] == "ACTIVE":
            ecs.update_service(cluster="test", service=name, taskDefinition=definition, desiredCount=desired, **more)
            return existing[0]["serviceArn"]
        settings = more.pop("kept", None)
        answer = ecs.create_service(
            cluster="test",
            serviceName=name,
            taskDefinition=definition,
            desiredCount=desired,
            launchType="FARGATE",
            **more,
        )
        arn = answer["service"]["serviceArn"]
        if settings:
            from localcloud.provider.kept import KeptProperties

            KeptProperties(self.config.state / "provider").keep("aws:ecs/service:Service", arn, settings)
        return arn

    def target_group(self, name: str, **more: Any) -> str:
        vpc = self.aws.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
        answer = self.aws.client("elbv2").create_target_group(
            Name=name,
            Protocol="HTTP",
            Port=80,  # not the containers': targets are registered with theirs
            VpcId=vpc,
            TargetType="ip",
            HealthCheckPath="/readyz",
            HealthCheckIntervalSeconds=5,
            HealthCheckTimeoutSeconds=2,
            **more,
        )
        return answer["TargetGroups"][0]["TargetGroupArn"]

    def load_balancer(self, name: str = "main") -> str:
        subnets = [row["SubnetId"] for row in self.aws.client("ec2").describe_subnets()["Subnets"]][:2]
        elb = self.aws.client("elbv2")
        balancer = elb.create_load_balancer(Name=name, Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
        fixed = {"StatusCode": "404", "ContentType": "text/plain", "MessageBody": "nothing here"}
        answer = elb.create_listener(
            LoadBalancerArn=balancer,
            Protocol="HTTP",
            Port=80,
            DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": fixed}],
        )
        return answer["Listeners"][0]["ListenerArn"]

    def rule(self, listener: str, priority: int, path: str, group: str) -> str:
        answer = self.aws.client("elbv2").create_rule(
            ListenerArn=listener,
            Priority=priority,
            Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": [path]}}],
            Actions=[{"Type": "forward", "TargetGroupArn": group}],
        )
        return answer["Rules"][0]["RuleArn"]


def until(condition: Callable[[], Any], seconds: float = 60, what: str = "") -> Any:
    """Wait until `condition` gives something true, and give that."""
    deadline = time.monotonic() + seconds
    while True:
        if found := condition():
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or condition}"
        time.sleep(0.05)


def make_platform(directory: Path) -> Platform:
    root = directory / "image"
    root.mkdir()
    (root / "web.py").write_text(WEB)
    config = Config(
        state=directory / "state",
        ingress_port=free_port(),
        images=(Image(repository=IMAGE, root=root, python=Path(sys.executable)),),
        timing=FAST,
    )
    return Platform(root, config)


def running(platform: Platform) -> Iterator[Platform]:
    try:
        platform.start()
        yield platform
        platform.stop()
    finally:
        if info := Info.load(platform.config.state):
            with contextlib.suppress(ProcessLookupError):
                os.kill(info.pid, signal.SIGKILL)
        data_stores.forget(platform.config.state)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has reaped yet does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False

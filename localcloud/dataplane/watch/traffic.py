"""The metrics of load balancers and distributions: each request that the ingress served, as a datagram of its access log.

Datagrams, so that no request ever waits for us: what we are too slow for is not counted.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from localcloud.dataplane.model import DesiredState, Listener
from localcloud.dataplane.watch.metrics import Metric

PORT = 5140
NAMESPACE = "AWS/ApplicationELB"
OF_DISTRIBUTIONS = "AWS/CloudFront"
#: The logger of the ingress that writes here, and the fields that its requests are logged with beside Caddy's own.
LOGGER = "traffic"
_BALANCER, _UPSTREAM, _LATENCY = "balancer", "upstream", "latency_ms"
DISTRIBUTION = "distribution"

#: What is done with a value: (metric, value, seconds since the epoch).
Put = Callable[[Metric, float, float], None]

#: Who else hears of each line, and when it was heard (seconds since the epoch).
Heard = Callable[[Mapping[str, Any], float], None]


def suffix(arn: str) -> str:
    """What CloudWatch's dimensions say of a balancer (of its listener's ARN) or of a target group: the end of the ARN."""
    resource = arn.rpartition(":")[2]
    return resource.removeprefix("listener/").rpartition("/")[0] if resource.startswith("listener/") else resource


def handlers(listener: Listener) -> list[dict[str, Any]]:
    """What the ingress does with every request of a listener for our sake: says which target answered, and how soon."""
    fields = {
        _BALANCER: suffix(listener.arn),
        _UPSTREAM: "{http.reverse_proxy.upstream.hostport}",
        _LATENCY: "{http.reverse_proxy.upstream.latency_ms}",
    }
    return [{"handler": "log_append", "key": key, "value": value} for key, value in fields.items()]


def logging(host: str) -> dict[str, Any]:
    """The ingress's `logging`: requests to us (`host`, PORT) without what they carry, all else to its log file as errors."""
    name = f"http.log.access.{LOGGER}"
    fields = {field: {"filter": "delete"} for field in ("request", "resp_headers", "user_id", "bytes_read")}
    return {
        "logs": {
            "default": {"level": "ERROR", "exclude": [name]},
            LOGGER: {
                "include": [name],
                "writer": {"output": "net", "address": f"udp/{host}:{PORT}", "soft_start": True},
                "encoder": {"format": "filter", "wrap": {"format": "json"}, "fields": fields},
            },
        }
    }


def viewed(put: Put, distribution: str, status: int, *, hit: bool, now: float) -> None:
    """A distribution answered a viewer; rates are per cent, so that their average is what CloudFront shows."""
    dimensions = {"DistributionId": distribution, "Region": "Global"}
    put(Metric.of(OF_DISTRIBUTIONS, "Requests", dimensions), 1, now)
    rates = {
        "4xxErrorRate": 400 <= status < 500,
        "5xxErrorRate": status >= 500,
        "TotalErrorRate": status >= 400,
        "CacheHitRate": hit,
    }
    for name, holds in rates.items():
        put(Metric.of(OF_DISTRIBUTIONS, name, dimensions), 100.0 if holds else 0.0, now)


class Traffic(asyncio.DatagramProtocol):
    """Hears of requests and writes what CloudWatch would have of them."""

    def __init__(self, host: str, put: Put, group_of: Callable[[str], str | None], firewall: Heard) -> None:
        self.host = host
        self._put, self._group_of, self._firewall = put, group_of, firewall
        self._transport: asyncio.BaseTransport | None = None

    async def start(self) -> None:
        """Begin to listen."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(self.host, PORT))

    def stop(self) -> None:
        """Hear no more."""
        if self._transport:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """One line of the access log."""
        try:
            line = json.loads(data)
        except ValueError:  # cut off, or somebody else's
            return
        if isinstance(line, dict) and isinstance(line.get("status"), int):
            self._count(line, time.time())
            self._firewall(line, time.time())

    def _count(self, line: Mapping[str, Any], now: float) -> None:
        if _BALANCER not in line:  # the edge's, which counts for itself what it answered and from where
            return
        if distribution := line.get(DISTRIBUTION):
            viewed(self._put, str(distribution), line["status"], hit=False, now=now)
        balancer = {"LoadBalancer": str(line[_BALANCER])}
        kind = f"{line['status'] // 100}XX"
        upstream, latency = str(line.get(_UPSTREAM) or ""), str(line.get(_LATENCY) or "")
        # Whoever took a connection is an upstream; only of one that answered is the latency known.
        if not latency.replace(".", "", 1).isdigit():
            self._put(Metric.of(NAMESPACE, f"HTTPCode_ELB_{kind}_Count", balancer), 1, now)
            return
        group = self._group_of(upstream.rpartition(":")[0])
        places = [balancer, *([{**balancer, "TargetGroup": suffix(group)}] if group else [])]
        for place in places:
            self._put(Metric.of(NAMESPACE, "RequestCount", place), 1, now)
            self._put(Metric.of(NAMESPACE, f"HTTPCode_Target_{kind}_Count", place), 1, now)
            self._put(Metric.of(NAMESPACE, "TargetResponseTime", place), float(latency) / 1000, now)


def balancers(desired: DesiredState) -> dict[str, str]:
    """By target group's ARN, the balancer that forwards to it, as CloudWatch names it."""
    found: dict[str, str] = {}
    for listener in desired.listeners:
        for group in listener.forwarded():
            found.setdefault(group, suffix(listener.arn))
    return found

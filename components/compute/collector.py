"""The collector beside each process, AWS's build of OpenTelemetry's: it takes spans on loopback and sends them to X-Ray; pure.

It sends to the OTLP endpoint of X-Ray and CloudWatch (`https://xray.<region>.amazonaws.com/v1/traces`): the exporter `awsxray`
and X-Ray's own SDKs are in maintenance since February 2026. A task goes on without it: it is not essential, nothing waits for
its health, and spans that it does not take are dropped (services/common/telemetry/exporter.py).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

#: The container's name, and where it takes spans: OTLP's own port for HTTP. Only the task itself reaches its loopback.
NAME = "collector"
PORT = 4318

#: MiB that it may use of the task's memory; it refuses spans (memory_limiter) before ECS would kill it for more.
MEMORY = 96
_LIMIT, _SPIKE = 64, 16

#: Its share of the CPU where the process wants all of it, in units of which the smallest task has 256.
CPU = 16

#: The variable that AWS's image reads its configuration from.
CONFIGURATION = "AOT_CONFIG_CONTENT"


@dataclass(frozen=True, kw_only=True, slots=True)
class Traces:
    """What is recorded of what a service does. image: the collector's. ratio: 0–1, the share of traces that is kept.

    What failed or was slow is kept besides.
    """

    image: Any
    ratio: float


def configuration(region: str) -> str:
    """The collector's configuration. JSON, which is YAML as well."""
    # Nothing here knows a span's fields: what one may hold is the services' own list (services/common/telemetry/otlp.py).
    return json.dumps(
        {
            "extensions": {"health_check": {}, "sigv4auth": {"region": region, "service": "xray"}},
            "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{PORT}"}}}},
            "processors": {
                "memory_limiter": {"check_interval": "1s", "limit_mib": _LIMIT, "spike_limit_mib": _SPIKE},
                "batch": {"timeout": "5s", "send_batch_size": 512},
            },
            "exporters": {
                "otlp_http": {
                    "traces_endpoint": f"https://xray.{region}.amazonaws.com/v1/traces",
                    "compression": "gzip",
                    "auth": {"authenticator": "sigv4auth"},
                    "sending_queue": {"queue_size": 50},
                    "retry_on_failure": {"max_elapsed_time": "60s"},
                }
            },
            "service": {
                "extensions": ["health_check", "sigv4auth"],
                "pipelines": {
                    "traces": {
                        "receivers": ["otlp"],
                        "processors": ["memory_limiter", "batch"],
                        "exporters": ["otlp_http"],
                    }
                },
                "telemetry": {"logs": {"level": "warn", "encoding": "json"}, "metrics": {"level": "none"}},
            },
        },
        sort_keys=True,
    )


def own() -> dict[str, Any]:
    """What its container has that a process's has not."""
    return {
        "essential": False,
        "cpu": CPU,
        "memory": MEMORY,
        # The image has no shell, only this beside the collector; it asks the extension `health_check`.
        "healthCheck": {
            "command": ["CMD", "/healthcheck"],
            "interval": 10,
            "timeout": 5,
            "retries": 3,
            "startPeriod": 10,
        },
    }


def variables(traces: Traces) -> dict[str, str]:
    """What a process is told of it, by OpenTelemetry's own names."""
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{PORT}", "OTEL_TRACES_SAMPLER_ARG": f"{traces.ratio:g}"}

"""Metrics as log lines in CloudWatch's embedded metric format: the log group makes them metrics, and no agent is needed."""

from __future__ import annotations

import json
import os
import sys
import time

NAMESPACE = "Matchday"

_DIMENSIONS = ("service", "environment")


def line(service: str, environment: str, at_milliseconds: int, *, job: str = "", **values: tuple[float, str]) -> str:
    """One line with `values`: name to (value, CloudWatch's unit); of one `job`, if that is given."""
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [[*_DIMENSIONS, "job"] if job else list(_DIMENSIONS)],
        "Metrics": [{"Name": name, "Unit": unit} for name, (_, unit) in values.items()],
    }
    return json.dumps(
        {
            "_aws": {"Timestamp": at_milliseconds, "CloudWatchMetrics": [directive]},
            "service": service,
            "environment": environment,
            **({"job": job} if job else {}),
            "level": "INFO",
            "logger": __name__,
            "message": "metrics",
            **{name: value for name, (value, _) in values.items()},
        }
    )


def emit(*, job: str = "", **values: tuple[float, str]) -> None:
    """Write `values` of this process's service, or of one `job` of it."""
    service, environment = os.environ.get("SERVICE", "service"), os.environ.get("ENVIRONMENT", "environment")
    sys.stdout.write(line(service, environment, time.time_ns() // 1_000_000, job=job, **values) + "\n")
    sys.stdout.flush()

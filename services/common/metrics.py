"""Metrics as log lines in CloudWatch's embedded metric format: the log group makes them metrics, and no agent is needed."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession

NAMESPACE = "Matchday"

_DIMENSIONS = ("service", "environment")
_NOTHING: Mapping[str, str] = MappingProxyType({})


def line(
    service: str,
    environment: str,
    at_milliseconds: int,
    *,
    by: Mapping[str, str] = _NOTHING,
    beside: Mapping[str, str] = _NOTHING,
    **values: tuple[float | Sequence[float], str],
) -> str:
    """One line with `values`: name to (value, CloudWatch's unit). `by`: further dimensions, such as the job or the endpoint.

    Several values of one metric (100 at most) are one array. `beside`: what the line holds that is no metric, such as the id of
    a trace that the values came from (an exemplar).
    """
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [[*_DIMENSIONS, *by]],
        "Metrics": [{"Name": name, "Unit": unit} for name, (_, unit) in values.items()],
    }
    return json.dumps(
        {
            "_aws": {"Timestamp": at_milliseconds, "CloudWatchMetrics": [directive]},
            "service": service,
            "environment": environment,
            **by,
            **beside,
            "level": "INFO",
            "logger": __name__,
            "message": "metrics",
            **{name: value for name, (value, _) in values.items()},
        }
    )


def emit(
    by: Mapping[str, str] = _NOTHING,
    beside: Mapping[str, str] = _NOTHING,
    /,
    **values: tuple[float | Sequence[float], str],
) -> None:
    """Write `values` of this process's service, or of what `by` names in it; `beside` as in `line`."""
    service, environment = os.environ.get("SERVICE", "service"), os.environ.get("ENVIRONMENT", "environment")
    sys.stdout.write(line(service, environment, time.time_ns() // 1_000_000, by=by, beside=beside, **values) + "\n")
    sys.stdout.flush()


def emit_committed(session: AsyncSession, **values: tuple[float | Sequence[float], str]) -> None:
    """Write `values` once `session`'s transaction has committed; nothing if it never does."""
    event.listen(session.sync_session, "after_commit", partial(_committed, values), once=True)


def _committed(values: Mapping[str, tuple[float | Sequence[float], str]], _session: object) -> None:
    emit(**values)

"""Path routing: which requests go to which service, as ALB listener rules with stable priorities; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """A service behind the load balancer.

    - patterns: ALB path patterns (``/wallet/*``), any number.
    - port: where its tasks listen. health_path: asked on that port; 200 means ready.
    - drain_seconds: 0–3600, how long a task that leaves keeps its open requests.
    """

    name: str
    patterns: Sequence[str]
    port: int
    health_path: str = "/readyz"
    drain_seconds: int = 30

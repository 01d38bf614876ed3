"""What a request costs and what overload does: `make bench ARGS=services`."""

from __future__ import annotations

import asyncio

from benchmarks.services.client import ready
from benchmarks.services.layers import by_layer, transfers
from benchmarks.services.overload import curves
from benchmarks.services.servers import bench


async def _all() -> None:
    async with bench() as run:
        for port, path in ((run.wallet[0], "/readyz"), (run.shared[0], "/readyz"), (run.echo[0], "/")):
            await ready(port, path)
        await by_layer(run)
        await transfers(run)
        await curves(run)


def main() -> None:
    """Emit the figures."""
    asyncio.run(_all())

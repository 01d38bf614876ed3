"""`python -m localcloud.dataplane`: the supervisor of one clone's local cloud. `matchday up` starts it."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sqlite3
import sys
from pathlib import Path

from localcloud.dataplane.settings import Config, Image, parse_timing
from localcloud.runtime.collector import collect_rarely
from localcloud.runtime.errors import SupervisorError, is_of_the_disk


def parse(argv: list[str] | None) -> Config:
    """The configuration of a command line."""
    parser = argparse.ArgumentParser(prog="localcloud.dataplane", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="directory for everything that lasts")
    parser.add_argument(
        "--ingress", default="127.0.0.1:8080", metavar="HOST:PORT", help="where the load balancer listens"
    )
    parser.add_argument(
        "--image",
        action="append",
        default=[],
        metavar="REPOSITORY=ROOT[:PYTHON[:MODULE,…]]",
        help="what an image is here",
    )
    parser.add_argument("--emulator", metavar="URL", help="an emulator that runs already, such as a LocalStack")
    parser.add_argument("--region", default="ap-south-1")
    parser.add_argument("--timing", default="", metavar="NAME=SECONDS,…", help="other intervals: for tests")
    given = parser.parse_args(argv)
    host, _, port = given.ingress.rpartition(":")
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise SupervisorError("--ingress", f"{given.ingress!r} is not HOST:PORT with a port from 1 to 65535")
    return Config(
        state=given.state.absolute(),
        ingress_host=host,
        ingress_port=int(port),
        images=tuple(Image.parse(text) for text in given.image),
        emulator=given.emulator,
        region=given.region,
        timing=parse_timing(given.timing),
    )


async def _run(config: Config) -> None:
    # Imported late: boto3 takes a while, and a wrong argument should be told at once.
    collect_rarely()
    from localcloud.dataplane.control.supervisor import Supervisor
    from localcloud.runtime import api_models

    api_models.read_once()

    supervisor = Supervisor(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, supervisor.request_stop)
    await supervisor.run()


def main(argv: list[str] | None = None) -> int:
    """Run until SIGTERM or `POST /stop`."""
    os.umask(0o077)
    try:
        asyncio.run(_run(parse(argv)))
    except (SupervisorError, OSError, sqlite3.OperationalError) as problem:
        if not isinstance(problem, SupervisorError):
            if not is_of_the_disk(problem):
                raise
            problem = SupervisorError("supervisor", str(problem))
        print(problem, file=sys.stderr)  # noqa: T201 - standard error is the supervisor's log
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

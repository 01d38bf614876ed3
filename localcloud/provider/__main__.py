"""`python -m localcloud.provider`: the `aws` and `random` providers as one long-lived gRPC server on loopback."""

from __future__ import annotations

import argparse
import logging
import signal
import sqlite3
import sys
from concurrent import futures
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grpc

from localcloud.provider import schema
from localcloud.provider.clients import OperationClients
from localcloud.provider.core import Core
from localcloud.provider.kept import KeptProperties
from localcloud.provider.rows import ROWS
from localcloud.provider.servicer import Servicer, add_to
from localcloud.runtime import api_models
from localcloud.runtime.addresses import AddressBook
from localcloud.runtime.aws import EndpointRefused, check_endpoint, isolate_environment
from localcloud.runtime.errors import is_of_the_disk

_OPTIONS = [("grpc.max_receive_message_length", 400 << 20), ("grpc.max_send_message_length", 400 << 20)]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="localcloud.provider", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 chooses; the port is the first line of standard output")
    parser.add_argument("--endpoint", required=True, help="URL of the AWS emulator; a loopback address")
    parser.add_argument("--store", type=Path, required=True, help="directory for what the emulator cannot hold")
    parser.add_argument("--addresses", type=Path, required=True, help="directory of the address book")
    parser.add_argument("--region", default="ap-south-1")
    parser.add_argument("--ingress", default="", help="host:port that load balancers' names become")
    arguments = parser.parse_args(argv)
    isolate_environment()
    api_models.read_once()
    try:
        check_endpoint(arguments.endpoint)
    except EndpointRefused as refusal:
        print(f"localcloud.provider: {refusal}", file=sys.stderr)  # noqa: T201
        return 2
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    try:
        core = Core(
            ROWS,
            schema.load(arguments.store, ROWS),
            # By this the emulator's journal knows what a cut-off run of the engine wrote.
            OperationClients(arguments.endpoint, agent="matchday-provider"),
            KeptProperties(arguments.store),
            AddressBook(arguments.addresses),
            arguments.ingress,
        )
    except (OSError, sqlite3.OperationalError) as problem:
        if not is_of_the_disk(problem):
            raise
        print(f"localcloud.provider: {arguments.store}: {problem}", file=sys.stderr)  # noqa: T201
        return 1
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=32), options=_OPTIONS)
    add_to(server, Servicer(core, arguments.region, version("pulumi-aws")))
    port = server.add_insecure_port(f"127.0.0.1:{arguments.port}")
    if port == 0:
        print(f"localcloud.provider: port {arguments.port} of 127.0.0.1 is taken", file=sys.stderr)  # noqa: T201
        return 1
    server.start()

    def stop(_signal: int, _frame: Any) -> None:
        server.stop(grace=1)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(port, flush=True)  # noqa: T201 - the contract: first line of standard output
    server.wait_for_termination()
    return 0


if __name__ == "__main__":
    sys.exit(main())

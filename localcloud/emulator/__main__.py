"""`python -m localcloud.emulator`: moto server on a loopback address that keeps what it holds on disk."""

from __future__ import annotations

import argparse
import ipaddress
import os
import socket
import sys
from pathlib import Path

from localcloud.runtime.collector import collect_rarely

#: What moto reads while it is imported: so this is set before anything imports it.
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",  # else no AWS managed policy can be attached
    "MOTO_ECS_SERVICE_RUNNING": "2",  # else a service's roll-out stays IN_PROGRESS for ever
    "MOTO_ACM_VALIDATION_WAIT": "1",  # seconds until a certificate is ISSUED (60 by default)
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",  # thousands of AMIs that nothing here looks up
}


def prepare_environment() -> None:
    """Take away every AWS and moto variable of the user's, then set ours."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "MOTO_", "BOTO_"))]:
        del os.environ[name]
    os.environ.update(ENVIRONMENT)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="localcloud.emulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="loopback address to listen on")
    parser.add_argument(
        "--port", type=int, required=True, help="0 chooses; the port is the first line of standard output"
    )
    parser.add_argument(
        "--snapshot", type=Path, help="file that holds the emulator's state between runs; without it nothing is kept"
    )
    arguments = parser.parse_args(argv)
    try:
        loopback = ipaddress.ip_address(arguments.host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        print(f"localcloud.emulator: --host {arguments.host} is not a loopback address (127.0.0.0/8)", file=sys.stderr)  # noqa: T201
        return 2
    # Before the imports, which take seconds: who connects now waits for an answer instead of for the start. With a snapshot the
    # supervisor waits for what it holds, and nobody is let in before.
    try:
        listening = None if arguments.snapshot else socket.create_server((arguments.host, arguments.port), backlog=128)
    except OSError as error:
        print(f"localcloud.emulator: {arguments.host}:{arguments.port}: {error.strerror}", file=sys.stderr)  # noqa: T201
        return 1
    prepare_environment()
    collect_rarely()
    from localcloud.runtime import api_models

    api_models.read_once()
    from localcloud.emulator import quick, tables

    tables.read_quickly()
    quick.answer_quickly()
    from localcloud.emulator.server import serve  # imports moto, which reads models as it is imported

    return serve(arguments.host, arguments.port, arguments.snapshot, listening)


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # what is to be kept is kept, and taking moto's objects apart one by one would take a second

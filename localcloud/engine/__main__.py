"""`python -m localcloud.engine ensure`: what `make setup` calls to have the Pulumi CLI on this machine."""

from __future__ import annotations

import sys

from localcloud.engine.find import NoEngine, ensure


def main() -> int:
    """Exit code 0 when there is a CLI, 1 when none could be got, 2 for a wrong call."""
    if sys.argv[1:] != ["ensure"]:
        sys.stderr.write("usage: python -m localcloud.engine ensure\n")
        return 2

    def say(message: str) -> None:
        sys.stdout.write(f"setup: {message}\n")
        sys.stdout.flush()

    try:
        engine = ensure(say)
    except NoEngine as failure:
        sys.stderr.write(f"setup: {failure}\n")
        return 1
    say(f"Pulumi CLI v{engine.version} ({engine.origin}: {engine.pulumi})")
    return 0


if __name__ == "__main__":
    sys.exit(main())

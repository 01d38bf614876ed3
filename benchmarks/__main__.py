"""`python -m benchmarks [NAME …]`: run the benchmarks named, or all; one JSON line per figure on standard output."""

from __future__ import annotations

import importlib
import sys

#: Name → module with a `main()` that emits figures.
BENCHMARKS = {
    "auth": "benchmarks.auth",
    "boards": "benchmarks.boards",
    "clock": "benchmarks.clock",
    "growth": "benchmarks.growth",
    "kyc": "benchmarks.kyc",
    "payments": "benchmarks.payments",
    "platform": "benchmarks.platform",
    "policies": "benchmarks.policies",
    "scoring": "benchmarks.scoring",
    "services": "benchmarks.services.run",
    "spans": "benchmarks.spans",
    "suite": "benchmarks.suite",
    "wallet": "benchmarks.wallet",
    "webs": "benchmarks.webs",
}


def main() -> int:
    """Exit code 0 when all named benchmarks ran, 2 for an unknown name."""
    names = sys.argv[1:] or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        sys.stderr.write(f"no benchmark {unknown[0]!r}; there are: {', '.join(BENCHMARKS)}\n")
        return 2
    for name in names:
        sys.stderr.write(f"benchmark {name}\n")
        importlib.import_module(BENCHMARKS[name]).main()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The OpenAPI documents that are kept: `python -m services.common.openapi SERVICE…` writes services/SERVICE/openapi.json."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from services.common.web import application

_SERVICES = Path(__file__).parent.parent


def document(service: str) -> str:
    """The document of `service`, as it is kept."""
    return json.dumps(application(service).openapi(), indent=2, ensure_ascii=False) + "\n"


def path(service: str) -> Path:
    """Where it is kept."""
    return _SERVICES / service.replace("-", "_") / "openapi.json"


def main() -> int:
    """Write the documents of the services that are named."""
    for service in sys.argv[1:]:
        path(service).write_text(document(service), encoding="utf-8")
        sys.stdout.write(f"{path(service)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

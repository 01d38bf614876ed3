"""`python -m services.common.events SERVICE…` writes the JSON schemas of services' events: `services/<name>/events.json`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from services.common.events import Events

_SERVICES = Path(__file__).parents[2]


def path(service: str) -> Path:
    """Where the schemas of a service stand."""
    return _SERVICES / service.replace("-", "_") / "events.json"


def of(service: str) -> Events:
    """The events of a service: `services.<service>.events.EVENTS`."""
    found = importlib.import_module(f"services.{service.replace('-', '_')}.events").EVENTS
    assert isinstance(found, Events)
    return found


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path(name).write_text(of(name).document(), encoding="utf-8")

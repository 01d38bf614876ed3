"""Events: what a service tells other services, in the order in which it happened, for as long as they need to ask.

The producer writes an event in the transaction of what happened (`emit`); its worker gives committed events gapless positions
(`log.number`); consumers ask for what came after the position that they have (`endpoint`, `subscription`). Why so: ADR 0042.
"""

from __future__ import annotations

from services.common.events.log import emit, forget
from services.common.events.schema import Event, Events

__all__ = ["Event", "Events", "emit", "forget"]

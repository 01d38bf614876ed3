"""What can go wrong on the way to the emulator, as the engine is told it."""

from __future__ import annotations

from localcloud.provider.wire import Properties


class Gone(Exception):
    """The resource does not exist (any more)."""


class Refused(Exception):
    """An operation that cannot be done; the message is for the user."""


class PartlyCreated(Refused):
    """The resource exists, but a later step of its creation failed: the engine keeps it and tries again."""

    def __init__(self, resource_id: str, properties: Properties, reason: str) -> None:
        super().__init__(reason)
        self.id, self.properties = resource_id, properties

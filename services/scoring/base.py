"""The base of scoring's models."""

from __future__ import annotations

from services.common import database


class Base(database.Base):
    """Base of scoring's models."""

    __abstract__ = True
    metadata = database.metadata()

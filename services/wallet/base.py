"""The base of wallet's models: one metadata for all of them."""

from __future__ import annotations

from services.common import database


class Base(database.Base):
    """Base of wallet's models."""

    __abstract__ = True
    metadata = database.metadata()

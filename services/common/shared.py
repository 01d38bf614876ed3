"""The metadata of tables that more than one service has, each in its own database."""

from __future__ import annotations

from services.common import database


class SharedBase(database.Base):
    """Base of the shared tables' models."""

    __abstract__ = True
    metadata = database.metadata()

"""Alembic's environment, shared by all services: runs inside the connection that services.common.migrate opened."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

attributes = context.config.attributes
connection = attributes["connection"]


def bound_waiting(*_: object, **__: object) -> None:
    """Nobody waits long behind a migration: rather fail, and be started again, than stop every query of a table."""
    connection.execute(text("SET lock_timeout = '5s'"))


bound_waiting()
connection.commit()  # from here on transactions are Alembic's
context.configure(
    connection=connection,
    target_metadata=attributes["metadata"],
    transaction_per_migration=True,
    on_version_apply=bound_waiting,  # a migration may have set its own
)
with context.begin_transaction():
    context.run_migrations()

"""Indexes made and dropped by a migration while the service reads and writes (CREATE INDEX CONCURRENTLY).

Such a statement cannot run in a transaction: what the migration did before it is committed first. So give it a migration of its
own. One that was interrupted leaves an invalid index behind; run again, this drops that and starts over.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

#: How long it may wait for the transactions that were under way when it began. It blocks nobody meanwhile.
_WAIT = "10min"


def create_concurrently(
    name: str, table: str, columns: Sequence[str], *, unique: bool = False, where: str | None = None
) -> None:
    """Make the index `name` unless it is there and valid."""
    valid = sa.text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")
    with op.get_context().autocommit_block():
        connection = op.get_bind()
        found = connection.execute(valid, {"name": name}).scalar()
        if found:
            return
        connection.execute(sa.text(f"SET lock_timeout = '{_WAIT}'"))
        if found is False:
            op.drop_index(name, postgresql_concurrently=True)
        op.create_index(name, table, columns, unique=unique, postgresql_where=where, postgresql_concurrently=True)


def drop_concurrently(name: str) -> None:
    """Drop the index `name` if it is there."""
    with op.get_context().autocommit_block():
        op.get_bind().execute(sa.text(f"SET lock_timeout = '{_WAIT}'"))
        op.drop_index(name, postgresql_concurrently=True, if_exists=True)

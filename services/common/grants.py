"""What a migration says about rights: the app role may SELECT and INSERT by default, and more only where it is granted."""

from __future__ import annotations

from collections.abc import Sequence

from alembic import op


def grant(table: str, *privileges: str, columns: Sequence[str] = ()) -> None:
    """Let the service's app role do `privileges` on `table`; with `columns`, only on those."""
    context = op.get_context()
    assert context.config is not None
    role = context.config.attributes["app_role"]
    only = f" ({', '.join(columns)})" if columns else ""
    op.execute(f'GRANT {", ".join(privileges)}{only} ON "{table}" TO "{role}"')


def revoke(table: str, *privileges: str) -> None:
    """Take `privileges` on `table`, and on each of its columns, from the service's app role."""
    context = op.get_context()
    assert context.config is not None
    op.execute(f'REVOKE {", ".join(privileges)} ON "{table}" FROM "{context.config.attributes["app_role"]}"')

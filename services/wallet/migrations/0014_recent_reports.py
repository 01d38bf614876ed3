"""Reports of the reconciliation say whether they looked at all entries, or at those since the report before."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.execute('ALTER TABLE reconciliation_reports ADD "full" boolean NOT NULL DEFAULT true')

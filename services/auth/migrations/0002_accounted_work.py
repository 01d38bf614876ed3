"""Every scheduled job leaves a trace; a signing key can be sealed anew when SIGNING_KEK changes."""

from __future__ import annotations

from services.common import tables
from services.common.grants import grant

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    tables.job_runs()
    grant("signing_keys", "UPDATE", columns=["private_sealed"])

"""What must hold in the wallet's database at any moment: what the reconciliation looks for, for whoever has a copy of it."""

from __future__ import annotations

from services.wallet.checks_repository import CHECKS

INVARIANTS = CHECKS

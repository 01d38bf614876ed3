"""How much may be lost and for how long the platform may stand still (RPO, RTO): stated once, measured by `matchday drill`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Objective(NamedTuple):
    """What is promised for one kind of loss; docs/recovery.md says the same in its table, which a test compares."""

    row: str
    """the line of the table in docs/recovery.md"""
    lost_seconds: float
    """of what was committed, at most so much of the newest (RPO)"""
    still_seconds: float
    """how long until the platform can go on (RTO)"""


#: Drill → its objective in production.
OBJECTIVES: Mapping[str, Objective] = {
    "restore": Objective("PostgreSQL, a mistake of up to 35 days", lost_seconds=300, still_seconds=3600),
    "promote": Objective("the Region", lost_seconds=300, still_seconds=14_400),
    "failover": Objective("PostgreSQL, a zone", lost_seconds=0, still_seconds=120),
}

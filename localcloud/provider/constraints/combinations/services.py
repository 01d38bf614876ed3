"""The checks of the remaining services, gathered: storage.py, messages.py, watch.py, edge.py, identity.py, functions.py."""

from __future__ import annotations

from collections.abc import Mapping

from localcloud.provider.constraints.combinations import edge, functions, identity, messages, storage, watch
from localcloud.provider.constraints.combinations.given import Check

CHECKS: Mapping[str, tuple[Check, ...]] = {
    **edge.CHECKS,
    **functions.CHECKS,
    **identity.CHECKS,
    **messages.CHECKS,
    **storage.CHECKS,
    **watch.CHECKS,
}

"""The checks of the remaining services, gathered."""

from __future__ import annotations

from collections.abc import Mapping

from localcloud.provider.constraints.combinations import (
    edge,
    functions,
    identity,
    messages,
    notifications,
    spending,
    storage,
    waf,
    watch,
)
from localcloud.provider.constraints.combinations.given import Check

CHECKS: Mapping[str, tuple[Check, ...]] = {
    **edge.CHECKS,
    **functions.CHECKS,
    **identity.CHECKS,
    **messages.CHECKS,
    **notifications.CHECKS,
    **spending.CHECKS,
    **storage.CHECKS,
    **waf.CHECKS,
    **watch.CHECKS,
}

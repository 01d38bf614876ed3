"""The checks of the remaining services, gathered: storage, messages, watch, edge, waf, identity, functions."""

from __future__ import annotations

from collections.abc import Mapping

from localcloud.provider.constraints.combinations import edge, functions, identity, messages, storage, waf, watch
from localcloud.provider.constraints.combinations.given import Check

CHECKS: Mapping[str, tuple[Check, ...]] = {
    **edge.CHECKS,
    **functions.CHECKS,
    **identity.CHECKS,
    **messages.CHECKS,
    **storage.CHECKS,
    **waf.CHECKS,
    **watch.CHECKS,
}

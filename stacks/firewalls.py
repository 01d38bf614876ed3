"""Which rule groups each of an environment's two firewalls asks, from its settings and the manifests; pure."""

from __future__ import annotations

from typing import Any

from components.edge.waf_rules import CHOSEN_GROUPS
from environments.settings import EnvironmentSettings
from model.catalog import Catalog


def chosen_groups(settings: EnvironmentSettings, catalog: Catalog, *, outer: bool) -> dict[str, Any]:
    """Arguments of `Protection` and of `WebAclArgs`. `outer`: of the firewall that requests meet first.

    Groups that cost extra are asked once, by that one; what only counts does so at both.
    """
    firewall = settings.edge.firewall
    modes = {"anonymous": firewall.anonymous, "bots": firewall.bots, "takeover": firewall.takeover} if outer else {}
    counted = [name for name in firewall.counted if outer or name not in CHOSEN_GROUPS]
    return {"modes": modes, "login": catalog.login, "counted": counted, "large_bodies": catalog.large_bodies}

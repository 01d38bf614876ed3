"""The web ACLs in force: their routes for the ingress, what they count, and what CloudWatch would have of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from localcloud.dataplane.firewall.rates import Rates
from localcloud.dataplane.firewall.web_acl import ACL, ALLOWS, BLOCKS, COUNTED, DECIDED, Compiled, Route, compiled
from localcloud.dataplane.model import Firewall
from localcloud.dataplane.watch.metrics import Metric
from localcloud.dataplane.watch.traffic import Put

NAMESPACE = "AWS/WAFV2"


class Guarded(Protocol):
    """What a web ACL may stand before: a listener, a distribution."""

    @property
    def arn(self) -> str:
        """Its own."""

    @property
    def firewall(self) -> Firewall | None:
        """The web ACL, if it has one."""


class Firewalls:
    """Web ACLs by what they stand before. `directory`: where the addresses above a rate are kept."""

    def __init__(self, directory: Path, region: str, put: Put) -> None:
        self._directory, self._region, self._put = directory, region, put
        self._made: dict[str, tuple[Firewall, Compiled]] = {}
        self._rates = Rates()

    def apply(self, guarded: Sequence[Guarded]) -> dict[str, list[Route]]:
        """The routes that come before each one's own, by its ARN."""
        made: dict[str, tuple[Firewall, Compiled]] = {}
        for one in guarded:
            if (acl := one.firewall) is not None:
                before = self._made.get(one.arn)
                kept = before is not None and before[0] == acl
                made[one.arn] = before if kept and before else (acl, compiled(acl, self._directory / acl.name))
        self._made = made
        self._rates.apply([rate for _, one in made.values() for rate in one.rates])
        return {arn: one.routes for arn, (_, one) in made.items()}

    def note(self, line: Mapping[str, Any], now: float) -> None:
        """One line of the ingress's log, of `now` (seconds since the epoch)."""
        if (acl := line.get(ACL)) is None:
            return
        self._rates.note(line)
        decided = str(line.get(DECIDED) or "")
        name = "BlockedRequests" if decided.startswith(BLOCKS) else "AllowedRequests"
        rule = decided.removeprefix(BLOCKS).removeprefix(ALLOWS)
        counted = [key.removeprefix(COUNTED) for key in line if key.startswith(COUNTED)]
        for metric, rules in ((name, ["ALL", rule]), ("CountedRequests", counted)):
            for named in rules:
                dimensions = {"WebACL": str(acl), "Rule": named, "Region": self._region}
                self._put(Metric.of(NAMESPACE, metric, dimensions), 1, now)

    def status(self) -> dict[str, Any]:
        """The addresses above a rate by rule, and by web ACL what is not judged here and why."""
        unjudged = {acl.name: dict(one.unjudged) for acl, one in self._made.values()}
        return {"held": self._rates.held(), "not_evaluated": unjudged}

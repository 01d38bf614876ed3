"""The DNS firewall as the engine sees it; what it answers for in an environment: tests/stacks/test_environment_changes.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from components.base import Component
from components.network.dns_firewall import AWS_DOMAINS, DnsFirewall, DnsFirewallArgs
from model.vocabulary import DnsFirewallMode as Mode
from tests.components.conftest import Recorded
from tests.components.examples import Example

Run = Callable[..., Recorded]


def args(**changes: Any) -> DnsFirewallArgs:
    return DnsFirewallArgs(**{"vpc_id": "vpc-1", "domains": ["api.example.com"], "mode": Mode.BLOCK, **changes})


EXAMPLES: Mapping[type[Component], Example] = {
    DnsFirewall: lambda name, transform: DnsFirewall(name, args(), transform=transform)
}


@pytest.mark.parametrize(("mode", "action"), [(Mode.ALERT, "ALERT"), (Mode.BLOCK, "BLOCK")])
def test_known_names_are_answered_before_all_others_are_not(run: Run, mode: Mode, action: str) -> None:
    recorded = run(lambda: DnsFirewall("names", args(mode=mode)))
    assert set(recorded.named("names-known").inputs["domains"]) == {*AWS_DOMAINS, "api.example.com"}
    known, other = recorded.named("names-known-rule").inputs, recorded.named("names-other-rule").inputs
    assert (known["action"], other["action"]) == ("ALLOW", action)
    assert known["priority"] < other["priority"]
    assert known["firewallDomainRedirectionAction"] == "TRUST_REDIRECTION_DOMAIN"
    assert ("blockResponse" in other) == (mode is Mode.BLOCK)


def test_one_that_is_off_is_none(run: Run) -> None:
    with pytest.raises(ValueError, match="mode off; accepted: alert or block"):
        run(lambda: DnsFirewall("names", args(mode=Mode.OFF)))

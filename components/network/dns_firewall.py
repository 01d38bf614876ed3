"""The DNS firewall: a network's resolver answers for AWS's names and for those that services may call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import route53

from components.base import Component, Transforms
from model.vocabulary import DnsFirewallMode as Mode

#: Names that everything in the network needs: AWS's own APIs, data stores and registries.
AWS_DOMAINS = ("*.amazonaws.com", "*.aws.amazon.com", "*.api.aws", "*.on.aws")


@dataclass(frozen=True, kw_only=True, slots=True)
class DnsFirewallArgs:
    """Which names are answered.

    - domains: outside of AWS, such as ``api.example.com``; ``*.`` in front takes every name below one.
    - mode: ALERT counts other questions, BLOCK leaves them without an answer (NODATA).
    """

    vpc_id: pulumi.Input[str]
    domains: Sequence[str]
    mode: Mode


class DnsFirewall(Component):
    """A DNS firewall that is asked by everything in a VPC.

    Makes: ``aws:route53:ResolverFirewallDomainList`` (``known``, ``other``), ``ResolverFirewallRuleGroup`` (role ``""``),
    ``ResolverFirewallRule`` (``known-rule``, ``other-rule``) and ``ResolverFirewallRuleGroupAssociation`` (``association``).

    The resolver answers as usual should the firewall itself fail: a network without names serves nobody.
    """

    def __init__(
        self,
        name: str,
        args: DnsFirewallArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        if args.mode is Mode.OFF:
            raise ValueError(f"DNS firewall {name!r}: mode off; accepted: alert or block, or no DNS firewall at all")
        group = self.make(
            "", route53.ResolverFirewallRuleGroup, route53.ResolverFirewallRuleGroupArgs(name=self.physical_name())
        )
        lists = {"known": sorted({*AWS_DOMAINS, *args.domains}), "other": ["*"]}
        for priority, (role, domains) in enumerate(lists.items(), start=1):
            names = self.make(
                role,
                route53.ResolverFirewallDomainList,
                route53.ResolverFirewallDomainListArgs(name=self.physical_name(role), domains=domains),
            )
            self.make(
                f"{role}-rule",
                route53.ResolverFirewallRule,
                route53.ResolverFirewallRuleArgs(
                    name=self.physical_name(role),
                    firewall_rule_group_id=group.id,
                    firewall_domain_list_id=names.id,
                    priority=100 * priority,
                    action="ALLOW" if role == "known" else args.mode.upper(),
                    block_response="NODATA" if role == "other" and args.mode is Mode.BLOCK else None,
                    # A known name may be an alias of a provider's own network: what it leads to is known with it.
                    firewall_domain_redirection_action="TRUST_REDIRECTION_DOMAIN" if role == "known" else None,
                ),
            )
        self.make(
            "association",
            route53.ResolverFirewallRuleGroupAssociation,
            route53.ResolverFirewallRuleGroupAssociationArgs(
                name=self.physical_name(),
                firewall_rule_group_id=group.id,
                vpc_id=args.vpc_id,
                priority=101,
                mutation_protection="DISABLED",
            ),
        )
        self.register_outputs({})

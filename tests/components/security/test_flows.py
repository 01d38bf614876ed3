"""Flows become rules at both ends, and nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.security.flows import INTERNET, Direction, Flow, SecurityGroupRule, rules

GROUPS = ["balancer", "wallet", "postgres"]


def test_a_flow_opens_both_ends():
    assert rules([Flow("balancer", "wallet", 8080, "requests")], GROUPS) == [
        SecurityGroupRule("balancer", Direction.EGRESS, "wallet", 8080, "requests"),
        SecurityGroupRule("wallet", Direction.INGRESS, "balancer", 8080, "requests"),
    ]


def test_outside_peers_hold_no_rules():
    found = rules(
        [Flow(INTERNET, "balancer", 443, "viewers"), Flow("wallet", "s3", 443, "image layers")], GROUPS, ["s3"]
    )
    assert found == [
        SecurityGroupRule("balancer", Direction.INGRESS, INTERNET, 443, "viewers"),
        SecurityGroupRule("wallet", Direction.EGRESS, "s3", 443, "image layers"),
    ]


def test_a_group_may_talk_to_itself():
    assert len(rules([Flow("wallet", "wallet", 8080, "peers")], GROUPS)) == 2


flows = st.lists(
    st.builds(Flow, st.sampled_from(GROUPS), st.sampled_from(GROUPS), st.integers(1, 65535), st.just("why")),
    unique_by=lambda flow: (flow.source, flow.target, flow.port),
)


@given(flows)
def test_rules_open_exactly_the_flows(given_flows):
    found = rules(given_flows, GROUPS)
    egress = {(r.group, r.peer, r.port) for r in found if r.direction is Direction.EGRESS}
    ingress = {(r.peer, r.group, r.port) for r in found if r.direction is Direction.INGRESS}
    assert egress == ingress == {(f.source, f.target, f.port) for f in given_flows}
    assert len({rule.key for rule in found}) == len(found)


@given(flows, st.builds(Flow, st.sampled_from(GROUPS), st.sampled_from(GROUPS), st.just(65535), st.just("new")))
def test_a_new_flow_changes_no_other_rule(given_flows, new):
    kept = [flow for flow in given_flows if flow.port != new.port]
    assert {rule.key for rule in rules(kept, GROUPS)} <= {rule.key for rule in rules([*kept, new], GROUPS)}


@pytest.mark.parametrize(
    ("flow", "message"),
    [
        (
            Flow("walet", "postgres", 5432, "typo"),
            "no security group, prefix list or network 'walet'; accepted: balancer",
        ),
        (Flow("wallet", "postgress", 5432, "typo"), "flow wallet → postgress:5432: there is no"),
        (Flow(INTERNET, "s3", 443, "nobody"), "neither end is a security group"),
        (Flow("wallet", "postgres", 0, "port"), "port 0 is not between 1 and 65535"),
        (Flow("wallet", "postgres", 70000, "port"), "port 70000 is not between 1 and 65535"),
        (Flow("wallet", "postgres", 5432, ""), "has 0 characters"),
        (Flow("wallet", "postgres", 5432, "x" * 256), "has 256 characters"),
        (Flow("wallet", "postgres", 5432, "money → rows"), "holds '→'; EC2 takes 1–255"),
    ],
)
def test_bad_flows_are_named(flow, message):
    with pytest.raises(ValueError, match=message):
        rules([flow], GROUPS, ["s3"])


def test_a_flow_is_given_once():
    flow = Flow("wallet", "postgres", 5432, "queries")
    with pytest.raises(ValueError, match="flow wallet → postgres:5432 is given twice"):
        rules([flow, flow], GROUPS)


def test_one_name_means_one_thing():
    with pytest.raises(ValueError, match="'wallet' names both"):
        rules([], GROUPS, ["wallet"])

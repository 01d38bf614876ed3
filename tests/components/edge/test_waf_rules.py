"""The firewall's rules as data: AWS's groups always, rates, and countries where asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.edge.waf_rules import (
    CHOSEN_GROUPS,
    MANAGED_GROUPS,
    VIEWER_ADDRESS,
    Protection,
    default_action,
    rules,
)
from model.manifest import LoginForm
from model.vocabulary import FirewallMode

LOGIN = LoginForm(path="/auth/login", username="/email", password="/password")


def protection(**changes):
    return Protection(
        **{"rate_limit": 2000, "path_rate_limits": {}, "allowed_countries": (), "behind_cdn": False, **changes}
    )


paths = st.dictionaries(st.from_regex(r"/[a-z]{1,8}(/[a-z]{1,8})?", fullmatch=True), st.integers(10, 1000), max_size=20)


@given(paths, st.sampled_from([(), ("IN",), ("IN", "GB")]))
def test_rules_are_well_formed(limits, countries):
    found = rules(protection(path_rate_limits=limits, allowed_countries=countries))
    priorities = [rule["priority"] for rule in found]
    assert priorities == sorted(set(priorities))
    assert len({rule["name"] for rule in found}) == len(found)
    for rule in found:
        assert ("action" in rule) != ("override_action" in rule)
        assert rule["visibility_config"]["cloudwatch_metrics_enabled"]


#: Status codes that WAF lets a rule answer with, of those that refuse (AWS WAF developer guide).
REFUSALS = {400, 401, 403, 404, 405, 408, 409, 411, 412, 413, 414, 415, 416, 421, 429}


def test_refusals_are_ones_that_waf_can_send():
    here = protection(path_rate_limits={"/auth/login": 20}, allowed_countries=("IN",))
    actions = [default_action(here), *(rule["action"] for rule in rules(here) if "action" in rule)]
    codes = {action["block"]["custom_response"]["response_code"] for action in actions if "block" in action}
    assert codes and codes <= REFUSALS


def test_larger_bodies_pass_where_a_service_takes_them():
    assert [rule["name"] for rule in rules(protection())].count("bodies") == 0
    found = {rule["name"]: rule for rule in rules(protection(large_bodies=["/b", "/a"]))}
    group = found["common"]["statement"]["managed_rule_group_statement"]
    assert group["rule_action_overrides"] == [{"name": "SizeRestrictions_BODY", "action_to_use": {"count": {}}}]
    # The group labels what it finds; the rule that refuses it must come after.
    assert found["common"]["priority"] < found["bodies"]["priority"]
    assert found["bodies"]["action"] == {"block": {"custom_response": {"response_code": 413}}}
    label, unless = found["bodies"]["statement"]["and_statement"]["statements"]
    assert label["label_match_statement"]["key"] == "awswaf:managed:aws:core-rule-set:SizeRestrictions_Body"
    either = unless["not_statement"]["statement"]["or_statement"]["statements"]
    assert [one["byte_match_statement"]["search_string"] for one in either] == ["/a", "/b"]
    # What only decodes to an excepted path is not excepted.
    assert {kind["type"] for one in either for kind in one["byte_match_statement"]["text_transformations"]} == {"NONE"}


def test_aws_groups_act_and_do_not_only_count():
    groups = [rule for rule in rules(protection()) if "override_action" in rule]
    assert [g["statement"]["managed_rule_group_statement"]["name"] for g in groups] == [
        name for _, name in MANAGED_GROUPS
    ]
    assert all(group["override_action"] == {"none": {}} for group in groups)
    assert {
        "AWSManagedRulesCommonRuleSet",
        "AWSManagedRulesKnownBadInputsRuleSet",
        "AWSManagedRulesSQLiRuleSet",
        "AWSManagedRulesAmazonIpReputationList",
    } <= {name for _, name in MANAGED_GROUPS}


def test_the_narrow_rate_comes_before_the_wide_one():
    found = {rule["name"]: rule for rule in rules(protection(path_rate_limits={"/auth/login": 20}))}
    narrow, wide = found["rate-auth-login"], found["rate"]
    assert narrow["priority"] < wide["priority"]
    statement = narrow["statement"]["rate_based_statement"]
    assert statement["limit"] == 20
    assert statement["scope_down_statement"]["byte_match_statement"]["search_string"] == "/auth/login"
    assert wide["statement"]["rate_based_statement"]["limit"] == 2000
    assert wide["action"] == {"block": {"custom_response": {"response_code": 429}}}


def test_without_countries_everyone_may_come():
    assert default_action(protection()) == {"allow": {}}
    assert not any("allow" in rule.get("action", {}) for rule in rules(protection()))


def test_with_countries_only_they_may_and_only_after_every_other_rule():
    here = protection(allowed_countries=("IN",))
    assert default_action(here) == {"block": {"custom_response": {"response_code": 403}}}
    last = rules(here)[-1]
    assert last["action"] == {"allow": {}}
    assert last["statement"] == {"geo_match_statement": {"country_codes": ["IN"]}}


def statements(**changes):
    return {rule["name"]: rule["statement"] for rule in rules(protection(allowed_countries=("IN",), **changes))}


def test_behind_a_cdn_an_edge_location_is_not_taken_for_a_viewer():
    forwarded = {"header_name": VIEWER_ADDRESS, "fallback_behavior": "NO_MATCH"}
    found = statements(behind_cdn=True, path_rate_limits={"/auth/login": 20})
    for name in ("rate", "rate-auth-login"):
        assert found[name]["rate_based_statement"]["aggregate_key_type"] == "FORWARDED_IP"
        assert found[name]["rate_based_statement"]["forwarded_ip_config"] == forwarded
    assert found["country"]["geo_match_statement"]["forwarded_ip_config"] == forwarded


@given(
    st.dictionaries(st.sampled_from(sorted(CHOSEN_GROUPS)), st.sampled_from(FirewallMode)),
    st.sets(st.sampled_from(["common", "sql-injection", "rate", "linux"])),
)
def test_what_only_counts_is_what_was_asked_to(modes, counted):
    found = {
        rule["name"]: rule
        for rule in rules(protection(modes=modes, counted=counted, login=LOGIN, allowed_countries=("IN",)))
    }
    assert found.keys() >= {name for name, mode in modes.items() if mode is not FirewallMode.OFF}
    assert not found.keys() & (CHOSEN_GROUPS.keys() - {n for n, mode in modes.items() if mode is not FirewallMode.OFF})
    counting = {
        name for name, rule in found.items() if {"count": {}} in (rule.get("action"), rule.get("override_action"))
    }
    assert counting == counted | {name for name, mode in modes.items() if mode is FirewallMode.COUNT}
    assert found["country"]["action"] == {"allow": {}}, "it lets in: counting it would shut everyone out"


def test_in_front_of_everything_the_address_is_the_connection_s():
    found = statements()
    assert found["rate"]["rate_based_statement"]["aggregate_key_type"] == "IP"
    assert "forwarded_ip_config" not in found["rate"]["rate_based_statement"]
    assert "forwarded_ip_config" not in found["country"]["geo_match_statement"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rate_limit": 9}, "rate limit: 9; accepted: 10 to 2000000000"),
        ({"path_rate_limits": {"/login": 1}}, "rate limit of /login: 1; accepted: 10"),
        ({"path_rate_limits": {"login": 10}}, "rate limit of 'login': accepted: a path"),
        ({"counted": ["comon"]}, "counted: there is no rule 'comon'; accepted: rate, ip-reputation"),
        ({"counted": ["country"], "allowed_countries": ("IN",)}, "counted: there is no rule 'country'"),
        ({"modes": {"takeover": FirewallMode.BLOCK}}, "takeover: no service.yaml has a login; accepted: off"),
        ({"allowed_countries": ("India",)}, "allowed countries: 'India'; accepted: ISO 3166"),
        ({"allowed_countries": ("IN", "IN")}, "allowed countries: 2 given; accepted: 50 at most, each once"),
    ],
)
def test_bad_protection_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        rules(protection(**changes))

"""The load balancer as the engine sees it."""

from __future__ import annotations

import json

import pytest

from components.edge.load_balancer import LoadBalancer, LoadBalancerArgs
from components.edge.routes import Route

WALLET = Route(name="wallet", patterns=["/wallet/*"], port=8080, drain_seconds=25)
AUTH = Route(name="auth", patterns=["/auth/*", "/.well-known/jwks.json"], port=8081)


def balancer(transform=None, **changes):
    args = {
        "vpc_id": "vpc-1",
        "subnet_ids": ["subnet-a", "subnet-b"],
        "security_group_id": "sg-1",
        "routes": [WALLET, AUTH],
        "certificate_arn": "arn:certificate",
        "access_logs_bucket": "logs",
        **changes,
    }
    return lambda: LoadBalancer("edge", LoadBalancerArgs(**args), transform=transform)


RELAXED = {
    "certificate_arn": None,
    "access_logs_bucket": None,
    "deletion_protection": False,
    "relaxed": {"https": "a laptop", "access_logs": "a laptop", "deletion_protection": "a laptop"},
}


def test_secure_by_default(run):
    (made,) = run(balancer()).of("aws:lb/loadBalancer:LoadBalancer")
    assert made.inputs["dropInvalidHeaderFields"] is True
    assert made.inputs["desyncMitigationMode"] == "defensive"
    assert made.inputs["enableDeletionProtection"] is True
    assert made.inputs["accessLogs"] == {"bucket": "logs", "enabled": True}


@pytest.mark.parametrize("internal", [False, True])
def test_it_has_an_address_on_the_internet_or_none(run, internal):
    (made,) = run(balancer(internal=internal)).of("aws:lb/loadBalancer:LoadBalancer")
    assert made.inputs["internal"] is internal and made.protect


def test_players_reach_it_by_ipv6_where_its_subnets_have_it(run):
    (made,) = run(balancer(dual_stack=True)).of("aws:lb/loadBalancer:LoadBalancer")
    (plain,) = run(balancer()).of("aws:lb/loadBalancer:LoadBalancer")
    assert made.inputs["ipAddressType"] == "dualstack" and "ipAddressType" not in plain.inputs


def test_http_redirects_to_https(run):
    listeners = {item.inputs["port"]: item.inputs for item in run(balancer()).of("Listener")}
    assert set(listeners) == {80, 443}
    redirect = listeners[80]["defaultActions"][0]
    assert (redirect["type"], redirect["redirect"]["protocol"], redirect["redirect"]["statusCode"]) == (
        "redirect",
        "HTTPS",
        "HTTP_301",
    )
    assert listeners[443]["certificateArn"] == "arn:certificate"
    assert listeners[443]["sslPolicy"].startswith("ELBSecurityPolicy-TLS13-1-2-Res")


def test_an_internal_one_has_no_http(run):
    """Only the CDN reaches it, by HTTPS; a redirect would be a door that nobody uses."""
    assert [item.inputs["port"] for item in run(balancer(internal=True)).of("Listener")] == [443]


@pytest.mark.parametrize(
    ("changes", "port", "scheme"), [({}, 443, "https"), (RELAXED, 80, "http")], ids=["https", "http"]
)
def test_an_unknown_path_is_a_problem_document(run, resolved, changes, port, scheme):
    recorded = run(balancer(**changes))
    listener = next(item for item in recorded.of("Listener") if item.inputs["port"] == port)
    answer = listener.inputs["defaultActions"][0]["fixedResponse"]
    assert (answer["statusCode"], answer["contentType"]) == ("404", "application/json")
    assert json.loads(answer["messageBody"])["status"] == 404
    assert len(answer["messageBody"]) <= 1024, "ALB takes no more"
    assert resolved(recorded.result.url).startswith(f"{scheme}://matchday-dev-edge-")


@pytest.mark.parametrize(("changes", "protocol"), [({}, "HTTPS"), (RELAXED, "HTTP")], ids=["https", "http"])
def test_the_listener_that_serves_has_the_rules(run, resolved, changes, protocol):
    recorded = run(balancer(**changes))
    listener = recorded.result.listener
    assert resolved(listener.protocol) == protocol
    assert {rule.inputs["listenerArn"] for rule in recorded.of("ListenerRule")} == {resolved(listener.arn)}


def test_rules_send_paths_to_the_service_s_group(run, resolved):
    recorded = run(balancer())
    arns = {name: resolved(target.arn) for name, target in recorded.result.target_groups.items()}
    sent = {
        pattern: rule.inputs["actions"][0]["targetGroupArn"]
        for rule in recorded.of("ListenerRule")
        for pattern in rule.inputs["conditions"][0]["pathPattern"]["values"]
    }
    assert sent == {
        "/wallet/*": arns["wallet"],
        "/auth/*": arns["auth"],
        "/.well-known/jwks.json": arns["auth"],
    }
    assert [len(target.rules) for target in recorded.result.target_groups.values()] == [1, 2]


def test_internal_paths_are_answered_by_the_listener_itself(run):
    hidden = Route(name="wallet", patterns=["/wallet/*"], port=8080, internal=["/wallet/internal/*"])
    recorded = run(balancer(routes=[hidden]))
    rules = {item.inputs["conditions"][0]["pathPattern"]["values"][0]: item for item in recorded.of("ListenerRule")}
    (action,) = rules["/wallet/internal/*"].inputs["actions"]
    assert (action["type"], action["fixedResponse"]["statusCode"]) == ("fixed-response", "404")
    assert json.loads(action["fixedResponse"]["messageBody"])["code"] == "route_not_found"
    assert rules["/wallet/internal/*"].inputs["priority"] < rules["/wallet/*"].inputs["priority"]


def test_target_groups_drain_and_check_readiness(run):
    group = run(balancer()).named("edge-target-wallet").inputs
    assert (group["port"], group["targetType"], group["deregistrationDelay"]) == (8080, "ip", 25)
    assert group["healthCheck"]["path"] == "/readyz"
    assert len(group["name"]) <= 32


def test_a_group_s_name_changes_with_its_port_so_that_old_and_new_can_both_exist(run):
    moved = Route(name="wallet", patterns=["/wallet/*"], port=9090)
    names = [run(balancer(routes=[route])).named("edge-target-wallet").inputs["name"] for route in (WALLET, moved)]
    assert names[0] != names[1]


def test_adding_a_service_changes_no_resource_of_another(run):
    before, after = run(balancer(routes=[WALLET])), run(balancer(routes=[AUTH, WALLET]))
    now = {item.urn: item for item in after.registrations}
    for item in before.of("ListenerRule") + before.of("TargetGroup"):
        assert now[item.urn].inputs.get("priority") == item.inputs.get("priority")
        assert now[item.urn].inputs["tags"] == item.inputs["tags"]


def test_a_route_that_shifts_has_two_groups_whose_weights_are_not_the_programs(run):
    route = Route(name="wallet", patterns=["/wallet/*"], port=8080, internal=["/wallet/internal/*"], shifts=True)
    recorded = run(balancer(routes=[route]))
    first, other = (recorded.named(f"edge-target-wallet{ending}") for ending in ("", "-other"))
    assert {k: v for k, v in first.inputs.items() if k not in ("name", "tags")} == {
        k: v for k, v in other.inputs.items() if k not in ("name", "tags")
    }
    rules = {item.inputs["actions"][0]["type"]: item for item in recorded.of("ListenerRule")}
    forward = rules["forward"]
    assert [each["weight"] for each in forward.inputs["actions"][0]["forward"]["targetGroups"]] == [100, 0]
    assert forward.ignore_changes == ("actions",) and rules["fixed-response"].ignore_changes == ()
    target = recorded.result.target_groups["wallet"]
    assert target.other_arn is not None and target.rule_arn is not None
    names = {signal.name for signal in recorded.result.signals}
    assert {"wallet-unhealthy", "wallet-unhealthy-other", "wallet-failing"} <= names
    failing = next(signal for signal in recorded.result.signals if signal.name == "wallet-failing")
    assert set(failing.inputs) == {"requests1", "requests2", "errors1", "errors2"}


def test_requests_are_shifted_at_one_rule(run):
    with pytest.raises(ValueError, match="'wallet' shifts requests at one rule, and has 2 patterns; accepted: one"):
        run(balancer(routes=[Route(name="wallet", patterns=["/wallet/*", "/purse"], port=8080, shifts=True)]))


def test_each_service_is_watched(run):
    names = {signal.name for signal in run(balancer()).result.signals}
    assert names == {"balancer-errors", "rejected-connections", "traffic", "certificate-expiry"} | {
        f"{service}-{what}" for service in ("wallet", "auth") for what in ("unhealthy", "errors", "slow", "failing")
    }


def test_request_label_is_what_application_auto_scaling_takes(run, resolved):
    target = run(balancer()).result.target_groups["wallet"]
    label = resolved(target.request_label)
    assert label.startswith("app/matchday-dev-edge/") and "/targetgroup/matchday-dev-wallet-8080/" in label


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"certificate_arn": None},
            r"https does not hold \(requests travel in the clear.*say why in relaxed\['https'\]",
        ),
        ({"access_logs_bucket": None}, "access_logs does not hold"),
        ({"deletion_protection": False}, "deletion_protection does not hold"),
        ({"relaxed": {"https": "because"}}, "https is relaxed although it holds"),
        ({"relaxed": {"waf": "because"}}, "cannot relax 'waf'; accepted: https, access_logs, deletion_protection"),
        ({"subnet_ids": ["subnet-a"]}, "1 subnet; AWS wants two or more"),
    ],
)
def test_bad_arguments_are_named(run, changes, message):
    with pytest.raises(ValueError, match=message):
        run(balancer(**changes))


def test_children_can_be_transformed(run):
    def strictest(args, opts):
        args.desync_mitigation_mode = "strictest"
        return args, opts

    (made,) = run(balancer(transform={"": strictest})).of("aws:lb/loadBalancer:LoadBalancer")
    assert made.inputs["desyncMitigationMode"] == "strictest"

"""What a change of settings, services or images changes in an environment, and that it changes nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from components.network.dns_firewall import AWS_DOMAINS
from environments.settings import EnvironmentSettings
from model.catalog import Catalog, load_catalog
from model.egress import EGRESS
from model.vocabulary import FirewallMode, Nat
from tests.stacks.conftest import SERVICES, Composed, catalog_of, compose, settings_of
from tests.stacks.reading import containers, every_environment, shapes

pytestmark = pytest.mark.slow


def test_one_changed_setting_changes_only_what_it_concerns(composed: Composed) -> None:
    settings = settings_of("dev")
    changed = settings.model_copy(update={"compute": settings.compute.model_copy(update={"log_level": "ERROR"})})
    before = shapes(composed("dev"))
    after = shapes(compose(changed, catalog_of("dev")))
    assert set(before) == set(after)
    different = {urn.rsplit("::", 1)[0].rsplit("$", 1)[-1] for urn in before if before[urn] != after[urn]}
    assert different == {"aws:ecs/taskDefinition:TaskDefinition"}


def test_a_service_of_workers_alone_is_one_like_the_others(tmp_path: Path) -> None:
    """No paths, so no objectives, no target group and no rule; its log and its tasks are watched all the same."""
    (tmp_path / "mailer").mkdir()
    (tmp_path / "mailer" / "service.yaml").write_text(
        "name: mailer\nsummary: Sends mail\ndatastores: [postgres, broker]\nprocesses:\n"
        "  worker: {kind: worker, command: [python, -m, services.common.worker], cpu: 256, memory: 512}\n"
    )
    recorded = compose(settings_of("dev"), load_catalog(tmp_path, "development"))
    assert recorded.of("ListenerRule") == recorded.of("TargetGroup") == []
    assert set(containers(recorded)) == {"matchday-dev-mailer-worker", "matchday-dev-databases-bootstrap"}
    alarms = {item.name for item in recorded.of("MetricAlarm")}
    assert {"monitoring-mailer-worker-cpu", "monitoring-mailer-log-critical"} <= alarms
    assert not any("mailer-availability" in name for name in alarms)


def test_a_new_service_changes_nothing_that_exists(composed: Composed, tmp_path: Path) -> None:
    """Apart from what lists all services: the CDN's paths, the dashboard, composite alarms, the issuer's registry, and the task
    that makes the databases."""
    for name in catalog_of("dev").services:
        (tmp_path / name).mkdir()
        (tmp_path / name / "service.yaml").write_text((SERVICES / name / "service.yaml").read_text())
    (tmp_path / "newcomer").mkdir()
    (tmp_path / "newcomer" / "service.yaml").write_text(
        (SERVICES / "wallet" / "service.yaml").read_text().replace("wallet", "newcomer") + "\nbuckets: [receipts]\n"
    )
    catalog: Catalog = load_catalog(tmp_path, "development")
    bigger = compose(settings_of("dev"), catalog)
    before, after = shapes(composed("dev")), shapes(bigger)
    assert set(before) <= set(after)
    different = [urn.rsplit("::", 1) for urn in before if before[urn] != after[urn]]
    issuer = {"auth-web", "auth-web-task", "auth-execution-policy"}  # newcomer brings clients of its own
    assert {name for _, name in different} >= issuer - {"auth-web"}
    maker = {"databases-bootstrap", "databases-bootstrap-task", "databases-execution-policy"}
    assert {name for _, name in different} >= maker - {"databases-bootstrap"}
    changed = {kind.rsplit("$", 1)[-1] for kind, name in different if name not in issuer | maker}
    assert changed == {
        "aws:cloudfront/distribution:Distribution",
        "aws:cloudwatch/compositeAlarm:CompositeAlarm",
        "aws:cloudwatch/dashboard:Dashboard",
        "aws:cloudwatch/queryDefinition:QueryDefinition",  # its log is asked, too
        "aws:elasticache/userGroup:UserGroup",  # its user at the broker
        "aws:wafv2/webAcl:WebAcl",  # its rate limits
    }
    (page,) = [urn for urn in before if "compositeAlarm" in urn and before[urn] != after[urn]]
    assert page.endswith("::monitoring-load-balancer-pages")
    receipts = bigger.named("newcomer-receipts")
    assert receipts.inputs["bucket"].startswith("matchday-dev-newcomer-receipts-")
    (policy,) = [item for item in bigger.of("RolePolicy") if item.name == "newcomer-task-policy"]
    assert receipts.inputs["bucket"] in policy.inputs["policy"]
    web = containers(bigger)["matchday-dev-newcomer-web"][-1]
    assert {"name": "BUCKET_RECEIPTS", "value": receipts.inputs["bucket"]} in web["environment"]


@every_environment
def test_earlier_task_definitions_stay_where_the_image_is_pinned(composed: Composed, stack: str) -> None:
    """A rollback is one of them. A laptop runs whatever its clone holds: there is nothing to go back to."""
    chosen = settings_of(stack)
    for item in composed(stack).of("TaskDefinition"):
        assert item.inputs["skipDestroy"] == (stack != "local")
        containers = json.loads(item.inputs["containerDefinitions"])
        if item.name.startswith("databases-"):  # it is not traced
            (image,) = {each["image"] for each in containers}
            assert image.endswith(f"/matchday/services{chosen.image.suffix('services')}")
            continue
        (beside,) = [each["image"] for each in containers if each["name"] == "collector"]
        assert beside.endswith(f"/matchday/services{chosen.image.suffix('collector')}")
        (image,) = {each["image"] for each in containers if each["name"] != "collector"}
        target = catalog_of(stack).services[item.inputs["family"].split("-")[2]].image
        assert image.endswith(f"/matchday/services{chosen.image.suffix(target)}")


def test_a_new_image_is_a_new_task_definition_and_touches_nothing_else(composed: Composed) -> None:
    chosen = settings_of("prod")
    newest = "sha256:" + "ab" * 32
    newer = chosen.model_copy(
        update={"image": chosen.image.model_copy(update={"digest": newest, "targets": {"kyc": newest}})}
    )
    before, after = shapes(composed("prod")), shapes(compose(newer, catalog_of("prod")))
    assert set(before) == set(after)
    different = [urn for urn in before if before[urn] != after[urn]]
    assert {urn.rsplit("::", 1)[0].rsplit("$", 1)[-1] for urn in different} == {"aws:ecs/taskDefinition:TaskDefinition"}
    # And the task that makes the databases.
    assert len(different) == sum(len(service.processes) for service in catalog_of("prod").services.values()) + 1


def test_a_service_that_reads_from_a_replica_is_told_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "service.yaml").write_text(
        "name: reports\nsummary: Reads\ndatastores: [postgres]\nreads_replica: true\nprocesses:\n"
        "  worker: {kind: worker, command: [python, -m, services.common.worker], cpu: 256, memory: 512}\n"
    )
    catalog = load_catalog(tmp_path, "development")
    chosen = settings_of("dev")
    with_one = chosen.model_copy(update={"postgres": chosen.postgres.model_copy(update={"replicas": 1})})
    hosts = {}
    for name, settings in (("none", chosen), ("one", with_one)):
        definitions = containers(compose(settings, catalog))["matchday-dev-reports-worker"]
        given = {entry["name"]: entry["value"] for entry in definitions[-1]["environment"]}
        assert not any(entry["name"] == "DATABASE_READ_HOST" for entry in definitions[0]["environment"])
        hosts[name] = (given["DATABASE_READ_HOST"] == given["DATABASE_HOST"], given["DATABASE_READ_HOST"])
    assert hosts["none"][0] and not hosts["one"][0] and "replica-1" in hosts["one"][1]


def leaving(tmp_path: Path, tier: str, egress: str) -> Catalog:
    """Two services, of which `payer` may leave."""
    for name, more in (("payer", f"egress: {egress}\n"), ("keeper", "")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "service.yaml").write_text(
            f"name: {name}\nsummary: A service\n{more}processes:\n"
            "  worker: {kind: worker, command: [python, -m, services.common.worker], cpu: 256, memory: 512}\n"
        )
    return load_catalog(tmp_path, tier)


def without_takeover(stack: str, **network: Any) -> EnvironmentSettings:
    """The settings of a stack for services of which none has the log-in."""
    chosen = settings_of(stack)
    firewall = chosen.edge.firewall.model_copy(update={"takeover": FirewallMode.OFF})
    return chosen.model_copy(
        update={
            "edge": chosen.edge.model_copy(update={"firewall": firewall}),
            "network": chosen.network.model_copy(update=network),
        }
    )


@pytest.mark.parametrize(("nat", "gateways"), [("per-zone", 3), ("single", 1), ("regional", 1)])
def test_who_declares_egress_leaves_and_nobody_else_does(tmp_path: Path, nat: str, gateways: int) -> None:
    catalog = leaving(tmp_path, "production", "[payments-providers]")
    recorded = compose(without_takeover("prod", nat=Nat(nat)), catalog)
    assert len(recorded.of("NatGateway")) == gateways
    out = {
        item.inputs["securityGroupId"]
        for item in recorded.of("SecurityGroupEgressRule")
        if item.inputs.get("cidrIpv4") == "0.0.0.0/0"
    }
    assert out == {recorded.named("security-payer").id}
    routes = [item for item in recorded.of("aws:ec2/route:Route") if "natGatewayId" in item.inputs]
    assert len(routes) == 3, "a route for each zone's private subnet"


def test_dns_answers_for_aws_and_for_what_services_may_call(composed: Composed, tmp_path: Path) -> None:
    recorded = compose(without_takeover("prod"), leaving(tmp_path, "production", "[payments-providers, sports-feeds]"))
    known, other = recorded.named("dns-firewall-known").inputs, recorded.named("dns-firewall-other").inputs
    assert set(known["domains"]) == {
        *AWS_DOMAINS,
        *EGRESS["payments-providers"].domains,
        *EGRESS["sports-feeds"].domains,
        "scorer.matchday.example",  # by the environment's `endpoints`
    }
    named = composed("prod").named("dns-firewall-known").inputs["domains"]
    assert {"messages.matchday.example", "accounts.google.com"} <= set(named), "what the environment names, too"
    assert other["domains"] == ["*"]
    rules = {item.name: item.inputs for item in recorded.of("ResolverFirewallRule")}
    first, last = rules["dns-firewall-known-rule"], rules["dns-firewall-other-rule"]
    assert (first["action"], last["action"], last["blockResponse"]) == ("ALLOW", "BLOCK", "NODATA")
    assert first["priority"] < last["priority"]
    assert {rule["action"] for rule in (item.inputs for item in composed("dev").of("ResolverFirewallRule"))} == {
        "ALLOW",
        "ALERT",
    }
    assert not composed("local").of("ResolverFirewallRule")

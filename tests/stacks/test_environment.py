"""Each environment as a whole: what is there, what differs, and what everything in it has in common."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from components.network.dns_firewall import AWS_DOMAINS
from environments.settings import EnvironmentSettings
from model.catalog import Catalog, load_catalog
from model.egress import EGRESS
from model.vocabulary import FirewallMode, Nat
from tests.components.conftest import Lint, Recorded, Registration
from tests.stacks.conftest import ENVIRONMENTS, SERVICES, Composed, catalog_of, compose, settings_of

RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"

every_environment = pytest.mark.parametrize("stack", ENVIRONMENTS)


def custom(recorded: Recorded) -> list[Registration]:
    return [item for item in recorded.registrations if item.custom]


def one(recorded: Recorded, kind: str) -> dict[str, Any]:
    (found,) = recorded.of(kind)
    return found.inputs


def containers(recorded: Recorded) -> dict[str, list[dict[str, Any]]]:
    """Family of a task definition → its containers."""
    return {
        item.inputs["family"]: json.loads(item.inputs["containerDefinitions"]) for item in recorded.of("TaskDefinition")
    }


def shapes(recorded: Recorded) -> dict[str, str]:
    """URN → inputs as text, without the ids, which the test cloud counts in the order of arrival."""
    return {
        item.urn: re.sub(r"[0-9a-f]{16,17}", "<id>", json.dumps(item.inputs, sort_keys=True))
        for item in recorded.registrations
    }


def test_production_is_well_over_150_resources_and_the_laptop_is_smaller(composed: Composed) -> None:
    sizes = {stack: len(custom(composed(stack))) for stack in ENVIRONMENTS}
    assert sizes["prod"] > 250
    assert sizes["local"] < sizes["dev"] < sizes["prod"]


@every_environment
def test_every_resource_belongs_to_a_component(composed: Composed, stack: str) -> None:
    for item in custom(composed(stack)):
        assert "::matchday:" in item.parent or "$matchday:" in item.parent, item.urn


@every_environment
def test_everything_that_takes_tags_has_them(composed: Composed, stack: str) -> None:
    tagged = [item for item in custom(composed(stack)) if "tags" in item.inputs]
    assert len(tagged) > 80
    for item in tagged:
        given = item.inputs["tags"]
        # An Auto Scaling group's are a list, each with whether instances take it over.
        tags = given if isinstance(given, dict) else {tag["key"]: tag["value"] for tag in given}
        assert tags["Project"] == "matchday" and tags["Environment"] == stack, item.urn


@every_environment
def test_one_ecs_service_per_process_of_each_manifest(composed: Composed, stack: str) -> None:
    expected = {
        f"matchday-{stack}-{name}-{process}"
        for name, service in catalog_of(stack).services.items()
        for process in service.processes
    }
    recorded = composed(stack)
    assert {item.inputs["name"] for item in recorded.of("aws:ecs/service:Service")} == expected
    assert set(containers(recorded)) == expected


@every_environment
def test_a_task_starts_after_the_services_that_it_calls(composed: Composed, stack: str) -> None:
    """Service Connect tells a task only the names that existed when it started."""
    recorded = composed(stack)
    for name, service in catalog_of(stack).services.items():
        for process in service.processes:
            (found,) = [
                item
                for item in recorded.of("aws:ecs/service:Service")
                if item.inputs["name"].endswith(f"-{name}-{process}")
            ]
            before = {urn.rsplit("::", 1)[1] for urn in found.dependencies if "ecs/service:Service" in urn}
            assert {f"{called}-web" for called in service.calls} <= before


@every_environment
def test_outputs_are_names_and_addresses_and_no_secret(composed: Composed, stack: str) -> None:
    outputs = composed(stack).result.outputs
    assert set(outputs) == {
        "url",
        "services",
        "cluster_name",
        "postgres_host",
        "broker_host",
        "cache_host",
        "cdn_domain",
        "site_bucket",
        "secret_names",
    }
    assert f"matchday/{stack}/auth/SIGNING_KEK" in outputs["secret_names"]
    assert outputs["services"]["auth"]["web"] == f"matchday-{stack}-auth-web"


@every_environment
def test_generated_values_stay_secret_inputs(composed: Composed, stack: str) -> None:
    recorded = composed(stack)
    for item in recorded.of("SecretVersion"):
        assert "secretString" in item.secrets, item.urn
    for item in recorded.of("ReplicationGroup"):
        # Who may use the broker are its users, each with a secret value of its own.
        assert "authToken" in item.secrets or item.inputs["userGroupIds"], item.urn
    generated = {item.inputs["secretString"] for item in recorded.of("SecretVersion")}
    for family, definitions in containers(recorded).items():
        assert not generated & {entry["value"] for each in definitions for entry in each["environment"]}, family


@every_environment
def test_every_signals_runbook_exists_and_every_signal_is_an_alarm(composed: Composed, stack: str) -> None:
    environment = composed(stack).result
    components = environment.watch.monitoring.watched
    made = {item.name for item in composed(stack).registrations if not item.custom}
    assert {component.name for component in components} >= {
        *(["network"] if composed(stack).of("NatGateway") else []),
        *("postgres", "broker", "cache", "load-balancer", "web-acl", "cdn", "cdn-web-acl"),
        *catalog_of(stack).services,
        *(f"{name}-{process}" for name, service in catalog_of(stack).services.items() for process in service.processes),
    }
    assert {component.name for component in components} <= made
    alarms = {item.inputs["name"] for item in composed(stack).of("MetricAlarm")}
    for component in components:
        assert component.signals, component.name
        for signal in component.signals:
            assert (RUNBOOKS / f"{signal.runbook}.md").exists(), signal.runbook
            assert any(name.endswith(f"{component.name}-{signal.name}") for name in alarms), signal.name


@every_environment
def test_a_deployment_goes_back_on_alarms_that_exist_and_look_back_minutes(composed: Composed, stack: str) -> None:
    alarms = {item.inputs["name"]: item.inputs for item in composed(stack).of("MetricAlarm")}
    for item in composed(stack).of("aws:ecs/service:Service"):
        chosen = item.inputs["alarms"]["alarmNames"]
        assert chosen, item.urn
        for name in chosen:
            periods = [
                query["metric"]["period"] for query in alarms[name].get("metricQueries", ()) if "metric" in query
            ]
            assert alarms[name]["evaluationPeriods"] * max([*periods, alarms[name].get("period", 0)]) <= 300, name
        routed = bool(item.inputs.get("loadBalancers"))
        assert any(name.endswith("-failing") for name in chosen) == routed, item.urn


def test_development_and_production_differ_where_they_must(composed: Composed) -> None:
    dev, prod = composed("dev"), composed("prod")
    assert len(dev.of("NatGateway")) == 1
    assert len(prod.of("NatGateway")) == 3, "one for each zone, as payments calls its providers"
    assert len(dev.of("aws:rds/instance:Instance")) == 1
    assert len(prod.of("aws:rds/instance:Instance")) == 1, "a replica comes with the first service that reads from one"
    primary = {stack: composed(stack).named("postgres").inputs for stack in ("dev", "prod")}
    assert (primary["dev"]["multiAz"], primary["prod"]["multiAz"]) == (False, True)
    assert (primary["dev"]["deletionProtection"], primary["prod"]["deletionProtection"]) == (False, True)
    assert (primary["dev"]["skipFinalSnapshot"], primary["prod"]["skipFinalSnapshot"]) == (True, False)
    endpoints = {
        s: [e for e in composed(s).of("VpcEndpoint") if e.inputs.get("vpcEndpointType") == "Interface"]
        for s in ("dev", "prod")
    }
    assert not endpoints["dev"]
    services = {each.inputs["serviceName"].removeprefix("com.amazonaws.ap-south-1.") for each in endpoints["prod"]}
    assert services == {"ecr.api", "ecr.dkr", "kms", "logs", "secretsmanager", "ssm", "ssmmessages"}, (
        "what starting a task and operating it asks, a service that encrypts by KMS itself, and sessions on the bastion"
    )
    for recorded, expected in ((dev, {30}), (prod, {365})):
        assert {item.inputs["retentionInDays"] for item in recorded.of("LogGroup") if item.custom} == expected
    providers = {
        stack: {
            share["capacityProvider"]
            for item in composed(stack).of("aws:ecs/service:Service")
            for share in item.inputs["capacityProviderStrategies"]
        }
        for stack in ("dev", "prod")
    }
    assert providers == {"dev": {"FARGATE", "FARGATE_SPOT"}, "prod": {"FARGATE"}}


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_real_environments_speak_tls_everywhere(composed: Composed, stack: str) -> None:
    recorded = composed(stack)
    assert {item.inputs["port"] for item in recorded.of("aws:lb/listener:Listener")} == {443}
    assert all(item.inputs["transitEncryptionEnabled"] for item in recorded.of("ReplicationGroup"))
    (group,) = recorded.of("aws:rds/parameterGroup:ParameterGroup")
    assert {"name": "rds.force_ssl", "value": "1", "applyMethod": "pending-reboot"} in group.inputs["parameters"]
    values = {
        entry["name"]: entry["value"]
        for definitions in containers(recorded).values()
        for each in definitions
        for entry in each["environment"]
    }
    assert (values["DATABASE_TLS"], values["BROKER_TLS"], values["CACHE_TLS"]) == ("verify-full", "true", "true")


def load_balancer_rules(recorded: Recorded) -> list[dict[str, Any]]:
    """Who reaches the load balancer."""
    group = recorded.named("security-load-balancer").id
    return [item.inputs for item in recorded.of("SecurityGroupIngressRule") if item.inputs["securityGroupId"] == group]


def web_values(recorded: Recorded, name: str) -> set[str]:
    """The values of a variable in all web containers."""
    return {
        entry["value"]
        for definitions in containers(recorded).values()
        for entry in definitions[-1]["environment"]
        if entry["name"] == name
    }


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_only_cloudfront_reaches_the_load_balancer_of_a_domain(composed: Composed, stack: str) -> None:
    recorded = composed(stack)
    (rule,) = load_balancer_rules(recorded)
    assert (rule["prefixListId"], rule["fromPort"], rule["toPort"]) == ("pl-9aa247f3", 443, 443)
    assert "cidrIpv4" not in rule
    (balancer,) = recorded.of("aws:lb/loadBalancer:LoadBalancer")
    private = {item.id for item in recorded.of("Subnet") if item.inputs["tags"]["Tier"] == "private"}
    assert balancer.inputs["internal"] and set(balancer.inputs["subnets"]) == private
    (origin,) = recorded.of("VpcOrigin")
    assert origin.inputs["vpcOriginEndpointConfig"]["arn"] == balancer.outputs["arn"], (
        "nobody else's distribution has it"
    )
    assert web_values(recorded, "TRUSTED_PROXIES") == {"2"}
    assert web_values(recorded, "PUBLIC_URL") == {f"https://{settings_of(stack).edge.domain}"}


def test_without_a_domain_players_reach_the_load_balancer(composed: Composed) -> None:
    (rule,) = load_balancer_rules(composed("local"))
    assert (rule["cidrIpv4"], rule["fromPort"], rule["toPort"]) == ("0.0.0.0/0", 80, 80)
    assert web_values(composed("local"), "TRUSTED_PROXIES") == {"1"}


@every_environment
def test_firewalls_count_the_addresses_that_they_see_and_limit_what_manifests_name(
    composed: Composed, stack: str
) -> None:
    """Behind the CDN every connection to the load balancer is CloudFront's: the address is a header's."""
    recorded = composed(stack)
    keys = {"web-acl": "IP" if stack == "local" else "FORWARDED_IP", "cdn-web-acl": "IP"}
    limits = {
        prefix: limit
        for service in catalog_of(stack).services.values()
        for prefix, limit in service.rate_limits.items()
    }
    assert "/auth/login" in limits
    for name, key in keys.items():
        rates = [
            rule["statement"]["rateBasedStatement"]
            for rule in recorded.named(name).inputs["rules"]
            if "rateBasedStatement" in rule["statement"]
        ]
        assert {rate["aggregateKeyType"] for rate in rates} == {key}
        found = {
            rate["scopeDownStatement"]["byteMatchStatement"]["searchString"]: rate["limit"]
            for rate in rates
            if "scopeDownStatement" in rate
        }
        assert found == limits


@every_environment
def test_every_objective_of_a_manifest_is_watched_by_how_fast_it_is_spent(composed: Composed, stack: str) -> None:
    alarms = {item.name: item.inputs for item in composed(stack).of("MetricAlarm")}
    for name, service in catalog_of(stack).services.items():
        for slo in service.slos:
            hour = alarms[f"monitoring-load-balancer-{name}-{slo.name}-hour"]
            assert hour["threshold"] == pytest.approx(100 - 14.4 * (100 - slo.objective))
            (quick,) = [q for q in hour["metricQueries"] if q["id"] in ("errors", "quick")]
            if slo.milliseconds is not None:
                assert quick["metric"]["stat"] == f"PR(:{slo.milliseconds / 1000:g})"


@every_environment
def test_a_container_has_the_time_to_drain_that_ecs_gives_it(composed: Composed, stack: str) -> None:
    for definitions in containers(composed(stack)).values():
        for each in definitions:
            variables = {entry["name"]: entry["value"] for entry in each["environment"]}
            if "DRAIN_SECONDS" in variables:
                assert variables["DRAIN_SECONDS"] == str(each["stopTimeout"])


@every_environment
def test_whatever_roles_may_do_passes_the_linter(composed: Composed, lint: Lint, stack: str) -> None:
    """Flow logs, tasks and whatever comes. Who may take a role is linted in tests/policies: parliament cannot."""
    policies = [*composed(stack).of("RolePolicy"), *composed(stack).of("aws:iam/policy:Policy")]
    flow_logs = 1 if settings_of(stack).network.flow_logs == "cloudwatch" else 0
    assert len(policies) >= flow_logs + len(catalog_of(stack).services)
    for item in policies:
        assert lint(json.loads(item.inputs["policy"])) == [], item.urn


DNS_FIREWALL = (
    "ResolverFirewallDomainList",
    "ResolverFirewallRule",
    "ResolverFirewallRuleGroup",
    "ResolverFirewallRuleGroupAssociation",
)


def test_the_laptop_is_an_environment_like_the_others_but_small(composed: Composed) -> None:
    """What it lacks is scaling, hours, enhanced monitoring, a name with certificates, standbys, a bastion, a VPC origin and
    saved questions."""
    kinds = {stack: {item.type for item in custom(composed(stack))} for stack in ENVIRONMENTS}
    assert kinds["local"] <= kinds["dev"]
    assert kinds["dev"] - kinds["local"] == {
        "aws:appautoscaling/policy:Policy",
        "aws:acm/certificate:Certificate",
        "aws:acm/certificateValidation:CertificateValidation",
        "aws:appautoscaling/scheduledAction:ScheduledAction",
        "aws:appautoscaling/target:Target",
        "aws:cloudfront/vpcOrigin:VpcOrigin",
        "aws:cloudwatch/queryDefinition:QueryDefinition",
        "aws:route53/healthCheck:HealthCheck",
        "aws:route53/record:Record",
        "aws:autoscaling/group:Group",
        "aws:ec2/launchTemplate:LaunchTemplate",
        "aws:iam/instanceProfile:InstanceProfile",
        "aws:ssm/document:Document",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        *(f"aws:route53/{kind[0].lower()}{kind[1:]}:{kind}" for kind in DNS_FIREWALL),
    } | ({"aws:sns/topicSubscription:TopicSubscription"} & kinds["dev"])
    assert {item.inputs["desiredCount"] for item in composed("local").of("aws:ecs/service:Service")} == {1}
    for word in ("localhost", "127.0.0.1", "moto"):
        assert word not in json.dumps([item.inputs for item in composed("local").registrations])


def test_a_relaxed_default_is_an_output_of_its_component_with_the_reason(composed: Composed) -> None:
    recorded = composed("local")
    relaxed = {
        urn.rsplit("::", 1)[1]: outputs["relaxed"] for urn, outputs in recorded.outputs.items() if "relaxed" in outputs
    }
    assert relaxed["postgres"]["tls"] == settings_of("local").relaxed["tls_inside"]
    prod = [outputs["relaxed"] for outputs in composed("prod").outputs.values() if "relaxed" in outputs]
    assert [set(each) for each in prod] == [{"kms", "access_logs"}], "only the bucket of access logs, which must"


@every_environment
def test_a_password_that_rds_manages_or_one_of_ours_reaches_only_bootstrap(composed: Composed, stack: str) -> None:
    """RDS for PostgreSQL takes no replica of a server whose password it manages."""
    recorded = composed(stack)
    primary = recorded.named("postgres").inputs
    assert primary.get("manageMasterUserPassword", False) == (settings_of(stack).postgres.replicas == 0)
    master = ":rds!db-" if "manageMasterUserPassword" in primary else "postgres/MASTER_PASSWORD"
    for family, definitions in containers(recorded).items():
        holders = {each["name"] for each in definitions for entry in each["secrets"] if master in entry["valueFrom"]}
        assert holders == {"bootstrap"}, family


@every_environment
def test_each_process_gets_only_the_secrets_of_its_manifest(composed: Composed, stack: str) -> None:
    catalog = catalog_of(stack)
    for family, definitions in containers(composed(stack)).items():
        service, process = family.removeprefix(f"matchday-{stack}-").rsplit("-", 1)
        own = {
            entry["name"]
            for entry in definitions[-1]["secrets"]
            if not re.fullmatch("(DATABASE|BROKER|CACHE)_PASSWORD", entry["name"])
        }
        assert own == set(catalog.secrets_of(catalog.services[service], process)), family


@every_environment
@pytest.mark.parametrize("store", ["broker", "cache"])
def test_each_service_logs_in_to_a_redis_as_itself(composed: Composed, stack: str, store: str) -> None:
    """Its task definitions name its own user and that user's password; its execution role may read no other's."""
    recorded, variable = composed(stack), store.upper()
    for family, definitions in containers(recorded).items():
        service = family.removeprefix(f"matchday-{stack}-").rsplit("-", 1)[0]
        for each in definitions:
            values = {entry["name"]: entry["value"] for entry in each["environment"]}
            secrets = {entry["name"]: entry["valueFrom"] for entry in each["secrets"]}
            assert (f"{variable}_HOST" in values) == (f"{variable}_PASSWORD" in secrets)
            if f"{variable}_HOST" in values:
                assert values[f"{variable}_USER"] == service
                assert f"/{store}/{service.upper()}_PASSWORD" in secrets[f"{variable}_PASSWORD"], family
        policy = recorded.named(f"{service}-execution-policy").inputs["policy"]
        others = re.findall(rf"/{store}/([A-Z]+)_PASSWORD", policy)
        assert set(others) <= {service.upper()}, family
    (group,) = (each for each in recorded.of("aws:elasticache/userGroup:UserGroup") if each.name == f"{store}-users")
    assert any(each.endswith("-default") for each in group.inputs["userIds"])
    assert "authToken" not in recorded.named(store).inputs


@every_environment
def test_the_issuer_is_told_of_every_client_and_nobody_else_is(composed: Composed, stack: str) -> None:
    catalog = catalog_of(stack)
    assert catalog.token_issuer is not None
    for family, definitions in containers(composed(stack)).items():
        variables = {entry["name"]: entry["value"] for entry in definitions[-1]["environment"]}
        if family == f"matchday-{stack}-{catalog.token_issuer.name}-web":
            assert json.loads(variables["CLIENTS"]).keys() == {client.name for client in catalog.clients}
        else:
            assert "CLIENTS" not in variables, family


@every_environment
def test_internal_paths_are_refused_at_the_listener(composed: Composed, stack: str) -> None:
    refused = [
        pattern
        for item in composed(stack).of("aws:lb/listenerRule:ListenerRule")
        if item.inputs["actions"][0]["type"] == "fixed-response"
        for pattern in item.inputs["conditions"][0]["pathPattern"]["values"]
    ]
    assert sorted(refused) == sorted(p for service in catalog_of(stack).services.values() for p in service.internal)
    assert "/auth/token" in refused


@every_environment
def test_an_execution_role_reads_only_its_own_services_secrets(composed: Composed, stack: str) -> None:
    for item in composed(stack).of("RolePolicy"):
        policy = json.loads(item.inputs["policy"])
        for statement in policy["Statement"]:
            if "secretsmanager:GetSecretValue" in statement["Action"]:
                service = item.name.removesuffix("-execution-policy")
                others = set(catalog_of(stack).services) - {service}
                own = catalog_of(stack).services[service].clients
                given = {f"/auth/{client.variable}-" for client in own if client.processes}
                for arn in statement["Resource"]:
                    assert "*" not in arn
                    if not any(secret in arn for secret in given):  # of its own clients, which the issuer made
                        assert not any(f"/{other}/" in arn for other in others), (item.name, arn)


@every_environment
def test_physical_names_fit_aws(composed: Composed, stack: str) -> None:
    limits = {
        "aws:lb/loadBalancer:LoadBalancer": 32,
        "aws:lb/targetGroup:TargetGroup": 32,
        "aws:iam/role:Role": 64,
        "aws:rds/instance:Instance": 63,
        "aws:elasticache/replicationGroup:ReplicationGroup": 40,
        "aws:s3/bucket:Bucket": 63,
    }
    for item in composed(stack).registrations:
        for key in ("name", "identifier", "replicationGroupId", "bucket"):
            value = item.inputs.get(key)
            if item.type in limits and value is not None:
                assert len(value) <= limits[item.type], (item.urn, value)
    for item in composed(stack).of("aws:s3/bucket:Bucket"):
        assert re.fullmatch(r"[a-z0-9][a-z0-9-]+-\d{12}", item.inputs["bucket"]), item.inputs["bucket"]


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
    assert set(containers(recorded)) == {"matchday-dev-mailer-worker"}
    alarms = {item.name for item in recorded.of("MetricAlarm")}
    assert {"monitoring-mailer-worker-cpu", "monitoring-mailer-log-critical"} <= alarms
    assert not any("mailer-availability" in name for name in alarms)


def test_a_new_service_changes_nothing_that_exists(composed: Composed, tmp_path: Path) -> None:
    """Apart from what lists all services: the CDN's paths, the dashboard, composite alarms, the issuer's registry."""
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
    changed = {kind.rsplit("$", 1)[-1] for kind, name in different if name not in issuer}
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


#: What holds data, keys or names.
KEPT = frozenset(
    {
        "aws:backup/vault:Vault",
        "aws:elasticache/replicationGroup:ReplicationGroup",
        "aws:kms/key:Key",
        "aws:lb/loadBalancer:LoadBalancer",
        "aws:rds/instance:Instance",
        "aws:s3/bucket:Bucket",
        "aws:secretsmanager/secret:Secret",
        "random:index/randomPassword:RandomPassword",
    }
)


@every_environment
def test_what_holds_data_keys_or_names_is_protected_in_production_and_nothing_else_is(
    composed: Composed, stack: str
) -> None:
    protected = {item.type for item in custom(composed(stack)) if item.protect}
    assert protected == (KEPT if stack == "prod" else set())
    if stack == "prod":
        loose = [item.urn for item in custom(composed(stack)) if item.type in KEPT and not item.protect]
        assert loose == []


@every_environment
def test_earlier_task_definitions_stay_where_the_image_is_pinned(composed: Composed, stack: str) -> None:
    """A rollback is one of them. A laptop runs whatever its clone holds: there is nothing to go back to."""
    chosen = settings_of(stack)
    for item in composed(stack).of("TaskDefinition"):
        assert item.inputs["skipDestroy"] == (stack != "local")
        (image,) = {each["image"] for each in json.loads(item.inputs["containerDefinitions"])}
        assert image.endswith(f"/matchday/services{chosen.image.suffix}")


def test_a_new_image_is_a_new_task_definition_and_touches_nothing_else(composed: Composed) -> None:
    chosen = settings_of("prod")
    newer = chosen.model_copy(update={"image": chosen.image.model_copy(update={"digest": "sha256:" + "ab" * 32})})
    before, after = shapes(composed("prod")), shapes(compose(newer, catalog_of("prod")))
    assert set(before) == set(after)
    different = [urn for urn in before if before[urn] != after[urn]]
    assert {urn.rsplit("::", 1)[0].rsplit("$", 1)[-1] for urn in different} == {"aws:ecs/taskDefinition:TaskDefinition"}
    assert len(different) == sum(len(service.processes) for service in catalog_of("prod").services.values())


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
        (definitions,) = containers(compose(settings, catalog)).values()
        given = {entry["name"]: entry["value"] for entry in definitions[-1]["environment"]}
        assert not any(entry["name"] == "DATABASE_READ_HOST" for entry in definitions[0]["environment"])
        hosts[name] = (given["DATABASE_READ_HOST"] == given["DATABASE_HOST"], given["DATABASE_READ_HOST"])
    assert hosts["none"][0] and not hosts["one"][0] and "replica-1" in hosts["one"][1]


def test_groups_that_cost_extra_are_asked_once_where_requests_come_in(composed: Composed) -> None:
    chosen = {"anonymous", "bots", "takeover"}
    rules = {
        (stack, name): {rule["name"]: rule for rule in composed(stack).named(name).inputs["rules"]}
        for stack in ENVIRONMENTS
        for name in ("web-acl", "cdn-web-acl")
    }
    assert {key for key, found in rules.items() if chosen & found.keys()} == {("prod", "cdn-web-acl")}
    found = rules["prod", "cdn-web-acl"]
    assert {name: found[name]["overrideAction"] for name in sorted(chosen)} == {
        "anonymous": {"count": {}},
        "bots": {"count": {}},
        "takeover": {"none": {}},
    }


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


def test_flow_logs_of_production_go_where_they_are_cheap(composed: Composed) -> None:
    (log,) = composed("prod").of("FlowLog")
    assert (log.inputs["logDestinationType"], log.inputs["maxAggregationInterval"]) == ("s3", 600)
    assert log.inputs["logDestination"] == composed("prod").named("access-logs").outputs["arn"]
    policy = json.loads(composed("prod").named("access-logs-policy").inputs["policy"])
    sids = {statement["Sid"] for statement in policy["Statement"]}
    assert {"FlowLogs", "FlowLogsBucket"} <= sids
    (log,) = composed("dev").of("FlowLog")
    assert log.inputs["logDestinationType"] == "cloud-watch-logs"

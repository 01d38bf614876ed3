"""Each environment as a whole: what is there, what differs, and what everything in it has in common."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from components.compute import collector
from tests.stacks.conftest import ENVIRONMENTS, Composed, catalog_of, settings_of
from tests.stacks.reading import containers, custom, every_environment

pytestmark = pytest.mark.slow

RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"


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
    } | {f"matchday-{stack}-databases-bootstrap"}
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
    assert services == {"ecr.api", "ecr.dkr", "kms", "logs", "secretsmanager", "ssm", "ssmmessages", "xray"}, (
        "what starting a task and operating it asks, a service that encrypts by KMS itself, sessions on the bastion, traces"
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


DNS_FIREWALL = (
    "ResolverFirewallDomainList",
    "ResolverFirewallRule",
    "ResolverFirewallRuleGroup",
    "ResolverFirewallRuleGroupAssociation",
)


def test_the_laptop_is_an_environment_like_the_others_but_small(composed: Composed) -> None:
    """What it lacks is scaling, hours, enhanced monitoring, a name with certificates, standbys, a bastion, a VPC origin,
    saved questions and tables of its logs."""
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
        "aws:athena/workgroup:Workgroup",
        "aws:glue/catalogDatabase:CatalogDatabase",
        "aws:glue/catalogTable:CatalogTable",
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
    written = json.dumps([item.inputs for item in composed("local").registrations])
    # Where a process finds the collector of its own task, in AWS as here.
    written = written.replace(f"127.0.0.1:{collector.PORT}", "")
    for word in ("localhost", "127.0.0.1", "moto"):
        assert word not in written


def test_a_relaxed_default_is_an_output_of_its_component_with_the_reason(composed: Composed) -> None:
    recorded = composed("local")
    relaxed = {
        urn.rsplit("::", 1)[1]: outputs["relaxed"] for urn, outputs in recorded.outputs.items() if "relaxed" in outputs
    }
    assert relaxed["postgres"]["tls"] == settings_of("local").relaxed["tls_inside"]
    prod = [outputs["relaxed"] for outputs in composed("prod").outputs.values() if "relaxed" in outputs]
    assert [set(each) for each in prod] == [{"kms", "access_logs"}], "only the bucket of access logs, which must"


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


def test_flow_logs_of_production_go_where_they_are_cheap(composed: Composed) -> None:
    (log,) = composed("prod").of("FlowLog")
    assert (log.inputs["logDestinationType"], log.inputs["maxAggregationInterval"]) == ("s3", 600)
    assert log.inputs["logDestination"] == composed("prod").named("access-logs").outputs["arn"]
    policy = json.loads(composed("prod").named("access-logs-policy").inputs["policy"])
    sids = {statement["Sid"] for statement in policy["Statement"]}
    assert {"FlowLogs", "FlowLogsBucket"} <= sids
    (log,) = composed("dev").of("FlowLog")
    assert log.inputs["logDestinationType"] == "cloud-watch-logs"


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_public_site_has_a_key_of_its_own_and_cloudfront_opens_no_other(composed: Composed, stack: str) -> None:
    recorded = composed(stack)
    sealed: dict[str, list[str]] = {}
    for item in recorded.of("BucketServerSideEncryptionConfiguration"):
        key = item.inputs["rules"][0]["applyServerSideEncryptionByDefault"].get("kmsMasterKeyId")
        sealed.setdefault(str(key), []).append(item.name)
    keys = {item.name: item for item in recorded.of("aws:kms/key:Key")}
    assert sealed[keys["keys-site"].outputs["arn"]] == ["site-encryption"]
    opened = {name for name, item in keys.items() if "cloudfront.amazonaws.com" in str(item.inputs["policy"])}
    assert opened == {"keys-site"}


@every_environment
def test_every_secret_is_sealed_by_the_key_of_secrets(composed: Composed, stack: str) -> None:
    recorded = composed(stack)
    (key,) = (item.outputs["arn"] for item in recorded.of("aws:kms/key:Key") if item.name == "keys-secrets")
    secrets = recorded.of("aws:secretsmanager/secret:Secret")
    assert len(secrets) > 20
    assert {item.inputs["kmsKeyId"] for item in secrets} == {key}

"""Who reaches what in an environment: secrets, stores, paths and roles."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from components.delivery.pipeline_policies import HANDED_TO
from localcloud.emulator.authorization.decisions import Ask, Policies, refusal
from model.names import DATABASES
from tests.components.conftest import Lint, Recorded
from tests.components.examples import ACCOUNT
from tests.stacks.conftest import Composed, catalog_of, settings_of
from tests.stacks.reading import containers, every_environment

pytestmark = pytest.mark.slow


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
def test_whoever_deploys_may_hand_each_role_to_its_service(composed: Composed, stack: str) -> None:
    """iam:PassRole names services: one that is missing there is met at the first deployment only."""
    trusted: set[str] = set()
    for item in composed(stack).of("aws:iam/role:Role"):
        for statement in json.loads(item.inputs["assumeRolePolicy"])["Statement"]:
            named = statement["Principal"].get("Service", [])
            trusted |= {named} if isinstance(named, str) else set(named)
    assert trusted <= set(HANDED_TO)


@every_environment
def test_whatever_roles_may_do_passes_the_linter(composed: Composed, lint: Lint, stack: str) -> None:
    """Flow logs, tasks and whatever comes. Who may take a role is linted in tests/policies: parliament cannot."""
    policies = [*composed(stack).of("RolePolicy"), *composed(stack).of("aws:iam/policy:Policy")]
    flow_logs = 1 if settings_of(stack).network.flow_logs == "cloudwatch" else 0
    assert len(policies) >= flow_logs + len(catalog_of(stack).services)
    for item in policies:
        assert lint(json.loads(item.inputs["policy"])) == [], item.urn


def master_password(recorded: Recorded) -> str:
    """The ARN of the secret with the master's password, as the task that makes databases is given it."""
    (only,) = containers(recorded)[f"matchday-{recorded.result.settings.stack}-databases-bootstrap"]
    (given,) = (entry["valueFrom"] for entry in only["secrets"] if entry["name"] == "DATABASE_PASSWORD")
    return str(given).removesuffix(":password::")


@every_environment
def test_the_masters_password_is_read_by_one_role_of_all(composed: Composed, stack: str) -> None:
    """Of every role of the environment, its services', the bastion's and backups' among them, by IAM's own rules."""
    recorded = composed(stack)
    master = master_password(recorded)
    primary = recorded.named("postgres").inputs
    # RDS for PostgreSQL takes no replica of a server whose password it manages.
    assert primary.get("manageMasterUserPassword", False) == (settings_of(stack).postgres.replicas == 0)
    assert (
        ":secret:rds!db-" in master if "manageMasterUserPassword" in primary else "postgres/MASTER_PASSWORD" in master
    )
    roles = {item.inputs["name"]: item for item in recorded.of("aws:iam/role:Role")}
    documents: dict[str, list[Any]] = {name: [] for name in roles}
    for item in recorded.of("RolePolicy"):
        documents[item.inputs["role"]].append(json.loads(item.inputs["policy"]))
    allowed = set()
    for name, identity in documents.items():
        context = {"kms:viaservice": [f"secretsmanager.{settings_of(stack).region}.amazonaws.com"]}
        ask = Ask("secretsmanager:GetSecretValue", master, context)
        if refusal(ask, Policies(role=f"arn:aws:iam::{ACCOUNT}:role/{name}", identity=identity)) is None:
            allowed.add(name)
    assert allowed == {f"matchday-{stack}-databases-execution"}
    # AWS's own policies that roles have beside: none reads secrets.
    attached = {item.inputs["policyArn"].rsplit("/", 1)[1] for item in recorded.of("RolePolicyAttachment")}
    attached |= {arn.rsplit("/", 1)[1] for item in roles.values() for arn in item.inputs.get("managedPolicyArns", ())}
    assert attached <= HARMLESS
    assert master not in json.dumps([item.inputs for item in recorded.of("aws:iam/policy:Policy")])
    for family, definitions in containers(recorded).items():
        holds = any(entry["valueFrom"].startswith(master) for each in definitions for entry in each["secrets"])
        assert holds == family.endswith("-databases-bootstrap"), family


#: AWS managed policies that name no action of Secrets Manager (AWS Managed Policy Reference).
HARMLESS = {
    "AmazonECSInfrastructureRolePolicyForLoadBalancers",
    "AmazonRDSEnhancedMonitoringRole",
    "AmazonSSMManagedInstanceCore",
    "AWSBackupServiceRolePolicyForBackup",
    "AWSBackupServiceRolePolicyForRestores",
    "CloudWatchReadOnlyAccess",
}


@every_environment
def test_services_start_after_their_databases_are_made(composed: Composed, stack: str) -> None:
    """Each service with a database waits for the task, and the task is given both passwords of each."""
    recorded = composed(stack)
    first = recorded.named("databases-bootstrap").urn
    (only,) = containers(recorded)[f"matchday-{stack}-databases-bootstrap"]
    (listed,) = (entry["value"] for entry in only["environment"] if entry["name"] == "SERVICES")
    having = {service.name for service in catalog_of(stack).services.values() if "postgres" in service.datastores}
    assert set(listed.split(",")) == having
    for item in recorded.of("aws:ecs/service:Service"):
        assert item.urn == first or first in item.dependencies, item.urn


@every_environment
def test_each_process_gets_only_the_secrets_of_its_manifest(composed: Composed, stack: str) -> None:
    catalog = catalog_of(stack)
    for family, definitions in containers(composed(stack)).items():
        service, process = family.removeprefix(f"matchday-{stack}-").rsplit("-", 1)
        if service == DATABASES:
            continue
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
                if service == DATABASES:  # whose databases it makes
                    assert all(re.search(r":rds!db-|/(DATABASE|MASTER)_", arn) for arn in statement["Resource"])
                    continue
                others = set(catalog_of(stack).services) - {service}
                own = catalog_of(stack).services[service].clients
                given = {f"/auth/{client.variable}-" for client in own if client.processes}
                for arn in statement["Resource"]:
                    assert "*" not in arn
                    if not any(secret in arn for secret in given):  # of its own clients, which the issuer made
                        assert not any(f"/{other}/" in arn for other in others), (item.name, arn)

"""The URNs of what an environment cannot lose, as a file: an accidental rename would replace what it names.

Pinned are the kinds that hold data, keys or addresses that others know. Everything else is made again without harm. The secrets
of services follow from their manifests by a rule, which is pinned instead of each: a new service changes no file here.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.components.conftest import Recorded, Registration
from tests.stacks.conftest import ENVIRONMENTS, Composed, catalog_of

pytestmark = pytest.mark.slow

GOLDEN = Path(__file__).parent / "golden"
UPDATE = "UPDATE_GOLDEN=1 .venv/bin/pytest tests/stacks/test_golden.py"

STATEFUL = frozenset(
    {
        "aws:backup/vault:Vault",
        "aws:cloudfront/distribution:Distribution",  # the name that the domain's DNS record points to
        "aws:ec2/eip:Eip",  # addresses that partners let in
        "aws:ec2/subnet:Subnet",
        "aws:ec2/vpc:Vpc",
        "aws:elasticache/replicationGroup:ReplicationGroup",
        "aws:kms/key:Key",
        "aws:rds/instance:Instance",
        "aws:route53/zone:Zone",
        "aws:s3/bucket:Bucket",
        "aws:secretsmanager/secret:Secret",
        "random:index/randomPassword:RandomPassword",
    }
)

#: Log groups that auditors ask for. A service's own are for operators.
AUDIT = ("flow-logs", "exec", "web-acl", "iam-db-auth-error", "postgresql")


def pinned(item: Registration) -> bool:
    audit = item.type == "aws:cloudwatch/logGroup:LogGroup" and any(word in item.name for word in AUDIT)
    return item.type in STATEFUL or audit


#: Where the secrets of services are.
_SERVICES = "matchday:compute:Application$matchday:security:GeneratedSecret$"
_PASSWORDS = "matchday:security:DatabasePasswords$matchday:security:GeneratedSecret$"
_USERS = "matchday:data:Redis$matchday:security:GeneratedSecret$"  # one for each service that has queues, or keys in the cache


def of_a_service(urn: str) -> bool:
    return _SERVICES in urn or _PASSWORDS in urn or _USERS in urn


def urns(recorded: Recorded) -> list[str]:
    found = [item.urn for item in recorded.registrations if item.custom and pinned(item)]
    return sorted(urn for urn in found if not of_a_service(urn))


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_the_secrets_of_services_are_named_by_the_rule(composed: Composed, stack: str) -> None:
    """A rule that changes replaces every service's secrets at once, passwords of databases among them."""
    catalog = catalog_of(stack)
    expected = set()
    for service in catalog.services.values():
        variables = dict.fromkeys(catalog.generated_for(service), _SERVICES)
        if "postgres" in service.datastores:
            variables |= dict.fromkeys(("DATABASE_OWNER_PASSWORD", "DATABASE_APP_PASSWORD"), _PASSWORDS)
        for variable, below in variables.items():
            name = f"{service.name}-{variable.lower().replace('_', '-')}"
            prefix = f"urn:pulumi:{stack}::matchday::{below}"
            expected.add(f"{prefix}aws:secretsmanager/secret:Secret::{name}")
            expected.add(f"{prefix}random:index/randomPassword:RandomPassword::{name}-value")
        for store in {"broker", "cache"} & {*service.datastores}:
            prefix, name = f"urn:pulumi:{stack}::matchday::{_USERS}", f"{store}-{service.name}-password"
            expected.add(f"{prefix}aws:secretsmanager/secret:Secret::{name}")
            expected.add(f"{prefix}random:index/randomPassword:RandomPassword::{name}-value")
    found = {item.urn for item in composed(stack).registrations if item.custom and pinned(item)}
    assert {urn for urn in found if of_a_service(urn)} == expected


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_urns(composed: Composed, stack: str) -> None:
    file = GOLDEN / f"{stack}.txt"
    found = urns(composed(stack))
    if os.environ.get("UPDATE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text("".join(f"{urn}\n" for urn in found))
    known = file.read_text().splitlines()
    gone, new = sorted(set(known) - set(found)), sorted(set(found) - set(known))
    assert not gone and not new, (
        f"{stack}: {len(gone)} URNs are gone and {len(new)} are new.\n"
        + "".join(f"- {urn}\n" for urn in gone)
        + "".join(f"+ {urn}\n" for urn in new)
        + "A rename replaces the resource: give it an alias, or its data is lost. When all of this is meant, write it down by\n"
        + f"  {UPDATE}"
    )


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_every_pinned_kind_that_the_environment_has_is_there(composed: Composed, stack: str) -> None:
    """A kind that is spelt wrong in the table would pin nothing."""
    absent = {"aws:route53/zone:Zone"}
    if not composed(stack).of("aws:backup/vault:Vault"):  # nothing in it that cannot be made again
        absent.add("aws:backup/vault:Vault")
    if not composed(stack).of("NatGateway"):  # nothing in it leaves yet
        absent.add("aws:ec2/eip:Eip")
    unused = STATEFUL - {item.type for item in composed(stack).registrations} - absent
    assert not unused

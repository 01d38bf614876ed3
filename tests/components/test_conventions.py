"""What holds for every component: names, tags, parents, transform, docstring, runbooks. Components are found, not listed."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pulumi
import pytest

import components as rooms
from components.base import Component
from components.compute.application import Application
from components.observability.log_group import LogGroup
from components.security.secrets import GeneratedSecret
from tests.components import examples
from tests.components.conftest import Recorded, run_program
from tests.components.examples import Example

TESTS = Path(__file__).parent
RUNBOOKS = TESTS.parents[1] / "docs" / "runbooks"


def components() -> set[type[Component]]:
    """Every component class under components/."""
    found = set()
    for module in pkgutil.walk_packages(rooms.__path__, "components."):
        for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(kind, Component) and kind is not Component and kind.__module__ == module.name:
                found.add(kind)
    return found


def all_examples() -> Mapping[type[Component], Example]:
    """The table of examples, and those that test modules bring for their own components."""
    found = dict(examples.EXAMPLES)
    for file in sorted(TESTS.glob("*/test_*.py")):
        if "\nEXAMPLES" in file.read_text():
            found |= importlib.import_module(f"tests.components.{file.parent.name}.{file.stem}").EXAMPLES
    return found


EXAMPLES = all_examples()

every_component = pytest.mark.parametrize("kind", sorted(EXAMPLES, key=str), ids=lambda kind: kind.__name__)

#: Components whose physical names are arguments.
NAMED_BY_CALLER = {LogGroup, GeneratedSecret, Application}

#: Resource types that AWS cannot tag.
UNTAGGABLE = frozenset(
    {
        "AccountPasswordPolicy",
        "AccountPublicAccessBlock",
        "Account",
        "Alias",
        "AlternativeContact",
        "BucketObjectLockConfiguration",
        "CostAllocationTag",
        "DeliveryChannel",
        "DetectorFeature",
        "GroupPolicy",
        "aws:iam/group:Group",  # one of Auto Scaling's has tags
        "EventTarget",
        "InstanceAutomatedBackupsReplication",
        "RestoreTestingSelection",
        "Selection",
        "VaultLockConfiguration",
        "Enabler",
        "EncryptionByDefault",
        "ImageBlockPublicAccess",
        "SnapshotBlockPublicAccess",
        "VpcBlockPublicAccessOptions",
        "LifecyclePolicy",
        "Recorder",
        "RecorderStatus",
        "RegistryScanningConfiguration",
        "ReplicationConfiguration",
        "ServiceQuota",
        "ServiceSetting",
        "StandardsSubscription",
        "BucketLifecycleConfiguration",
        "BucketLogging",
        "BucketOwnershipControls",
        "BucketPolicy",
        "BucketPublicAccessBlock",
        "CachePolicy",
        "CertificateValidation",
        "HostedZoneDnsSec",
        "KeySigningKey",
        "QueryLog",
        "Record",
        "BucketServerSideEncryptionConfiguration",
        "BucketReplicationConfig",
        "BucketVersioning",
        "ClusterCapacityProviders",
        "Dashboard",
        "LogMetricFilter",
        "LogResourcePolicy",
        "MonitoringSubscription",
        "CatalogDatabase",
        "CatalogTable",
        "QueryDefinition",
        "OriginAccessControl",
        "Policy",  # of Application Auto Scaling
        "RandomId",
        "ResolverFirewallRule",
        "RandomPassword",
        "ResponseHeadersPolicy",
        "RolePolicy",
        "RolePolicyAttachment",
        "Route",
        "RouteTableAssociation",
        "SecretVersion",
        "TopicPolicy",
        "TopicSubscription",
        "WebAclAssociation",
        "WebAclLoggingConfiguration",
    }
)

#: Longest physical name by type, as AWS says it: written out anew so that the components' own table is not its own judge.
LIMITS = {
    "Alias": ("name", 256),
    "LoadBalancer": ("name", 32),
    "TargetGroup": ("name", 32),
    "Role": ("name", 64),
    "OriginAccessControl": ("name", 64),
    "LogDeliverySource": ("name", 60),
    "LogDeliveryDestination": ("name", 60),
    "WebAcl": ("name", 128),
    "ResponseHeadersPolicy": ("name", 128),
    "Topic": ("name", 256),
    "LaunchTemplate": ("name", 128),
    "Document": ("name", 128),
    "InstanceProfile": ("name", 128),
    "Vault": ("name", 50),
    "Plan": ("name", 50),
    "Selection": ("name", 50),
    "RestoreTestingPlan": ("name", 50),
    "EventRule": ("name", 64),
    "SecurityGroup": ("name", 255),
    "MetricAlarm": ("name", 255),
    "CompositeAlarm": ("alarmName", 255),
    "LogGroup": ("name", 512),
}


LONG = "a-very-long-name-for-one-engineer-s-own-environment-of-november"

#: Two environments whose names differ in their last character: what holds in them holds where names are short.
STACK, OTHER = LONG + "-1", LONG + "-2"


@cache
def plain(kind: type[Component], stack_name: str) -> Recorded:
    """The example without transforms, run once however many tests look at it."""
    return run_program(lambda: EXAMPLES[kind]("subject", None), stack_name=stack_name)


def made_by(kind, run, *, transform=None, stack_name=STACK):
    """The component called ``subject`` and what was registered below it."""
    if transform is None:
        recorded = plain(kind, stack_name)
    else:
        recorded = run(lambda: EXAMPLES[kind]("subject", transform), stack_name=stack_name)
    (component,) = [
        item
        for item in recorded.registrations
        if item.type.endswith(f":{kind.__name__}") and item.name == "subject" and not item.custom
    ]
    children = [item for item in recorded.registrations if item.parent == component.urn]
    return component, children


def test_every_component_has_an_example() -> None:
    assert set(EXAMPLES) == components(), "write EXAMPLES in its test module (docs: CONTRIBUTING, Add a component)"


@every_component
def test_every_signal_names_a_runbook_that_exists(kind):
    for signal in plain(kind, STACK).result.signals:
        assert (RUNBOOKS / f"{signal.runbook}.md").exists(), signal.runbook


@every_component
def test_children_are_named_after_it(run, kind):
    component, children = made_by(kind, run)
    assert component.type == f"matchday:{kind.__module__.split('.')[1]}:{kind.__name__}"
    assert children
    assert all(child.name == "subject" or child.name.startswith("subject-") for child in children)


@every_component
def test_what_can_be_tagged_is(run, kind):
    _, children = made_by(kind, run)
    for child in children:
        if child.custom and not {child.type, child.type.rsplit(":", 1)[-1]} & UNTAGGABLE:
            given = child.inputs["tags"]
            # An Auto Scaling group's are a list, each with whether instances take it over.
            tags = given if isinstance(given, dict) else {tag["key"]: tag["value"] for tag in given}
            assert tags["Component"] == "subject" and tags["Environment"] == STACK and tags["ManagedBy"] == "pulumi"


@every_component
def test_transform_reaches_every_child_that_it_makes(run, kind):
    _, children = made_by(kind, run)
    roles = {child.name.removeprefix("subject").removeprefix("-") for child in children if child.custom}

    def protect(args, opts):
        return args, pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(protect=True))

    _, transformed = made_by(kind, run, transform=dict.fromkeys(roles, protect))
    assert {child.urn for child in transformed if child.protect} == {child.urn for child in children if child.custom}


@every_component
def test_names_fit_even_in_a_stack_with_a_long_name(run, kind):
    _, children = made_by(kind, run)
    for child in children:
        key, limit = LIMITS.get(child.type.rsplit(":", 1)[-1], ("name", 10_000))
        assert len(child.inputs.get(key, "")) <= limit, child.urn


def _name(kind: object) -> str:
    return getattr(kind, "__name__", str(kind))


@pytest.mark.parametrize("kind", sorted(EXAMPLES.keys() - NAMED_BY_CALLER, key=_name), ids=_name)
def test_two_stacks_share_no_physical_name(run, kind):
    def names(stack_name):
        _, children = made_by(kind, run, stack_name=stack_name)
        return {
            child.inputs["name"]
            for child in children
            if child.type.rsplit(":", 1)[-1] in LIMITS and "name" in child.inputs
        }

    assert not names(STACK) & names(OTHER)


@every_component
def test_the_docstring_lists_what_it_makes(run, kind):
    _, children = made_by(kind, run)
    listed = kind.__doc__ or ""
    for child in children:
        name = child.type.rsplit(":", 1)[-1]
        assert name in listed, f"{kind.__name__} makes a {name} and does not say so"

"""The base component: names, tags, parents, transform, relaxations."""

from __future__ import annotations

from typing import Any, ClassVar

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi_aws import autoscaling, ec2

from components.base import Component
from model.names import shorten


class Example(Component):
    """Two VPCs, one with the component's own name."""

    __module__ = "components.network.example"
    RELAXABLE: ClassVar[dict[str, str]] = {"logs": "nothing is logged"}

    def __init__(
        self, name: str, *, opts: Any = None, transform: Any = None, relaxed: Any = None, tags: Any = None
    ) -> None:
        super().__init__(name, opts, transform=transform, relaxed=relaxed)
        args = ec2.VpcArgs(cidr_block="10.0.0.0/16", tags=tags)
        self.make("", ec2.Vpc, args)
        self.make("second", ec2.Vpc, args)
        self.register_outputs({"answer": 42})


def test_children_are_named_parented_and_tagged(run):
    recorded = run(lambda: Example("network"))
    assert recorded.urns == [
        "urn:pulumi:dev::matchday::matchday:network:Example$aws:ec2/vpc:Vpc::network",
        "urn:pulumi:dev::matchday::matchday:network:Example$aws:ec2/vpc:Vpc::network-second",
        "urn:pulumi:dev::matchday::matchday:network:Example::network",
    ]
    assert recorded.named("network-second").inputs["tags"] == {
        "Name": "matchday-dev-network-second",
        "Project": "matchday",
        "Environment": "dev",
        "Component": "network",
        "ManagedBy": "pulumi",
    }
    assert recorded.named("network").inputs["tags"]["Name"] == "matchday-dev-network"


@pytest.mark.parametrize("wrap", [dict, pulumi.Output.from_input], ids=["plain", "output"])
def test_given_tags_join_the_component_s(run, wrap):
    recorded = run(lambda: Example("network", tags=wrap({"Owner": "platform", "Name": "mine"})))
    tags = recorded.named("network-second").inputs["tags"]
    assert (tags["Owner"], tags["Name"], tags["ManagedBy"]) == ("platform", "mine", "pulumi")


def test_tags_that_are_a_list_are_left_to_the_component(run):
    class Group(Component):
        __module__ = "components.compute.example"

        def __init__(self) -> None:
            super().__init__("group")
            self.make("", autoscaling.Group, autoscaling.GroupArgs(max_size=1, min_size=0))
            self.register_outputs({})

    assert "tags" not in run(Group).named("group").inputs


def test_transform_reaches_one_child(run):
    def change(args: Any, opts: pulumi.ResourceOptions) -> tuple[Any, pulumi.ResourceOptions]:
        args.cidr_block = "10.9.0.0/16"
        return args, pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(protect=True))

    recorded = run(lambda: Example("network", transform={"second": change}))
    assert recorded.named("network-second").inputs["cidrBlock"] == "10.9.0.0/16"
    assert recorded.named("network-second").protect
    assert recorded.named("network").inputs["cidrBlock"] == "10.0.0.0/16"
    assert not recorded.named("network").protect


def test_transform_of_an_unknown_child_is_refused(run):
    with pytest.raises(ValueError, match="transform names 'third', which is none of its children"):
        run(lambda: Example("network", transform={"third": lambda args, opts: (args, opts)}))


def test_a_role_is_made_once(run):
    class Twice(Component):
        __module__ = "components.network.example"

        def __init__(self) -> None:
            super().__init__("twice")
            for _ in range(2):
                self.make("vpc", ec2.Vpc, ec2.VpcArgs(cidr_block="10.0.0.0/16"))

    with pytest.raises(ValueError, match="makes the child 'vpc' twice"):
        run(Twice)


def test_a_component_outside_the_library_is_refused(run):
    class Stray(Component):
        __module__ = "stacks.environment.program"

    with pytest.raises(TypeError, match="must live in a room under components/, not in stacks"):
        run(lambda: Stray("stray"))


def test_aliases_reach_the_engine(run):
    recorded = run(lambda: Example("network", opts=pulumi.ResourceOptions(aliases=[pulumi.Alias(name="old-network")])))
    component = next(item for item in recorded.registrations if item.type == "matchday:network:Example")
    assert component.aliases == ("old-network",)


def test_a_protected_component_protects_its_children(run):
    recorded = run(lambda: Example("network", opts=pulumi.ResourceOptions(protect=True)))
    assert all(item.protect for item in recorded.registrations)


def test_a_relaxation_is_an_output(run):
    recorded = run(lambda: Example("network", relaxed={"logs": "a laptop has no auditor"}))
    (outputs,) = [value for urn, value in recorded.outputs.items() if urn.endswith("Example::network")]
    assert outputs == {"answer": 42, "relaxed": {"logs": "a laptop has no auditor"}}


@pytest.mark.parametrize(
    ("relaxed", "message"),
    [
        ({"tls": "why not"}, "cannot relax 'tls'; accepted: logs"),
        ({"logs": " "}, "relaxes 'logs' without a reason"),
    ],
)
def test_bad_relaxations_are_refused(run, relaxed, message):
    with pytest.raises(ValueError, match=message):
        run(lambda: Example("network", relaxed=relaxed))


@pytest.mark.parametrize(
    ("relaxed", "held", "message"),
    [({}, False, "nothing is logged.*say why in relaxed"), ({"logs": "no auditor"}, True, "relaxed although it holds")],
)
def test_require_wants_a_reason_exactly_when_the_default_does_not_hold(run, relaxed, held, message):
    with pytest.raises(ValueError, match=message):
        run(lambda: Example("network", relaxed=relaxed).require("logs", held))
    run(lambda: Example("network", relaxed=relaxed).require("logs", not held))


@given(st.text(alphabet="abc-", min_size=1, max_size=300), st.integers(min_value=8, max_value=255))
def test_shortened_names_fit(name, limit):
    short = shorten(name, limit)
    assert len(short) <= limit
    assert short == name or len(name) > limit


@given(st.text(alphabet="ab", min_size=40, max_size=60), st.text(alphabet="ab", min_size=40, max_size=60))
def test_two_long_names_never_meet(first, second):
    assert first == second or shorten(first, 32) != shorten(second, 32)

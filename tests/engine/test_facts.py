"""What one stack tells another, through the real engine: two small stacks on one backend."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from localcloud.engine.run import EngineFailed
from tests.engine.engines import FarEnd

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engine")]

PROGRAM = """
from dataclasses import dataclass, field

import pulumi

from stacks.facts import Facts, fact, read


@dataclass(frozen=True, kw_only=True, slots=True)
class Network(Facts):
    vpc_id: pulumi.Input[str] = field(metadata=fact("vpc-0123456789abcdef0"))
    token: pulumi.Input[str] = field(metadata=fact("stand-in"))


@dataclass(frozen=True, kw_only=True, slots=True)
class More(Network):
    zone: pulumi.Input[str] = field(metadata=fact("aps1-az1"))


stack, config = pulumi.get_stack(), pulumi.Config()
if stack == "first":
    exported = Network(vpc_id="vpc-1", token=pulumi.Output.secret("hidden")).outputs()
else:
    found = read(More if config.get_bool("more") else Network, "first", stand_ins=config.require_bool("stand_ins"))
    exported = {f"of_first_{name}": value for name, value in found.outputs().items()}
for name, value in exported.items():
    pulumi.export(name, value)
"""


def test_a_stack_reads_what_another_one_exports(far_end_of: Callable[[str], FarEnd]) -> None:
    workspace = far_end_of(PROGRAM).workspace
    real = {"matchday:stand_ins": "false"}
    workspace.run(["up", "--yes", "--skip-preview"], "first")

    workspace.run(["up", "--yes", "--skip-preview"], "second", config=real)
    assert json.loads(workspace.call(["stack", "output", "--json", "--stack", "second"])) == {
        "of_first_token": "[secret]",
        "of_first_vpc_id": "vpc-1",
    }
    assert "hidden" not in workspace.state_file("second").read_text(), "a secret fact is one in whoever reads it"

    with pytest.raises(EngineFailed, match="zone"):
        workspace.run(["preview"], "second", config={**real, "matchday:more": "true"})

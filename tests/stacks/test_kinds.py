"""Stack kinds: the file's one key chooses, each kind has settings of its own, and facts go from one stack to another."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pydantic import ValidationError

from components.data.parameters import Parameters, ParametersArgs
from environments.settings import KEY
from model.validation import DocumentError, problems
from model.vocabulary import Model
from stacks.facts import Facts, FactsError, fact, read
from stacks.kinds import KINDS, Compose, prepare
from tests.components.conftest import Run, resolved, run

__all__ = ["resolved", "run"]  # fixtures

ROOT = Path(__file__).parents[2]


class ProbeSettings(Model):
    """Settings of a kind that only this test has."""

    color: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeFacts(Facts):
    zone: pulumi.Input[str] = field(metadata=fact("Z0123456789ABC", parameter=True))
    size: pulumi.Input[int] = field(metadata=fact(3))


def probe(root: Path, stack: str, config: Mapping[str, str], secret: Collection[str]) -> Compose:
    try:
        chosen = ProbeSettings.model_validate_json(config["matchday:probe"])
    except ValidationError as error:
        raise DocumentError(*(problem.text for problem in problems(error, ProbeSettings))) from None

    def compose() -> Mapping[str, Any]:
        facts = ProbeFacts(zone=f"zone-of-{chosen.color}", size=1)
        Parameters("facts", ParametersArgs(values=facts.parameters(), key_arn="arn:key"))
        return facts.outputs()

    return compose


KINDS_HERE = {**KINDS, "matchday:probe": probe}


def test_the_key_of_the_file_names_the_kind(run: Run) -> None:
    compose = prepare(ROOT, "probe", {"matchday:probe": '{"color": "red"}'}, KINDS_HERE)
    recorded = run(compose)
    assert recorded.result == {"zone": "zone-of-red", "size": 1}
    assert [item.inputs["name"] for item in recorded.of("aws:ssm/parameter:Parameter")] == ["/matchday/dev/zone"]


def test_each_kind_refuses_in_its_own_settings_words() -> None:
    with pytest.raises(DocumentError, match="no such key; accepted: color; did you mean 'color'"):
        prepare(ROOT, "probe", {"matchday:probe": '{"colour": "red", "color": "red"}'}, KINDS_HERE)


def test_a_stack_is_of_one_kind() -> None:
    both = {"matchday:probe": "{}", KEY: "{}"}
    with pytest.raises(DocumentError, match="matchday:environment and matchday:probe: a stack is of one kind"):
        prepare(ROOT, "dev", both, KINDS_HERE)


def test_a_file_that_names_no_kind_is_an_environments() -> None:
    with pytest.raises(DocumentError, match="matchday:environment is missing"):
        prepare(ROOT, "dev", {"aws:region": "ap-south-1"}, KINDS_HERE)


def test_facts_are_read_from_the_other_stacks_outputs(run: Run, resolved: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    class Reference:
        def __init__(self, name: str) -> None:
            seen.append(name)

        def require_output(self, name: str) -> pulumi.Output[Any]:
            return pulumi.Output.from_input({"zone": "Z1", "size": 9}[name])

    monkeypatch.setattr(pulumi, "StackReference", Reference)
    monkeypatch.setattr(pulumi, "get_organization", lambda: "organization")
    recorded = run(lambda: read(ProbeFacts, "account", stand_ins=False))
    assert (resolved(recorded.result.zone), resolved(recorded.result.size)) == ("Z1", 9)
    assert seen == ["organization/matchday/account"]


def test_a_preview_may_use_stand_ins_and_an_update_may_not(
    run: Run, resolved: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FactsError, match="may stand in for the stack 'account', an update may not"):
        run(lambda: read(ProbeFacts, "account", stand_ins=True))
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    recorded = run(lambda: read(ProbeFacts, "account", stand_ins=True))
    assert resolved(recorded.result.zone) == "Z0123456789ABC"

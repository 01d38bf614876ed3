"""The examples of this repository's files are for nobody's account: in somebody's they are refused first."""

from __future__ import annotations

import pytest

from environments import examples
from environments.source import DIRECTORY, SettingsError
from tests.stacks.conftest import settings_of

SOMEBODYS = "210987654321"


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_an_example_zone_is_refused_in_somebodys_account(stack: str) -> None:
    chosen = settings_of(stack)
    examples.refuse(chosen, lambda: examples.NOBODYS)
    with pytest.raises(SettingsError) as refused:
        examples.refuse(chosen, lambda: SOMEBODYS)
    sentence = str(refused.value)
    place = f"environments/Pulumi.{stack}.yaml: matchday:environment.edge.zone_id: {chosen.edge.zone_id!r}"
    assert sentence.startswith(place)
    assert SOMEBODYS in sentence and f"accepted: the id of the hosted zone of {chosen.edge.domain}" in sentence


def test_a_zone_of_ones_own_is_taken_without_asking_whose_account_it_is() -> None:
    chosen = settings_of("dev")
    own = chosen.model_copy(update={"edge": chosen.edge.model_copy(update={"zone_id": "Z0456789ABCDEFGHIJKLM"})})
    examples.refuse(own, lambda: pytest.fail("asked"))


def test_every_zone_in_this_repositorys_files_is_an_example() -> None:
    named = {
        line.split()[1] for file in DIRECTORY.glob("Pulumi.*.yaml") for line in file.read_text().splitlines()
        if line.strip().startswith("zone_id:")
    }  # fmt: skip
    assert named == examples.ZONES

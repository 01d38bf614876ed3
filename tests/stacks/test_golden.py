"""The URN of every resource of every environment, as a file: an accidental rename would replace what it names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.stacks.conftest import ENVIRONMENTS, Composed

GOLDEN = Path(__file__).parent / "golden"
UPDATE = "UPDATE_GOLDEN=1 .venv/bin/pytest tests/stacks/test_golden.py"


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_urns(composed: Composed, stack: str) -> None:
    file = GOLDEN / f"{stack}.txt"
    urns = composed(stack).urns
    if os.environ.get("UPDATE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text("".join(f"{urn}\n" for urn in urns))
    known = file.read_text().splitlines()
    gone, new = sorted(set(known) - set(urns)), sorted(set(urns) - set(known))
    assert not gone and not new, (
        f"{stack}: {len(gone)} URNs are gone and {len(new)} are new.\n"
        + "".join(f"- {urn}\n" for urn in gone)
        + "".join(f"+ {urn}\n" for urn in new)
        + "A rename replaces the resource: give it an alias, or its data is lost. When all of this is meant, write it down by\n"
        + f"  {UPDATE}"
    )

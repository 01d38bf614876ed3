"""The real engine on each environment: it plans what the program registers in tests, and refuses in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcloud.engine.run import EngineFailed
from tests.engine.engines import FarEnd, Previews
from tests.stacks.conftest import Composed

GOLDEN = Path(__file__).parent / "golden"

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engine")]


#: Of dev's kinds prod lacks the scheduled action alone, which CI's rehearsal of dev has; tests/e2e walks `local`.
@pytest.mark.parametrize(
    "stack", ["prod", *(pytest.param(stack, marks=pytest.mark.nightly) for stack in ("dev", "local"))]
)
def test_the_engine_plans_what_the_program_registers(previews: Previews, composed: Composed, stack: str) -> None:
    """Each resource, by its URN, that the test cloud of the component tests sees, and the golden files' among them."""
    planned = {resource.urn for resource in previews(stack).resources if resource.operation == "create"}
    made = {urn for urn in planned if "::pulumi:" not in urn}
    assert made == set(composed(stack).urns)
    assert made >= set((GOLDEN / f"{stack}.txt").read_text().splitlines())


def test_a_refusal_is_one_sentence_and_plans_nothing(far_end: FarEnd) -> None:
    with pytest.raises(EngineFailed) as caught:
        far_end.workspace.run(["preview"], "dev", config={"matchday:environment": {"tier": "huge"}})
    text = str(caught.value)
    assert "environments/Pulumi.dev.yaml: matchday:environment.tier: 'huge' is no tier; accepted: production" in text
    assert "Traceback" not in text and "unhandled" not in text

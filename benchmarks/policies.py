"""How long the policy pack takes over prod's resources, how that grows with their number, and what the engine adds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure
from localcloud.engine.find import ensure
from policies.catalog import all_controls
from policies.lang.resources import Resource, Stack
from tests.policies.platform import platform

PACK = Path(__file__).resolve().parents[1] / "policies"

#: A pack of as many policies that do nothing, made with Pulumi's own SDK: what the protocol and its decoding cost.
_EMPTY_PACK = """
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy
PolicyPack("empty", [ResourceValidationPolicy(f"p{n}", "nothing", lambda args, report: None) for n in range(COUNT)],
           enforcement_level=EnforcementLevel.ADVISORY)
"""


def _copies(resources: Sequence[Resource], count: int) -> list[Resource]:
    """`count` copies of a stack side by side: each copy's identities, and what refers to them, are its own."""
    identities = {identity for resource in resources for identity in resource.identities}
    return [_copy(resource, f"-{number}", identities) for number in range(count) for resource in resources]


def _copy(resource: Resource, suffix: str, identities: set[str]) -> Resource:
    def own(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: own(item) for key, item in value.items()}
        if isinstance(value, list):
            return [own(item) for item in value]
        return value + suffix if isinstance(value, str) and value in identities else value

    return Resource(
        resource.token,
        resource.name + suffix,
        resource.urn + suffix,
        own(resource.values),
        id=resource.id + suffix,
        parent=resource.parent + suffix if resource.parent in identities else resource.parent,
        dependencies=[own(urn) for urn in resource.dependencies],
        provider_region=resource.provider_region,
    )


def _seconds(work: Callable[[], object], runs: int = 3) -> float:
    """The fastest of some runs."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def _evaluate(resources: Sequence[Resource]) -> int:
    stack = Stack(resources)
    return sum(len(control.evaluate(stack)) for control in all_controls())


def _state(resources: Sequence[Resource]) -> str:
    rows = [
        {"urn": r.urn, "type": r.token, "custom": True, "id": r.id or "none", "inputs": r.values, "outputs": r.values}
        for r in resources
        if r.token.startswith("aws:")
    ]
    return json.dumps({"version": 3, "deployment": {"manifest": {}, "resources": rows}})


def _through_the_engine(state: Path, pack: Path) -> float:
    cli = ensure(lambda message: None).pulumi
    path = os.pathsep.join([str(cli.parent), str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "MATCHDAY_PYTHON": sys.executable, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    command = [str(cli), "policy", "analyze", "--file", str(state), "--policy-pack", str(pack), "--json"]
    started = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)
    elapsed = time.perf_counter() - started
    if '"summaryEvent"' not in done.stdout:
        raise RuntimeError(f"{' '.join(command[1:3])} did not end: {done.stderr.strip()}")
    return elapsed


def main() -> None:
    """Emit the figures."""
    prod = platform("prod").stack.resources
    copies = -(-700 // len(prod))
    plain, ten_times = _copies(prod, copies), _copies(prod, copies * 10)
    text = _state(plain)
    once = _seconds(lambda: _evaluate(plain))
    reading = _seconds(lambda: json.loads(text))
    Figure(
        name=f"policies: {len(all_controls())} controls over {len(plain)} resources",
        value=round(once, 4),
        unit="s",
        reference=round(reading, 4),
        against="reading that state's JSON",
    ).emit()
    Figure(
        name=f"policies: time for {len(ten_times)} resources",
        value=round(_seconds(lambda: _evaluate(ten_times)), 4),
        unit="s",
        reference=round(once * 10, 4),
        against="ten times the time for a tenth: 1 is linear growth",
    ).emit()
    with tempfile.TemporaryDirectory(prefix="matchday-bench-") as scratch:
        directory = Path(scratch)
        empty = directory / "empty"
        empty.mkdir()
        (empty / "PulumiPolicy.yaml").write_text("runtime: python\nversion: 0.0.1\ndescription: nothing\n")
        (empty / "__main__.py").write_text(_EMPTY_PACK.replace("COUNT", str(len(all_controls()))))
        state = directory / "state.json"
        state.write_text(_state(prod))
        Figure(
            name=f"policies: pulumi policy analyze over prod's {len(prod)} resources",
            value=round(_through_the_engine(state, PACK), 3),
            unit="s",
            reference=round(_through_the_engine(state, empty), 3),
            against="the same with a pack of as many policies that do nothing, served by pulumi_policy",
        ).emit()


if __name__ == "__main__":
    main()

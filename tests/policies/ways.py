"""One stack asked in every way there is: a preview and an update with the pack, `policy analyze`, audits of plan and state."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from localcloud.engine import events
from localcloud.engine.run import Workspace
from policies.audit.report import audit
from policies.audit.state import parse
from policies.exceptions import Register
from policies.levels import Levels
from policies.pack.server import SELF
from tests.engine.engines import PACK

NOW = datetime(2026, 11, 26, tzinfo=UTC)
#: A control of the pack, and the resource's URN ("" for the stack).
Asked = tuple[str, str]

_OPEN = re.compile(r"^  ([A-Za-z0-9.]+): (.*)$", re.MULTILINE)


def open_pack(directory: Path) -> Path:
    """A copy of the pack that excuses nothing and stops nothing, so that every violation is said."""
    copy = directory / "policies"
    shutil.copytree(PACK, copy)  # compiled modules, too: else each run would compile them anew
    (copy / "exceptions.yaml").write_text("exceptions: []\n")
    (copy / "levels.yaml").write_text('environments: {"*": advisory}\n')
    return copy


@dataclass(frozen=True)
class Said:
    """What one way says: the violations, and how many answers of which control cannot be told."""

    violations: frozenset[Asked]
    untold: Mapping[str, int]
    #: Every answer, where the way gives them all.
    answers: Mapping[Asked, str] = field(default_factory=dict, compare=False)


def _said(found: Sequence[tuple[str, str, str]]) -> Said:
    """From (policy, URN, message) of each thing that the pack reported."""
    untold: dict[str, int] = {}
    for policy, _, message in found:
        if policy == SELF and "cannot tell yet" in message:
            for control, names in _OPEN.findall(message):
                listed, more, rest = names.partition(" and ")
                untold[control] = listed.count(", ") + 1 + (int(rest.split()[0]) if more else 0)
    stack = ("pulumi:pulumi:Stack",)
    return Said(
        frozenset(
            (policy, "" if any(f"::{kind}::" in urn for kind in stack) else urn)
            for policy, urn, _ in found
            if policy != SELF
        ),
        untold,
    )


def engine(workspace: Workspace, command: Sequence[str], stack: str, pack: Path, config: Mapping[str, Any]) -> Said:
    """A preview or an update with the pack."""
    result = workspace.run([*command, "--policy-pack", str(pack)], stack, config=config)
    return _said([(found.policy, found.urn, found.message) for found in result.violations])


def analyzed(workspace: Workspace, state: Path, pack: Path) -> Said:
    """`pulumi policy analyze` over an exported state."""
    printed = workspace.call(["policy", "analyze", "--file", str(state), "--policy-pack", str(pack), "--json"])
    parsed = [events.parse(line) for line in printed.splitlines() if '"policyEvent"' in line]
    return _said([(one.policy, one.urn, one.message) for one in parsed if isinstance(one, events.Violation)])


def audited(content: bytes) -> Said:
    """`matchday audit` over a state or a plan, with nothing excused."""
    report = audit(
        parse(content, "it"),
        source="it",
        levels=Levels.model_validate({"environments": {"*": "advisory"}}),
        register=Register(),
        now=NOW,
    )
    answers = {(answer.control.id, answer.urn): answer.result.value for answer in report.answers}
    return Said(
        frozenset((answer.control.id, answer.urn) for answer in report.violations),
        Counter(answer.control.id for answer in report.untold),
        answers,
    )


@dataclass(frozen=True)
class Ways:
    """What each way says of one stack, before and after it is deployed."""

    preview: Said
    plan: Said
    update: Said
    analysis: Said
    state: Said


def ask(workspace: Workspace, stack: str, directory: Path, config: Mapping[str, Any]) -> Ways:
    """Deploy the stack, and ask in each way. Nothing is taken away."""
    pack = open_pack(directory)
    preview = engine(workspace, ["preview", "--json"], stack, pack, config)
    printed = workspace.places.output.read_bytes()
    update = engine(workspace, ["up", "--yes", "--skip-preview", "--parallel", "16"], stack, pack, config)
    exported = directory / "state.json"
    exported.write_text(workspace.call(["stack", "export", "--stack", stack]))
    return Ways(
        preview=preview,
        plan=audited(printed[printed.find(b"{") :]),
        update=update,
        analysis=analyzed(workspace, exported, pack),
        state=audited(exported.read_bytes()),
    )

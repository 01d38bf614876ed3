"""`matchday preview STACK --against REF` and `--state FILE`: the engine's plan from what was, on an isolated local cloud."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli import compare, console, cost, local
from cli.stand_ins import StandIns

if TYPE_CHECKING:
    from localcloud.engine.run import Workspace

_PARALLEL = 16


def merge_base() -> str:
    """The commit where this branch left main; on main, its newest."""
    for main in ("main", "origin/main"):
        done = _git("merge-base", main, "HEAD", check=False)
        if done.returncode == 0:
            return done.stdout.strip()
    return console.fail("there is no branch main to compare with", "Name another: --against REF.", console.NOT_ASKED)


def with_ref(stack: str, ref: str) -> dict[str, Any]:
    """Make the stack as the program of `ref` has it, in a cloud of its own; then plan this folder's program against it."""
    commit = _git("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}", check=False).stdout.strip()
    if not commit:
        console.fail(f"--against {ref!r}: git knows no such commit, branch or tag", code=console.NOT_ASKED)
    started = time.monotonic()
    with _tree(commit) as base, local.isolated() as (workspace, endpoint):
        made, stand_ins = _at(workspace, base), StandIns(endpoint)
        if not list(base.rglob(f"Pulumi.{stack}.yaml")):
            hint = f"`{console.command(f'preview {stack}')}` without --against plans it anew."
            console.fail(f"{ref} has no stack {stack!r}", hint, console.NOT_ASKED)
        up = ["up", "--yes", "--skip-preview", "--parallel", str(_PARALLEL)]
        _run(made, up, stack, f"{stack} at {commit[:8]}", stand_ins)
        before = json.loads(made.call(["stack", "export", "--stack", stack]))["deployment"]
        planned = plan(_at(workspace, local.PROJECT), stack, stand_ins)
    document = _document(stack, planned, before, started)
    document = stand_ins.named_as_in_settings(document)
    return {**document, "against": {"ref": ref, "commit": commit}}


def with_state(stack: str, file: Path) -> dict[str, Any]:
    """Plan against an exported state. Nothing but the file is read: neither AWS nor the stack's backend."""
    started = time.monotonic()
    try:
        content = file.read_bytes()
        deployment = json.loads(content)["deployment"]
        known = [resource["urn"].split("::")[0] for resource in deployment["resources"]]
    except OSError as error:
        console.fail(f"--state {file}: {error.strerror}", code=console.NOT_ASKED)
    except (ValueError, KeyError, TypeError):
        console.fail(
            f"--state {file}: this is no exported state",
            "Accepted: `pulumi stack export --show-secrets`.",
            console.NOT_ASKED,
        )
    if b'"ciphertext"' in content:
        console.fail(
            f"--state {file}: its secrets are encrypted by a key that only the stack's backend has",
            "Export it with `pulumi stack export --show-secrets`, and delete the file afterwards.",
            console.NOT_ASKED,
        )
    if set(known) - {f"urn:pulumi:{stack}"}:
        console.fail(
            f"--state {file}: it is of {known[0].removeprefix('urn:pulumi:')!r}, not of {stack!r}",
            code=console.NOT_ASKED,
        )
    with local.isolated() as (workspace, _):
        # The secrets are in clear: how they were once encrypted must not be followed.
        deployment.pop("secrets_providers", None)
        imported = workspace.state / "imported.json"
        imported.touch(mode=0o600)
        imported.write_text(json.dumps({"version": 3, "deployment": deployment}))
        workspace.ensure_stack(stack)
        workspace.call(["stack", "import", "--stack", stack, "--file", str(imported), "--force"])
        planned = plan(workspace, stack)
    return {**_document(stack, planned, deployment, started), "against": {"state": str(file)}}


def _document(stack: str, planned: dict[str, Any], before: dict[str, Any], started: float) -> dict[str, Any]:
    changed, after = compare.resources(planned), compare.after(before["resources"], planned)
    was, now = (_violations(stack, resources) for resources in (before["resources"], after))
    return {
        "stack": stack,
        "changes": compare.counts(changed, len(before["resources"])),
        "resources": changed,
        "policies": {
            "gained": [now[key] for key in sorted(now.keys() - was.keys())],
            "lost": [was[key] for key in sorted(was.keys() - now.keys())],
        },
        "cost": cost.difference(stack, before["resources"], after),
        "seconds": round(time.monotonic() - started, 2),
    }


def _violations(stack: str, resources: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, str]]:
    """Every violation of a state, by control and resource."""
    from datetime import UTC, datetime

    from cli import judging
    from policies.audit import report
    from policies.audit.state import parse

    found = report.audit(
        parse(json.dumps({"version": 3, "deployment": {"resources": resources}}).encode(), stack),
        source=stack,
        levels=judging.levels(),
        register=judging.register(),
        now=datetime.now(UTC).replace(microsecond=0),
        environment=stack,
        frameworks=[],
    )
    return {
        (answer.control.id, answer.name): {
            "control": answer.control.id,
            "resource": answer.name,
            "level": answer.level.value,
            "message": answer.message,
        }
        for answer in found.violations
    }


def plan(workspace: Workspace, stack: str, stand_ins: StandIns | None = None) -> dict[str, Any]:
    """The engine's plan as `pulumi preview --json` prints it. Ends the command when the engine refuses."""
    _run(workspace, ["preview", "--json"], stack, f"preview {stack}", stand_ins)
    printed = workspace.places.output.read_bytes()
    found: dict[str, Any] = json.loads(printed[printed.find(b"{") :])
    return found


def _run(workspace: Workspace, command: list[str], stack: str, what: str, stand_ins: StandIns | None = None) -> None:
    from localcloud.engine.run import EngineFailed

    config = stand_ins.settings(workspace, stack) if stand_ins else {}
    try:
        with local.resource_progress(what) as on_event:
            workspace.run(command, stack, on_event=on_event, config=config)
    except EngineFailed as failure:
        local.engine_failed(failure)


def _at(workspace: Workspace, project: Path) -> Workspace:
    """The same backend and cloud, with another folder's program and rooms."""
    from localcloud.engine.run import WITHOUT_CHECKPOINTS, Workspace

    # A path given so comes before the editable install: the folder's own rooms are the ones imported.
    return Workspace(
        engine=workspace.engine,
        project=project,
        state=workspace.state,
        provider_port=workspace.provider_port,
        python=workspace.python,
        extra={**WITHOUT_CHECKPOINTS, "PYTHONPATH": str(project)},
    )


@contextmanager
def _tree(commit: str) -> Iterator[Path]:
    """The project's folder as it was at a commit. An archive, not a worktree: nothing of the repository changes."""
    with tempfile.TemporaryDirectory(prefix="matchday-preview-") as scratch:
        archive = subprocess.run(["git", "archive", commit], cwd=local.PROJECT, capture_output=True, check=True).stdout
        subprocess.run(["tar", "-x", "-C", scratch], input=archive, check=True)
        yield Path(scratch)


def _git(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(["git", *arguments], cwd=local.PROJECT, capture_output=True, text=True, check=False)
    if check and done.returncode:
        console.fail(f"git {' '.join(arguments)}: {done.stderr.strip()}", code=console.NOT_ASKED)
    return done

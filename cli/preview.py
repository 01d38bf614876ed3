"""`matchday preview STACK`: what the real engine would change, with no AWS account."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import console, local
from cli.lock import held


def preview(
    stack: Annotated[
        str, typer.Argument(help="The stack to preview: local, dev, prod, … (environments/Pulumi.<stack>.yaml).")
    ],
    refresh: Annotated[
        bool,
        typer.Option(
            "--refresh", help="First compare the state with the cloud: reports what was changed behind Pulumi's back."
        ),
    ] = False,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="REF",
            help="What this folder's program changes of what the program of REF (a commit, branch or tag) makes."
            " Without a value: where this branch left main.",
        ),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Plan against an exported state (`pulumi stack export --show-secrets`)."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on standard output (docs/commands.md).")
    ] = False,
) -> None:
    """List what `pulumi up` would create, change and delete, by the real engine against the local provider.

    `local` is compared with the running platform; any other stack, or `local` when nothing runs, is planned from nothing.
    With --against or --state, replacements and deletions come first, with the properties that force them, then each changed
    property, then policy violations that the change brings or ends. Neither AWS nor the running platform is touched.

    Exit code 0 when the plan could be made, 1 when the program or a resource is refused, 2 when it could not be asked.
    """
    local.require_stack(stack)
    if sum([refresh, against is not None, state is not None]) > 1:
        console.fail("--refresh, --against and --state exclude each other", code=console.NOT_ASKED)
    if against is not None or state is not None:
        from cli import against as plans

        if state is not None:
            document = plans.with_state(stack, state)
        else:
            document = plans.with_ref(stack, plans.merge_base() if against == "base" else str(against))
        if as_json:
            console.emit(document)
        else:
            _print_change(document)
        return
    document = _planned(stack, refresh=refresh)
    if as_json:
        console.emit(document)
    else:
        _print(document)


def _planned(stack: str, *, refresh: bool) -> dict[str, Any]:
    """Against the running platform if `stack` is its; else from nothing."""
    if stack == local.STACK and local.running() is not None:
        # A `down` beside it would take the provider away, an `up` changes what it compares with: they wait for each other.
        with held(f"preview {stack}"):
            running = local.running()
            if running is not None:
                return _run(local.workspace(running.info.provider_port), stack, refresh=refresh)
    if refresh:
        console.fail(
            f"there is nothing to refresh {stack!r} from",
            f"Only the running platform has a cloud: `{console.command('up')}`.",
            2,
        )
    with local.isolated() as (workspace, _):
        return _run(workspace, stack, refresh=False)


def _run(workspace: Any, stack: str, *, refresh: bool) -> dict[str, Any]:
    from localcloud.engine.run import EngineFailed

    try:
        with local.resource_progress(f"preview {stack}") as on_event:
            done = workspace.run(["preview", *(["--refresh"] if refresh else [])], stack, on_event=on_event)
    except EngineFailed as failure:
        local.engine_failed(failure)
    return {
        "stack": stack,
        "changes": dict(done.changes),
        "resources": [
            {"urn": r.urn, "type": r.type, "name": r.name, "operation": r.operation, "changed": list(r.changed)}
            for r in done.resources
        ],
        "seconds": round(done.seconds, 2),
    }


def _print_change(document: dict[str, Any]) -> None:
    from cli import cost

    for resource in document["resources"]:
        forced = f"  forced by {', '.join(resource['forced_by'])}" if resource["forced_by"] else ""
        style = "bold red" if resource["operation"] in ("replace", "delete") else ""
        console.result.print(
            f"{_SIGNS[resource['operation']]} {resource['type']}  {resource['name']}{forced}", markup=False, style=style
        )
        for change in resource["properties"]:
            console.result.print(
                f"      {change['path']}: {_shown(change['before'])} → {_shown(change['after'])}", markup=False
            )
    for kind, sign in (("gained", "violation"), ("lost", "no longer violated")):
        for entry in document["policies"][kind]:
            console.result.print(
                f"{sign}: {entry['level']} {entry['control']} {entry['resource']}: {entry['message']}", markup=False
            )
    cost.print_difference(document["cost"])
    _print_counts(document)


def _shown(value: Any) -> str:
    text = "(none)" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


#: Characters of a value that a person is shown; --json has all.
_LONGEST_VALUE = 120

_SIGNS = {"create": "+", "update": "~", "replace": "±", "delete": "-"}


def _print(document: dict[str, Any]) -> None:
    for resource in document["resources"]:
        sign = _SIGNS.get(resource["operation"], " ")
        changed = f"  ({', '.join(resource['changed'])})" if resource["changed"] else ""
        console.result.print(f"{sign} {resource['type']:<62} {resource['name']}{changed}", markup=False)
    _print_counts(document)


def _print_counts(document: dict[str, Any]) -> None:
    changes: dict[str, int] = document["changes"]
    counted = ", ".join(f"{count} to {name}" for name, count in changes.items() if count and name != "same")
    console.result.print(
        f"{document['stack']}: {counted or 'no changes'}; {changes['same']} unchanged ({document['seconds']} s)",
        style="bold",
    )

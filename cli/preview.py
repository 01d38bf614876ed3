"""`matchday preview STACK`: what the real engine would change, with no AWS account."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli import console, local


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
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on standard output (docs/commands.md).")
    ] = False,
) -> None:
    """List what `pulumi up` would create, change and delete, by the real engine against the local provider.

    `local` is compared with the running platform; any other stack, or `local` when nothing runs, is planned from nothing.
    Exit code 0 when the plan could be made, 1 when the program or a resource is refused.
    """
    local.require_stack(stack)
    running = local.running() if stack == local.STACK else None
    if running is not None:
        document = _run(local.workspace(running.info.provider_port), stack, refresh=refresh)
    else:
        if refresh:
            console.fail(
                f"there is nothing to refresh {stack!r} from",
                "Only the running platform has a cloud: `matchday up`.",
                2,
            )
        with local.throwaway_workspace() as workspace:
            document = _run(workspace, stack, refresh=False)
    if as_json:
        console.emit(document)
    else:
        _print(document)


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


_SIGNS = {"create": "+", "update": "~", "replace": "±", "delete": "-"}


def _print(document: dict[str, Any]) -> None:
    changes: dict[str, int] = document["changes"]
    for resource in document["resources"]:
        sign = _SIGNS.get(resource["operation"], " ")
        changed = f"  ({', '.join(resource['changed'])})" if resource["changed"] else ""
        console.result.print(f"{sign} {resource['type']:<62} {resource['name']}{changed}", markup=False)
    counted = ", ".join(f"{count} to {name}" for name, count in changes.items() if count and name != "same")
    console.result.print(
        f"{document['stack']}: {counted or 'no changes'}; {changes['same']} unchanged ({document['seconds']} s)",
        style="bold",
    )

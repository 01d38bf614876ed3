"""What a stack consists of, for judging: its state if this machine has it, else what a preview says it would be."""

from __future__ import annotations

from cli import console, local


def read(stack: str) -> tuple[bytes, str]:
    """The content and its kind: "state" (the running local platform's, or one left by it) or "preview"."""
    local.require_stack(stack)
    from localcloud.engine.run import EngineFailed

    kept = local.places().pulumi
    if kept.exists():
        workspace = local.workspace(0, state=kept)
        if workspace.stack_exists(stack):
            try:
                return workspace.call(["stack", "export", "--stack", stack]).encode(), "state"
            except EngineFailed as failure:
                local.engine_failed(failure, console.NOT_ASKED)
    return preview(stack), "preview"


def preview(stack: str) -> bytes:
    """`pulumi preview --json` of the stack from nothing, by the real engine against an emulator of its own."""
    from localcloud.engine.run import EngineFailed

    with local.isolated() as (workspace, _):
        try:
            with local.resource_progress(f"preview {stack}") as on_event:
                workspace.run(["preview", "--json"], stack, on_event=on_event)
        except EngineFailed as failure:
            local.engine_failed(failure, console.NOT_ASKED)
        printed = workspace.places.output.read_bytes()
    return printed[printed.find(b"{") :]

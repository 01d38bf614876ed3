"""`matchday rehearse STACK`: deploy a stack at full size on an isolated local cloud, look at it twice, and take it away."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import console, local
from cli.documents import Rehearsal

if TYPE_CHECKING:
    from localcloud.engine.run import Workspace

_PARALLEL = ("--parallel", "16")


def rehearse(
    stack: Annotated[
        str,
        typer.Argument(
            help="The stack: local, dev, prod, … (environments/Pulumi.<stack>.yaml), or a pull request's: pr-<number>."
        ),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on standard output (docs/commands.md).")
    ] = False,
) -> None:
    """Deploy a stack as AWS would get it, on an emulator of its own: up, a preview, a refresh, destroy. No task is run.

    Certificates that the settings name are requested there first. Before destroy, deletion protection is lifted, S3's access
    logs are turned off and buckets are emptied, as a person would have to. What the program itself tells destroy to keep
    (`skip_destroy`, `retain_on_delete`) is named, not counted as left.

    Exit code 0 when the preview and the refresh see no change and destroy leaves nothing; 1 when they do, or the program or a
    resource is refused; 2 when it could not be asked.
    """
    with file_of_a_branch(stack):
        local.require_stack(stack)
        local.require_readable(stack)
        document = _rehearsed(stack)
    if as_json:
        console.emit(document)
    else:
        seconds = ", ".join(f"{name} {value} s" for name, value in document["seconds"].items())
        console.result.print(
            f"{stack}: {document['created']} created; then changed by nothing: {document['noop']} in a preview,"
            f" {document['refreshed']} in a refresh; left after destroy: {document['left']} ({seconds})",
            markup=False,
        )
        for name in document["kept"]:
            console.result.print(f"kept by intent: {name}", markup=False)
    if document["noop"] or document["refreshed"] or document["left"]:
        raise typer.Exit(console.NO)


@contextmanager
def file_of_a_branch(stack: str) -> Iterator[None]:
    """While a pull request's stack is rehearsed: its file, from dev's, as CI writes it, with dev's images: no other is known.

    Nothing is done where the stack has a file, or is no pull request's.
    """
    from environments.branches import PREFIX

    file = local.stack_files() / f"Pulumi.{stack}.yaml"
    if file.exists() or not stack.startswith(PREFIX):
        yield
        return
    file.write_text(_of_a_branch(stack))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def _of_a_branch(stack: str) -> str:
    import yaml

    from environments import branches
    from environments.settings import KEY
    from model.validation import DocumentError

    local.require_stack(branches.BASE)
    local.require_readable(branches.BASE)
    base = local.stack_files() / f"Pulumi.{branches.BASE}.yaml"
    content = yaml.safe_load(base.read_text())
    try:
        name = branches.name(stack.removeprefix(branches.PREFIX))
        return yaml.safe_dump(
            branches.document(name, content, content["config"][KEY].get("image", {})), sort_keys=False
        )
    except DocumentError as refused:
        console.fail(str(refused), code=console.WRONG_CALL)
    except (KeyError, TypeError, AttributeError):
        console.fail(f"{base}: it has no settings under {KEY}, from which {stack} is made", code=console.WRONG_CALL)


def _rehearsed(stack: str) -> Rehearsal:
    from cli.stand_ins import StandIns
    from localcloud.engine.run import WITHOUT_CHECKPOINTS

    seconds: dict[str, float] = {}
    with local.isolated() as (workspace, endpoint):
        workspace.extra = WITHOUT_CHECKPOINTS
        config = StandIns(endpoint).settings(workspace, stack)

        def run(name: str, command: Sequence[str]) -> Mapping[str, int]:
            with _timed(seconds, name):
                return _changes(workspace, [*command, *_PARALLEL], stack, config, f"{name} {stack}")

        created = run("up", ["up", "--yes", "--skip-preview"])
        noop = run("preview", ["preview"])
        refreshed = run("refresh", ["refresh", "--yes", "--skip-preview"])
        kept = _kept(_state(workspace, stack))
        _unprotect(workspace, stack, endpoint)
        run("destroy", ["destroy", "--yes", "--skip-preview"])
        left = len(_state(workspace, stack))
    return {
        "stack": stack,
        "created": created.get("create", 0),
        "noop": sum(noop.values()),
        "refreshed": sum(refreshed.values()),
        "left": left,
        "kept": kept,
        "seconds": seconds,
    }


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    begun = time.monotonic()
    yield
    seconds[name] = round(time.monotonic() - begun, 2)


def _changes(
    workspace: Workspace, command: Sequence[str], stack: str, config: dict[str, Any], what: str
) -> Mapping[str, int]:
    """What the engine itself counts at the end of a run, by operation."""
    from localcloud.engine.run import EngineFailed

    try:
        with local.resource_progress(what) as on_event:
            return workspace.run(command, stack, config=config, on_event=on_event).touched
    except EngineFailed as failure:
        local.engine_failed(failure)


def _state(workspace: Workspace, stack: str) -> list[dict[str, Any]]:
    """The resources of the state, without the stack itself and its providers."""
    state = json.loads(workspace.call(["stack", "export", "--stack", stack]))["deployment"]
    return [r for r in state.get("resources") or () if not r["type"].startswith("pulumi:")]


def _kept(resources: Sequence[dict[str, Any]]) -> list[str]:
    """What destroy leaves in AWS because the program says so: earlier task definitions, for a way back; data, for ever."""
    return sorted(
        f"{resource['type']}::{resource['urn'].rpartition('::')[2]}"
        for resource in resources
        if resource.get("retainOnDelete") or (resource.get("inputs") or {}).get("skipDestroy")
    )


def _unprotect(workspace: Workspace, stack: str, endpoint: str) -> None:
    """Lift what keeps data from being deleted: `protect`, deletion protection, and what buckets hold (AWS's own logs)."""
    from localcloud.runtime.aws import Aws

    workspace.call(["state", "unprotect", "--all", "--yes", "--stack", stack])
    aws = Aws(endpoint, local.REGION)
    rds, elb, s3 = aws.client("rds"), aws.client("elbv2"), aws.client("s3")
    for page in rds.get_paginator("describe_db_instances").paginate():
        for instance in page["DBInstances"]:
            rds.modify_db_instance(
                DBInstanceIdentifier=instance["DBInstanceIdentifier"], DeletionProtection=False, ApplyImmediately=True
            )
    for page in elb.get_paginator("describe_load_balancers").paginate():
        for balancer in page["LoadBalancers"]:
            elb.modify_load_balancer_attributes(
                LoadBalancerArn=balancer["LoadBalancerArn"],
                Attributes=[{"Key": "deletion_protection.enabled", "Value": "false"}],
            )
    names = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    for name in names:  # first all: else what is deleted here is logged there
        s3.put_bucket_logging(Bucket=name, BucketLoggingStatus={})
    for name in names:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
            for version in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                s3.delete_object(Bucket=name, Key=version["Key"], VersionId=version["VersionId"])

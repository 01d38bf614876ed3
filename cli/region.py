"""The Region of the local cloud: one that exists, and the one that its resources were made in."""

from __future__ import annotations

from importlib.metadata import version

from cli import console, local
from localcloud.runtime.cache import kept


def _regions() -> list[str]:
    import boto3

    return list(boto3.Session(region_name="us-east-1").get_available_regions("ec2"))


def check(before: str | None) -> None:
    """End the command unless the stack's Region exists and is that of the last `up` (None before the first)."""
    file = f"environments/Pulumi.{local.STACK}.yaml: config → aws:region"
    known: list[str] = kept(f"Regions of EC2 in botocore {version('botocore')}", _regions)
    if local.REGION not in known:
        near = [name for name in known if name.rpartition("-")[0] == local.REGION.rpartition("-")[0]]
        console.fail(
            f"{file}: {local.REGION!r} is no AWS Region",
            f"Accepted: AWS's Regions, such as {', '.join(near or known)}.",
            console.WRONG_CALL,
        )
    if before not in (None, local.REGION):
        console.fail(
            f"{file} is {local.REGION}, but this clone's platform was made in {before}; a Region cannot change in place",
            f"Set it back to {before}; or `{console.command('reset')}` forgets the platform and its data, and"
            f" `{console.command('up')}` makes it in {local.REGION}.",
            console.WRONG_CALL,
        )

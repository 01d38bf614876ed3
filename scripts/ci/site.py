"""The site of a stack is put up and its CDN told: site.py STACK, after the stack was deployed.

Reads the stack's outputs by the Pulumi CLI, and the job's identity. Exit code 0: what players see is of this checkout, or the
stack has no site; 2: it could not be done, and the same again does the rest.
"""

from __future__ import annotations

import json
import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from cli import site
from cli.publish import NoDistribution
from scripts.ci import pulumi


def put(stack: str) -> list[str]:
    """Put the site up; the keys that were new. Raises pulumi.Failed, NoDistribution, ClientError, BotoCoreError."""
    outputs = json.loads(pulumi.read(["stack", "output", "--json", "--stack", stack]))
    bucket = outputs.get("site_bucket")
    if bucket is None:
        return []
    return site.publish(boto3.client("s3"), lambda: boto3.client("cloudfront"), bucket, site.pages(), wait=True)


def main(words: list[str]) -> int:
    """The script."""
    if len(words) != 1:
        sys.stderr.write("error: usage: site.py STACK\n")
        return 2
    try:
        sent = put(words[0])
    except (pulumi.Failed, NoDistribution, ClientError, BotoCoreError, ValueError) as failure:
        sys.stderr.write(f"error: {failure}\n")
        return 2
    sys.stderr.write(f"{len(sent)} files of the site were new\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

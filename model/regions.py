"""The Regions of AWS and the letters of their availability zones; pure.

Source: AWS's documentation, "AWS Regions" and "Availability Zones" (read 2026-11). An account may be given fewer zones in the
oldest Regions (us-west-1, ap-northeast-1); that only AWS can tell.
"""

from __future__ import annotations

from collections.abc import Mapping

ZONES: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-3", "ap-south-1", "ap-south-2", "ap-southeast-1",
            "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7",
            "ca-west-1", "eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2",
            "eu-west-3", "il-central-1", "me-central-1", "me-south-1", "mx-central-1", "sa-east-1", "us-east-2", "us-west-1",
        ),
        "abc",
    ),
    "ap-northeast-1": "abcd",
    "ap-northeast-2": "abcd",
    "ca-central-1": "abd",
    "us-east-1": "abcdef",
    "us-west-2": "abcd",
}  # fmt: skip


def known(region: str) -> str:
    """`region`, which AWS has. Raises ValueError.

    >>> known("ap-south-1")
    'ap-south-1'
    """
    if region not in ZONES:
        raise ValueError(f"{region!r} is no Region of AWS; accepted: {', '.join(sorted(ZONES))}")
    return region

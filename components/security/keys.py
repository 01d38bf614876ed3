"""KMS keys: one per class of data, so that who may read logs is not thereby one who may read money."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.base import Component, Transforms


@dataclass(frozen=True, kw_only=True, slots=True)
class KeysArgs:
    """Where the keys live and how long a deletion can be taken back.

    - account_id, region: of the stack.
    - edge: also make a key for logs in us-east-1, where CloudFront's web ACL logs (default False).
    - deletion_window_days: 7–30; default 30.
    """

    account_id: pulumi.Input[str]
    region: str
    edge: bool = False
    deletion_window_days: int = 30


class Keys(Component):
    """Customer managed keys. (resources listed when filled)

    ARNs: `data` (databases, caches, buckets), `logs` (log groups, alarm topics), `secrets` (Secrets Manager, SSM parameters),
    `edge_logs` (log groups in us-east-1; None without `edge`; `logs` itself where the stack is in us-east-1).
    """

    data: pulumi.Output[str]
    logs: pulumi.Output[str]
    secrets: pulumi.Output[str]
    edge_logs: pulumi.Output[str] | None

    def __init__(
        self,
        name: str,
        args: KeysArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        raise NotImplementedError

"""An environment's facts in the SSM Parameter Store, for whoever may not or cannot read Pulumi's state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_aws import ssm

from components.base import Component, Transforms


@dataclass(frozen=True, kw_only=True, slots=True)
class ParametersArgs:
    """What is published: path below ``/<project>/<stack>/`` → value. key_arn: KMS key (`security.Keys.secrets`)."""

    values: Mapping[str, pulumi.Input[str]]
    key_arn: pulumi.Input[str]


class Parameters(Component):
    """Published facts.

    Makes: ``aws:ssm:Parameter`` per value; its role is the path with dashes for slashes.
    """

    def __init__(
        self,
        name: str,
        args: ParametersArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        self.names: Mapping[str, str] = {
            path: f"/{pulumi.get_project()}/{pulumi.get_stack()}/{path}" for path in args.values
        }
        for path, value in args.values.items():
            self.make(
                path.replace("/", "-"),
                ssm.Parameter,
                ssm.ParameterArgs(name=self.names[path], type="SecureString", key_id=args.key_arn, value=value),
            )
        self.register_outputs({"names": list(self.names.values())})

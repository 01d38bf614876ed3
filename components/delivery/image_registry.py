"""The repository of the services' image: a tag is given once, every image is scanned, old ones go by rule."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
from pulumi_aws import ecr

from components.base import Component, Transforms
from components.delivery.image_rules import lifecycle


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageRegistryArgs:
    """What a repository is made from.

    - repository: its name, such as ``matchday/services``. account_id, key_arn: of the account, and the KMS key of its images.
    - replica_region: another Region that gets each image too, for the day on which this one is gone; None: nowhere.
    - kept: how many images stay, the youngest first; default 400: a release is eight (two sets of requirements, each for two
      architectures, with their list and its signature), so fifty that a rollback may go back to.
    """

    repository: str
    account_id: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    replica_region: str | None = None
    kept: int = 400


class ImageRegistry(Component):
    """An ECR repository.

    Makes: ``aws:ecr:Repository`` (role ``""``), ``LifecyclePolicy`` (``lifecycle``), ``RegistryScanningConfiguration``
    (``scanning``: Amazon Inspector looks again whenever it learns something new) and
    ``ReplicationConfiguration`` (``replication``).

    It is the account's and not an environment's: an image must be there before the first environment starts a task.
    """

    url: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        args: ImageRegistryArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        repository = self.make(
            "",
            ecr.Repository,
            ecr.RepositoryArgs(
                name=args.repository,
                image_tag_mutability="IMMUTABLE",
                image_scanning_configuration=ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
                encryption_configurations=[
                    ecr.RepositoryEncryptionConfigurationArgs(encryption_type="KMS", kms_key=args.key_arn)
                ],
                force_delete=False,
            ),
            pulumi.ResourceOptions(protect=True),
        )
        self.arn, self.url = repository.arn, repository.repository_url
        self.make(
            "lifecycle",
            ecr.LifecyclePolicy,
            ecr.LifecyclePolicyArgs(repository=repository.name, policy=json.dumps(lifecycle(args.kept))),
        )
        self.make(
            "scanning",
            ecr.RegistryScanningConfiguration,
            ecr.RegistryScanningConfigurationArgs(
                scan_type="ENHANCED",
                rules=[
                    ecr.RegistryScanningConfigurationRuleArgs(
                        scan_frequency="CONTINUOUS_SCAN",
                        repository_filters=[
                            ecr.RegistryScanningConfigurationRuleRepositoryFilterArgs(
                                filter=args.repository, filter_type="WILDCARD"
                            )
                        ],
                    )
                ],
            ),
        )
        if args.replica_region is not None:
            self.make("replication", ecr.ReplicationConfiguration, _replication(args, args.replica_region))
        self.register_outputs({"url": self.url})


def _replication(args: ImageRegistryArgs, region: str) -> ecr.ReplicationConfigurationArgs:
    destination = ecr.ReplicationConfigurationReplicationConfigurationRuleDestinationArgs(
        region=region, registry_id=args.account_id
    )
    rule = ecr.ReplicationConfigurationReplicationConfigurationRuleArgs(
        destinations=[destination],
        repository_filters=[
            ecr.ReplicationConfigurationReplicationConfigurationRuleRepositoryFilterArgs(
                filter=args.repository, filter_type="PREFIX_MATCH"
            )
        ],
    )
    return ecr.ReplicationConfigurationArgs(
        replication_configuration=ecr.ReplicationConfigurationReplicationConfigurationArgs(rules=[rule])
    )

"""What a stack's settings name and others make, made in an isolated local cloud so that the stack deploys there: certificates
by their ARNs, and the buckets of the stack `recovery` that it copies into."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from model.names import PROJECT, SITE, STATE, TRAIL_RECORDS, bucket_stem, replica

if TYPE_CHECKING:
    from localcloud.engine.run import Workspace

_ARN = re.compile(r"arn:aws[a-z-]*:acm:([a-z0-9-]+):\d{12}:certificate/[0-9A-Za-z-]+")


@dataclass
class StandIns:
    """Those of one local cloud. Settings of several commits share it, so that the same ARN stays the same."""

    endpoint: str
    _made: dict[str, str] = field(default_factory=dict)
    _copied: set[str] = field(default_factory=set)

    def settings(self, workspace: Workspace, stack: str) -> dict[str, Any]:
        """The stack's settings that name certificates, with those of this cloud in their
        places (`Workspace.run(config=…)`)."""
        file = workspace.configuration_source(stack)
        content = yaml.safe_load(file.read_text()) if file.exists() else {}
        config: Mapping[str, Any] = content.get("config") or {} if isinstance(content, dict) else {}
        self._copies(stack, config)
        changed = {}
        for key, value in config.items():
            text = json.dumps(value)
            replaced = _ARN.sub(lambda found: self._here(found[0], found[1]), text)
            if replaced != text:
                changed[key] = json.loads(replaced)
        return changed

    def named_as_in_settings(self, document: Any) -> Any:
        """A document that speaks of this cloud's certificates, with the ARNs of the settings."""
        text = json.dumps(document)
        for named, stand_in in self._made.items():
            text = text.replace(stand_in, named)
        return json.loads(text)

    def _copies(self, stack: str, config: Mapping[str, Any]) -> None:
        """S3 takes no rule that copies into a bucket that is not there."""
        from localcloud.runtime.aws import Aws

        for region, copy in _copies(stack, config):
            aws = Aws(self.endpoint, region)
            name = f"{copy}-{aws.client('sts').get_caller_identity()['Account']}"
            if name not in self._copied:
                self._copied.add(name)
                s3 = aws.client("s3")
                s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
                s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})

    def _here(self, arn: str, region: str) -> str:
        from localcloud.runtime.aws import Aws

        if arn not in self._made:
            made = (
                Aws(self.endpoint, region)
                .client("acm")
                .request_certificate(DomainName="certificate.example", ValidationMethod="DNS")
            )
            self._made[arn] = made["CertificateArn"]
        return self._made[arn]


def _copies(stack: str, config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Region and stem of the name of each copy that the stack's settings ask for. The settings may be another commit's."""
    account, environment = (config.get(f"{PROJECT}:{kind}") for kind in ("account", "environment"))
    if isinstance(environment, Mapping) and (recovery := environment.get("recovery")):
        keeper = recovery.get("stack", "recovery")
        yield str(recovery["region"]), bucket_stem(PROJECT, keeper, replica(stack, SITE))
    if isinstance(account, Mapping) and (keeper := account.get("recovery")):
        for name in (STATE, TRAIL_RECORDS):
            yield str(account["recovery_region"]), bucket_stem(PROJECT, keeper, replica(stack, name))

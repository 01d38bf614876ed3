"""Certificates that a stack's settings name by ARN, requested in an isolated local cloud so that it deploys there."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from localcloud.engine.run import Workspace

_ARN = re.compile(r"arn:aws[a-z-]*:acm:([a-z0-9-]+):\d{12}:certificate/[0-9A-Za-z-]+")


@dataclass
class Certificates:
    """The certificates of one local cloud. Settings of several commits share it, so that the same ARN stays the same."""

    endpoint: str
    _made: dict[str, str] = field(default_factory=dict)

    def settings(self, workspace: Workspace, stack: str) -> dict[str, Any]:
        """The stack's settings that name certificates, with those of this cloud in their places (`Workspace.run(config=…)`)."""
        file = workspace.configuration_source(stack)
        content = yaml.safe_load(file.read_text()) if file.exists() else {}
        config: Mapping[str, Any] = content.get("config") or {} if isinstance(content, dict) else {}
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

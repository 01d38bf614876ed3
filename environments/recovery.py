"""The typed form of a recovery stack: what another Region keeps for the day on which an environment's is lost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from environments.forms import AccountNumber, Region, StackName
from environments.source import DIRECTORY, Source
from model.vocabulary import Model

#: The one configuration key under which a recovery stack's settings stand.
KEY = "matchday:recovery"


class RecoverySettings(Model):
    """One recovery Region."""

    stack: str
    """the stack's name: in the file's name"""
    region: Region
    """the AWS provider's own key"""
    source_region: Region
    """where the environments are"""
    replicates: Annotated[tuple[StackName, ...], Field(strict=False)] = ()
    """environments whose database's point-in-time backups are replicated here; each has to be deployed before it is named"""
    buckets: Mapping[
        StackName, Annotated[tuple[Literal["site", "state", "trail-records"], ...], Field(min_length=1, strict=False)]
    ] = Field(default_factory=dict)
    """stack → its buckets that a copy is kept of here: an environment's `site`, the account's `state` and `trail-records`; the
    copy has to be there before the stack that writes it"""
    takes_from: Annotated[tuple[AccountNumber, ...], Field(strict=False)] = ()
    """other accounts whose backups this vault takes copies of; such a stack is in the Region of those environments"""

    @model_validator(mode="after")
    def _elsewhere(self) -> Self:
        if self.source_region == self.region and not self.takes_from:
            raise ValueError(
                f"source_region: {self.source_region!r} is the stack's own; accepted: the Region of the environments"
            )
        if self.takes_from and self.source_region != self.region:
            # AWS Backup copies a database's backup to another Region or to another account, not to both in one step.
            raise ValueError(
                f"takes_from: {self.takes_from[0]!r}: source_region is {self.source_region!r}, and AWS Backup copies no "
                f"database to another Region and account at once; accepted: source_region {self.region!r}"
            )
        if self.takes_from and (self.replicates or self.buckets):
            raise ValueError(
                "takes_from: a vault for other accounts has neither `replicates` nor `buckets`, which are copied within an "
                "account; accepted: a stack of its own"
            )
        if len(set(self.takes_from)) != len(self.takes_from):
            raise ValueError("takes_from: an account is there twice")
        if len(set(self.replicates)) != len(self.replicates):
            raise ValueError("replicates: an environment is there twice")
        for stack, names in self.buckets.items():
            if len(set(names)) != len(names):
                raise ValueError(f"buckets.{stack}: a bucket is there twice")
        return self


def load(stack: str, config: Mapping[str, str], directory: Path = DIRECTORY) -> RecoverySettings:
    """The settings of `stack`. Raises SettingsError."""
    source = Source.find(stack, KEY, config, directory)
    return source.validated(RecoverySettings, source.document)

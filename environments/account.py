"""The typed form of an account: what a stack of the kind `account` may say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from environments.forms import DomainName, Email, Region, StackName
from environments.source import DIRECTORY, Source
from model.validation import described
from model.vocabulary import Model

#: The one configuration key under which an account's settings stand.
KEY = "matchday:account"

Repository = Annotated[
    str,
    StringConstraints(
        pattern=described(r"^[A-Za-z0-9-]{1,39}/[A-Za-z0-9_.-]{1,100}$", "a repository at GitHub: <owner>/<name>")
    ),
]
Phone = Annotated[
    str, StringConstraints(pattern=described(r"^\+[0-9 ()-]{6,24}$", "a telephone number with its country, +91 22 …"))
]
Currency = Annotated[
    str, StringConstraints(pattern=described(r"^[A-Z]{3}$", "the currency that AWS bills in, by ISO 4217, such as USD"))
]
DeployEnvironment = Annotated[
    str,
    StringConstraints(pattern=described(r"^[a-z][a-z0-9-]{0,39}$", "the name of a deployment environment at GitHub")),
]


class SecurityContact(Model):
    """Whom AWS calls about security."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    """a person or a team"""
    email: Email
    """where it reads mail"""
    phone: Phone
    """where it is called"""


class Delivery(Model):
    """CI, which takes its roles by signed jobs."""

    repository: Repository
    """the repository whose jobs may take them"""
    environments: Annotated[tuple[DeployEnvironment, ...], Field(min_length=1, strict=False)]
    """its deployment environments that may deploy, each named as its stack; protect them at GitHub"""
    planning: Annotated[tuple[DeployEnvironment, ...], Field(strict=False)] = ()
    """its deployment environments that only plan and look for drift: they read, so they need no reviewers"""

    branches: DeployEnvironment | None = None
    """its deployment environment that makes environments of pull requests (`pr-<number>`); left out: there are none"""

    @model_validator(mode="after")
    def _plans_or_deploys(self) -> Self:
        if self.branches in (*self.environments, *self.planning):
            raise ValueError(f"branches: {self.branches!r} deploys or plans other stacks; accepted: one of its own")
        if both := sorted(set(self.planning) & set(self.environments)):
            raise ValueError(
                f"planning: {both[0]!r} is in environments, too; accepted: one that deploys, or one that plans"
            )
        return self


class MonthlyBudget(Model):
    """What a month may cost."""

    monthly: Annotated[int, Field(ge=1, le=10_000_000)]
    """the limit, in `currency`"""
    currency: Currency
    """what AWS bills in"""
    emails: Annotated[tuple[Email, ...], Field(min_length=1, max_length=10, strict=False)]
    """who is mailed at half, four fifths and all of it, and about an unusual day"""
    anomaly: Annotated[int, Field(ge=1)] = 50
    """what a day must cost above the usual to be unusual"""


class AccountAlarms(Model):
    """Whom alarms reach by e-mail."""

    page: Annotated[tuple[Email, ...], Field(min_length=1, strict=False)]
    """addresses that are mailed when somebody must look now"""
    ticket: Annotated[tuple[Email, ...], Field(strict=False)] = ()
    """addresses that are mailed when it is for working hours"""


class AccountSettings(Model):
    """One account of AWS."""

    stack: str
    """the stack's name: in the file's name"""
    region: Region
    """the AWS provider's own key"""
    recovery_region: Region
    """the Region that images are copied to; another than the account's own"""
    recovery: StackName | None = None
    """the stack of that Region that keeps copies of Pulumi's state and of the trail's records; it has to be deployed first
    (docs/recovery.md); left out: none are made"""
    contact: SecurityContact
    delivery: Delivery
    budget: MonthlyBudget
    alarms: AccountAlarms
    quotas: Mapping[Literal["fargate-vcpu", "fargate-spot-vcpu"], Annotated[int, Field(ge=1, le=100_000)]] = Field(
        default_factory=dict
    )
    """quota → what AWS is asked for; an environment's `compute.vcpu_quota` rests on it"""
    zones: Annotated[tuple[DomainName, ...], Field(strict=False)] = ()
    """names whose hosted zone is in this account; an environment's `edge.zone_id` is one of them (output `zone_ids`)"""
    log_retention_days: Literal[365, 400, 545, 731, 1096, 1827, 2192, 2557] = 365
    """days that the trail's events stay in CloudWatch; its files stay for seven years"""

    @model_validator(mode="after")
    def _elsewhere(self) -> Self:
        if self.recovery_region == self.region:
            raise ValueError(
                f"recovery_region: {self.recovery_region!r} is the account's own; accepted: another Region"
            )
        return self


def load(stack: str, config: Mapping[str, str], directory: Path = DIRECTORY) -> AccountSettings:
    """The settings of `stack`. Raises SettingsError."""
    source = Source.find(stack, KEY, config, directory)
    return source.validated(AccountSettings, source.document)

"""The gate: whether money may move for a player, by dated rules that are data. It fails closed.

A jurisdiction's file in `jurisdictions/` has an owner, the date of the decision and the environments that it holds in. Where
no file, no environment, no rule of the day or no limit for an activity is found, or a rule asks for what nobody can tell yet
(proof of residence, tax), the answer is no. Each answer names the version of the rules that it followed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from services.common.money import Paise
from services.payments.levels import Level, reaches

DIRECTORY = Path(__file__).parent / "jurisdictions"

#: PyYAML's own wheels have it; both build the same plain values and nothing else.
_LOADER: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

#: The version of an answer that no file stands behind.
NO_RULES = "none"


class Activity(StrEnum):
    """What is asked for."""

    DEPOSIT = "deposit"
    PAYOUT = "payout"
    CONTEST_ENTRY = "contest_entry"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Bounds(_Part):
    """What one activity may come to: paise at a time, paise and times a day; payouts above a sum need a second person."""

    minimum: Annotated[int, Field(ge=0)]
    maximum: Annotated[int, Field(gt=0)]
    daily: Annotated[int, Field(gt=0)]
    count: Annotated[int, Field(gt=0)] = 100
    approval_above: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _leaves_something(self) -> Self:
        if not self.minimum <= self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}: nothing would be allowed")
        if not self.minimum <= self.daily:
            raise ValueError(f"minimum {self.minimum} is above daily {self.daily}: nothing would be allowed")
        return self


class Rule(_Part):
    """What holds from a day on, until the next rule's. `declared`: where a player lives is what he says."""

    first: Annotated[date, Field(alias="from")]
    residence: Literal["declared", "proven"]
    kyc: Level
    tds: str
    deposit: Bounds | None = None
    payout: Bounds | None = None
    contest_entry: Bounds | None = None


class Policy(_Part):
    """A jurisdiction's file."""

    jurisdiction: Annotated[str, Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")]
    owner: Annotated[str, Field(min_length=3)]
    decided: date
    environments: tuple[str, ...]
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What is asked, of a player whose identity is verified to `level`.

    `today` is the sum of that activity since midnight (UTC) without this one, `count` how many that were.
    """

    activity: Activity
    jurisdiction: str
    amount: Paise
    today: Paise
    count: int
    level: Level = "none"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The answer; `reason` is a code, `approval` whether a second person has to agree."""

    allowed: bool
    reason: str
    version: str
    approval: bool = False


class PolicyError(RuntimeError):
    """A file that cannot be used; the message names it."""


class Gate:
    """Answers by the files of one directory, in one environment."""

    def __init__(self, environment: str, directory: Path = DIRECTORY) -> None:
        self._environment = environment
        self._policies: dict[str, tuple[Policy, str]] = {}
        for file in sorted(directory.glob("*.yaml")):
            content = file.read_bytes()
            try:
                policy = Policy.model_validate(yaml.load(content, Loader=_LOADER))  # noqa: S506 - a safe one
            except (ValidationError, yaml.YAMLError) as error:
                raise PolicyError(f"{file.name}: {error}") from None
            if file.stem != policy.jurisdiction:
                raise PolicyError(f"{file.name}: jurisdiction {policy.jurisdiction!r}; accepted: {file.stem!r}")
            digest = hashlib.sha256(content).hexdigest()[:12]
            self._policies[policy.jurisdiction] = policy, f"{policy.jurisdiction}@{policy.decided}#{digest}"

    def asks_for_level(self, jurisdiction: str) -> bool:
        """Whether some rule there wants a player's identity verified."""
        policy, _ = self._policies.get(jurisdiction, (None, NO_RULES))
        return policy is not None and any(rule.kyc != "none" for rule in policy.rules)

    def decide(self, asked: Request, day: date) -> Verdict:
        """Whether it may be done on `day`."""
        policy, version = self._policies.get(asked.jurisdiction, (None, NO_RULES))
        if policy is None or self._environment not in policy.environments:
            return Verdict(allowed=False, reason="jurisdiction_closed", version=version)
        rule = max((rule for rule in policy.rules if rule.first <= day), key=lambda rule: rule.first, default=None)
        if rule is None:
            return Verdict(allowed=False, reason="no_rule_today", version=version)
        # Who can tell of residence and tax is not built yet: asking for them is a no.
        unmet: Mapping[str, bool] = {
            "residence_unproven": rule.residence != "declared",
            "kyc_missing": not reaches(asked.level, rule.kyc),
            "tax_unknown": rule.tds != "none",
        }
        bounds = {
            Activity.DEPOSIT: rule.deposit,
            Activity.PAYOUT: rule.payout,
            Activity.CONTEST_ENTRY: rule.contest_entry,
        }[asked.activity]
        if bounds is None:
            return Verdict(allowed=False, reason="activity_closed", version=version)
        refusals = [reason for reason, holds in unmet.items() if holds]
        if not bounds.minimum <= asked.amount <= bounds.maximum:
            refusals.append("amount_out_of_bounds")
        if asked.today + asked.amount > bounds.daily:
            refusals.append("daily_limit")
        if asked.count + 1 > bounds.count:
            refusals.append("too_often")
        if refusals:
            return Verdict(allowed=False, reason=refusals[0], version=version)
        approval = bool(bounds.approval_above) and asked.amount > bounds.approval_above
        return Verdict(allowed=True, reason="allowed", version=version, approval=approval)

"""What is asked and answered of bonuses."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime

from services.common.money import Paise, PositivePaise
from services.wallet.bonus_rules import RULES
from services.wallet.internal_schemas import Id
from services.wallet.schemas import Reference, Request

Rule = StrEnum("Rule", {name: name for name in RULES})  # type: ignore[misc] # the members are data


class BonusRequest(Request):
    """A bonus under a rule, whose terms of today it keeps."""

    id: Id
    player: UUID
    amount: PositivePaise
    rule: Rule
    reference: Reference


class BonusView(Request):
    """An open bonus: `wagered` of what it requires; `left` of its amount becomes winnings then, or goes at `expires_at`.

    `forfeits`: a withdrawal before that ends it.
    """

    id: UUID
    amount: Paise
    left: Paise
    required: Paise
    wagered: Paise
    expires_at: AwareDatetime
    forfeits: bool


class BonusesView(Request):
    """Open bonuses, the oldest first: they are played through one after the other."""

    bonuses: list[BonusView]

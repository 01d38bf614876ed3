"""What checks find in what a player handed in, and what follows from it; pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from enum import StrEnum

from services.kyc import pan

ADULT_YEARS = 18


class Finding(StrEnum):
    """Why a person has to look."""

    UNCONFIRMED = "unconfirmed"  #: nobody but the player has said it
    SURNAME_INITIAL = "surname_initial"  #: the fifth letter of the PAN begins no word of the name
    UNDER_AGE = "under_age"
    DUPLICATE = "duplicate"  #: another player has handed in the same document


#: Checks that failed: approved by two persons only. The others are doubts, which one person may settle.
FAILED = frozenset({Finding.UNDER_AGE, Finding.DUPLICATE})


def age_on(day: date, birth_date: date) -> int:
    """Whole years; a birthday of 29 February is passed on 1 March."""
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))


def of_pan(number: str, name: str, birth_date: date, today: date) -> list[Finding]:
    """What is to be found in a PAN by itself."""
    found = [Finding.UNCONFIRMED]
    if not pan.has_initial_of(number, name):
        found.append(Finding.SURNAME_INITIAL)
    if age_on(today, birth_date) < ADULT_YEARS:
        found.append(Finding.UNDER_AGE)
    return found


def any_failed(findings: Iterable[str]) -> bool:
    """Whether an approval takes two persons."""
    return not FAILED.isdisjoint(findings)

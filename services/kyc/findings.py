"""What checks find in what a player handed in, and what follows from it; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from enum import StrEnum

from services.kyc import names, pan
from services.kyc.aadhaar import Holder
from services.kyc.cards import Card
from services.kyc.verdicts import Verdict

ADULT_YEARS = 18


class Finding(StrEnum):
    """Why a person has to look."""

    UNCONFIRMED = "unconfirmed"  #: nobody but the player has said it
    SURNAME_INITIAL = "surname_initial"  #: the fifth letter of the PAN begins no word of the name
    UNDER_AGE = "under_age"
    CARD_UNREADABLE = "card_unreadable"  #: something that the card has to say was not read, or not surely
    NUMBER_DIFFERS = "number_differs"  #: the card's number is another one than the player wrote
    NAME_UNCLEAR = "name_unclear"  #: the document's name is perhaps another one than the PAN's
    NAME_DIFFERS = "name_differs"
    BIRTH_DATE_DIFFERS = "birth_date_differs"
    CONTACT_DIFFERS = "contact_differs"  #: the mobile number or address is not the one that UIDAI knows of the holder
    PAN_INVALID = "pan_invalid"  #: the department knows no such PAN, or not any more
    NO_PICTURE = "no_picture"  #: it is confirmed, and nobody has seen the card
    LIVENESS = "liveness"  #: whether a living person made the frames, no program can tell from them
    FACE_UNCLEAR = "face_unclear"  #: no single face, or one that is neither surely the document's nor surely another
    FACE_DIFFERS = "face_differs"
    GESTURE_DIFFERS = "gesture_differs"  #: not what was drawn
    DUPLICATE = "duplicate"  #: another player has handed in the same document
    CONTESTED = "contested"  #: two reviewers decided differently


#: Checks that failed: approved by two persons only. The others are doubts, which one person may settle.
FAILED = frozenset(
    {
        Finding.UNDER_AGE, Finding.NUMBER_DIFFERS, Finding.NAME_DIFFERS, Finding.BIRTH_DATE_DIFFERS, Finding.PAN_INVALID,
        Finding.FACE_DIFFERS, Finding.GESTURE_DIFFERS,
        Finding.DUPLICATE, Finding.CONTESTED,
    }
)  # fmt: skip


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


def of_card(card: Card, number: str, name: str, birth_date: date) -> list[Finding]:
    """What is to be found in a card beside what the player wrote: what differs, and what nobody can tell. Empty: all agrees."""
    found = []
    if card.number is None or card.name is None or card.birth_date is None:
        found.append(Finding.CARD_UNREADABLE)
    for read, wanted, differs in (
        (card.number, number, Finding.NUMBER_DIFFERS),
        (card.birth_date, birth_date.isoformat(), Finding.BIRTH_DATE_DIFFERS),
    ):
        if read is not None and read.value != wanted:
            found.append(differs if read.sure else Finding.CARD_UNREADABLE)
    if card.name is not None:
        found += _of_names(card.name.value, name)
    return list(dict.fromkeys(found))


def _of_names(one: str, other: str) -> list[Finding]:
    alike = names.likeness(one, other)
    if alike is not None and alike < names.DIFFERENT:
        return [Finding.NAME_DIFFERS]
    return [Finding.NAME_UNCLEAR] if alike is None or alike < names.SAME else []


def after_confirmation(found: Sequence[str], verdict: Verdict | None, *, pictured: bool) -> list[Finding]:
    """What is found of a PAN once a provider was asked; None: it said nothing, or would not. `pictured`: its card was read.

    A department writes names its own way, so another name is a doubt. Whoever shows no card may have read the number anywhere.
    """
    known = [Finding(each) for each in found]
    if verdict is None:
        return known
    known.remove(Finding.UNCONFIRMED)
    if not verdict.valid:
        return [*known, Finding.PAN_INVALID]
    if not verdict.birth_date:
        known.append(Finding.BIRTH_DATE_DIFFERS)
    if not verdict.name:
        known.append(Finding.NAME_UNCLEAR)
    if not pictured:
        known.append(Finding.NO_PICTURE)
    return list(dict.fromkeys(known))


def of_signer(signer: str, name: str) -> list[Finding]:
    """What is to be found in the name that a signature was made by, beside the verified PAN's."""
    return _of_names(signer, name)


def of_aadhaar(file: Holder, name: str, birth_date: date, today: date) -> list[Finding]:
    """What is to be found in a file whose signature is good, beside the name and date of the verified PAN."""
    found = _of_names(file.name, name)
    if file.birth_date != birth_date:
        found.append(Finding.BIRTH_DATE_DIFFERS)
    if age_on(today, file.birth_date) < ADULT_YEARS:
        found.append(Finding.UNDER_AGE)
    return found


def any_failed(findings: Iterable[str]) -> bool:
    """Whether an approval takes two persons."""
    return not FAILED.isdisjoint(findings)

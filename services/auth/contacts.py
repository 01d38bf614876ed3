"""How a person is reached and found: an e-mail address or a phone number, in normal form, stored sealed, found by a digest."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from services.common.sealing import Sealer

#: Deliberately loose: whether an address exists shows when a letter is sent there.
_EMAIL = re.compile(r"[^\s@\"(),:;<>\[\\\]]{1,64}@(?=.{4,189}$)([\w](?:[\w-]{0,61}[\w])?\.)+[\w](?:[\w-]{0,61}[\w])?")

#: E.164: a plus, the country's code, at most 15 digits in all.
_PHONE = re.compile(r"\+[1-9][0-9]{7,14}")
_SEPARATORS = str.maketrans("", "", " -().")


class Kind(StrEnum):
    """The two kinds of contact."""

    EMAIL = "email"
    PHONE = "phone"


@dataclass(frozen=True)
class Contact:
    """An address or a number in the form in which it is compared."""

    kind: Kind
    value: str


def normalise_email(address: str) -> str:
    """The form in which addresses are compared: NFKC, no space around, lower case. Raises ValueError if it is no address."""
    normal = unicodedata.normalize("NFKC", address).strip().casefold()
    if not _EMAIL.fullmatch(normal):
        raise ValueError("this is no e-mail address")
    return normal


def normalise_phone(number: str) -> str:
    """A number as E.164 has it, without separators. Raises ValueError if it does not begin with a country's code."""
    normal = unicodedata.normalize("NFKC", number).strip().translate(_SEPARATORS)
    if not _PHONE.fullmatch(normal):
        raise ValueError("this is no phone number with a country's code, such as +91 98765 43210")
    return normal


def masked(contact: Contact) -> str:
    """Enough to recognise one's own by: `p•••@example.com`, `+91••••••10`."""
    if contact.kind is Kind.EMAIL:
        local, _, domain = contact.value.partition("@")
        return f"{local[:1]}•••@{domain}"
    return f"{contact.value[:3]}{'•' * (len(contact.value) - 5)}{contact.value[-2:]}"


class Contacts:
    """Seals contacts with EMAIL_KEY, one purpose for each kind."""

    def __init__(self, secret: str) -> None:
        self._sealers = {Kind.EMAIL: Sealer(secret, "auth/emails"), Kind.PHONE: Sealer(secret, "auth/phones")}

    def digest(self, contact: Contact) -> bytes:
        """What a contact is found by."""
        return self._sealers[contact.kind].digest(contact.value)

    def seal(self, contact: Contact, user_id: UUID) -> bytes:
        """A contact as it is stored at the person."""
        return self._sealers[contact.kind].seal(contact.value.encode(), str(user_id))

    def open(self, kind: Kind, sealed: bytes | None, user_id: UUID) -> Contact | None:
        """A stored contact again; None where there is none."""
        if sealed is None:
            return None
        return Contact(kind, self._sealers[kind].open(sealed, str(user_id)).decode())

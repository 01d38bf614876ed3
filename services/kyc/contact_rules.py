"""Whether a mobile number or an e-mail address is the one that an offline file has a hash of, by versions of the rule; pure.

UIDAI's page writes "Sha256(Sha256(Mobile+ShareCode))*number of times last digit of Aadhaar number", read here as that many
rounds in all, one at least; for e-mail it writes the same, its FAQ an unsalted SHA-256. A rule that turns out otherwise is
another version: what was compared by the old one keeps its name. The address, the number and the share code are not kept.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass

#: Contact, share code and last digit of the Aadhaar number → SHA-256 in hexadecimal digits.
Hash = Callable[[str, str, int], str]


@dataclass(frozen=True)
class ContactRule:
    """How mobile numbers (ten digits) and e-mail addresses (lower case) are hashed."""

    mobile: Hash
    email: Hash


def _rounds(contact: str, share_code: str, last_digit: int) -> str:
    found = contact + share_code
    for _ in range(max(last_digit, 1)):
        found = hashlib.sha256(found.encode()).hexdigest()
    return found


def _plain(contact: str, share_code: str, last_digit: int) -> str:
    return hashlib.sha256(contact.encode()).hexdigest()


RULES: Mapping[str, ContactRule] = {
    "page-2018": ContactRule(mobile=_rounds, email=_rounds),
    "faq-2021": ContactRule(mobile=_rounds, email=_plain),
}

#: The version that files are compared by now.
VERSION = "faq-2021"


@dataclass(frozen=True)
class Hashes:
    """What a file says of its holder's contacts; empty: UIDAI knows of none."""

    mobile: str
    email: str
    last_digit: int

    def agree(self, rule: ContactRule, share_code: str, mobile: str | None, email: str | None) -> bool:
        """Whether each contact that is given is the holder's; one that UIDAI does not know is not."""
        return all(
            contact is None or hmac.compare_digest(made(contact, share_code, self.last_digit), stated.lower())
            for contact, made, stated in ((mobile, rule.mobile, self.mobile), (email, rule.email, self.email))
        )

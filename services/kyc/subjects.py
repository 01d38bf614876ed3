"""What a document's digest is of: what tells it apart from others; pure."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from services.kyc.states import Kind


def of(kind: Kind, item: UUID, shown: str, values: Mapping[str, str]) -> str:
    """Of an item that is kept: `shown` of it, and its values."""
    match kind:
        case Kind.PAN:
            return values["pan"]
        case Kind.AADHAAR:
            return of_aadhaar(shown[-4:], values["date_of_birth"], values["gender"], values["name"])
        case Kind.SELFIE | Kind.AGREEMENT:  # nobody else's, by their own ids
            return f"{kind.value} {item}"


def of_aadhaar(last_four: str, birth_date: str, gender: str, name: str) -> str:
    """Of a holder; `birth_date` as ISO 8601 has it."""
    return f"aadhaar {last_four} {birth_date} {gender} {name.casefold()}"

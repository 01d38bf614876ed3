"""Permanent account numbers of India's income-tax department: form, whose they are, how they are shown; pure.

Ten characters: five letters, of which the fourth says whose it is and the fifth is a person's first letter of the surname; four
digits from 0001; a check letter whose rule is not public.
"""

from __future__ import annotations

from collections.abc import Mapping

FORM = r"^[A-Z]{3}[ABCFGHJKLPT][A-Z](000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})[A-Z]$"

#: The fourth letter → whose number it is.
HOLDERS: Mapping[str, str] = {
    "A": "association of persons",
    "B": "body of individuals",
    "C": "company",
    "F": "firm",
    "G": "government",
    "H": "Hindu undivided family",
    "J": "artificial juridical person",
    "K": "Krish trust",
    "L": "local authority",
    "P": "person",
    "T": "trust",
}

_SHOWN = 4


def is_personal(pan: str) -> bool:
    """Whether a PAN is a person's."""
    return pan[3] == "P"


def has_initial_of(pan: str, name: str) -> bool:
    """Whether the fifth letter begins a word of `name`: a surname may stand anywhere, and names change, so it is a hint."""
    return any(word[:1].upper() == pan[4] for word in name.split())


def masked(pan: str) -> str:
    """What is shown of a PAN.

    >>> masked("ABCPS1234K")
    '******234K'
    """
    return "*" * (len(pan) - _SHOWN) + pan[-_SHOWN:]

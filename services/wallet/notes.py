"""What a sender writes to a receiver, made harmless: plain text on one line, whoever shows it and however."""

from __future__ import annotations

import unicodedata

#: Joiners: scripts of India and emoji are wrong without them. Every other invisible character goes, above all those that turn
#: the direction of the text around them.
_KEPT = "\u200c\u200d"

#: Brackets that look alike and begin no tag in any page that forgets to escape.
_HARMLESS = str.maketrans("<>", "\u2039\u203a")


def clean(note: str) -> str:
    """`note` in NFC without markup and invisible characters, its blanks single.

    >>> clean(" for  <b>you</b>\\u202e ")
    'for ‹b›you‹/b›'
    """
    visible = "".join(
        character if character in _KEPT or unicodedata.category(character) not in _INVISIBLE else " "
        for character in unicodedata.normalize("NFC", note)
    )
    return " ".join(visible.split()).translate(_HARMLESS)


#: Unicode's categories: controls, formats, surrogates, private use, unassigned, line and paragraph separators.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

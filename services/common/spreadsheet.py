"""Text of people's in a file that somebody opens in a spreadsheet."""

from __future__ import annotations

#: What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def cell(text: str) -> str:
    """`text` as a cell; what would be a formula begins with an apostrophe.

    >>> cell("=1+1")
    "'=1+1"
    """
    return f"'{text}" if text.startswith(_FORMULA) else text

"""Amounts of paise as people write them here: groups of two digits above the thousands."""

from __future__ import annotations


def grouped(amount: int) -> str:
    """An amount of paise in whole units with two decimals.

    >>> grouped(12345678905), grouped(-150)
    ('12,34,56,789.05', '-1.50')
    """
    whole, paise = divmod(abs(amount), 100)
    head, tail = str(whole)[:-3], str(whole)[-3:]
    groups = [tail]
    while head:
        head, group = head[:-2], head[-2:]
        groups.insert(0, group)
    return f"{'-' if amount < 0 else ''}{','.join(groups)}.{paise:02}"


def rupees(amount: int) -> str:
    """The same in rupees.

    >>> rupees(99900), rupees(-5)
    ('₹999.00', '-₹0.05')
    """
    return f"{'-' if amount < 0 else ''}₹{grouped(abs(amount))}"
